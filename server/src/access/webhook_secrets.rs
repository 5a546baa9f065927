//! Every secret a post-call event may be signed with, of all tenants.

use super::{Authenticator, FRESH, STALE, in_time};
use crate::middleware::principal::{KeyName, Principal};
use hark_core::crypt::Purpose;
use hark_core::store::{KeyKind, StoredKey};
use hark_core::{ErrorKind, KeyScopes, Result, Secret, Timestamp};
use std::sync::{Arc, MutexGuard, PoisonError};
use tokio::time::Instant;

/// A secret, and whose it is.
#[derive(Debug, Clone)]
pub struct LiveSecret {
    /// Who signs with it.
    pub signer: Principal,
    /// Its text.
    pub secret: Secret,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

/// The secrets that count now.
#[derive(Debug, Clone)]
pub struct LiveSecrets {
    /// Each of them.
    pub secrets: Arc<[LiveSecret]>,
    /// Whether all are among them. Where the kept ones could not be read, an event that none of these has signed may be
    /// another's all the same.
    pub complete: bool,
    read_at: Instant,
}

impl Authenticator {
    /// The secrets that count now, those that have expired since they were read left out.
    pub async fn live_secrets(&self) -> LiveSecrets {
        let mut live = self.known_secrets().await;
        let now = self.clock.now();
        if live.secrets.iter().any(|secret| secret.expires_at.is_some_and(|end| end <= now)) {
            let left = live.secrets.iter().filter(|secret| secret.expires_at.is_none_or(|end| now < end)).cloned();
            live.secrets = left.collect();
        }
        live
    }

    async fn known_secrets(&self) -> LiveSecrets {
        let read_at = Instant::now();
        let held = self.held_secrets().clone();
        if let Some(held) = held.as_ref().filter(|held| read_at.duration_since(held.read_at) < FRESH) {
            return held.clone();
        }
        match self.read_secrets().await {
            Ok(secrets) => {
                let live = LiveSecrets { secrets: secrets.into(), complete: true, read_at };
                *self.held_secrets() = Some(live.clone());
                live
            }
            Err(error) => {
                tracing::warn!(?error, "the kept webhook secrets cannot be read");
                match held.filter(|held| read_at.duration_since(held.read_at) < STALE) {
                    Some(held) => LiveSecrets { complete: false, ..held },
                    None => LiveSecrets { secrets: self.configured_secrets().collect(), complete: false, read_at },
                }
            }
        }
    }

    async fn read_secrets(&self) -> Result<Vec<LiveSecret>> {
        let mut secrets: Vec<LiveSecret> = self.configured_secrets().collect();
        let Some(store) = &self.store else { return Ok(secrets) };
        for kept in in_time(store.live_keys(KeyKind::Webhook, self.clock.now())).await? {
            match self.open(&kept) {
                Ok(secret) => secrets.push(secret),
                // One that does not open must not keep the others from counting.
                Err(error) => tracing::error!(?error, key = %kept.id, "a webhook secret does not open"),
            }
        }
        Ok(secrets)
    }

    fn configured_secrets(&self) -> impl Iterator<Item = LiveSecret> + '_ {
        self.secrets.iter().enumerate().map(|(place, secret)| LiveSecret {
            signer: Principal { scopes: KeyScopes::default(), ..Principal::configured(self.tenant.clone(), place) },
            secret: secret.clone(),
            expires_at: None,
            last_used_at: None,
        })
    }

    fn open(&self, kept: &StoredKey) -> Result<LiveSecret> {
        let missing = || hark_core::Error::new(ErrorKind::Corrupt, "keys.open", "a webhook secret has no text");
        let sealed = kept.sealed.as_ref().ok_or_else(missing)?;
        let text = self.vault.open(&kept.tenant, Purpose::WebhookSecret, kept.id.as_str(), sealed)?;
        let text = String::from_utf8(text).map_err(|_| missing())?;
        Ok(LiveSecret {
            signer: Principal {
                tenant: kept.tenant.clone(),
                key: KeyName::Stored(kept.id.clone()),
                scopes: KeyScopes::default(),
            },
            secret: Secret::new(text),
            expires_at: kept.expires_at,
            last_used_at: kept.last_used_at,
        })
    }

    /// Notes that an event was signed with it.
    pub fn signed_with(&self, secret: &LiveSecret) {
        if let KeyName::Stored(id) = &secret.signer.key {
            self.uses.note(id, secret.last_used_at, self.clock.now());
        }
    }

    /// What was read of the secrets no longer counts here.
    pub(super) fn forget_secrets(&self) {
        *self.held_secrets() = None;
    }

    fn held_secrets(&self) -> MutexGuard<'_, Option<LiveSecrets>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
