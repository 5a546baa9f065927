//! A receipt before it is sealed.

use crate::recall::Introduction;
use crate::{
    AgentId, ConversationId, Hit, Item, MemoryId, Mode, Recalled, ReceiptKind, ReceiptWords, Returned, Timestamp,
    UserId, Via,
};
use std::time::Duration;

/// What an agent was told, as the one who told it knows it. Its words stay in memory until they are sealed.
#[derive(Clone, PartialEq)]
pub struct Note {
    /// On which occasion.
    pub kind: ReceiptKind,
    /// The caller, if known.
    pub caller: Option<UserId>,
    /// The conversation, if known.
    pub conversation: Option<ConversationId>,
    /// The agent, if told.
    pub agent: Option<AgentId>,
    /// When the request came.
    pub at: Timestamp,
    /// How long the answer took.
    pub took: Duration,
    /// Which searches answered, if any.
    pub mode: Option<Mode>,
    /// Why the answer was less than it should be.
    pub degraded: Option<&'static str>,
    /// What was returned, best first.
    pub items: Vec<Returned>,
    /// What was asked and told.
    pub words: ReceiptWords,
}

impl std::fmt::Debug for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Note").field("kind", &self.kind).field("items", &self.items.len()).finish_non_exhaustive()
    }
}

impl Note {
    /// Of an occasion at which nothing was returned.
    pub fn new(kind: ReceiptKind, at: Timestamp) -> Self {
        Self {
            kind,
            caller: None,
            conversation: None,
            agent: None,
            at,
            took: Duration::ZERO,
            mode: None,
            degraded: None,
            items: Vec::new(),
            words: ReceiptWords::default(),
        }
    }

    /// With an answer.
    #[must_use]
    pub fn with_answer(mut self, recalled: &Recalled) -> Self {
        self.mode = Some(recalled.mode);
        self.degraded = recalled.degraded;
        self.items = recalled.hits.iter().map(returned).collect();
        recalled.summary.clone_into(&mut self.words.told);
        self
    }

    /// With what a call begins with.
    #[must_use]
    pub fn with_introduction(mut self, told: &Introduction) -> Self {
        self.items = told.memories.iter().cloned().map(unranked).collect();
        self.words.told = [told.greeting.as_str(), &told.context].join("\n").trim().to_owned();
        self
    }

    /// With a memory that was written.
    #[must_use]
    pub fn with_memory(mut self, id: &MemoryId) -> Self {
        self.items.push(unranked(id.clone()));
        self
    }
}

fn returned(hit: &Hit) -> Returned {
    let excerpt = hit.excerpt();
    Returned {
        memory: match &hit.item {
            Item::Memory(memory) => Some(memory.id.clone()),
            Item::Turn(_) => None,
        },
        conversation: excerpt.map(|excerpt| excerpt.conversation.clone()),
        turns: excerpt.map(crate::Excerpt::turns).unwrap_or_default(),
        score: Some(hit.score),
        via: Some(hit.via),
        parts: Some(hit.parts),
    }
}

fn unranked(memory: MemoryId) -> Returned {
    Returned { memory: Some(memory), conversation: None, turns: Vec::new(), score: None, via: None::<Via>, parts: None }
}
