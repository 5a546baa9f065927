//! [`KeyStore`] on the same schema.

use crate::db::Db;
use crate::error::Fault;
use crate::page::{After, limit, page, rows};
use crate::row::{micros, storable, stored_key};
use async_trait::async_trait;
use hark_core::crypt::Sealed;
use hark_core::store::{KeyKind, KeyStore, StoredKey};
use hark_core::{KeyId, Page, PageRequest, Result, TenantId, Timestamp};
use std::sync::Arc;

/// Who may ask.
#[derive(Debug)]
pub(crate) struct PostgresKeys {
    db: Arc<Db>,
}

impl PostgresKeys {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn insert(&self, key: &StoredKey) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO keys (id, tenant, kind, label, scopes, hash, sealed, created_at, expires_at, revoked_at,
                               last_used_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(key.id.as_str())
        .bind(key.tenant.as_str())
        .bind(key.kind.name())
        .bind(storable(&key.label))
        .bind(key.scopes.names())
        .bind(&key.hash[..])
        .bind(key.sealed.as_ref().map(Sealed::as_bytes))
        .bind(micros(key.created_at))
        .bind(key.expires_at.map(micros))
        .bind(key.revoked_at.map(micros))
        .bind(key.last_used_at.map(micros))
        .execute(&self.db.pool)
        .await?;
        Ok(())
    }

    async fn find(&self, id: &KeyId) -> Result<Option<StoredKey>, Fault> {
        let row =
            sqlx::query("SELECT * FROM keys WHERE id = $1").bind(id.as_str()).fetch_optional(&self.db.pool).await?;
        row.as_ref().map(stored_key).transpose()
    }

    async fn list(&self, tenant: &TenantId, kind: KeyKind, request: &PageRequest) -> Result<Page<StoredKey>, Fault> {
        let (after, limit) = (After::of(request)?, limit(request)?);
        let found = sqlx::query(
            "SELECT * FROM keys
             WHERE tenant = $1 AND kind = $2 AND (created_at < $3 OR (created_at = $3 AND id > $4))
             ORDER BY created_at DESC, id LIMIT $5",
        )
        .bind(tenant.as_str())
        .bind(kind.name())
        .bind(after.at)
        .bind(after.id)
        .bind(rows(limit))
        .fetch_all(&self.db.pool)
        .await?;
        let keys = found.iter().map(stored_key).collect::<Result<Vec<_>, _>>()?;
        Ok(page(keys, limit, |key| After { at: micros(key.created_at), id: key.id.to_string() }))
    }

    async fn live(&self, kind: KeyKind, now: Timestamp) -> Result<Vec<StoredKey>, Fault> {
        let found = sqlx::query(
            "SELECT * FROM keys
             WHERE kind = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
             ORDER BY created_at, id",
        )
        .bind(kind.name())
        .bind(micros(now))
        .fetch_all(&self.db.pool)
        .await?;
        found.iter().map(stored_key).collect()
    }

    async fn revoke(&self, tenant: &TenantId, id: &KeyId, now: Timestamp) -> Result<Option<StoredKey>, Fault> {
        let mut tx = self.db.begin().await?;
        let row = sqlx::query("SELECT * FROM keys WHERE tenant = $1 AND id = $2 FOR UPDATE")
            .bind(tenant.as_str())
            .bind(id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(mut key) = row.as_ref().map(stored_key).transpose()? else { return Ok(None) };
        // As columns hold it: the answer says what is kept.
        key.revoke(Timestamp::from_timestamp_micros(micros(now)).unwrap_or(now));
        sqlx::query("UPDATE keys SET revoked_at = $1, hash = $2, sealed = $3 WHERE id = $4")
            .bind(key.revoked_at.map(micros))
            .bind(&key.hash[..])
            .bind(key.sealed.as_ref().map(Sealed::as_bytes))
            .bind(id.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Some(key))
    }

    async fn note(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), Fault> {
        if uses.is_empty() {
            return Ok(());
        }
        // By id, so that two nodes that have seen the same keys do not wait for each other in a ring.
        let mut uses: Vec<&(KeyId, Timestamp)> = uses.iter().collect();
        uses.sort();
        let mut tx = self.db.begin().await?;
        for (id, at) in uses {
            sqlx::query(
                "UPDATE keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)",
            )
            .bind(micros(*at))
            .bind(id.as_str())
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }
}

#[async_trait]
impl KeyStore for PostgresKeys {
    async fn add_key(&self, key: &StoredKey) -> Result<()> {
        self.db.write("postgres.add_key", || self.insert(key)).await
    }

    async fn key(&self, id: &KeyId) -> Result<Option<StoredKey>> {
        self.db.read("postgres.key", || self.find(id)).await
    }

    async fn keys(&self, tenant: &TenantId, kind: KeyKind, page: &PageRequest) -> Result<Page<StoredKey>> {
        self.db.read("postgres.keys", || self.list(tenant, kind, page)).await
    }

    async fn live_keys(&self, kind: KeyKind, now: Timestamp) -> Result<Vec<StoredKey>> {
        self.db.read("postgres.live_keys", || self.live(kind, now)).await
    }

    async fn revoke_key(&self, tenant: &TenantId, id: &KeyId, now: Timestamp) -> Result<Option<StoredKey>> {
        self.db.write("postgres.revoke_key", || self.revoke(tenant, id, now)).await
    }

    async fn note_key_uses(&self, uses: &[(KeyId, Timestamp)]) -> Result<()> {
        self.db.write("postgres.note_key_uses", || self.note(uses)).await
    }
}
