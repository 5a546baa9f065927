//! Keys that can be taken away, with the truth beside which they are kept.

use super::switches::{Part, Switches};
use async_trait::async_trait;
use hark_core::ram::RamKeyStore;
use hark_core::store::{KeyKind, KeyStore, StoredKey};
use hark_core::{KeyId, Page, PageRequest, Result, TenantId, Timestamp};
use std::sync::Arc;

/// The keys, as long as the truth is switched on.
#[derive(Debug)]
pub(crate) struct SwitchedKeys {
    pub(crate) inner: RamKeyStore,
    pub(crate) switches: Arc<Switches>,
}

#[async_trait]
impl KeyStore for SwitchedKeys {
    async fn add_key(&self, key: &StoredKey) -> Result<()> {
        self.switches.gate(Part::Truth).await?;
        self.inner.add_key(key).await
    }
    async fn key(&self, id: &KeyId) -> Result<Option<StoredKey>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.key(id).await
    }
    async fn keys(&self, tenant: &TenantId, kind: KeyKind, page: &PageRequest) -> Result<Page<StoredKey>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.keys(tenant, kind, page).await
    }
    async fn live_keys(&self, kind: KeyKind, now: Timestamp) -> Result<Vec<StoredKey>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.live_keys(kind, now).await
    }
    async fn revoke_key(&self, tenant: &TenantId, id: &KeyId, now: Timestamp) -> Result<Option<StoredKey>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.revoke_key(tenant, id, now).await
    }
    async fn note_key_uses(&self, uses: &[(KeyId, Timestamp)]) -> Result<()> {
        self.switches.gate(Part::Truth).await?;
        self.inner.note_key_uses(uses).await
    }
}
