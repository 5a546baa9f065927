//! What an agent was told, and why: one receipt for each time it asked.

use crate::crypt::Sealed;
use crate::{AgentId, ConversationId, MemoryId, Mode, ReceiptId, ScoreParts, Timestamp, UserId, Via};
use serde::{Deserialize, Serialize};

/// On which occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKind {
    /// A call was about to begin: what the agent was given for it.
    Initiation,
    /// The agent asked.
    Query,
    /// The agent had something remembered.
    Remember,
}

impl ReceiptKind {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initiation => "initiation",
            Self::Query => "query",
            Self::Remember => "remember",
        }
    }
}

/// One thing that was returned, by its id: the words are in [`Receipt::words`]. Stored; old forms must stay readable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Returned {
    /// The memory; `None` for a turn of a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryId>,
    /// The call whose words were shown, if any were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// 0-based indexes into that call's transcript.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<u32>,
    /// The composite score, 0 to 1; `None` where nothing was ranked against a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// How it came into the answer; `None` as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// What the score is made of; `None` as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<ScoreParts>,
}

/// The words of a receipt; only ever stored sealed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReceiptWords {
    /// What was asked, or what was to be remembered; empty at the beginning of a call.
    #[serde(default)]
    pub asked: String,
    /// What the agent was told: the summary, or the context of a call that begins.
    #[serde(default)]
    pub told: String,
}

/// What was returned on one occasion, as a store sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Its id (`rcp_…`).
    pub id: ReceiptId,
    /// On which occasion.
    pub kind: ReceiptKind,
    /// The caller, if known then.
    pub caller: Option<UserId>,
    /// The conversation, if known then or found since.
    pub conversation: Option<ConversationId>,
    /// The agent, if told.
    pub agent: Option<AgentId>,
    /// When the request came.
    pub at: Timestamp,
    /// How long the answer took, in milliseconds.
    pub took_ms: u64,
    /// Which searches answered; `None` where nothing was searched.
    pub mode: Option<Mode>,
    /// Why the answer was less than it should be, or was none: a stable word; `None` when it was whole.
    pub degraded: Option<String>,
    /// What was returned, best first.
    pub items: Vec<Returned>,
    /// The [`ReceiptWords`], sealed; `None` once one of the memories it returned was forgotten.
    pub words: Option<Sealed>,
}

/// How often a memory was given to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recalls {
    /// So often.
    pub count: u64,
    /// Last time.
    pub last: Timestamp,
}
