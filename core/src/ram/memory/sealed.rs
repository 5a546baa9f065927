//! What the truth keeps sealed.

use super::RamMemoryStore;
use crate::KeyedHash;
use crate::crypt::{Purpose, Sealed};
use crate::ram::sealed::{Holds, Place};

impl Holds for RamMemoryStore {
    fn each(&self, look: &mut dyn FnMut(Place<'_>, &mut Sealed)) {
        let mut state = self.state();
        for ((tenant, id), conversation) in &mut state.conversations {
            let at = |purpose| Place { purpose, tenant, place: id.to_string(), record: id.as_str() };
            if let Some(sealed) = &mut conversation.transcript {
                look(at(Purpose::Transcript), sealed);
            }
            if let Some(sealed) = &mut conversation.extraction {
                look(at(Purpose::Extraction), sealed);
            }
        }
        for (scope, person) in &mut state.people {
            for identity in &mut person.identities {
                let record = identity.kind.name();
                let place = format!("{record} {}", KeyedHash(identity.hash));
                look(Place { purpose: Purpose::Identity, tenant: &scope.tenant, place, record }, &mut identity.sealed);
            }
        }
        for ((tenant, id), receipt) in &mut state.receipts.kept {
            if let Some(sealed) = &mut receipt.words {
                let (place, record) = (id.to_string(), id.as_str());
                look(Place { purpose: Purpose::Receipt, tenant, place, record }, sealed);
            }
        }
        for ((scope, memory), review) in &mut state.receipts.reviews {
            if let Some(sealed) = &mut review.words {
                let (place, record) = (format!("{} {memory}", scope.caller), memory.as_str());
                look(Place { purpose: Purpose::Review, tenant: &scope.tenant, place, record }, sealed);
            }
        }
        for ((tenant, id), erasure) in state.erasures.all_mut() {
            if let Some(sealed) = &mut erasure.work {
                let (place, record) = (id.to_string(), id.as_str());
                look(Place { purpose: Purpose::Erasure, tenant, place, record }, sealed);
            }
        }
    }
}
