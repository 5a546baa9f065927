//! [`KeyStore`] on the same file.

use crate::db::Db;
use crate::error::Fault;
use crate::page::{After, limit, page, rows};
use crate::row::{micros, stored_key};
use async_trait::async_trait;
use hark_core::crypt::Sealed;
use hark_core::store::{KeyKind, KeyStore, StoredKey};
use hark_core::{KeyId, Page, PageRequest, Result, TenantId, Timestamp};
use std::sync::Arc;

/// Who may ask.
#[derive(Debug)]
pub(crate) struct SqliteKeys {
    db: Arc<Db>,
}

impl SqliteKeys {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn insert(&self, key: &StoredKey) -> Result<(), Fault> {
        sqlx::query(
            "INSERT INTO keys (id, tenant, kind, label, scopes, hash, sealed, created_at, expires_at, revoked_at,
                               last_used_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(key.id.as_str())
        .bind(key.tenant.as_str())
        .bind(key.kind.name())
        .bind(key.label.as_str())
        .bind(key.scopes.names())
        .bind(&key.hash[..])
        .bind(key.sealed.as_ref().map(Sealed::as_bytes))
        .bind(micros(key.created_at))
        .bind(key.expires_at.map(micros))
        .bind(key.revoked_at.map(micros))
        .bind(key.last_used_at.map(micros))
        .execute(&self.db.writer)
        .await?;
        Ok(())
    }

    async fn find(&self, id: &KeyId) -> Result<Option<StoredKey>, Fault> {
        let row =
            sqlx::query("SELECT * FROM keys WHERE id = ?").bind(id.as_str()).fetch_optional(&self.db.reader).await?;
        row.as_ref().map(stored_key).transpose()
    }

    async fn list(&self, tenant: &TenantId, kind: KeyKind, request: &PageRequest) -> Result<Page<StoredKey>, Fault> {
        let (after, limit) = (After::of(request)?, limit(request)?);
        let found = sqlx::query(
            "SELECT * FROM keys
             WHERE tenant = ?1 AND kind = ?2 AND (created_at < ?3 OR (created_at = ?3 AND id > ?4))
             ORDER BY created_at DESC, id LIMIT ?5",
        )
        .bind(tenant.as_str())
        .bind(kind.name())
        .bind(after.at)
        .bind(after.id)
        .bind(rows(limit))
        .fetch_all(&self.db.reader)
        .await?;
        let keys = found.iter().map(stored_key).collect::<Result<Vec<_>, _>>()?;
        Ok(page(keys, limit, |key| After { at: micros(key.created_at), id: key.id.to_string() }))
    }

    async fn live(&self, kind: KeyKind, now: Timestamp) -> Result<Vec<StoredKey>, Fault> {
        let found = sqlx::query(
            "SELECT * FROM keys
             WHERE kind = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
             ORDER BY created_at, id",
        )
        .bind(kind.name())
        .bind(micros(now))
        .fetch_all(&self.db.reader)
        .await?;
        found.iter().map(stored_key).collect()
    }

    async fn revoke(&self, tenant: &TenantId, id: &KeyId, now: Timestamp) -> Result<Option<StoredKey>, Fault> {
        let mut tx = self.db.begin().await?;
        let row = sqlx::query("SELECT * FROM keys WHERE tenant = ? AND id = ?")
            .bind(tenant.as_str())
            .bind(id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let Some(mut key) = row.as_ref().map(stored_key).transpose()? else { return Ok(None) };
        // As columns hold it: the answer says what is kept.
        key.revoke(Timestamp::from_timestamp_micros(micros(now)).unwrap_or(now));
        sqlx::query("UPDATE keys SET revoked_at = ?, hash = ?, sealed = ? WHERE id = ?")
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
        let mut tx = self.db.begin().await?;
        for (id, at) in uses {
            sqlx::query(
                "UPDATE keys SET last_used_at = ?1 WHERE id = ?2 AND (last_used_at IS NULL OR last_used_at < ?1)",
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
impl KeyStore for SqliteKeys {
    async fn add_key(&self, key: &StoredKey) -> Result<()> {
        self.db.named("sqlite.add_key", self.insert(key).await)
    }

    async fn key(&self, id: &KeyId) -> Result<Option<StoredKey>> {
        self.db.named("sqlite.key", self.find(id).await)
    }

    async fn keys(&self, tenant: &TenantId, kind: KeyKind, page: &PageRequest) -> Result<Page<StoredKey>> {
        self.db.named("sqlite.keys", self.list(tenant, kind, page).await)
    }

    async fn live_keys(&self, kind: KeyKind, now: Timestamp) -> Result<Vec<StoredKey>> {
        self.db.named("sqlite.live_keys", self.live(kind, now).await)
    }

    async fn revoke_key(&self, tenant: &TenantId, id: &KeyId, now: Timestamp) -> Result<Option<StoredKey>> {
        self.db.named("sqlite.revoke_key", self.revoke(tenant, id, now).await)
    }

    async fn note_key_uses(&self, uses: &[(KeyId, Timestamp)]) -> Result<()> {
        self.db.named("sqlite.note_key_uses", self.note(uses).await)
    }
}
