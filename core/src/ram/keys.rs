//! Keys, in memory.

use super::locked;
use super::page::latest_first;
use super::sealed::{Holds, Place};
use crate::crypt::{Purpose, Sealed};
use crate::store::{KeyKind, KeyStore, StoredKey};
use crate::{Error, ErrorKind, KeyId, Page, PageRequest, Result, TenantId, Timestamp};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A [`KeyStore`] that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct RamKeyStore(Mutex<BTreeMap<KeyId, StoredKey>>);

#[async_trait]
impl KeyStore for RamKeyStore {
    async fn add_key(&self, key: &StoredKey) -> Result<()> {
        let mut keys = locked(&self.0);
        let same = |other: &StoredKey| {
            other.revoked_at.is_none() && key.revoked_at.is_none() && other.kind == key.kind && other.hash == key.hash
        };
        if keys.contains_key(&key.id) || keys.values().any(same) {
            return Err(Error::new(ErrorKind::Conflict, "ram.add_key", "it is there already"));
        }
        keys.insert(key.id.clone(), key.clone());
        Ok(())
    }

    async fn key(&self, id: &KeyId) -> Result<Option<StoredKey>> {
        Ok(locked(&self.0).get(id).cloned())
    }

    async fn keys(&self, tenant: &TenantId, kind: KeyKind, page: &PageRequest) -> Result<Page<StoredKey>> {
        let keys = locked(&self.0);
        let theirs = keys.values().filter(|key| key.tenant == *tenant && key.kind == kind);
        latest_first("ram.keys", theirs, page, |key| (key.created_at, key.id.as_str()), StoredKey::clone)
    }

    async fn live_keys(&self, kind: KeyKind, now: Timestamp) -> Result<Vec<StoredKey>> {
        let keys = locked(&self.0);
        let mut live: Vec<_> = keys.values().filter(|key| key.kind == kind && key.is_live(now)).cloned().collect();
        live.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(live)
    }

    async fn revoke_key(&self, tenant: &TenantId, id: &KeyId, now: Timestamp) -> Result<Option<StoredKey>> {
        let mut keys = locked(&self.0);
        let Some(key) = keys.get_mut(id).filter(|key| key.tenant == *tenant) else { return Ok(None) };
        key.revoke(now);
        Ok(Some(key.clone()))
    }

    async fn note_key_uses(&self, uses: &[(KeyId, Timestamp)]) -> Result<()> {
        let mut keys = locked(&self.0);
        for (id, at) in uses {
            if let Some(key) = keys.get_mut(id) {
                key.last_used_at = key.last_used_at.max(Some(*at));
            }
        }
        Ok(())
    }
}

impl Holds for RamKeyStore {
    fn each(&self, look: &mut dyn FnMut(Place<'_>, &mut Sealed)) {
        for (id, key) in &mut *locked(&self.0) {
            if let Some(sealed) = &mut key.sealed {
                let (place, record) = (id.to_string(), id.as_str());
                look(Place { purpose: Purpose::WebhookSecret, tenant: &key.tenant, place, record }, sealed);
            }
        }
    }
}
