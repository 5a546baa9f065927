//! Memories that do not come from a transcript: written by the integrator, or said during the call.

use super::{Ingest, index};
use crate::injection::reads_like_an_order;
use crate::job::{EmbedMemories, JobPayload, LinkMemories};
use crate::{
    ConversationId, Error, IndexState, Memory, MemoryId, MemoryState, Origin, Provenance, Result, Scope, Sector,
    Timestamp,
};

/// Characters of a memory at the most: it is a sentence, not a document.
const MAX_CONTENT_CHARS: usize = 4_000;

/// A memory before it has an id.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMemory {
    /// The sentence; 1 to 4,000 characters.
    pub content: String,
    /// Its sector; `None` lets the classifier decide.
    pub sector: Option<Sector>,
    /// How much it matters, 0 to 1; `None` lets the classifier decide.
    pub salience: Option<f32>,
    /// What it is about; `None` for now.
    pub occurred_at: Option<Timestamp>,
    /// Its own decay per day, 0 for never; `None` for the sector's.
    pub decay_rate: Option<f64>,
    /// Echoed, never interpreted.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// How it came to be.
    pub origin: Origin,
    /// The conversation, if there was one.
    pub conversation: Option<ConversationId>,
    /// 0-based indexes into that conversation's transcript.
    pub turns: Vec<u32>,
}

impl NewMemory {
    /// A plain sentence.
    pub fn new(content: impl Into<String>, origin: Origin) -> Self {
        Self {
            content: content.into(),
            sector: None,
            salience: None,
            occurred_at: None,
            decay_rate: None,
            metadata: serde_json::Map::new(),
            origin,
            conversation: None,
            turns: Vec::new(),
        }
    }

    fn validate(&self, index: usize) -> Result<()> {
        let fail = |what: &str| Err(Error::invalid("memories.add", format!("memory {index}: {what}")));
        if self.content.trim().is_empty() {
            return fail("content must not be empty");
        }
        if self.content.chars().count() > MAX_CONTENT_CHARS {
            return fail("content must be at most 4000 characters; split it into sentences");
        }
        if self.salience.is_some_and(|s| !(0.0..=1.0).contains(&s)) {
            return fail("salience must be between 0 and 1");
        }
        if self.decay_rate.is_some_and(|r| !r.is_finite() || r < 0.0) {
            return fail("decay_rate must be 0 or greater");
        }
        Ok(())
    }
}

impl Ingest {
    /// Writes memories, all or none, in the order given. When it answers they are found by the next question: by
    /// words and vector, or by words alone while the embedder does not answer. Secrets in them are replaced by marks first. What an agent
    /// had remembered and reads like an order to a model waits in quarantine.
    ///
    /// # Errors
    /// `Invalid`, naming the field, before anything is written; `Denied` where the caller does not agree to be remembered;
    /// else what the stores say.
    pub async fn add(&self, scope: &Scope, mut new: Vec<NewMemory>) -> Result<Vec<Memory>> {
        for (index, memory) in new.iter_mut().enumerate() {
            memory.validate(index)?;
            memory.content = self.engine.redaction.text(&memory.content).into_owned();
        }
        self.may_write(scope).await?;
        let now = self.engine.clock.now();
        let sentences: Vec<String> = new.iter().map(|m| m.content.clone()).collect();
        let verdicts = self.engine.classifier.classify(&sentences).await?;
        let memories: Vec<Memory> = new
            .into_iter()
            .zip(verdicts)
            .map(|(new, verdict)| Memory {
                id: MemoryId::new(format!("mem_{}", self.engine.entropy.hex(16))),
                content: new.content.trim().to_owned(),
                sector: new.sector.unwrap_or(verdict.sector),
                kind: verdict.kind,
                slot: None,
                salience: new.salience.unwrap_or(verdict.salience),
                occurred_at: new.occurred_at.unwrap_or(now),
                learnt_at: now,
                reinforced_at: now,
                decay_rate: new.decay_rate,
                state: match new.origin {
                    // The integrator's own word is no caller's; an agent's may be.
                    Origin::Remembered if reads_like_an_order(&new.content) => MemoryState::Quarantined,
                    _ => MemoryState::Active,
                },
                valid_to: None,
                superseded_by: None,
                corrected_at: None,
                speaker: None,
                provenance: Provenance { origin: new.origin, conversation_id: new.conversation, turns: new.turns },
                metadata: new.metadata,
                index: IndexState::Pending,
            })
            .collect();
        if memories.is_empty() {
            return Ok(memories);
        }
        self.engine.memory.put_memories(scope, &memories).await?;
        let ids: Vec<MemoryId> = memories.iter().map(|m| m.id.clone()).collect();
        // What the caller has just said must be found in the next turn, if only by its words.
        let on_the_phone = memories.iter().all(|m| m.provenance.origin == Origin::Remembered);
        let engine = if on_the_phone { &self.engine.hurried() } else { &self.engine };
        let embedded = index::write(engine, scope, &ids).await?;
        let caller = scope.caller.clone();
        let job = if embedded {
            LinkMemories { caller, memory_ids: ids.clone() }.job(&scope.tenant, now)?
        } else {
            EmbedMemories { caller, memory_ids: ids.clone() }.job(&scope.tenant, now)?
        };
        let mut jobs = self.reconciling(scope, &ids, now)?;
        jobs.push(job);
        self.engine.jobs.enqueue(&jobs, now).await?;
        let state = if embedded { IndexState::Indexed } else { IndexState::Pending };
        Ok(memories.into_iter().map(|m| Memory { index: state, ..m }).collect())
    }
}
