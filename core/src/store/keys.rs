//! API keys and webhook secrets, as they are kept.

use crate::crypt::Sealed;
use crate::{KeyId, KeyScopes, Page, PageRequest, Result, TenantId, Timestamp};
use async_trait::async_trait;
use sha2::{Digest, Sha256};
use std::fmt;

/// What a kept key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// Our routes: shown with every request, so a hash of it is enough.
    Api,
    /// The post-call webhook: signs, so its text must be there to check with.
    Webhook,
}

impl KeyKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Api, Self::Webhook];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Webhook => "webhook",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A key as it is kept: enough to know it again, never enough to use it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its id, unique among all tenants.
    pub id: KeyId,
    /// Whose data it opens.
    pub tenant: TenantId,
    /// What it opens.
    pub kind: KeyKind,
    /// What people call it; may be empty.
    pub label: String,
    /// What it allows; none for a webhook secret, which only signs.
    pub scopes: KeyScopes,
    /// A keyed hash of its text and of what it allows; [`StoredKey::spent`] once it is revoked.
    pub hash: [u8; 32],
    /// The text, of a webhook secret only, until it is revoked.
    pub sealed: Option<Sealed>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("kind", &self.kind)
            .field("scopes", &self.scopes)
            .field("revoked_at", &self.revoked_at)
            .finish_non_exhaustive()
    }
}

impl StoredKey {
    /// Revokes it at `now`, for good: what it was known and checked by goes with it, so that nobody brings it back by taking the
    /// date away. One that is revoked already stays as it is.
    pub fn revoke(&mut self, now: Timestamp) {
        if self.revoked_at.is_none() {
            self.revoked_at = Some(now);
            self.hash = Self::spent(&self.hash);
            self.sealed = None;
        }
    }

    /// What is left of a hash of a key that was revoked: enough to tell whoever shows the key why it does not count, and no
    /// key's hash.
    pub fn spent(hash: &[u8; 32]) -> [u8; 32] {
        Sha256::new().chain_update(b"revoked key\0").chain_update(hash).finalize().into()
    }

    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// The keys of all tenants. Small, read with every request that no cache answers, and shared by all nodes.
///
/// Everything is ordered by [`StoredKey::created_at`], ties by id.
#[async_trait]
pub trait KeyStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps a new key. An id that is there, or the hash of a key of the same kind that is not revoked, is an error of kind
    /// `Conflict`, and nothing changes. Of two that race with one hash, one wins.
    async fn add_key(&self, key: &StoredKey) -> Result<()>;

    /// The key of this id, whoever's it is, revoked and expired ones included: whoever shows a key names nobody, and
    /// the tenant follows from it.
    async fn key(&self, id: &KeyId) -> Result<Option<StoredKey>>;

    /// A tenant's keys of a kind, latest first, revoked and expired ones included.
    async fn keys(&self, tenant: &TenantId, kind: KeyKind, page: &PageRequest) -> Result<Page<StoredKey>>;

    /// Every key of a kind that is live at `now`, of all tenants, earliest first.
    async fn live_keys(&self, kind: KeyKind, now: Timestamp) -> Result<Vec<StoredKey>>;

    /// Revokes a tenant's key at `now`, as [`StoredKey::revoke`] does; one that is revoked already stays revoked when it was.
    /// Answers how it stands, and `None` for one that is not there or another tenant's. When this has answered,
    /// [`KeyStore::key`] tells of it.
    async fn revoke_key(&self, tenant: &TenantId, id: &KeyId, now: Timestamp) -> Result<Option<StoredKey>>;

    /// Notes when keys were used, all or none. A use earlier than the last one is ignored, as is a key that is not there.
    async fn note_key_uses(&self, uses: &[(KeyId, Timestamp)]) -> Result<()>;
}
