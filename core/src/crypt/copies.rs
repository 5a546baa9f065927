//! Backups: by what their keys are known without being told, and that a file is one of ours.

use super::{Keyring, Vault};
use crate::KeyedHash;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;

/// What a signature begins with: the scheme, so that another can follow.
const SCHEME: &str = "hk1:";

/// What tells a key from every other, and nothing about it: a hash under the key itself.
fn mark(key: &[u8; 32], of: &str) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key)
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    mac.update(b"hark key mark 1 ");
    mac.update(of.as_bytes());
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    KeyedHash(whole).to_string().chars().take(32).collect()
}

impl Keyring {
    /// The mark of the look-up key: two keyrings with the same one find the same people. No secret.
    pub fn lookup_mark(&self) -> String {
        mark(self.lookup(), "lookup")
    }

    /// The marks of the sealing keys, by id. Two keys may have the same id by chance or by hand; their marks differ. No
    /// secrets.
    pub fn sealing_marks(&self) -> BTreeMap<String, String> {
        self.keys().iter().map(|key| (key.id().to_owned(), mark(key.sealing(), "seal"))).collect()
    }
}

impl Vault {
    /// Signs the text of a backup's manifest or of a ledger, under the look-up key, which is never rotated. `what` says
    /// which of the two it is, so that neither counts as the other.
    pub fn sign_copy(&self, what: &str, text: &str) -> String {
        format!("{SCHEME}{}", KeyedHash(self.keyed_hash("copy", &[what, text])))
    }

    /// Whether [`Vault::sign_copy`] made this signature over this text. Takes the same time wherever they differ.
    pub fn verifies_copy(&self, what: &str, text: &str, signature: &str) -> bool {
        let right = self.sign_copy(what, text);
        let differing = right.bytes().zip(signature.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
        right.len() == signature.len() && std::hint::black_box(differing) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;
    use std::sync::Arc;

    #[test]
    fn marks_tell_keys_apart_and_hold_none_of_them() {
        let ring = Keyring::generate(&SystemEntropy);
        let rotated = ring.rotated(&SystemEntropy);
        let stranger = Keyring::generate(&SystemEntropy);
        assert_eq!(ring.lookup_mark(), rotated.lookup_mark());
        assert_ne!(ring.lookup_mark(), stranger.lookup_mark());
        let (old, both) = (ring.sealing_marks(), rotated.sealing_marks());
        assert_eq!((old.len(), both.len()), (1, 2));
        assert!(old.iter().all(|known| both.iter().any(|other| other == known)));
        // The same id with another secret.
        let forged = ring.to_text().lines().map(str::to_owned).collect::<Vec<_>>();
        let id = ring.active().id();
        let forged = Keyring::parse(&format!("{}\nseal {id} {}", forged[0], "ab".repeat(32))).unwrap();
        assert_ne!(forged.sealing_marks(), old);
        for mark in both.values().chain([&rotated.lookup_mark()]) {
            assert!(mark.len() == 32 && !rotated.to_text().contains(mark.as_str()), "{mark}");
        }
    }

    #[test]
    fn a_signature_covers_what_and_which() {
        let ring = Keyring::generate(&SystemEntropy);
        let vault = Vault::new(ring.clone(), Arc::new(SystemEntropy));
        let rotated = Vault::new(ring.rotated(&SystemEntropy), Arc::new(SystemEntropy));
        let signature = vault.sign_copy("manifest", "{}");
        assert!(rotated.verifies_copy("manifest", "{}", &signature));
        for (what, text) in [("ledger", "{}"), ("manifest", "{ }"), ("manifest{", "}")] {
            assert!(!vault.verifies_copy(what, text, &signature), "{what} {text}");
        }
        for wrong in ["", "hk1:", &signature[..signature.len() - 1], &format!("{signature}0")] {
            assert!(!vault.verifies_copy("manifest", "{}", wrong), "{wrong}");
        }
        let stranger = Vault::new(Keyring::generate(&SystemEntropy), Arc::new(SystemEntropy));
        assert!(!stranger.verifies_copy("manifest", "{}", &signature));
    }
}
