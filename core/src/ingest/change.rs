//! One memory is corrected or forgotten; or everything about a caller is.

use super::{Ingest, index};
use crate::job::{EmbedMemories, JobPayload, LinkMemories};
use crate::store::Erased;
use crate::{
    ConflictState, ConversationId, Error, EventId, IndexState, Memory, MemoryId, MemoryState, PageRequest, Resolution,
    Result, Scope, Sector, Timestamp,
};

/// Event types a conversation may have left in the inbox.
const EVENT_KINDS: [&str; 2] = ["post_call_transcription", "post_call_transcription_otel"];

/// What to change; `None` leaves a field as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemoryPatch {
    /// A new sentence.
    pub content: Option<String>,
    /// Another sector.
    pub sector: Option<Sector>,
    /// Another salience, 0 to 1.
    pub salience: Option<f32>,
    /// Another date.
    pub occurred_at: Option<Timestamp>,
    /// Another decay per day; `Some(None)` returns to the sector's.
    pub decay_rate: Option<Option<f64>>,
    /// Other metadata, whole.
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

impl MemoryPatch {
    fn validate(&self) -> Result<()> {
        let fail = |what: &str| Err(Error::invalid("memories.update", what));
        if self.content.as_ref().is_some_and(|c| c.trim().is_empty() || c.chars().count() > 4_000) {
            return fail("content must be 1 to 4000 characters");
        }
        if self.salience.is_some_and(|s| !(0.0..=1.0).contains(&s)) {
            return fail("salience must be between 0 and 1");
        }
        if self.decay_rate.flatten().is_some_and(|r| !r.is_finite() || r < 0.0) {
            return fail("decay_rate must be 0 or greater");
        }
        Ok(())
    }
}

impl Ingest {
    /// Corrects a memory; the next question finds the corrected one. `None` when the caller has no such memory.
    ///
    /// # Errors
    /// `Invalid`, naming the field; else what the stores say.
    pub async fn update(&self, scope: &Scope, id: &MemoryId, patch: MemoryPatch) -> Result<Option<Memory>> {
        patch.validate()?;
        let now = self.engine.clock.now();
        let says_otherwise = patch.content.is_some();
        let changed = self
            .rewrite(scope, id, |memory| {
                // What it says is now somebody's word, which no caller's overrules.
                if patch.content.is_some() || patch.occurred_at.is_some() {
                    memory.corrected_at = Some(now);
                }
                if let Some(content) = patch.content {
                    memory.content = content.trim().to_owned();
                    // The named value was read from the old sentence.
                    memory.slot = None;
                }
                memory.sector = patch.sector.unwrap_or(memory.sector);
                memory.salience = patch.salience.unwrap_or(memory.salience);
                memory.occurred_at = patch.occurred_at.unwrap_or(memory.occurred_at);
                memory.decay_rate = patch.decay_rate.unwrap_or(memory.decay_rate);
                if let Some(metadata) = patch.metadata {
                    memory.metadata = metadata;
                }
                if patch.salience.is_some() || patch.decay_rate.is_some() {
                    self.reconsider(memory, now);
                }
            })
            .await?;
        if says_otherwise && changed.is_some() {
            self.link_anew(scope, id).await?;
        }
        Ok(changed)
    }

    /// What was archived and would not be as it is now comes back: whether it was put away before it was corrected or
    /// not must make no difference.
    fn reconsider(&self, memory: &mut Memory, now: Timestamp) {
        if memory.state == MemoryState::Archived {
            memory.state = MemoryState::Active;
            if self.engine.decay.archives(memory, now) {
                memory.state = MemoryState::Archived;
            }
        }
    }

    /// Automatic links were made of what it said before.
    async fn link_anew(&self, scope: &Scope, id: &MemoryId) -> Result<()> {
        let ids = [id.clone()];
        let links = self.engine.memory.links(scope, &ids).await?;
        self.engine.memory.prune_links(scope, &links).await?;
        let now = self.engine.clock.now();
        let job = LinkMemories { caller: scope.caller.clone(), memory_ids: ids.to_vec() }.job(&scope.tenant, now)?;
        self.engine.jobs.enqueue(&[job], now).await
    }

