//! What a person made of a memory.

use crate::crypt::Sealed;
use crate::{ConversationId, MemoryId, Sector, Timestamp};
use serde::{Deserialize, Serialize};

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewDecision {
    /// It stands as it is.
    Accept,
    /// It stands in other words.
    Edit,
    /// It should never have been learnt, and is not to be learnt from that call again.
    Reject,
}

impl ReviewDecision {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Edit => "edit",
            Self::Reject => "reject",
        }
    }
}

/// The words of a review; only ever stored sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewWords {
    /// The sentence: as it stands now, or as it was rejected.
    pub content: String,
    /// Its sector.
    pub sector: Sector,
}

/// A decision about one memory, as a store sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The memory; gone if it was rejected.
    pub memory: MemoryId,
    /// The conversation it was learnt from, if there was one.
    pub conversation: Option<ConversationId>,
    /// What was decided.
    pub decision: ReviewDecision,
    /// When.
    pub at: Timestamp,
    /// Whether the reviewer released the sentence as a labelled example.
    pub label: bool,
    /// The [`ReviewWords`], sealed: where they are needed, which is for a rejection and for a label.
    pub words: Option<Sealed>,
}
