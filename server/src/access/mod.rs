//! Who may ask: API keys and webhook secrets, configured and kept, and how they are told apart.
//!
//! What is kept is read anew after [`FRESH`], so that a key which was made or revoked on any node counts on every other
//! within a second; on the node that revoked it, at once.

mod api_keys;
mod issue;
mod uses;
mod webhook_secrets;

pub use api_keys::Denied;
pub(crate) use issue::check_tenant;
pub use issue::{Issued, NewKey};
pub use webhook_secrets::{LiveSecret, LiveSecrets};

use crate::app::{Settings, digest};
use api_keys::Held;
use hark_core::crypt::Vault;
use hark_core::engine::Engine;
use hark_core::store::KeyStore;
use hark_core::{Clock, Entropy, Error, ErrorKind, KeyId, Result, Secret, TenantId};
use moka::sync::Cache;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uses::Uses;

/// For so long what was read of a key counts without asking again.
pub(crate) const FRESH: Duration = Duration::from_millis(500);

/// For so long it counts when the store cannot be asked: a call that is about to begin is not refused because the truth is
/// away for a moment. Longer than this nobody is believed.
pub(crate) const STALE: Duration = Duration::from_secs(30);

/// The store is not waited for any longer: somebody may be on the phone.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// Keys that are remembered at most; made-up ids are remembered as unknown.
const REMEMBERED: u64 = 10_000;

/// Tells who is asking.
#[derive(Debug)]
pub struct Authenticator {
    store: Option<Arc<dyn KeyStore>>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The tenant of configured keys and secrets.
    tenant: TenantId,
    /// SHA-256 of every configured key, and whether it is too short to be beyond guessing.
    configured: Vec<Configured>,
    /// The configured webhook secrets.
    secrets: Vec<Secret>,
    held: Cache<KeyId, Held>,
    live: Mutex<Option<LiveSecrets>>,
    uses: Uses,
}

#[derive(Debug)]
struct Configured {
    digest: [u8; 32],
    guessable: bool,
}

impl Authenticator {
    /// Of what is configured, and of what `store` keeps.
    pub fn new(engine: &Engine, settings: &Settings, store: Option<Arc<dyn KeyStore>>) -> Self {
        let configured = settings.auth.api_keys.iter().map(|key| Configured {
            digest: digest(key.expose().as_bytes()),
            guessable: key.expose().len() < api_keys::UNGUESSABLE,
        });
        Self {
            store,
            vault: engine.vault.clone(),
            clock: engine.clock.clone(),
            entropy: engine.entropy.clone(),
            tenant: settings.tenant.clone(),
            configured: configured.collect(),
            secrets: settings.elevenlabs.webhook_secrets.clone(),
            held: Cache::new(REMEMBERED),
            live: Mutex::new(None),
            uses: Uses::default(),
        }
    }

    /// The store, for what cannot be done without one.
    fn store(&self) -> Result<&Arc<dyn KeyStore>> {
        self.store.as_ref().ok_or_else(|| {
            let why =
                "the backend that plays roles.memory keeps no keys; use auth.api_keys and elevenlabs.webhook_secrets";
            Error::new(ErrorKind::Unsupported, "keys", why)
        })
    }

    /// Writes down when keys were used. Nobody waits for it.
    ///
    /// # Errors
    /// What the store says; nothing is lost, the next time it is tried again.
    pub async fn flush(&self) -> Result<()> {
        match &self.store {
            Some(store) => self.uses.flush(&**store).await,
            None => Ok(()),
        }
    }
}

/// What the store says, if it says so in time.
async fn in_time<T>(reading: impl Future<Output = Result<T>>) -> Result<T> {
    let late = || Error::new(ErrorKind::Timeout, "keys.read", "the key store does not answer in time");
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| Err(late()))
}
