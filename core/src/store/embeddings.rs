//! Embeddings that were paid for, kept beside the truth so that nobody pays twice.

use super::Space;
use crate::{Result, Scope, TenantId, Timestamp, UserId};
use async_trait::async_trait;
use std::fmt;

/// A text by a keyed hash of it: whoever reads the table can neither see nor guess what was said.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmbeddingKey(pub [u8; 32]);

impl fmt::Debug for EmbeddingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmbeddingKey({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// An embedding to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEmbedding {
    /// Its text.
    pub key: EmbeddingKey,
    /// Whose words the text is.
    pub owner: UserId,
    /// The vector, of the space's width.
    pub vector: Vec<f32>,
}

/// An embedding as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedEmbedding {
    /// The vector, bit for bit.
    pub vector: Vec<f32>,
    /// When it was kept or last [touched](EmbeddingCache::touch).
    pub used_at: Timestamp,
}

/// A cache of embeddings by tenant, space and text. Losing it costs money, nothing else.
#[async_trait]
pub trait EmbeddingCache: fmt::Debug + Send + Sync + 'static {
    /// What is kept for these keys, in their order; `None` where nothing is. Writes nothing: somebody may be on
    /// the phone.
    async fn get(
        &self,
        tenant: &TenantId,
        space: &Space,
        keys: &[EmbeddingKey],
    ) -> Result<Vec<Option<CachedEmbedding>>>;

    /// Keeps embeddings, all or none, used at `now`. One that is there stays as it is and its first owner's: what
    /// the first caller is erased with, the next one pays for again. A width that is not the space's is an error
    /// of kind `Invalid`.
    async fn put(&self, tenant: &TenantId, space: &Space, rows: &[NewEmbedding], now: Timestamp) -> Result<()>;

    /// Notes that embeddings were used. The missing are ignored.
    async fn touch(&self, tenant: &TenantId, space: &Space, keys: &[EmbeddingKey], now: Timestamp) -> Result<()>;

    /// Removes everything whose owner is this caller. Answers how much went. What a cache that processes share is given for that
    /// caller soon afterwards it may leave out: a call may be under way elsewhere that brings what was erased.
    async fn erase(&self, scope: &Scope) -> Result<u64>;

    /// Removes what was last used before `unused_since`, and of the rest all but the `keep` last used, of all
    /// tenants and spaces. Answers how much went.
    async fn prune(&self, keep: u64, unused_since: Timestamp) -> Result<u64>;

    /// How many embeddings there are in all.
    async fn count(&self) -> Result<u64>;
}
