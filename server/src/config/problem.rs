//! Configuration errors as people read them: source, key, what is wrong, and what to do. Never a value: it may be
//! a secret.

use figment::Figment;
use figment::error::{Actual, Kind, OneOf};
use hark_core::Error;

/// The source of the value at `key`, or of the nearest section around it.
pub(super) fn source(figment: &Figment, key: &str) -> Option<String> {
    let mut key = key;
    loop {
        if let Some(metadata) = figment.find_metadata(key) {
            return Some(metadata.name.to_string());
        }
        key = key.rsplit_once('.')?.0;
    }
}

/// Turns figment's error into ours.
pub(super) fn explain(figment: &Figment, error: figment::Error) -> Error {
    let mut path = error.path.clone();
    let what = match &error.kind {
        Kind::UnknownField(name, known) => {
            // Most of the time figment has the key in its path already.
            if path.last() != Some(name) {
                path.push(name.clone());
            }
            format!("unknown key; {}", did_you_mean(name, known))
        }
        Kind::UnknownVariant(_, known) => format!("must be {}", OneOf(known)),
        Kind::InvalidType(found, expected) => format!("must be {}, not {}", wanted(expected), type_name(found)),
        Kind::InvalidValue(_, expected) => format!("must be {expected}"),
        Kind::InvalidLength(_, expected) => format!("has the wrong length, must be {expected}"),
        other => other.to_string(),
    };
    let key = path.join(".");
    let source = source(figment, &key).or_else(|| error.metadata.as_ref().map(|m| m.name.to_string()));
    let source = source.unwrap_or_else(|| super::layers::DEFAULTS.to_owned());
    Error::config(if key.is_empty() { format!("{source}: {what}") } else { format!("{source}: {key}: {what}") })
}

/// Rust's names of types are not everybody's.
fn wanted(expected: &str) -> &str {
    match expected {
        "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "path string" => "a text",
        "a sequence" => "a list",
        "a map" => "a section",
        other if other.starts_with("struct ") => "a section",
        other => other,
    }
}

fn type_name(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "a boolean",
        Actual::Unsigned(_) | Actual::Signed(_) => "a whole number",
        Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a section",
        _ => "what it is",
    }
}

/// `did you mean …?` for a slip of the fingers, otherwise what there is.
pub(super) fn did_you_mean<S: AsRef<str>>(name: &str, known: &[S]) -> String {
    let nearest = known.iter().map(|k| (distance(name, k.as_ref()), k.as_ref())).min();
    match nearest {
        Some((distance, nearest)) if distance <= 1 + nearest.len() / 4 => format!("did you mean `{nearest}`?"),
        Some(_) => {
            let known: Vec<_> = known.iter().map(|k| format!("`{}`", k.as_ref())).collect();
            format!("remove it, or use one of {}", known.join(", "))
        }
        None => "remove it, no keys are known here".to_owned(),
    }
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_answered_with_the_nearest_key_and_nonsense_with_all_of_them() {
        let known = ["bind", "data_dir", "body_limit_bytes"];
        assert_eq!(did_you_mean("bnid", &known), "did you mean `bind`?");
        assert_eq!(did_you_mean("bnd", &known), "did you mean `bind`?");
        assert_eq!(did_you_mean("datadir", &known), "did you mean `data_dir`?");
        assert_eq!(did_you_mean("colour", &known), "remove it, or use one of `bind`, `data_dir`, `body_limit_bytes`");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
