//! What a call says about who is calling.

use serde::{Deserialize, Serialize};

/// The kinds of identity, in the order in which they are believed (after our own conversation map).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// Our own or the integrator's user id, as it came in `memory_user_id`, `data.user_id` or `/v1/memories`.
    External,
    /// A telephone number, normalised.
    Phone,
    /// A WhatsApp user id.
    Whatsapp,
    /// The number of a text message.
    Sms,
}

impl IdentityKind {
    /// The stable name under which it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Phone => "phone",
            Self::Whatsapp => "whatsapp",
            Self::Sms => "sms",
        }
    }
}

/// One identity as a store sees it: the keyed hash to look it up by, and the sealed original for display.
/// A store never learns the number itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What kind of identity.
    pub kind: IdentityKind,
    /// Keyed hash of the normalised value, made by [`crate::crypt::Vault::identity`].
    pub hash: [u8; 32],
    /// The value, sealed, for display.
    pub sealed: crate::crypt::Sealed,
}

/// Brings a telephone number into the form it is looked up by: its digits, without `+`, without a leading `00`.
///
/// Platforms disagree about the plus sign for the same line, so it is dropped. `None` for anything that is not
/// a number of at least 5 digits: withheld callers ("anonymous", "restricted", ""), names, SIP user parts.
pub fn normalise_number(raw: &str) -> Option<String> {
    let raw = raw.trim();
    let raw = raw.strip_prefix("tel:").or_else(|| raw.strip_prefix("whatsapp:")).unwrap_or(raw);
    let raw = raw.strip_prefix("sip:").map_or(raw, |rest| rest.split('@').next().unwrap_or(rest));
    if raw.chars().any(|c| !(c.is_ascii_digit() || "+-. ()/".contains(c))) {
        return None;
    }
    let digits: String = raw.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").map_or(digits.as_str(), |rest| rest).to_owned();
    (5..=20).contains(&digits.len()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_has_one_form() {
        for same in
            ["+14155550123", "14155550123", "+1 (415) 555-0123", "0014155550123", "sip:+14155550123@sip.example.com"]
        {
            assert_eq!(normalise_number(same).as_deref(), Some("14155550123"), "{same}");
        }
        for nobody in ["", "anonymous", "Restricted", "unknown", "sip:sam@example.com", "+", "12"] {
            assert_eq!(normalise_number(nobody), None, "{nobody}");
        }
    }
}
