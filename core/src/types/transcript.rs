//! A call as it was spoken, neutral of the platform it came from.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The person who called or was called.
    User,
    /// The voice agent.
    Agent,
}

/// A tool of ours that an agent can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryTool {
    /// It asked the memory.
    Query,
    /// It had something remembered.
    Remember,
}

/// One turn. Turns without words (a tool call alone) keep their place with an empty text, so that a turn's
/// index is its index in the platform's transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Who spoke.
    pub speaker: Speaker,
    /// What was said; empty for a turn without words.
    pub text: String,
    /// Seconds since the start of the call.
    pub at_secs: u32,
    /// The agent said this after asking the memory in the same breath: it may be reciting.
    #[serde(default)]
    pub after_recall: bool,
    /// The calls to our tools that the turn carries, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<MemoryTool>,
}

/// A whole call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Transcript {
    /// When the call started: what "yesterday" in it is measured from.
    pub started_at: Timestamp,
    /// The caller's offset from UTC in minutes, when the platform told a time zone we know; else UTC.
    #[serde(default)]
    pub utc_offset_minutes: i32,
    /// How the caller is called, where the platform was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_name: Option<String>,
    /// How the agent is called, where the platform tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    /// The turns, in order.
    pub turns: Vec<Turn>,
}

impl Transcript {
    /// Whether the caller said anything at all. Where not, nothing is learnt.
    pub fn has_user_words(&self) -> bool {
        self.turns.iter().any(|t| t.speaker == Speaker::User && t.text.chars().any(char::is_alphanumeric))
    }
}
