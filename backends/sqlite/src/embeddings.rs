//! [`EmbeddingCache`] on the same file: what was paid for, beside the truth.

use crate::db::Db;
use crate::error::Fault;
use crate::page::as_i64;
use crate::row::{micros, time};
use async_trait::async_trait;
use hark_core::store::{CachedEmbedding, EmbeddingCache, EmbeddingKey, NewEmbedding, Space};
use hark_core::{ErrorKind, Result, Scope, TenantId, Timestamp};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::sync::Arc;

/// Rows that are removed in one transaction: others write between two of them.
const BATCH: i64 = 500;

/// What was paid for.
#[derive(Debug)]
pub(crate) struct SqliteEmbeddings {
    db: Arc<Db>,
}

impl SqliteEmbeddings {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn find(
        &self,
        tenant: &TenantId,
        space: &Space,
        keys: &[EmbeddingKey],
    ) -> Result<Vec<Option<CachedEmbedding>>, Fault> {
        let mut found = Vec::with_capacity(keys.len());
        let mut connection = self.db.reader.acquire().await?;
        for key in keys {
            let row = sqlx::query(
                "SELECT vector, used_at FROM embeddings
                 WHERE tenant = ? AND model = ? AND dimensions = ? AND key = ?",
            )
            .bind(tenant.as_str())
            .bind(space.model.as_str())
            .bind(as_i64(space.dimensions))
            .bind(&key.0[..])
            .fetch_optional(&mut *connection)
            .await?;
            found.push(row.as_ref().map(|row| embedding(row, space)).transpose()?);
        }
        Ok(found)
    }

    async fn keep(&self, tenant: &TenantId, space: &Space, rows: &[NewEmbedding], now: Timestamp) -> Result<(), Fault> {
        if rows.iter().any(|row| row.vector.len() != space.dimensions) {
            return Err(Fault::Refused(ErrorKind::Invalid, "a vector has not the space's width"));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for row in rows {
            sqlx::query(
                "INSERT INTO embeddings (tenant, model, dimensions, key, owner, used_at, vector)
                 VALUES (?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (tenant, model, dimensions, key) DO NOTHING",
            )
            .bind(tenant.as_str())
            .bind(space.model.as_str())
            .bind(as_i64(space.dimensions))
            .bind(&row.key.0[..])
            .bind(row.owner.as_str())
            .bind(micros(now))
            .bind(row.vector.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>())
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn note(&self, tenant: &TenantId, space: &Space, keys: &[EmbeddingKey], now: Timestamp) -> Result<(), Fault> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for key in keys {
            sqlx::query(
                "UPDATE embeddings SET used_at = ? WHERE tenant = ? AND model = ? AND dimensions = ? AND key = ?",
            )
            .bind(micros(now))
            .bind(tenant.as_str())
            .bind(space.model.as_str())
            .bind(as_i64(space.dimensions))
            .bind(&key.0[..])
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn remove_owned(&self, scope: &Scope) -> Result<u64, Fault> {
        let done = sqlx::query("DELETE FROM embeddings WHERE tenant = ? AND owner = ?")
            .bind(scope.tenant.as_str())
            .bind(scope.caller.as_str())
            .execute(&self.db.writer)
            .await?;
        Ok(done.rows_affected())
    }

    async fn remove_unused(&self, keep: u64, unused_since: Timestamp) -> Result<u64, Fault> {
        let mut removed = 0;
        loop {
            // The cutoff never grows between two batches, so the loop ends even while others write.
            let over = self.rows().await?.saturating_sub(keep);
            let batch = i64::try_from(over).unwrap_or(i64::MAX).min(BATCH);
            let done = sqlx::query(
                "DELETE FROM embeddings WHERE seq IN (
                     SELECT seq FROM (SELECT seq FROM embeddings WHERE used_at < ?1 ORDER BY used_at, seq LIMIT ?2)
                     UNION
                     SELECT seq FROM (SELECT seq FROM embeddings ORDER BY used_at, seq LIMIT ?3))",
            )
            .bind(micros(unused_since))
            .bind(BATCH)
            .bind(batch)
            .execute(&self.db.writer)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(removed);
            }
            removed += done.rows_affected();
        }
    }

    async fn rows(&self) -> Result<u64, Fault> {
        // From the writer: a reader may still see what the last batch has removed.
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM embeddings").fetch_one(&self.db.writer).await?;
        Ok(count.unsigned_abs())
    }
}

fn embedding(row: &SqliteRow, space: &Space) -> Result<CachedEmbedding, Fault> {
    let bytes: &[u8] = row.try_get("vector")?;
    if bytes.len() != space.dimensions * 4 {
        return Err(Fault::Stored("vector"));
    }
    let vector = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(CachedEmbedding { vector, used_at: time(row, "used_at")? })
}

#[async_trait]
impl EmbeddingCache for SqliteEmbeddings {
    async fn get(
        &self,
        tenant: &TenantId,
        space: &Space,
        keys: &[EmbeddingKey],
    ) -> Result<Vec<Option<CachedEmbedding>>> {
        self.db.named("sqlite.get_embeddings", self.find(tenant, space, keys).await)
    }

    async fn put(&self, tenant: &TenantId, space: &Space, rows: &[NewEmbedding], now: Timestamp) -> Result<()> {
        self.db.named("sqlite.put_embeddings", self.keep(tenant, space, rows, now).await)
    }

    async fn touch(&self, tenant: &TenantId, space: &Space, keys: &[EmbeddingKey], now: Timestamp) -> Result<()> {
        self.db.named("sqlite.touch_embeddings", self.note(tenant, space, keys, now).await)
    }

    async fn erase(&self, scope: &Scope) -> Result<u64> {
        self.db.named("sqlite.erase_embeddings", self.remove_owned(scope).await)
    }

    async fn prune(&self, keep: u64, unused_since: Timestamp) -> Result<u64> {
        self.db.named("sqlite.prune_embeddings", self.remove_unused(keep, unused_since).await)
    }

    async fn count(&self) -> Result<u64> {
        self.db.named("sqlite.count_embeddings", self.rows().await)
    }
}
