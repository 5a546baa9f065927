//! That a person was erased: what is left of it is a receipt, and what keeps the person from coming back.

use crate::crypt::Sealed;
use crate::{ErasureId, IdentityKind, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// What a suppression knows a person's data by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressedBy {
    /// An id of ours.
    User,
    /// A conversation.
    Conversation,
    /// An integrator's id.
    External,
    /// A telephone number.
    Phone,
    /// A WhatsApp user id.
    Whatsapp,
    /// The number of a text message.
    Sms,
}

impl From<IdentityKind> for SuppressedBy {
    fn from(kind: IdentityKind) -> Self {
        match kind {
            IdentityKind::External => Self::External,
            IdentityKind::Phone => Self::Phone,
            IdentityKind::Whatsapp => Self::Whatsapp,
            IdentityKind::Sms => Self::Sms,
        }
    }
}

/// A keyed hash, written as hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyedHash(pub [u8; 32]);

impl fmt::Display for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedHash({self})")
    }
}

impl KeyedHash {
    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl Serialize for KeyedHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyedHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a keyed hash is 64 hex digits"))
    }
}

/// What is suppressed: a kind, and a keyed hash that only our own vault can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SuppressionKey {
    /// What kind of thing.
    pub by: SuppressedBy,
    /// Which.
    pub hash: KeyedHash,
}

/// That something was erased, and until when it is kept out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// What.
    pub key: SuppressionKey,
    /// By which erasure.
    pub erasure: ErasureId,
    /// What is from before then is kept out.
    pub erased_at: Timestamp,
    /// What is from later, too.
    pub forever: bool,
}

impl Suppression {
    /// Whether it keeps out what was said or delivered at that time.
    pub fn covers(&self, at: Timestamp) -> bool {
        self.forever || at < self.erased_at
    }
}

/// What an erasure removed, in numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Erased {
    /// Memories removed.
    pub memories: u64,
    /// Links removed.
    pub links: u64,
    /// Conflicts removed.
    pub conflicts: u64,
    /// Conversations removed, with transcripts and extractions.
    pub conversations: u64,
    /// Receipts removed of what agents were told.
    pub receipts: u64,
    /// Reviews removed.
    pub reviews: u64,
    /// Identities removed.
    pub identities: u64,
}

/// An erasure that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewErasure {
    /// Its id (`ers_…`).
    pub id: ErasureId,
    /// The caller, by a keyed hash.
    pub person: KeyedHash,
    /// When.
    pub at: Timestamp,
    /// Whether what is from later is kept out as well.
    pub forever: bool,
    /// What is kept out beside the caller's identities, which the store knows itself: ids and conversations.
    pub keys: Vec<SuppressionKey>,
    /// What is left to be done when the rows are gone, sealed.
    pub work: Sealed,
}

/// An erasure that was done, as far as it has come. Holds no name, number or id of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its id (`ers_…`).
    pub id: ErasureId,
    /// The caller, by a keyed hash.
    pub person: KeyedHash,
    /// When the rows went.
    pub erased_at: Timestamp,
    /// Whether what is from later is kept out as well.
    pub forever: bool,
    /// What the truth held.
    pub erased: Erased,
    /// Raw events removed.
    pub events: u64,
    /// Jobs removed.
    pub jobs: u64,
    /// When vectors, words, events and jobs had followed.
    pub settled_at: Option<Timestamp>,
    /// When files were first rewritten after that.
    pub compacted_at: Option<Timestamp>,
    /// When the last older version of a file was gone.
    pub clean_at: Option<Timestamp>,
    /// What is left to be done, sealed; taken away when files are clean.
    pub work: Option<Sealed>,
}

/// How far an erasure has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureStep {
    /// Vectors, words, raw events and jobs are gone.
    Settled {
        /// Raw events removed.
        events: u64,
        /// Jobs removed.
        jobs: u64,
    },
    /// Files were rewritten.
    Compacted,
    /// No file holds anything any more.
    Clean,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_was_written() {
        let hash = KeyedHash(std::array::from_fn(|i| (i * 7) as u8));
        assert_eq!(KeyedHash::parse(&hash.to_string()), Some(hash));
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<KeyedHash>(&json).unwrap(), hash);
        for wrong in ["", "00", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
            assert_eq!(KeyedHash::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_from_later_is_kept_out_only_where_it_is_for_ever() {
        let erased_at = chrono::DateTime::from_timestamp(1_000, 0).unwrap();
        let key = SuppressionKey { by: SuppressedBy::Phone, hash: KeyedHash([1; 32]) };
        let past = Suppression { key, erasure: "ers_1".into(), erased_at, forever: false };
        let second = chrono::Duration::seconds(1);
        assert!(past.covers(erased_at - second) && !past.covers(erased_at) && !past.covers(erased_at + second));
        assert!(Suppression { forever: true, ..past }.covers(erased_at + second));
    }
}
