//! What is sealed before a store sees it, and how numbers are looked up without being known.
//!
//! XChaCha20-Poly1305 (RustCrypto's implementation, audited by NCC Group) under keys with ids; look-up goes by HMAC-SHA-256.
//! Stores are handed [`Sealed`] values and hashes only, so that forgetting to encrypt does not compile.

mod copies;
mod credential;
mod keyring;
mod person;
mod rotation;
mod token;

pub use keyring::{Key, KeyState, Keyring};
pub use rotation::{KeyUse, LEASE, Resealing, reseal, usable, uses};
pub use token::TokenError;

use crate::{Entropy, Error, ErrorKind, Identity, IdentityKind, Numbers, Result, Scope, TenantId, Timestamp};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::fmt;
use std::sync::Arc;

/// Bytes that only the [`Vault`] can read. The layout is
/// `1 (version) · len(key id) · key id · nonce (24) · ciphertext and tag`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes bytes back from a store.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes as they are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The id of the key it was sealed with; `None` when the bytes are not of our making.
    pub fn key_id(&self) -> Option<&str> {
        self.parts().map(|(id, _, _)| id)
    }

    /// The text, of a value that was kept in the clear before those of its kind were sealed: it stands behind a `-`, with which
    /// nothing sealed begins.
    fn in_the_clear(&self) -> Option<&[u8]> {
        self.0.strip_prefix(b"-")
    }

    fn parts(&self) -> Option<(&str, &[u8], &[u8])> {
        let (&version, rest) = self.0.split_first()?;
        let (&length, rest) = rest.split_first()?;
        if version != 1 || rest.len() < usize::from(length) + NONCE {
            return None;
        }
        let (id, rest) = rest.split_at(usize::from(length));
        let (nonce, ciphertext) = rest.split_at(NONCE);
        Some((std::str::from_utf8(id).ok()?, nonce, ciphertext))
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

const NONCE: usize = 24;

/// What a sealed value is, so that one can never be opened as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// A raw event as delivered.
    Event,
    /// A transcript.
    Transcript,
    /// A saved extraction.
    Extraction,
    /// A caller's number or other identity.
    Identity,
    /// What was asked of the memory, and what it told.
    Receipt,
    /// A sentence that a person has judged.
    Review,
    /// A webhook secret.
    WebhookSecret,
    /// What an erasure still has to do.
    Erasure,
    /// How a caller wants to be called.
    Name,
    /// What is said of a caller in short.
    Summary,
    /// What a merge or a split notes of two profiles.
    Transfer,
    /// A vector of what somebody said, in a cache outside of the process.
    Embedding,
}

impl Purpose {
    /// All of them, in their order.
    pub const ALL: [Self; 12] = [
        Self::Event,
        Self::Transcript,
        Self::Extraction,
        Self::Identity,
        Self::Receipt,
        Self::Review,
        Self::WebhookSecret,
        Self::Erasure,
        Self::Name,
        Self::Summary,
        Self::Transfer,
        Self::Embedding,
    ];

    /// The stable lower-case name; it is bound into every sealed value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Transcript => "transcript",
            Self::Extraction => "extraction",
            Self::Identity => "identity",
            Self::Receipt => "receipt",
            Self::Review => "review",
            Self::WebhookSecret => "webhook_secret",
            Self::Erasure => "erasure",
            Self::Name => "name",
            Self::Summary => "summary",
            Self::Transfer => "transfer",
            Self::Embedding => "embedding",
        }
    }

    /// Whether a store is handed it in the clear and seals it by itself where it keeps it on a disk: what is put together and
    /// compared within its transactions. Such values were kept in the clear once, so one from then still opens.
    pub fn is_sealed_by_store(self) -> bool {
        matches!(self, Self::Name | Self::Summary | Self::Transfer)
    }

    /// Whether only caches hold it, which may lose it: no encryption key is kept for its sake, and nothing seals it anew.
    pub fn is_cached(self) -> bool {
        self == Self::Embedding
    }
}

/// Seals, opens, hashes and signs. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    keyring: Arc<Keyring>,
    numbers: Numbers,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault(active key {})", self.keyring.active().id())
    }
}

impl Vault {
    /// A vault over a keyring; nonces come from `entropy`.
    pub fn new(keyring: Keyring, entropy: Arc<dyn Entropy>) -> Self {
        Self { keyring: Arc::new(keyring), numbers: Numbers::default(), entropy }
    }

    /// The same, reading telephone numbers as told.
    #[must_use]
    pub fn with_numbers(self, numbers: Numbers) -> Self {
        Self { numbers, ..self }
    }

    /// The ids of the sealing keys and how they stand, the newest first.
    pub fn keys(&self) -> impl Iterator<Item = (&str, KeyState)> {
        self.keyring.standing()
    }

