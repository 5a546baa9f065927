//! Hashes of keys and webhook secrets.
//!
//! A key is 256 random bits, so nothing is gained by a slow hash: there is nothing to guess. The hash is keyed
//! all the same, and covers what the key allows: whoever can write to the database, but has no keyring, can neither plant
//! a key nor widen one.

use super::Vault;
use crate::{KeyId, KeyScopes, TenantId, Timestamp};

impl Vault {
    /// The hash an API key is known by. Its expiry counts in whole seconds.
    pub fn api_key_hash(
        &self,
        (tenant, id): (&TenantId, &KeyId),
        scopes: &KeyScopes,
        expires_at: Option<Timestamp>,
        secret: &str,
    ) -> [u8; 32] {
        let expiry = expires_at.map_or_else(String::new, |at| at.timestamp().to_string());
        self.keyed_hash("api_key", &[tenant.as_str(), id.as_str(), &scopes.names(), &expiry, secret])
    }

    /// The hash a webhook secret is known by, the same for all tenants: what one signs with must not be another's.
    pub fn webhook_secret_hash(&self, secret: &str) -> [u8; 32] {
        self.keyed_hash("webhook_secret", &[secret])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypt::Keyring;
    use crate::{KeyScope, SystemEntropy};
    use chrono::{Duration, TimeZone, Utc};
    use std::sync::Arc;

    #[test]
    fn a_hash_covers_everything_a_key_allows() {
        let vault = Vault::new(Keyring::generate(&SystemEntropy), Arc::new(SystemEntropy));
        let (t, u, id) = (TenantId::new("t"), TenantId::new("u"), KeyId::new("key_1"));
        let (one, all) = (KeyScopes::from_iter([KeyScope::Tool]), KeyScopes::all());
        let end = Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        let hash = vault.api_key_hash((&t, &id), &one, Some(end), "s");
        assert_eq!(hash, vault.api_key_hash((&t, &id), &one, Some(end + Duration::milliseconds(3)), "s"));
        for other in [
            vault.api_key_hash((&u, &id), &one, Some(end), "s"),
            vault.api_key_hash((&t, &KeyId::new("key_2")), &one, Some(end), "s"),
            vault.api_key_hash((&t, &id), &all, Some(end), "s"),
            vault.api_key_hash((&t, &id), &one, Some(end + Duration::seconds(1)), "s"),
            vault.api_key_hash((&t, &id), &one, None, "s"),
            vault.api_key_hash((&t, &id), &one, Some(end), "S"),
            Vault::new(Keyring::generate(&SystemEntropy), Arc::new(SystemEntropy)).api_key_hash(
                (&t, &id),
                &one,
                Some(end),
                "s",
            ),
        ] {
            assert_ne!(hash, other);
        }
    }
}
