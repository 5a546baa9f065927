//! `Authorization: Bearer …`: which key is it, and is it still one?

use super::{Authenticator, FRESH, STALE, in_time};
use crate::app::digest;
use crate::middleware::principal::{KeyName, Principal};
use hark_core::store::{KeyKind, StoredKey};
use hark_core::{Error, KeyId, Result};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

/// A configured key of at least so many characters is taken to be random, as the generated ones are.
pub(super) const UNGUESSABLE: usize = 32;

/// What a key begins with.
const PREFIX: &str = "hk_";
/// Characters of the id in a key.
pub(super) const ID: usize = 16;
/// Characters of the secret in a key: 256 bits.
pub(super) const SECRET: usize = 64;

/// Why a key does not count.
#[derive(Debug)]
pub enum Denied {
    /// Nobody's.
    Unknown,
    /// It was valid until it expired.
    Expired,
    /// It was valid until it was revoked.
    Revoked,
    /// Nobody can say at the moment.
    Unavailable(Error),
}

impl Denied {
    /// The stable lower-case name: the code of the problem and the label of the metric.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "key_unknown",
            Self::Expired => "key_expired",
            Self::Revoked => "key_revoked",
            Self::Unavailable(_) => "key_unchecked",
        }
    }
}

/// Who was told by a key.
#[derive(Debug, Clone)]
pub struct Known {
    /// Who it is.
    pub principal: Principal,
    /// Whether the key is short enough to be found by trying.
    pub guessable: bool,
}

/// What was read of a key, and when the reading began.
#[derive(Debug, Clone)]
pub(super) struct Held {
    key: Option<Arc<StoredKey>>,
    read_at: Instant,
}

/// A key's text in its parts: `hk_<id>_<secret>`.
pub(super) fn text(id: &KeyId, secret: &str) -> String {
    format!("{PREFIX}{}_{secret}", id.as_str().trim_start_matches("key_"))
}

fn parts(text: &str) -> Option<(KeyId, &str)> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    (hex(id, ID) && hex(secret, SECRET)).then(|| (KeyId::new(format!("key_{id}")), secret))
}

impl Authenticator {
    /// Who shows this key.
    ///
    /// # Errors
    /// Why it does not count.
    pub async fn identify(&self, key: &[u8]) -> std::result::Result<Known, Denied> {
        if let Some(known) = self.configured_key(key) {
            return Ok(known);
        }
        let Some((id, secret)) = std::str::from_utf8(key).ok().and_then(parts) else { return Err(Denied::Unknown) };
        let kept = self.kept(&id).await.map_err(Denied::Unavailable)?;
        let Some(kept) = kept.filter(|kept| kept.kind == KeyKind::Api) else { return Err(Denied::Unknown) };
        let wanted = self.vault.api_key_hash((&kept.tenant, &id), &kept.scopes, kept.expires_at, secret);
        // Only who holds the key hears what became of it. Of one that was revoked by an older version the hash is still whole.
        let known = bool::from(wanted.ct_eq(&kept.hash));
        if kept.revoked_at.is_some() && (known || bool::from(StoredKey::spent(&wanted).ct_eq(&kept.hash))) {
            return Err(Denied::Revoked);
        }
        if !known {
            return Err(Denied::Unknown);
        }
        let now = self.clock.now();
        if !kept.is_live(now) {
            return Err(Denied::Expired);
        }
        self.uses.note(&id, kept.last_used_at, now);
        let principal =
            Principal { tenant: kept.tenant.clone(), key: KeyName::Stored(id), scopes: kept.scopes.clone() };
        Ok(Known { principal, guessable: false })
    }

    /// Every key is compared, so that the time taken does not say which one came close.
    fn configured_key(&self, key: &[u8]) -> Option<Known> {
        let given = digest(key);
        let mut known = None;
        for (place, configured) in self.configured.iter().enumerate() {
            if bool::from(configured.digest.ct_eq(&given)) {
                known = Some((place, configured.guessable));
            }
        }
        let (place, guessable) = known?;
        Some(Known { principal: Principal::configured(self.tenant.clone(), place), guessable })
    }

    /// The key of that id: as it was read a moment ago, or read now; where it cannot be read, as it was read not long ago.
    async fn kept(&self, id: &KeyId) -> Result<Option<Arc<StoredKey>>> {
        let Some(store) = &self.store else { return Ok(None) };
        let read_at = Instant::now();
        let held = self.held.get(id);
        if let Some(held) = held.as_ref().filter(|held| read_at.duration_since(held.read_at) < FRESH) {
            return Ok(held.key.clone());
        }
        match in_time(store.key(id)).await {
            Ok(key) => {
                let key = key.map(Arc::new);
                self.remember(id, key.clone(), read_at);
                Ok(key)
            }
            Err(error) => match held.filter(|held| read_at.duration_since(held.read_at) < STALE) {
                Some(Held { key: Some(key), .. }) => {
                    metrics::counter!("hark_keys_stale_total").increment(1);
                    Ok(Some(key))
                }
                _ => Err(error),
            },
        }
    }

    /// Remembers a key as it was when a reading began. What was read later, or changed here meanwhile, stands.
    pub(super) fn remember(&self, id: &KeyId, key: Option<Arc<StoredKey>>, read_at: Instant) {
        let held = Held { key, read_at };
        self.held.entry_by_ref(id).and_upsert_with(|known| match known.map(moka::Entry::into_value) {
            Some(known) if known.read_at > held.read_at => known,
            _ => held,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_its_parts_and_nothing_else_is() {
        let (id, secret) = (KeyId::new("key_0123456789abcdef"), "a".repeat(64));
        let whole = text(&id, &secret);
        assert_eq!(whole, format!("hk_0123456789abcdef_{secret}"));
        assert_eq!(parts(&whole), Some((id, secret.as_str())));
        for wrong in ["", "hk_", "hk_test_key", &whole[1..], &whole[..whole.len() - 1], &whole.to_uppercase()] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
        assert_eq!(parts(&format!("{whole}0")), None);
        assert_eq!(parts(&whole.replace('a', "ä")), None);
    }
}
