//! A person who calls.

use crate::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// Whether a caller agrees to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Nobody has said; configuration decides.
    #[default]
    Unknown,
    /// Yes.
    Given,
    /// No: nothing is learnt of them, and nothing recalled.
    Refused,
}

impl Consent {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Given, Self::Refused];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Given => "given",
            Self::Refused => "refused",
        }
    }

    /// Of two profiles that turn out to be one person: a refusal stands, whoever gave what.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refused, _) | (_, Self::Refused) => Self::Refused,
            (Self::Given, _) | (_, Self::Given) => Self::Given,
            (Self::Unknown, Self::Unknown) => Self::Unknown,
        }
    }
}

/// What is kept about a caller beside the memories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Our own id (`usr_…`).
    pub id: UserId,
    /// How the caller wants to be called; empty when not known.
    pub name: String,
    /// Conversations whose transcript was learnt from.
    pub call_count: u64,
    /// When the caller was first seen.
    pub first_contact: Timestamp,
    /// When the last learnt call started, or the first contact.
    pub last_contact: Timestamp,
    /// Two or three speakable sentences about the caller; empty when nothing is known.
    pub summary: String,
    /// Whether several people call as this one, such as a couple with one telephone: then nobody is greeted by name, and
    /// memories say whose they are where the call told it.
    #[serde(default)]
    pub shared: bool,
    /// Whether the caller agrees to be remembered.
    #[serde(default)]
    pub consent: Consent,
    /// Grows with every write to this caller's memories or links; what was read at one revision and is asked
    /// for at the same is still true. A merge or a split goes on at the next [`User::epoch`].
    pub revision: u64,
}

impl User {
    /// Counts the merges and splits this caller took part in: which conversations are this caller's changes otherwise only
    /// by a call that is counted in `call_count`.
    pub fn epoch(&self) -> u64 {
        self.revision >> EPOCH
    }

    /// The revision after a merge or a split.
    pub fn next_epoch(revision: u64) -> u64 {
        ((revision >> EPOCH) + 1) << EPOCH
    }
}

/// Bits of a revision within its epoch: more writes than a caller lives to see.
const EPOCH: u32 = 32;
