//! Keys and webhook secrets are made, listed and revoked.

use super::{Authenticator, api_keys};
use hark_core::crypt::Purpose;
use hark_core::store::{KeyKind, StoredKey};
use hark_core::{Error, ErrorKind, KeyId, KeyScopes, Page, PageRequest, Result, Secret, TenantId, Timestamp};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

/// Webhook secrets a tenant may have at once: every one of them is tried on every event.
const MOST_SECRETS: usize = 10;

/// Characters of a webhook secret that is given: fewer could be found by trying.
const SECRET_CHARS: std::ops::RangeInclusive<usize> = 16..=512;

/// Characters of a label at the most.
const MOST_LABEL: usize = 200;

/// Characters of a tenant's name at the most.
const MOST_TENANT: usize = 64;

/// What is to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose data it opens.
    pub tenant: TenantId,
    /// What people call it.
    pub label: String,
    /// From when on it opens nothing; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// What was made. The text is told this once.
#[derive(Debug)]
pub struct Issued {
    /// As it is kept.
    pub key: StoredKey,
    /// Its text.
    pub secret: Secret,
}

impl Authenticator {
    /// Makes an API key that allows `scopes`.
    ///
    /// # Errors
    /// `Invalid` for what cannot be a key, `Unsupported` without a store, otherwise what the store says.
    pub async fn create_key(&self, new: NewKey, scopes: KeyScopes) -> Result<Issued> {
        if scopes.is_empty() {
            return Err(Error::invalid("keys.scopes", "a key without scopes opens nothing; name at least one"));
        }
        let store = self.store()?;
        let new = self.checked(new)?;
        let id = KeyId::new(format!("key_{}", self.entropy.hex(api_keys::ID / 2)));
        let secret = self.entropy.hex(api_keys::SECRET / 2);
        let hash = self.vault.api_key_hash((&new.tenant, &id), &scopes, new.expires_at, &secret);
        let text = Secret::new(api_keys::text(&id, &secret));
        let key = StoredKey { scopes, ..self.kept_as(new, id, KeyKind::Api, hash) };
        store.add_key(&key).await?;
        // Whatever was remembered of the id was that nobody has it.
        self.remember(&key.id, Some(key.clone().into()), Instant::now());
        tracing::info!(key = %key.id, scopes = key.scopes.names(), "API key made");
        Ok(Issued { key, secret: text })
    }

    /// Takes up a webhook secret: the one given, as the platform has made it, or a new one.
    ///
    /// # Errors
    /// `Invalid` for what cannot be one, `Conflict` for one that is somebody's already or one too many, `Unsupported` without
    /// a store, otherwise what the store says.
    pub async fn create_secret(&self, new: NewKey, given: Option<Secret>) -> Result<Issued> {
        let store = self.store()?;
        let new = self.checked(new)?;
        let secret = match given {
            Some(given) => given_secret(&given)?,
            None => Secret::new(format!("wsec_{}", self.entropy.hex(32))),
        };
        let bytes = secret.expose().as_bytes();
        // Two signers with one secret could not be told apart.
        if self.secrets.iter().any(|known| bool::from(known.expose().as_bytes().ct_eq(bytes))) {
            return Err(Error::new(ErrorKind::Conflict, "keys.secret", "this secret is configured already"));
        }
        let live = store.live_keys(KeyKind::Webhook, self.clock.now()).await?;
        if live.iter().filter(|key| key.tenant == new.tenant).count() >= MOST_SECRETS {
            let what = format!("there are {MOST_SECRETS} live webhook secrets already; revoke one first");
            return Err(Error::new(ErrorKind::Conflict, "keys.secret", what));
        }
        let id = KeyId::new(format!("whs_{}", self.entropy.hex(8)));
        let sealed = self.vault.seal(&new.tenant, Purpose::WebhookSecret, id.as_str(), bytes)?;
        let hash = self.vault.webhook_secret_hash(secret.expose());
        let key = StoredKey { sealed: Some(sealed), ..self.kept_as(new, id, KeyKind::Webhook, hash) };
        store.add_key(&key).await.map_err(|error| match error.kind() {
            ErrorKind::Conflict => Error::new(ErrorKind::Conflict, "keys.secret", "this secret is live already"),
            _ => error,
        })?;
        self.forget_secrets();
        tracing::info!(key = %key.id, "webhook secret taken up");
        Ok(Issued { key, secret })
    }

    /// A tenant's keys of a kind, latest first; what was used a moment ago may not be noted yet.
    ///
    /// # Errors
    /// `Unsupported` without a store, otherwise what the store says.
    pub async fn list(&self, tenant: &TenantId, kind: KeyKind, page: &PageRequest) -> Result<Page<StoredKey>> {
        self.store()?.keys(tenant, kind, page).await
    }

    /// A key of a kind by its id, whoever's.
    ///
    /// # Errors
    /// `Unsupported` without a store, otherwise what the store says.
    pub async fn find(&self, kind: KeyKind, id: &KeyId) -> Result<Option<StoredKey>> {
        Ok(self.store()?.key(id).await?.filter(|key| key.kind == kind))
    }

    /// Revokes a key of a tenant's. Nothing is opened with it here from this moment on, and nowhere a second later.
    ///
    /// # Errors
    /// `Unsupported` without a store, otherwise what the store says.
    pub async fn revoke(&self, key: &StoredKey) -> Result<Option<StoredKey>> {
        let revoked = self.store()?.revoke_key(&key.tenant, &key.id, self.clock.now()).await?;
        if let Some(revoked) = &revoked {
            match revoked.kind {
                KeyKind::Api => self.remember(&revoked.id, Some(revoked.clone().into()), Instant::now()),
                KeyKind::Webhook => self.forget_secrets(),
            }
            tracing::info!(key = %revoked.id, "revoked");
        }
        Ok(revoked)
    }

    fn kept_as(&self, new: NewKey, id: KeyId, kind: KeyKind, hash: [u8; 32]) -> StoredKey {
        StoredKey {
            id,
            tenant: new.tenant,
            kind,
            label: new.label,
            scopes: KeyScopes::default(),
            hash,
            sealed: None,
            created_at: self.clock.now(),
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        }
    }

    fn checked(&self, new: NewKey) -> Result<NewKey> {
        check_tenant(&new.tenant)?;
        let label = new.label.trim().to_owned();
        if label.chars().count() > MOST_LABEL {
            return Err(Error::invalid("keys.label", format!("`label` must be at most {MOST_LABEL} characters")));
        }
        // Whole seconds: the hash covers no more.
        let expires_at = new.expires_at.and_then(|at| Timestamp::from_timestamp(at.timestamp(), 0));
        if expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(Error::invalid("keys.expires_at", "`expires_at` must lie in the future"));
        }
        Ok(NewKey { label, expires_at, ..new })
    }
}

/// Names of tenants end up in ids, hashes and tokens: plain letters only.
///
/// # Errors
/// `Invalid`.
pub(crate) fn check_tenant(tenant: &TenantId) -> Result<()> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let name = tenant.as_str();
    if (1..=MOST_TENANT).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let what = format!("`tenant` must be 1 to {MOST_TENANT} characters of a-z, 0-9, - and _");
    Err(Error::invalid("keys.tenant", what))
}

fn given_secret(given: &Secret) -> Result<Secret> {
    let text = given.expose().trim();
    if SECRET_CHARS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Secret::new(text));
    }
    Err(Error::invalid("keys.secret", "`secret` must be 16 to 512 printable characters"))
}
