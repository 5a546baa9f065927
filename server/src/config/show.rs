//! The effective configuration, with secrets hidden.

use super::Config;
use hark_core::{Error, ErrorKind, Result, Secret};
use serde_json::Value;

/// Parts of names that tell a secret in a backend's section, whose type we do not know.
const TELLING: [&str; 6] = ["key", "secret", "token", "password", "passwd", "credential"];

/// Tables that go into requests as they are: any of their values may be a credential.
const SENT: [&str; 2] = ["headers", "query"];

/// The configuration as TOML, every secret replaced by a placeholder.
///
/// # Errors
/// `Internal` when it cannot be written as TOML.
pub fn show(config: &Config) -> Result<String> {
    let internal = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Internal, "config.show", e.to_string());
    let mut value = serde_json::to_value(config).map_err(|e| internal(&e))?;
    if let Some(backends) = value.get_mut("backends") {
        hide(backends);
    }
    drop_nulls(&mut value);
    shorten_floats(&mut value);
    toml::to_string_pretty(&value).map_err(|e| internal(&e))
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let name = name.to_ascii_lowercase();
                let telling = TELLING.iter().any(|t| name.contains(t)) && !name.ends_with("_file");
                match value {
                    Value::String(text) if telling => *text = Secret::HIDDEN.to_owned(),
                    Value::Array(items) if telling => items.fill(Secret::HIDDEN.into()),
                    Value::Object(sent) if SENT.contains(&name.as_str()) => {
                        sent.values_mut().for_each(|value| *value = Secret::HIDDEN.into());
                    }
                    other => hide(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::String(text) => hide_password(text),
        _ => {}
    }
}

/// `postgres://user:password@host` → `postgres://(hidden)@host`
fn hide_password(text: &mut String) {
    let Some(start) = text.find("://").map(|i| i + 3) else { return };
    let authority = text[start..].split('/').next().unwrap_or_default();
    if let Some(at) = authority.rfind('@') {
        text.replace_range(start..start + at, Secret::HIDDEN);
    }
}

/// TOML has no null: what is not set is left out.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// A 32-bit 0.48 becomes 0.47999998927116394 in JSON; this makes it 0.48 again.
pub(super) fn shorten_floats(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(shorten_floats),
        Value::Array(items) => items.iter_mut().for_each(shorten_floats),
        Value::Number(number) if number.is_f64() => {
            let Some(long) = number.as_f64() else { return };
            let short = long as f32;
            if f64::from(short) == long
                && let Ok(short) = short.to_string().parse::<f64>()
            {
                *value = short.into();
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown_and_everything_else_is() {
        let mut config = Config::default();
        config.auth.api_keys = [Secret::new("hark_abc")].into_iter().collect();
        config.encryption.keys = Some(Secret::new("lookup 00"));
        for (name, section) in [
            ("openai", serde_json::json!({"api_key": "sk-123", "api_key_file": "secrets/openai", "model": "m"})),
            ("gate", serde_json::json!({"headers": {"authorization": "Basic gate-pw"}, "query": {"sig": "gate-sig"}})),
            ("pg", serde_json::json!({"kind": "postgres", "url": "postgres://hark:pw@db/hark"})),
        ] {
            config.backends.insert(name.to_owned(), section.as_object().unwrap().clone());
        }
        let shown = show(&config).unwrap();
        for secret in ["hark_abc", "lookup 00", "sk-123", ":pw", "gate-pw", "gate-sig"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        for wanted in ["secrets/openai", "model = \"m\"", "@db/hark", "bind = \"127.0.0.1:8080\""] {
            assert!(shown.contains(wanted), "{wanted} not in {shown}");
        }
    }
}
