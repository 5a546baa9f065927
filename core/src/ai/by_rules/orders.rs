//! Orders, tickets, invoices, accounts: things with a number.

use super::draft::Draft;
use super::numbers;
use super::sentence::pattern;
use crate::{MemoryKind, Slot};

pattern!(
    NUMBERED,
    r"(?ix)\b(?P<key>order|ticket|invoice|account|booking|reservation|policy|case|reference|customer|tracking|contract|claim|confirmation|serial|membership)
      (?:\ (?:reference|number|no|id|code|num))*(?:\ from\ last\ time)?(?:\ is|\ was|'s|,|:|\ it's|\ \#)*\s+"
);

/// A numbered thing in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) key: String,
    pub(super) value: String,
}

impl Numbered {
    /// Its named value.
    pub(super) fn slot(&self) -> Slot {
        Slot { key: self.key.clone(), value: self.value.clone() }
    }

    /// A sentence of its own. What lasts ("account") is had, what passes ("ticket") was called about.
    pub(super) fn draft(&self) -> Draft {
        let Self { key, value } = self;
        let text = match key.as_str() {
            "account" | "policy" | "customer" | "contract" | "membership" | "serial" | "tracking" | "confirmation"
            | "reference" => {
                format!("Gave {key} number {value}")
            }
            _ => format!("Called about {key} {value}"),
        };
        Draft { slot: Some(self.slot()), ..Draft::new(MemoryKind::Order, text).confidence(0.9) }
    }
}

/// The text with spoken numbers written after the thing they number, and those things.
pub(super) fn normalise(text: &str) -> (String, Vec<Numbered>) {
    let mut out = String::with_capacity(text.len());
    let (mut found, mut from) = (Vec::new(), 0);
    for c in NUMBERED.captures_iter(text) {
        let Some(all) = c.get(0).filter(|m| m.start() >= from) else { continue };
        let Some(code) = numbers::code(&text[all.end()..], 1).filter(|c| c.value.len() >= 2) else { continue };
        let key = c["key"].to_lowercase();
        out.push_str(&text[from..all.start()]);
        out.push_str(&format!("{key} {}", code.value));
        from = all.end() + code.len;
        found.push(Numbered { key, value: code.value });
    }
    out.push_str(&text[from..]);
    (out, found)
}

/// The answer to "could I have your order number".
pub(super) fn answer(key: &str, text: &str) -> Option<Numbered> {
    let lower = text.to_lowercase();
    let skip = ["it's ", "it is ", "that's ", "number ", "the number is ", "is "]
        .iter()
        .find(|p| lower.starts_with(**p))
        .map_or(0, |p| p.len());
    let code = numbers::code(text.get(skip..)?, 2)?;
    (code.value.len() >= 3).then(|| Numbered { key: key.to_owned(), value: code.value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_thing_they_number() {
        let (text, found) = normalise("I ordered boots, order one oh four two, last week");
        assert_eq!(text, "I ordered boots, order 1042, last week");
        assert_eq!(found, [Numbered { key: "order".into(), value: "1042".into() }]);
        assert_eq!(normalise("My ticket number from last time was T-5523").1[0].value, "T-5523");
        assert_eq!(normalise("booking reference X Y 4 7 K").1[0].value, "XY47K");
        assert_eq!(normalise("I want to order roses").1, []);
        assert_eq!(normalise("in case one of them comes").1, []);
    }

    #[test]
    fn a_bare_number_answers() {
        assert_eq!(answer("order", "it's double five seven three").unwrap().value, "5573");
        assert!(answer("order", "I don't have it").is_none());
    }
}
