//! Words: derived, rebuilt from the truth at will.

use crate::{MemoryId, Result, Scope, Sector};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// What a keyword store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeywordCaps {
    /// Keeps its content when the process ends.
    pub durable: bool,
    /// Finds "deliveries" when asked for "delivery".
    pub stemming: bool,
}

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub struct KeywordDoc {
    /// The memory.
    pub id: MemoryId,
    /// Its sector, so that a search can be narrowed.
    pub sector: Sector,
    /// The words to be found by.
    pub text: String,
}

/// A memory and how well it matched. The scale is the store's own; greater is better.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredId {
    /// The memory.
    pub id: MemoryId,
    /// How well it matched.
    pub score: f32,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeywordQuery {
    /// Plain words, never a query language: whatever a caller's question holds is taken literally.
    pub text: String,
    /// Only these sectors; empty for all.
    pub sectors: Vec<Sector>,
    /// At most so many.
    pub limit: usize,
}

/// Words of memories, by scope.
#[async_trait]
pub trait KeywordStore: Debug + Send + Sync + 'static {
    /// What it can do.
    fn caps(&self) -> KeywordCaps;

    /// Writes documents; an id that is there is replaced. What is written is found by the next call.
    async fn upsert(&self, scope: &Scope, docs: &[KeywordDoc]) -> Result<()>;

    /// As [`KeywordStore::upsert`], for many callers at once: reindexing.
    async fn upsert_many(&self, docs: &[(Scope, KeywordDoc)]) -> Result<()>;

    /// The caller's documents that share a word with the query, best first (BM25). Words without meaning are
    /// not searched for. A query without words finds nothing; no text is an error.
    async fn search(&self, scope: &Scope, query: &KeywordQuery) -> Result<Vec<ScoredId>>;

    /// Removes documents; the missing are fine.
    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()>;

    /// Removes all of a caller's documents.
    async fn erase(&self, scope: &Scope) -> Result<()>;

    /// How many documents there are.
    async fn count(&self) -> Result<u64>;

    /// Removes everything; before rebuilding.
    async fn clear(&self) -> Result<()>;

    /// Merges what was written. Cheap when there is nothing to do; safe at any time.
    async fn optimise(&self) -> Result<()>;

    /// Rewrites every file that still holds something removed, at whatever price. What was removed before is in no current
    /// file when it has answered, and in no file at all after another call ten minutes later.
    async fn purge(&self) -> Result<()>;
}
