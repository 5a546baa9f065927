//! People who must not be named: by keyed hashes, under the look-up key, which is never rotated.

use super::Vault;
use crate::{ConversationId, Erasure, Identity, KeyedHash, SuppressedBy, SuppressionKey, TenantId, UserId};

/// What a signature begins with: the scheme, so that another can follow.
const SCHEME: &str = "hk1:";

impl Vault {
    /// What receipts and the audit log know a caller by.
    pub fn person(&self, tenant: &TenantId, caller: &UserId) -> KeyedHash {
        KeyedHash(self.keyed_hash("person", &[tenant.as_str(), caller.as_str()]))
    }

    /// What a suppression knows an id of ours by.
    pub fn suppressed_user(&self, tenant: &TenantId, caller: &UserId) -> SuppressionKey {
        SuppressionKey { by: SuppressedBy::User, hash: self.person(tenant, caller) }
    }

    /// What a suppression knows a conversation by.
    pub fn suppressed_conversation(&self, tenant: &TenantId, id: &ConversationId) -> SuppressionKey {
        let hash = KeyedHash(self.keyed_hash("conversation", &[tenant.as_str(), id.as_str()]));
        SuppressionKey { by: SuppressedBy::Conversation, hash }
    }

    /// Signs the facts of an erasure: whoever shows them later can be believed, without anything about the person being
    /// kept or told.
    pub fn sign_erasure(&self, tenant: &TenantId, erasure: &Erasure) -> String {
        let Erasure { id, person, erased_at, forever, erased, events, jobs, .. } = erasure;
        let numbers = [
            erased.memories,
            erased.links,
            erased.conflicts,
            erased.conversations,
            erased.receipts,
            erased.reviews,
            erased.identities,
            *events,
            *jobs,
        ];
        let mut parts = vec![
            tenant.to_string(),
            id.to_string(),
            person.to_string(),
            erased_at.timestamp_micros().to_string(),
            forever.to_string(),
        ];
        parts.extend(numbers.map(|number| number.to_string()));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        format!("{SCHEME}{}", KeyedHash(self.keyed_hash("erasure", &parts)))
    }

    /// Whether [`Vault::sign_erasure`] made this signature over these facts. Takes the same time wherever they differ.
    pub fn verifies_erasure(&self, tenant: &TenantId, erasure: &Erasure, signature: &str) -> bool {
        let right = self.sign_erasure(tenant, erasure);
        let differing = right.bytes().zip(signature.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
        right.len() == signature.len() && std::hint::black_box(differing) == 0
    }
}

impl From<&Identity> for SuppressionKey {
    fn from(identity: &Identity) -> Self {
        Self { by: identity.kind.into(), hash: KeyedHash(identity.hash) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypt::Keyring;
    use crate::{Erased, SystemEntropy};
    use std::sync::Arc;

    #[test]
    fn a_signature_covers_every_fact_and_survives_a_rotation() {
        let ring = Keyring::generate(&SystemEntropy);
        let vault = Vault::new(ring.clone(), Arc::new(SystemEntropy));
        let (t, u) = (TenantId::new("t"), TenantId::new("u"));
        let at = chrono::DateTime::from_timestamp(1_795_341_600, 0).unwrap();
        let done = Erasure {
            id: "ers_1".into(),
            person: vault.person(&t, &"usr_1".into()),
            erased_at: at,
            forever: false,
            erased: Erased { memories: 3, ..Erased::default() },
            events: 2,
            jobs: 1,
            settled_at: Some(at),
            compacted_at: None,
            clean_at: None,
            work: None,
        };
        let signature = vault.sign_erasure(&t, &done);
        let rotated = Vault::new(ring.rotated(&SystemEntropy), Arc::new(SystemEntropy));
        assert!(vault.verifies_erasure(&t, &done, &signature) && rotated.verifies_erasure(&t, &done, &signature));
        let later = Erasure { settled_at: None, clean_at: Some(at), ..done.clone() };
        assert!(vault.verifies_erasure(&t, &later, &signature), "how far it has come is no part of it");
        let changed = [
            Erasure { id: "ers_2".into(), ..done.clone() },
            Erasure { person: KeyedHash([0; 32]), ..done.clone() },
            Erasure { erased_at: at + chrono::Duration::microseconds(1), ..done.clone() },
            Erasure { forever: true, ..done.clone() },
            Erasure { erased: Erased { memories: 2, links: 1, ..Erased::default() }, ..done.clone() },
            Erasure { events: 3, ..done.clone() },
            Erasure { jobs: 0, ..done.clone() },
        ];
        for other in changed {
            assert!(!vault.verifies_erasure(&t, &other, &signature), "{other:?}");
        }
        assert!(!vault.verifies_erasure(&u, &done, &signature));
        for wrong in ["", "hk1:", &signature[..signature.len() - 1], &format!("{signature}0")] {
            assert!(!vault.verifies_erasure(&t, &done, wrong), "{wrong}");
        }
        let stranger = Vault::new(Keyring::generate(&SystemEntropy), Arc::new(SystemEntropy));
        assert!(!stranger.verifies_erasure(&t, &done, &signature));
    }
}
