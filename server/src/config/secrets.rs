//! Several [`Secret`]s in the configuration, and secrets in files.

use hark_core::{Error, Result, Secret};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// Secrets that are all valid at once, so that one can be exchanged without a gap. A single text counts as a
/// list of one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secrets, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter()
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }
}

impl FromIterator<Secret> for Secrets {
    fn from_iter<I: IntoIterator<Item = Secret>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Secrets;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }
            fn visit_str<E>(self, text: &str) -> Result<Secrets, E> {
                Ok(Secrets(vec![Secret::new(text)]))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Secrets, E> {
                Ok(Secrets(vec![Secret::new(number.to_string())]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Secrets, A::Error> {
                let mut secrets = Vec::new();
                while let Some(secret) = seq.next_element()? {
                    secrets.push(secret);
                }
                Ok(Secrets(secrets))
            }
        }
        deserializer.deserialize_any(List)
    }
}

impl JsonSchema for Secrets {
    fn schema_name() -> Cow<'static, str> {
        "Secrets".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": { "type": "string" } })
    }
}

/// Reads the file a `*_file` key names.
///
/// # Errors
/// `Config`, naming key, file and the system's reason.
pub(crate) fn read_file(key: &str, path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|e| Error::config(format!("{key}: cannot read {}: {e}", path.display())).with_source(e))
}

/// The secrets of a file: one a line; empty lines and lines that start with `#` do not count.
///
/// # Errors
/// As [`read_file`]; `Config` when it holds none.
pub(crate) fn read_lines(key: &str, path: &Path) -> Result<Secrets> {
    let text = read_file(key, path)?;
    let secrets: Secrets =
        text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(Secret::new).collect();
    if secrets.is_empty() {
        return Err(Error::config(format!("{key}: {} holds no secret; write one a line", path.display())));
    }
    Ok(secrets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_hidden_wherever_they_are_written() {
        let secrets: Secrets = serde_json::from_value(serde_json::json!(["s3cret", 42])).unwrap();
        assert_eq!(secrets.iter().map(Secret::expose).collect::<Vec<_>>(), ["s3cret", "42"]);
        let written = format!("{secrets:?} {}", serde_json::to_string(&secrets).unwrap());
        assert!(!written.contains("s3cret") && !written.contains("42"), "{written}");
    }

    #[test]
    fn one_text_is_a_list_of_one_and_a_file_has_one_a_line() {
        assert_eq!(serde_json::from_str::<Secrets>("\"a\"").unwrap(), [Secret::new("a")].into_iter().collect());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "# old and new\n\n a \nb\n").unwrap();
        let secrets = read_lines("auth.api_keys_file", file.path()).unwrap();
        assert_eq!(secrets.iter().map(Secret::expose).collect::<Vec<_>>(), ["a", "b"]);
        std::fs::write(file.path(), "# none\n").unwrap();
        let error = read_lines("auth.api_keys_file", file.path()).unwrap_err();
        assert!(error.context().starts_with("auth.api_keys_file: "), "{error}");
    }
}
