//! The derived stores are brought up to the truth: what is pending, what lags behind, or everything.

use super::{Ingest, index};
use crate::ai::Embedder;
use crate::cost::{Account, charged_at_least_to};
use crate::store::{KeywordDoc, VectorRow};
use crate::{Memory, MemoryId, PageRequest, Result, Scope};
use std::collections::HashMap;
use std::sync::Arc;

/// Memories rebuilt in one go.
const BATCH: usize = 500;

/// What a walk over all memories rebuilds.
#[derive(Debug)]
pub(super) struct Rebuild {
    /// The keyword documents; the rows are then marked indexed too.
    pub(super) words: bool,
    /// The vectors in this embedder's space.
    pub(super) embedder: Option<Arc<dyn Embedder>>,
}

/// How far the derived stores are behind the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lag {
    /// Memories in the truth.
    pub memories: u64,
    /// Documents in the keyword store.
    pub words: u64,
    /// Vectors in the embedder's space; equal to `memories` without an embedder.
    pub vectors: u64,
}

impl Lag {
    /// Whether something that is in the truth cannot be found.
    pub fn is_behind(&self) -> bool {
        self.missing() > 0
    }

    /// How many documents, or vectors where more of them are, the derived stores have less than the truth.
    fn missing(&self) -> u64 {
        self.memories.saturating_sub(self.words.min(self.vectors))
    }
}

impl Ingest {
    /// Indexes memories that are still pending: after a crash, or an embedder that was away. Answers how many
    /// are indexed now; stops at the first failure with what the stores or the embedder say.
    ///
    /// # Errors
    /// As above; what was repaired stays repaired.
    pub async fn repair(&self, limit: usize) -> Result<usize> {
        let pending = self.engine.memory.pending_memories(limit).await?;
        let mut repaired = 0;
        for group in pending.chunk_by(|a, b| a.0 == b.0) {
            let Some((scope, _)) = group.first() else { continue };
            let ids: Vec<MemoryId> = group.iter().map(|(_, m)| m.id.clone()).collect();
            self.embed(scope, &ids).await?;
            repaired += ids.len();
        }
        Ok(repaired)
    }

    /// Compares the derived stores with the truth, by their counts. Pending memories count as lag.
    ///
    /// # Errors
    /// What the stores say.
    pub async fn lag(&self) -> Result<Lag> {
        let memories = self.engine.memory.count_memories().await?;
        let vectors = match &self.engine.embedder {
            Some(embedder) => self.engine.vectors.count(&embedder.background.info().space).await?,
            None => memories,
        };
        Ok(Lag { memories, words: self.engine.keywords.count().await?, vectors })
    }

    /// How far the derived stores are behind in what nobody sees to: they lack more than what waits for its index, which the
    /// schedule brings in, or another node that has only just written it. `None` where they lack no more.
    ///
    /// # Errors
    /// What the stores say.
    pub async fn lost(&self) -> Result<Option<Lag>> {
        let lag = self.lag().await?;
        if !lag.is_behind() {
            return Ok(None);
        }
        let pending = self.engine.memory.pending_memories(BATCH).await?.len() as u64;
        Ok((lag.missing() > pending).then_some(lag))
    }

    /// Rebuilds words and vectors of every memory, from the truth. With `clear` the derived stores are emptied
    /// first; without, what they hold keeps serving meanwhile. `progress` is told (done, all).
    /// Broken off, it leaves the derived stores behind the truth, which [`Ingest::lag`] shows at the next start.
    ///
    /// # Errors
    /// What the stores and the embedder say.
    pub async fn reindex(&self, clear: bool, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<u64> {
        let embedder = self.engine.embedder.as_ref().map(|e| e.background.clone());
        if clear {
            self.engine.keywords.clear().await?;
            if let Some(embedder) = &embedder {
                self.engine.vectors.clear(&embedder.info().space).await?;
            }
        }
        self.rebuild(&Rebuild { words: true, embedder }, progress).await
    }

    /// Rebuilds the words of every memory from the truth, and leaves vectors alone: where those came along from elsewhere.
    /// The keyword store is emptied first. Otherwise as [`Ingest::reindex`].
    ///
    /// # Errors
    /// What the stores say.
    pub async fn reindex_words(&self, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<u64> {
        self.engine.keywords.clear().await?;
        self.rebuild(&Rebuild { words: true, embedder: None }, progress).await
    }

    /// Walks over every memory and rebuilds what is asked for.
    pub(super) async fn rebuild(&self, what: &Rebuild, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<u64> {
        let all = self.engine.memory.count_memories().await?;
        let mut done = 0;
        let mut page = PageRequest::first(BATCH);
        loop {
            let batch = self.engine.memory.scan_memories(&page).await?;
            self.rebuild_batch(&batch.items, what).await?;
            done += batch.items.len() as u64;
            progress(done, all.max(done));
            let Some(next) = batch.next_cursor else { break };
            page.cursor = Some(next);
        }
        self.engine.keywords.optimise().await?;
        self.engine.vectors.optimise().await?;
        Ok(done)
    }

    async fn rebuild_batch(&self, batch: &[(Scope, Memory)], what: &Rebuild) -> Result<()> {
        if what.words {
            let docs: Vec<(Scope, KeywordDoc)> = batch.iter().map(|(s, m)| (s.clone(), index::doc(m))).collect();
            self.engine.keywords.upsert_many(&docs).await?;
        }
        if let Some(embedder) = &what.embedder {
            let owners: HashMap<&MemoryId, &Scope> = batch.iter().map(|(s, m)| (&m.id, s)).collect();
            let mut rows: Vec<(Scope, VectorRow)> = Vec::with_capacity(batch.len());
            for tenants in batch.chunk_by(|(a, _), (b, _)| a.tenant == b.tenant) {
                let owned: Vec<_> = tenants.iter().map(|(scope, memory)| (scope, memory)).collect();
                let payer = Account::of(tenants[0].0.tenant.clone());
                let vectors = charged_at_least_to(payer, index::vectors_of(&**embedder, &owned)).await?;
                rows.extend(vectors.into_iter().filter_map(|row| Some(((*owners.get(&row.id)?).clone(), row))));
            }
            self.engine.vectors.upsert_many(&embedder.info().space, &rows).await?;
        }
        for group in batch.chunk_by(|a, b| a.0 == b.0) {
            let Some((scope, _)) = group.first() else { continue };
            let memories: Vec<Memory> = group.iter().map(|(_, m)| m.clone()).collect();
            let all: Vec<MemoryId> = memories.iter().map(|memory| memory.id.clone()).collect();
            index::withdraw_forgotten(&self.engine, scope, &all).await?;
            // Those that were marked before too: whoever was asked about meanwhile is held in memory without them, on any node.
            if what.words {
                self.engine.memory.mark_indexed(scope, &all).await?;
            }
        }
        Ok(())
    }
}
