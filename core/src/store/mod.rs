//! The stores. Each trait's doc comments are its contract; the suites in the testkit hold every
//! implementation to them.
//!
//! Rules all stores share:
//! 1. "Not found" is `Ok(None)`; deleting the missing succeeds; writing the same id twice is an upsert.
//! 2. `now` and the scope are parameters. No store reads a clock or guesses a tenant.
//! 3. What must happen together is one method. No transaction leaks into a trait.

pub mod archive;
mod backup;
mod embeddings;
mod job;
mod keys;
mod keyword;
mod memory;
mod migrate;
mod sealed;
mod upkeep;
mod vector;

pub use archive::{Archive, View};
pub use backup::{Backup, Copied};
pub use embeddings::{CachedEmbedding, EmbeddingCache, EmbeddingKey, NewEmbedding};
pub use job::{
    Accepted, Discard, Event, FAILURES_KEPT, Failure, Job, JobFilter, JobQueue, JobState, LONGEST_WAIT, Lease,
    NewEvent, NewJob, PastFailure, QueueStats, Settled,
};
pub use keys::{KeyKind, KeyStore, StoredKey};
pub use keyword::{KeywordCaps, KeywordDoc, KeywordQuery, KeywordStore, ScoredId};
pub use memory::{ConflictFilter, MemoryFilter, MemoryStore, Resolved};
pub use migrate::{Migrate, Migration};
pub use sealed::{Resealed, SealedStore, SealedValue};
pub use upkeep::{Leadership, LinkUse, longest_hold};
pub use vector::{Space, VectorCaps, VectorRow, VectorStore};
