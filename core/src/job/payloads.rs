//! The jobs Hark knows. Stored: `core/tests/stored.rs` holds old versions and what they must parse to.

use super::JobPayload;
use crate::{ConversationId, EventId, MemoryId, UserId};
use serde::{Deserialize, Serialize};

/// A kept event becomes memories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngestConversation {
    /// The event.
    pub event_id: EventId,
}

impl JobPayload for IngestConversation {
    const NAME: &'static str = "ingest_conversation";
    fn key(&self) -> String {
        self.event_id.to_string()
    }
}

/// A call that a stand-in read is read by the extractor itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtractAgain {
    /// The call.
    pub conversation_id: ConversationId,
}

impl JobPayload for ExtractAgain {
    const NAME: &'static str = "extract_again";
    fn key(&self) -> String {
        self.conversation_id.to_string()
    }
}

/// Memories whose words or vector are missing are indexed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedMemories {
    /// Whose.
    pub caller: UserId,
    /// Which.
    pub memory_ids: Vec<MemoryId>,
}

impl JobPayload for EmbedMemories {
    const NAME: &'static str = "embed_memories";
    fn key(&self) -> String {
        first_and_count(&self.caller, &self.memory_ids)
    }
}

/// New memories are linked to their neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkMemories {
    /// Whose.
    pub caller: UserId,
    /// Which.
    pub memory_ids: Vec<MemoryId>,
}

impl JobPayload for LinkMemories {
    const NAME: &'static str = "link_memories";
    fn key(&self) -> String {
        first_and_count(&self.caller, &self.memory_ids)
    }
}

/// New memories are held against what is known of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileMemories {
    /// Whose.
    pub caller: UserId,
    /// Which.
    pub memory_ids: Vec<MemoryId>,
}

impl JobPayload for ReconcileMemories {
    const NAME: &'static str = "reconcile_memories";
    fn key(&self) -> String {
        first_and_count(&self.caller, &self.memory_ids)
    }
}

/// A caller's summary is written anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummariseUser {
    /// Whose.
    pub caller: UserId,
}

impl JobPayload for SummariseUser {
    const NAME: &'static str = "summarise_user";
    fn key(&self) -> String {
        self.caller.to_string()
    }
}

fn first_and_count(caller: &UserId, ids: &[MemoryId]) -> String {
    format!("{caller}:{}:{}", ids.first().map_or("none", MemoryId::as_str), ids.len())
}
