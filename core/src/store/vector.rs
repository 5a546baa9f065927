//! Vectors: derived, rebuilt from the truth at will.

use super::ScoredId;
use crate::{MemoryId, Result, Scope, Sector};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// A model's space. Vectors of two spaces are never compared, and never share a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Space {
    /// The model with everything that changes its numbers, such as `minilm-l3-q4`.
    pub model: String,
    /// Numbers in a vector.
    pub dimensions: usize,
}

/// What a vector store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VectorCaps {
    /// Keeps its content when the process ends.
    pub durable: bool,
    /// Search inside one caller is exact, not approximate.
    pub exact: bool,
}

/// One vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorRow {
    /// The memory.
    pub id: MemoryId,
    /// Its sector, so that a search can be narrowed.
    pub sector: Sector,
    /// The vector, of the space's width. Stores may assume unit length.
    pub vector: Vec<f32>,
}

/// Vectors of memories, by space and scope. A width that is not the space's is an error of kind `Invalid`
/// and nothing is written.
#[async_trait]
pub trait VectorStore: Debug + Send + Sync + 'static {
    /// What it can do.
    fn caps(&self) -> VectorCaps;

    /// Writes vectors; an id that is there is replaced. What is written is found by the next call.
    async fn upsert(&self, scope: &Scope, space: &Space, rows: &[VectorRow]) -> Result<()>;

    /// As [`VectorStore::upsert`], for many callers at once: reindexing.
    async fn upsert_many(&self, space: &Space, rows: &[(Scope, VectorRow)]) -> Result<()>;

    /// The caller's vectors nearest to `query` by cosine, best first, at most `limit`; narrowed to `sectors`
    /// unless empty. Scores are cosines. A space nobody has written to is empty, not an error.
    async fn search(
        &self,
        scope: &Scope,
        space: &Space,
        query: &[f32],
        sectors: &[Sector],
        limit: usize,
    ) -> Result<Vec<ScoredId>>;

    /// All vectors of a caller, in no order, unless they are more than `limit`: then `None`. For warming.
    async fn load(&self, scope: &Scope, space: &Space, limit: usize) -> Result<Option<Vec<VectorRow>>>;

    /// Removes vectors from every space; the missing are fine.
    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()>;

    /// Removes all of a caller's vectors from every space.
    async fn erase(&self, scope: &Scope) -> Result<()>;

    /// How many vectors a space holds.
    async fn count(&self, space: &Space) -> Result<u64>;

    /// Empties a space; before rebuilding it.
    async fn clear(&self, space: &Space) -> Result<()>;

    /// Compacts and indexes what was written. Cheap when there is nothing to do; safe at any time.
    async fn optimise(&self) -> Result<()>;

    /// Rewrites every file that still holds something removed, at whatever price. What was removed before is in no current
    /// file when it has answered, and in no file at all after another call ten minutes later.
    async fn purge(&self) -> Result<()>;
}