    /// How telephone numbers are read.
    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Seals `plain` with the active key. Tenant, purpose and `record` (the row's id) are bound into it: moved
    /// to another row it no longer opens.
    ///
    /// # Errors
    /// `Internal`, when the cipher refuses (a text of more than 256 GiB).
    pub fn seal(&self, tenant: &TenantId, purpose: Purpose, record: &str, plain: &[u8]) -> Result<Sealed> {
        let key = self.keyring.active();
        let mut nonce = [0; NONCE];
        self.entropy.fill(&mut nonce);
        let bound = bound(tenant, purpose, record);
        let ciphertext = XChaCha20Poly1305::new(&(*key.sealing()).into())
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &bound })
            .map_err(|_| Error::new(ErrorKind::Internal, "vault.seal", "the cipher refused"))?;
        let id = key.id().as_bytes();
        let mut bytes = Vec::with_capacity(2 + id.len() + NONCE + ciphertext.len());
        bytes.push(1);
        bytes.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&ciphertext);
        Ok(Sealed(bytes))
    }

    /// Opens what [`Vault::seal`] made for the same tenant, purpose and record.
    ///
    /// # Errors
    /// `Config` when the key is not in the keyring, `Corrupt` when the bytes were changed or belong elsewhere.
    pub fn open(&self, tenant: &TenantId, purpose: Purpose, record: &str, sealed: &Sealed) -> Result<Vec<u8>> {
        let corrupt =
            || Error::new(ErrorKind::Corrupt, "vault.open", format!("sealed {} does not open", purpose.name()));
        if let Some(text) = sealed.in_the_clear().filter(|_| purpose.is_sealed_by_store()) {
            return Ok(text.to_vec());
        }
        let (id, nonce, ciphertext) = sealed.parts().ok_or_else(corrupt)?;
        let key = self.keyring.get(id).ok_or_else(|| {
            Error::new(ErrorKind::Config, "vault.open", format!("encryption key `{id}` is missing from the keyring"))
        })?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| corrupt())?;
        let bound = bound(tenant, purpose, record);
        XChaCha20Poly1305::new(&(*key.sealing()).into())
            .decrypt(&XNonce::from(nonce), Payload { msg: ciphertext, aad: &bound })
            .map_err(|_| corrupt())
    }

    /// Seals a value as JSON.
    ///
    /// # Errors
    /// As [`Vault::seal`]; `Internal` when the value cannot be written as JSON.
    pub fn seal_json<T: Serialize>(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        record: &str,
        value: &T,
    ) -> Result<Sealed> {
        let plain = serde_json::to_vec(value)
            .map_err(|_| Error::new(ErrorKind::Internal, "vault.seal", "the value cannot be written as JSON"))?;
        self.seal(tenant, purpose, record, &plain)
    }

    /// Opens a value sealed with [`Vault::seal_json`].
    ///
    /// # Errors
    /// As [`Vault::open`]; `Corrupt` when the JSON is not of the type.
    pub fn open_json<T: for<'de> Deserialize<'de>>(
        &self,
        tenant: &TenantId,
        purpose: Purpose,
        record: &str,
        sealed: &Sealed,
    ) -> Result<T> {
        let plain = self.open(tenant, purpose, record, sealed)?;
        // The parser's own message could quote what somebody said.
        serde_json::from_slice(&plain).map_err(|_| {
            Error::new(
                ErrorKind::Corrupt,
                "vault.open",
                format!("sealed {} is not of the expected shape", purpose.name()),
            )
        })
    }

    /// The identity a store keeps a caller by. Numbers are normalised first; a withheld or senseless number
    /// is `None`, as is an empty external id.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn identity(&self, tenant: &TenantId, kind: IdentityKind, raw: &str) -> Result<Option<Identity>> {
        Ok(self.identity_forms(tenant, kind, raw)?.into_iter().next())
    }

    /// Every identity a caller may be found by, the one of [`Vault::identity`] first: a number may have been kept before
    /// its region was configured.
    ///
    /// # Errors
    /// As [`Vault::seal`].
    pub fn identity_forms(&self, tenant: &TenantId, kind: IdentityKind, raw: &str) -> Result<Vec<Identity>> {
        let as_it_is = || Some(raw.trim().to_owned()).filter(|v| !v.is_empty());
        let values = match kind {
            IdentityKind::Phone | IdentityKind::Sms => self.numbers.forms(raw),
            IdentityKind::Whatsapp => match self.numbers.forms(raw) {
                forms if forms.is_empty() => as_it_is().into_iter().collect(),
                forms => forms,
            },
            IdentityKind::External => as_it_is().into_iter().collect(),
        };
        let identity = |value: String| {
            let hash = self.keyed_hash("identity", &[tenant.as_str(), kind.name(), &value]);
            let sealed = self.seal(tenant, Purpose::Identity, kind.name(), raw.trim().as_bytes())?;
            Ok(Identity { kind, hash, sealed })
        };
        values.into_iter().map(identity).collect()
    }

    /// A short-lived token that names a caller, for `secret__memory_token`.
    pub fn token(&self, scope: &Scope, expires: Timestamp) -> String {
        token::issue(self, scope, expires)
    }

    /// The caller a token names.
    ///
    /// # Errors
    /// When the token is not ours, was changed, or has expired.
    pub fn verify_token(&self, token: &str, now: Timestamp) -> std::result::Result<Scope, TokenError> {
        token::verify(self, token, now)
    }

    /// HMAC-SHA-256 over the parts under the look-up key, apart for each use: by what something is found that must not be known
    /// from the name it is kept under. A backend begins `use_` with its own kind.
    pub fn keyed_hash(&self, use_: &str, parts: &[&str]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.keyring.lookup())
            .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
        for part in std::iter::once(&use_).chain(parts) {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

fn bound(tenant: &TenantId, purpose: Purpose, record: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in [tenant.as_str(), purpose.name(), record] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    fn vault() -> Vault {
        Vault::new(Keyring::generate(&SystemEntropy), Arc::new(SystemEntropy))
    }

    #[test]
    fn a_sealed_value_opens_only_where_it_belongs() {
        let vault = vault();
        let (t, u) = (TenantId::new("t"), TenantId::new("u"));
        let sealed = vault.seal(&t, Purpose::Transcript, "conv_1", b"call me Sam").unwrap();
        assert!(!sealed.as_bytes().windows(3).any(|w| w == b"Sam"));
        assert_eq!(vault.open(&t, Purpose::Transcript, "conv_1", &sealed).unwrap(), b"call me Sam");
        for wrong in [
            vault.open(&u, Purpose::Transcript, "conv_1", &sealed),
            vault.open(&t, Purpose::Event, "conv_1", &sealed),
            vault.open(&t, Purpose::Transcript, "conv_2", &sealed),
        ] {
            assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Corrupt);
        }
        let mut bytes = sealed.as_bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        assert!(vault.open(&t, Purpose::Transcript, "conv_1", &Sealed::from_bytes(bytes)).is_err());
        for garbage in [vec![], vec![1], vec![2, 0, 0], vec![1, 255, 0]] {
            assert!(vault.open(&t, Purpose::Event, "x", &Sealed::from_bytes(garbage)).is_err());
        }
    }

    #[test]
    fn what_was_kept_in_the_clear_opens_only_where_it_once_was() {
        let (vault, t) = (vault(), TenantId::new("t"));
        let before = Sealed::from_bytes(b"-Sam".to_vec());
        for purpose in Purpose::ALL {
            let opened = vault.open(&t, purpose, "usr_1", &before);
            match purpose {
                Purpose::Name | Purpose::Summary | Purpose::Transfer => assert_eq!(opened.unwrap(), b"Sam"),
                _ => assert_eq!(opened.unwrap_err().kind(), ErrorKind::Corrupt, "{}", purpose.name()),
            }
        }
    }

    #[test]
    fn an_old_key_still_opens_and_a_missing_one_is_named() {
        let old = Keyring::generate(&SystemEntropy);
        let rotated = old.rotated(&SystemEntropy);
        let (before, after) =
            (Vault::new(old, Arc::new(SystemEntropy)), Vault::new(rotated.clone(), Arc::new(SystemEntropy)));
        let t = TenantId::new("t");
        let sealed = before.seal(&t, Purpose::Event, "e", b"x").unwrap();
        assert_eq!(after.open(&t, Purpose::Event, "e", &sealed).unwrap(), b"x");
        let newer = after.seal(&t, Purpose::Event, "e", b"x").unwrap();
        let error = before.open(&t, Purpose::Event, "e", &newer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.context().contains(newer.key_id().unwrap()));
        let hash = |v: &Vault| v.identity(&t, IdentityKind::Phone, "+1 415 555 0123").unwrap().unwrap().hash;
        assert_eq!(hash(&before), hash(&after), "look-up survives rotation");
    }

    #[test]
    fn the_same_number_has_one_hash_per_tenant() {
        let vault = vault();
        let hash =
            |t: &str, raw: &str| vault.identity(&TenantId::new(t), IdentityKind::Phone, raw).unwrap().map(|i| i.hash);
        assert_eq!(hash("t", "+14155550123"), hash("t", "1 (415) 555-0123"));
        assert_ne!(hash("t", "+14155550123"), hash("u", "+14155550123"));
        assert_eq!(hash("t", "anonymous"), None);
    }
}
