//! What a person has judged: accepted, put in other words, or rejected and not to be learnt from that call again.

use super::{Ingest, MemoryPatch};
use crate::crypt::Purpose;
use crate::engine::Engine;
use crate::text::words;
use crate::{
    Candidate, ConversationId, Memory, MemoryId, MemoryState, Result, Review, ReviewDecision, ReviewWords, Scope,
};
use std::collections::HashSet;

/// Share of a rejected sentence's words in a new one of the same call, from which on it says the same again.
const SAID_AGAIN: f32 = 0.6;

impl Ingest {
    /// Notes that a memory stands as it is, in quarantine or not; answers it. What was in quarantine is told from then on. With `label` its sentence is released as a labelled example.
    /// `None` when the caller has no such memory.
    ///
    /// # Errors
    /// What the store says.
    pub async fn accept(&self, scope: &Scope, id: &MemoryId, label: bool) -> Result<Option<Memory>> {
        let Some(memory) = self.one(scope, id).await? else { return Ok(None) };
        self.judge(scope, &memory, ReviewDecision::Accept, label).await?;
        if memory.state == MemoryState::Quarantined {
            return self.restore(scope, id).await;
        }
        Ok(Some(memory))
    }

    /// Puts a memory in other words, which no caller's overrule, and notes it; answers it as it stands now. With `label`
    /// the new sentence is released as a labelled example. `None` when the caller has no such memory.
    ///
    /// # Errors
    /// `Invalid` for a sentence that cannot stand; else what the stores say.
    pub async fn edit(&self, scope: &Scope, id: &MemoryId, content: String, label: bool) -> Result<Option<Memory>> {
        let patch = MemoryPatch { content: Some(content), ..MemoryPatch::default() };
        let Some(memory) = self.update(scope, id, patch).await? else { return Ok(None) };
        self.judge(scope, &memory, ReviewDecision::Edit, label).await?;
        if memory.state == MemoryState::Quarantined {
            return self.restore(scope, id).await;
        }
        Ok(Some(memory))
    }

    /// Forgets a memory, with those that say the same, and remembers (sealed) that it was wrong: neither a second reading of
    /// the call nor a repeated one brings it back. What the caller says in another call is news. With `label` the
    /// sentence is released as an example of what is not to be learnt. Answers how many memories went; `None` when the
    /// caller has no such memory.
    ///
    /// # Errors
    /// What the stores say; the rejection is noted first, so that a failure can be repeated.
    pub async fn reject(&self, scope: &Scope, id: &MemoryId, label: bool) -> Result<Option<u64>> {
        if self.one(scope, id).await?.is_none() {
            return Ok(None);
        }
        let ids = self.with_repeats(scope, std::slice::from_ref(id)).await?;
        for memory in self.engine.memory.memories(scope, &ids).await? {
            self.judge(scope, &memory, ReviewDecision::Reject, label && memory.id == *id).await?;
        }
        self.forget(scope, std::slice::from_ref(id)).await.map(Some)
    }

    async fn one(&self, scope: &Scope, id: &MemoryId) -> Result<Option<Memory>> {
        Ok(self.engine.memory.memories(scope, std::slice::from_ref(id)).await?.into_iter().next())
    }

    async fn judge(&self, scope: &Scope, memory: &Memory, decision: ReviewDecision, label: bool) -> Result<()> {
        // A sentence is only kept where it is needed: to know it again, or because the reviewer wants it.
        let words = (label || decision == ReviewDecision::Reject)
            .then(|| ReviewWords { content: memory.content.clone(), sector: memory.sector });
        let vault = &self.engine.vault;
        let seal = |words: &ReviewWords| vault.seal_json(&scope.tenant, Purpose::Review, memory.id.as_str(), words);
        let review = Review {
            memory: memory.id.clone(),
            conversation: memory.provenance.conversation_id.clone(),
            decision,
            at: self.engine.clock.now(),
            label,
            words: words.as_ref().map(seal).transpose()?,
        };
        self.engine.memory.put_review(scope, &review).await
    }
}

/// What of a call was rejected by a person.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    ids: HashSet<MemoryId>,
    sentences: Vec<HashSet<String>>,
}

impl Rejected {
    pub(super) async fn of(engine: &Engine, scope: &Scope, conversation: &ConversationId) -> Result<Self> {
        let mut rejected = Self::default();
        for review in engine.memory.reviews(scope).await? {
            if review.decision != ReviewDecision::Reject || review.conversation.as_ref() != Some(conversation) {
                continue;
            }
            if let Some(sealed) = &review.words {
                let words: ReviewWords =
                    engine.vault.open_json(&scope.tenant, Purpose::Review, review.memory.as_str(), sealed)?;
                rejected.sentences.push(crate::text::words(&words.content).collect());
            }
            rejected.ids.insert(review.memory);
        }
        Ok(rejected)
    }

    /// Whether this is what was rejected, or says the same.
    pub(super) fn holds(&self, id: &MemoryId, candidate: &Candidate) -> bool {
        if self.ids.contains(id) {
            return true;
        }
        let said: HashSet<String> = words(&candidate.content).collect();
        // Of the longer one: "Lives in Rostock" is not "Lives in Rostock and wants the parcel on Friday".
        self.sentences.iter().any(|sentence| {
            let shared = sentence.intersection(&said).count();
            shared > 0 && shared as f32 >= SAID_AGAIN * sentence.len().max(said.len()) as f32
        })
    }
}

/// The sentence of a review that was released.
///
/// # Errors
/// What the vault says.
pub fn open_label(engine: &Engine, tenant: &crate::TenantId, review: &Review) -> Result<Option<ReviewWords>> {
    let open = |sealed| engine.vault.open_json(tenant, Purpose::Review, review.memory.as_str(), sealed);
    review.words.as_ref().filter(|_| review.label).map(open).transpose()
}
