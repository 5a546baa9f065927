//! Embeddings that were paid for, in memory.

use super::locked;
use crate::store::{CachedEmbedding, EmbeddingCache, EmbeddingKey, NewEmbedding, Space};
use crate::{Error, Result, Scope, TenantId, Timestamp, UserId};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Mutex;

type Key = (TenantId, Space, EmbeddingKey);

/// An [`EmbeddingCache`] that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct RamEmbeddingCache(Mutex<BTreeMap<Key, (UserId, CachedEmbedding)>>);

#[async_trait]
impl EmbeddingCache for RamEmbeddingCache {
    async fn get(
        &self,
        tenant: &TenantId,
        space: &Space,
        keys: &[EmbeddingKey],
    ) -> Result<Vec<Option<CachedEmbedding>>> {
        let rows = locked(&self.0);
        let of = |key: &EmbeddingKey| rows.get(&(tenant.clone(), space.clone(), *key)).map(|(_, row)| row.clone());
        Ok(keys.iter().map(of).collect())
    }

    async fn put(&self, tenant: &TenantId, space: &Space, rows: &[NewEmbedding], now: Timestamp) -> Result<()> {
        if rows.iter().any(|row| row.vector.len() != space.dimensions) {
            return Err(Error::invalid("ram.put_embeddings", "a vector has not the space's width"));
        }
        let mut kept = locked(&self.0);
        for row in rows {
            kept.entry((tenant.clone(), space.clone(), row.key))
                .or_insert_with(|| (row.owner.clone(), CachedEmbedding { vector: row.vector.clone(), used_at: now }));
        }
        Ok(())
    }

    async fn touch(&self, tenant: &TenantId, space: &Space, keys: &[EmbeddingKey], now: Timestamp) -> Result<()> {
        let mut kept = locked(&self.0);
        for key in keys {
            if let Some((_, row)) = kept.get_mut(&(tenant.clone(), space.clone(), *key)) {
                row.used_at = now;
            }
        }
        Ok(())
    }

    async fn erase(&self, scope: &Scope) -> Result<u64> {
        let mut kept = locked(&self.0);
        let before = kept.len();
        kept.retain(|(tenant, ..), (owner, _)| *tenant != scope.tenant || *owner != scope.caller);
        Ok((before - kept.len()) as u64)
    }

    async fn prune(&self, keep: u64, unused_since: Timestamp) -> Result<u64> {
        let mut kept = locked(&self.0);
        let before = kept.len();
        kept.retain(|_, (_, row)| row.used_at >= unused_since);
        let over = kept.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
        let mut by_use: Vec<(Timestamp, Key)> = kept.iter().map(|(key, (_, row))| (row.used_at, key.clone())).collect();
        by_use.sort();
        for (_, key) in by_use.into_iter().take(over) {
            kept.remove(&key);
        }
        Ok((before - kept.len()) as u64)
    }

    async fn count(&self) -> Result<u64> {
        Ok(locked(&self.0).len() as u64)
    }
}