    async fn rewrite(&self, scope: &Scope, id: &MemoryId, change: impl FnOnce(&mut Memory)) -> Result<Option<Memory>> {
        let ids = [id.clone()];
        let Some(mut memory) = self.engine.memory.memories(scope, &ids).await?.into_iter().next() else {
            return Ok(None);
        };
        change(&mut memory);
        memory.index = IndexState::Pending;
        self.engine.memory.put_memories(scope, std::slice::from_ref(&memory)).await?;
        if index::write(&self.engine, scope, &ids).await? {
            memory.index = IndexState::Indexed;
        } else {
            let now = self.engine.clock.now();
            let job =
                EmbedMemories { caller: scope.caller.clone(), memory_ids: ids.to_vec() }.job(&scope.tenant, now)?;
            self.engine.jobs.enqueue(&[job], now).await?;
        }
        Ok(Some(memory))
    }

    /// Forgets memories everywhere, with those that say the same and stood behind them. What one of them had taken the
    /// place of is current again. What agents were told of them is no longer kept in words. Answers how many went.
    ///
    /// # Errors
    /// What the stores say. Derived stores are emptied first, so that a failure leaves the memory findable in the
    /// truth and can be repeated, never words without a row.
    pub async fn forget(&self, scope: &Scope, ids: &[MemoryId]) -> Result<u64> {
        let ids = self.with_repeats(scope, ids).await?;
        self.blank_receipts(scope, &ids).await?;
        let forgotten = self.remove(scope, &ids).await?;
        // Once more, for an answer that was under way.
        self.blank_receipts(scope, &ids).await?;
        Ok(forgotten)
    }

    /// These memories, and those that were found to say the same: to forget a sentence is to forget it however often
    /// it was said.
    pub(super) async fn with_repeats(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<MemoryId>> {
        let mut all = ids.to_vec();
        for conflict in self.engine.memory.conflicts_of(scope, ids).await? {
            let repeats =
                conflict.state == ConflictState::Resolved && conflict.resolution == Some(Resolution::Reinforced);
            let behind = conflict
                .changes
                .into_iter()
                .filter(|change| change.after.superseded_by.as_ref().is_some_and(|kept| ids.contains(kept)));
            all.extend(behind.filter(|_| repeats).map(|change| change.memory));
        }
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// Removes memories everywhere, and them alone.
    pub(super) async fn remove(&self, scope: &Scope, ids: &[MemoryId]) -> Result<u64> {
        self.engine.vectors.delete(scope, ids).await?;
        self.engine.keywords.delete(scope, ids).await?;
        let forgotten = self.engine.memory.delete_memories(scope, ids).await?;
        // Once more: an index write that was under way may have come in between. It looks at the truth when it is
        // done, so nothing can be left behind by both.
        self.engine.vectors.delete(scope, ids).await?;
        self.engine.keywords.delete(scope, ids).await?;
        Ok(forgotten)
    }

    /// Forgets a caller: vectors, words, remembered embeddings, raw events, rows, and what is held in memory. What
    /// was spent on the caller's conversations stays counted, without their names. Can be repeated.
    ///
    /// # Errors
    /// What the stores say; what was not reached yet is reached by calling again.
    pub async fn erase(&self, scope: &Scope) -> Result<Erased> {
        let events = self.events_of(scope).await?;
        // What was merged may not have followed yet: it goes under every name.
        let names = self.engine.memory.aliases(scope).await?;
        for caller in names.into_iter().chain([scope.caller.clone()]) {
            let name = Scope { tenant: scope.tenant.clone(), caller };
            self.engine.vectors.erase(&name).await?;
            self.engine.keywords.erase(&name).await?;
            if let Some(embeddings) = &self.engine.embeddings {
                embeddings.erase(&name).await?;
            }
        }
        self.engine.jobs.delete_events(&scope.tenant, &events).await?;
        // What still waits to be kept would bring the conversations' names back.
        self.engine.meter.flush().await?;
        // Written later they would be left out; here is where their conversations can still be told.
        self.keep_receipts().await;
        let erased = self.engine.memory.erase_user(scope).await?;
        // Once more, as in `forget`.
        self.engine.vectors.erase(scope).await?;
        self.engine.keywords.erase(scope).await?;
        self.cache.forget(scope);
        Ok(erased)
    }

    async fn events_of(&self, scope: &Scope) -> Result<Vec<EventId>> {
        let mut events = Vec::new();
        let mut page = PageRequest::first(1_000);
        loop {
            let found = self.engine.memory.conversations(&scope.tenant, Some(&scope.caller), &page).await?;
            let of = |id: &ConversationId| EVENT_KINDS.map(|kind| EventId::derived(&scope.tenant, id, kind));
            events.extend(found.items.iter().flat_map(|c| of(&c.id)));
            let Some(next) = found.next_cursor else { return Ok(events) };
            page.cursor = Some(next);
        }
    }
}
