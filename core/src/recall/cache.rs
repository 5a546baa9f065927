//! The vectors of the callers who are on the line, in memory.
//!
//! An entry is valid for the caller's revision it was read at, so nothing has to be told to forget: a write
//! raises the revision, in this process or another, and the next question reads anew.

use super::evidence::EvidenceCache;
use crate::store::{Space, VectorStore};
use crate::{MemoryId, Result, Scope, Sector};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::Arc;

/// Callers with more vectors than this are searched on disk instead.
const MAX_ROWS: usize = 20_000;

/// One caller's vectors, side by side.
#[derive(Debug)]
pub(crate) struct Warm {
    revision: u64,
    dimensions: usize,
    rows: Vec<(MemoryId, Sector)>,
    numbers: Vec<f32>,
}

impl Warm {
    /// The cosine of every vector with the question, in no order.
    pub(crate) fn cosines<'a>(&'a self, query: &'a [f32]) -> impl Iterator<Item = (&'a MemoryId, Sector, f32)> {
        self.rows
            .iter()
            .zip(self.numbers.chunks_exact(self.dimensions.max(1)))
            .map(move |((id, sector), vector)| (id, *sector, vector.iter().zip(query).map(|(a, b)| a * b).sum()))
    }

    /// The vector of one memory.
    pub(crate) fn vector(&self, id: &MemoryId) -> Option<&[f32]> {
        let index = self.rows.iter().position(|(row, _)| row == id)?;
        self.numbers.get(index * self.dimensions..(index + 1) * self.dimensions)
    }

    fn bytes(&self) -> usize {
        self.numbers.len() * size_of::<f32>() + self.rows.len() * 96
    }
}

/// Two bounded caches, of callers' vectors and of their turns; the least recently used go first, however often others called
/// before: who is on the line now is asked about next.
#[derive(Debug)]
pub struct CallerCache {
    entries: Cache<(Scope, Space), Arc<Warm>>,
    pub(super) turns: EvidenceCache,
}

impl CallerCache {
    /// A cache of at most so many megabytes of vectors, and as many of turns.
    pub fn new(megabytes: u64) -> Self {
        let entries = Cache::builder()
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, warm: &Arc<Warm>| u32::try_from(warm.bytes() + 256).unwrap_or(u32::MAX))
            .max_capacity(megabytes * 1024 * 1024)
            .build();
        Self { entries, turns: EvidenceCache::new(megabytes) }
    }

    /// The caller's vectors as of a revision; `None` when they are too many to be held.
    pub(crate) async fn get(
        &self,
        vectors: &dyn VectorStore,
        scope: &Scope,
        space: &Space,
        revision: u64,
    ) -> Result<Option<Arc<Warm>>> {
        let key = (scope.clone(), space.clone());
        if let Some(warm) = self.entries.get(&key)
            && warm.revision == revision
        {
            return Ok(Some(warm));
        }
        let Some(loaded) = vectors.load(scope, space, MAX_ROWS).await? else { return Ok(None) };
        let mut warm = Warm {
            revision,
            dimensions: space.dimensions,
            rows: Vec::with_capacity(loaded.len()),
            numbers: Vec::with_capacity(loaded.len() * space.dimensions),
        };
        for row in loaded {
            warm.rows.push((row.id, row.sector));
            warm.numbers.extend_from_slice(&row.vector);
        }
        let warm = Arc::new(warm);
        self.entries.insert(key, warm.clone());
        Ok(Some(warm))
    }

    /// Forgets a caller at once: what is no longer kept must not wait for its place in memory to be needed.
    pub(crate) fn forget(&self, scope: &Scope) {
        let keys: Vec<_> = self.entries.iter().map(|(key, _)| key).filter(|key| key.0 == *scope).collect();
        for key in keys {
            self.entries.invalidate(&*key);
        }
        self.turns.forget(scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ram::RamVectorStore;
    use crate::store::VectorRow;
    use crate::testkit::{FlakyVectors, Script};
    use crate::{TenantId, UserId};

    #[tokio::test]
    async fn whoever_calls_now_is_held_however_often_others_called() {
        let space = Space { model: "test".into(), dimensions: 4_096 };
        let script = Script::default();
        let store = FlakyVectors::new(Arc::new(RamVectorStore::default()), script.clone());
        let scope = |caller: usize| Scope { tenant: TenantId::new("t"), caller: UserId::new(format!("usr_{caller}")) };
        for caller in 0..20 {
            let row = |n: usize| VectorRow {
                id: MemoryId::new(format!("mem_{caller}_{n}")),
                sector: Sector::Semantic,
                vector: vec![1.0; space.dimensions],
            };
            store.upsert(&scope(caller), &space, &(0..10).map(row).collect::<Vec<_>>()).await.unwrap();
        }
        // Each takes a sixth of the room.
        let cache = CallerCache::new(1);
        for _ in 0..50 {
            for caller in 0..5 {
                cache.get(&store, &scope(caller), &space, 1).await.unwrap().unwrap();
            }
        }
        for caller in 5..20 {
            cache.get(&store, &scope(caller), &space, 1).await.unwrap().unwrap();
            cache.entries.run_pending_tasks();
            let before = script.calls();
            cache.get(&store, &scope(caller), &space, 1).await.unwrap().unwrap();
            assert_eq!(script.calls(), before, "caller {caller}");
        }
        assert!(cache.entries.weighted_size() <= 1024 * 1024);
    }
}
