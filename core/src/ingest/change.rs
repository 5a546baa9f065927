//! One memory is corrected or forgotten.

use super::{Ingest, index};
use crate::job::{EmbedMemories, JobPayload, LinkMemories};
use crate::{
    ConflictState, Error, IndexState, Memory, MemoryId, MemoryState, Resolution, Result, Scope, Sector, Timestamp,
};

/// After so long whoever was embedding has noticed, or is dead.
const UNDER_WAY: chrono::Duration = chrono::Duration::minutes(1);

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
            return fail("`content` must be 1 to 4000 characters");
        }
        if self.salience.is_some_and(|s| !(0.0..=1.0).contains(&s)) {
            return fail("`salience` must be between 0 and 1");
        }
        if self.decay_rate.flatten().is_some_and(|r| !r.is_finite() || r < 0.0) {
            return fail("`decay_rate` must be 0 or greater");
        }
        Ok(())
    }
}

impl Ingest {
    /// Corrects a memory; the next question finds the corrected one. Secrets in a new sentence are replaced by marks. `None` when the caller has no such memory.
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
                    memory.content = self.engine.redaction.text(content.trim()).into_owned();
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

    /// Whoever writes the vectors of what is being forgotten takes them out again, unless its process dies over it. So what may
    /// be under way gets a job that outlives it, and that finds nothing in the truth.
    async fn look_after_pending(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        let memories = self.engine.memory.memories(scope, ids).await?;
        let pending = memories.into_iter().filter(|memory| memory.index == IndexState::Pending);
        let now = self.engine.clock.now();
        // One each: a job of several is known by the first and by how many they are, and another of those may be waiting.
        let jobs = pending.map(|memory| {
            let look = EmbedMemories { caller: scope.caller.clone(), memory_ids: vec![memory.id] };
            look.job(&scope.tenant, now + UNDER_WAY)
        });
        let jobs = jobs.collect::<Result<Vec<_>>>()?;
        if jobs.is_empty() {
            return Ok(());
        }
        self.engine.jobs.enqueue(&jobs, now).await
    }

    /// Removes memories everywhere, and them alone.
    pub(super) async fn remove(&self, scope: &Scope, ids: &[MemoryId]) -> Result<u64> {
        self.look_after_pending(scope, ids).await?;
        self.engine.vectors.delete(scope, ids).await?;
        self.engine.keywords.delete(scope, ids).await?;
        let forgotten = self.engine.memory.delete_memories(scope, ids).await?;
        // Once more: an index write that was under way may have come in between. It looks at the truth when it is
        // done, so nothing can be left behind by both.
        self.engine.vectors.delete(scope, ids).await?;
        self.engine.keywords.delete(scope, ids).await?;
        Ok(forgotten)
    }
}
