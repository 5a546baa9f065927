//! [`EmbeddingCache`] on the same schema: what was paid for, beside the truth.

use crate::db::Db;
use crate::error::Fault;
use crate::page::as_i64;
use crate::row::{micros, time};
use async_trait::async_trait;
use hark_core::store::{CachedEmbedding, EmbeddingCache, EmbeddingKey, NewEmbedding, Space};
use hark_core::{ErrorKind, Result, Scope, TenantId, Timestamp};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::collections::HashMap;
use std::sync::Arc;

/// Rows that are removed in one transaction: others write between two of them.
const BATCH: i64 = 500;

/// What was paid for.
#[derive(Debug)]
pub(crate) struct PostgresEmbeddings {
    db: Arc<Db>,
}

impl PostgresEmbeddings {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn find(
        &self,
        tenant: &TenantId,
        space: &Space,
        keys: &[EmbeddingKey],
    ) -> Result<Vec<Option<CachedEmbedding>>, Fault> {
        let rows = sqlx::query(
            "SELECT key, vector, used_at FROM embeddings
             WHERE tenant = $1 AND model = $2 AND dimensions = $3 AND key = ANY ($4)",
        )
        .bind(tenant.as_str())
        .bind(space.model.as_str())
        .bind(as_i64(space.dimensions))
        .bind(keys.iter().map(|key| &key.0[..]).collect::<Vec<_>>())
        .fetch_all(&self.db.pool)
        .await?;
        let found = rows.iter().map(|row| Ok((row.try_get::<Vec<u8>, _>("key")?, embedding(row, space)?)));
        let found: HashMap<Vec<u8>, CachedEmbedding> = found.collect::<Result<_, Fault>>()?;
        Ok(keys.iter().map(|key| found.get(&key.0[..]).cloned()).collect())
    }

    async fn keep(&self, tenant: &TenantId, space: &Space, rows: &[NewEmbedding], now: Timestamp) -> Result<(), Fault> {
        if rows.iter().any(|row| row.vector.len() != space.dimensions) {
            return Err(Fault::Refused(ErrorKind::Invalid, "a vector has not the space's width"));
        }
        if rows.is_empty() {
            return Ok(());
        }
        // By key, here and below, so that two nodes that keep the same texts do not wait for each other in a ring.
        let mut rows: Vec<&NewEmbedding> = rows.iter().collect();
        rows.sort_by_key(|row| row.key);
        let mut tx = self.db.begin().await?;
        for row in rows {
            sqlx::query(
                "INSERT INTO embeddings (tenant, model, dimensions, key, owner, used_at, vector)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
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
        let mut keys = keys.to_vec();
        keys.sort();
        let mut tx = self.db.begin().await?;
        for key in keys {
            sqlx::query(
                "UPDATE embeddings SET used_at = $1 WHERE tenant = $2 AND model = $3 AND dimensions = $4 AND key = $5",
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
        let done = sqlx::query("DELETE FROM embeddings WHERE tenant = $1 AND owner = $2")
            .bind(scope.tenant.as_str())
            .bind(scope.caller.as_str())
            .execute(&self.db.pool)
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
                     SELECT seq FROM (SELECT seq FROM embeddings WHERE used_at < $1 ORDER BY used_at, seq LIMIT $2)
                     UNION
                     SELECT seq FROM (SELECT seq FROM embeddings ORDER BY used_at, seq LIMIT $3))",
            )
            .bind(micros(unused_since))
            .bind(BATCH)
            .bind(batch)
            .execute(&self.db.pool)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(removed);
            }
            removed += done.rows_affected();
        }
    }

    async fn rows(&self) -> Result<u64, Fault> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM embeddings").fetch_one(&self.db.pool).await?;
        Ok(count.unsigned_abs())
    }
}

fn embedding(row: &PgRow, space: &Space) -> Result<CachedEmbedding, Fault> {
    let bytes: &[u8] = row.try_get("vector")?;
    if bytes.len() != space.dimensions * 4 {
        return Err(Fault::Stored("vector"));
    }
    let vector = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(CachedEmbedding { vector, used_at: time(row, "used_at")? })
}

#[async_trait]
impl EmbeddingCache for PostgresEmbeddings {
    async fn get(
        &self,
        tenant: &TenantId,
        space: &Space,
        keys: &[EmbeddingKey],
    ) -> Result<Vec<Option<CachedEmbedding>>> {
        self.db.read("postgres.get_embeddings", || self.find(tenant, space, keys)).await
    }

    async fn put(&self, tenant: &TenantId, space: &Space, rows: &[NewEmbedding], now: Timestamp) -> Result<()> {
        self.db.write("postgres.put_embeddings", || self.keep(tenant, space, rows, now)).await
    }

    async fn touch(&self, tenant: &TenantId, space: &Space, keys: &[EmbeddingKey], now: Timestamp) -> Result<()> {
        self.db.write("postgres.touch_embeddings", || self.note(tenant, space, keys, now)).await
    }

    async fn erase(&self, scope: &Scope) -> Result<u64> {
        self.db.write("postgres.erase_embeddings", || self.remove_owned(scope)).await
    }

    async fn prune(&self, keep: u64, unused_since: Timestamp) -> Result<u64> {
        self.db.write("postgres.prune_embeddings", || self.remove_unused(keep, unused_since)).await
    }

    async fn count(&self) -> Result<u64> {
        self.db.read("postgres.count_embeddings", || self.rows()).await
    }
}
