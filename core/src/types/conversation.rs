//! A conversation and how far Hark has got with it.

use crate::crypt::Sealed;
use crate::{AgentId, ConversationId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// How far Hark has got with a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationState {
    /// The initiation webhook bound it to a caller; the call may be going on.
    Open,
    /// An event came without a readable transcript; it waits for the transcript to be fetched.
    AwaitingTranscript,
    /// The transcript is stored; learning goes on.
    Learning,
    /// Everything that could be learnt is learnt.
    Learnt,
    /// Nobody could be named for it, or nothing was said: kept, nothing learnt.
    Ignored,
    /// The caller does not agree to be remembered: that there was a call is kept, nothing of what was said, and nothing
    /// will be learnt from it whatever the caller says later.
    Refused,
}

impl ConversationState {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::AwaitingTranscript => "awaiting_transcript",
            Self::Learning => "learning",
            Self::Learnt => "learnt",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
        }
    }
}

/// A conversation as a store sees it: the words only sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The platform's id.
    pub id: ConversationId,
    /// Whose it is, once known. Never changed from one caller to another.
    pub caller: Option<UserId>,
    /// The agent, if told.
    pub agent: Option<AgentId>,
    /// How far Hark has got.
    pub state: ConversationState,
    /// When the call started, or when it was first heard of.
    pub started_at: Timestamp,
    /// How long it took, in seconds, if told.
    pub duration_secs: Option<u32>,
    /// The [`crate::Transcript`], sealed.
    pub transcript: Option<Sealed>,
    /// The saved extraction (`Vec<`[`crate::Candidate`]`>`), sealed. Once set it is what every re-run reads.
    pub extraction: Option<Sealed>,
    /// When it was last written.
    pub updated_at: Timestamp,
}
