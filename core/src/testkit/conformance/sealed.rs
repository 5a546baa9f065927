//! What every [`SealedStore`](crate::store::SealedStore) does.

use crate::backend::Backend;
use crate::crypt::{Keyring, Purpose, Sealed, Vault};
use crate::store::{KeyKind, NewEvent, Resealed, SealedStore, SealedValue, StoredKey};
use crate::testkit::SeededEntropy;
use crate::testkit::fixtures::{conversation, erasure, event, job, sealed, start, tenant};
use crate::testkit::suite::{Must, race};
use crate::{
    Conversation, IdentityKind, KeyId, KeyScopes, NewErasure, Receipt, ReceiptId, ReceiptKind, Review, ReviewDecision,
    Scope,
};
use std::sync::Arc;

/// Runs every behaviour of a [`SealedStore`](crate::store::SealedStore) as a test of its own. Takes the name of an async
/// function without arguments that gives `(Arc<dyn Backend>, guard)`: a fresh, empty, migrated backend that plays truth
/// and queue and keeps keys, and whatever must outlive it.
#[macro_export]
macro_rules! sealed_store_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            sealed_store,
            sealed,
            [
                keys_in_use_are_told_by_purpose_each_once,
                every_value_is_found_and_opens_with_what_it_is_bound_to,
                values_come_in_a_stable_order_behind_those_left_out,
                a_value_is_replaced_once_and_only_while_it_stands,
                nothing_but_the_value_changes,
                of_racing_replacements_each_value_is_won_once,
            ]
        );
    };
}

/// A ring, and the same after a rotation.
fn rings() -> (Keyring, Keyring) {
    let old = Keyring::generate(&SeededEntropy::new(31));
    let new = old.rotated(&SeededEntropy::new(32));
    (old, new)
}

/// What a store is handed sealed. How it seals the rest is its own business, and so is the test of it: what is never on a disk
/// need not be sealed. What only caches hold is not sealed anew.
fn handed() -> impl Iterator<Item = Purpose> {
    Purpose::ALL.into_iter().filter(|purpose| !purpose.is_sealed_by_store() && !purpose.is_cached())
}

fn vault(ring: &Keyring) -> Vault {
    Vault::new(ring.clone(), Arc::new(SeededEntropy::new(33)))
}

fn scope() -> Scope {
    Scope::new(tenant(), "usr_sealed")
}

/// One value of each purpose, under the active key of the ring; the number makes their ids.
async fn fill(backend: &dyn Backend, ring: &Keyring, n: u8) {
    let (vault, scope) = (vault(ring), scope());
    let seal = |purpose: Purpose, record: &str| {
        vault.seal(&scope.tenant, purpose, record, format!("{} {n}", purpose.name()).as_bytes()).must()
    };
    let store = backend.memory().must();
    let number = vault.identity(&scope.tenant, IdentityKind::Phone, &format!("+4930123450{n}")).must().must();
    store.ensure_user(&scope.tenant, &[], &scope.caller, start()).await.must();
    store.join_identities(&scope, &[number]).await.must();
    let id = format!("conv_s{n}");
    let call = Conversation {
        caller: Some(scope.caller.clone()),
        transcript: Some(seal(Purpose::Transcript, &id)),
        extraction: Some(seal(Purpose::Extraction, &id)),
        ..conversation(&id)
    };
    store.save_conversation(&scope.tenant, &call).await.must();
    let id = format!("rcp_s{n}");
    let receipt = Receipt {
        id: ReceiptId::new(id.clone()),
        kind: ReceiptKind::Query,
        caller: Some(scope.caller.clone()),
        conversation: None,
        agent: None,
        at: start(),
        took_ms: 1,
        mode: None,
        degraded: None,
        items: Vec::new(),
        words: Some(seal(Purpose::Receipt, &id)),
    };
    store.put_receipts(&scope.tenant, &[receipt]).await.must();
    let id = format!("mem_s{n}");
    let review = Review {
        memory: id.clone().into(),
        conversation: None,
        decision: ReviewDecision::Reject,
        at: start(),
        label: false,
        words: Some(seal(Purpose::Review, &id)),
    };
    store.put_review(&scope, &review).await.must();
    let gone = Scope::new(tenant(), format!("usr_gone{n}"));
    store.ensure_user(&gone.tenant, &[], &gone.caller, start()).await.must();
    let erased = erasure(&gone);
    let work = seal(Purpose::Erasure, erased.id.as_str());
    store.erase_user(&gone, &NewErasure { work, ..erased }).await.must();
    let id = format!("evt_s{n}");
    let raw = NewEvent { body: seal(Purpose::Event, &id), ..event(&id) };
    backend.jobs().must().accept(&raw, &job("ingest", &id)).await.must();
    let id = format!("whs_s{n}");
    let secret = StoredKey {
        sealed: Some(seal(Purpose::WebhookSecret, &id)),
        id: KeyId::new(id),
        tenant: tenant(),
        kind: KeyKind::Webhook,
        label: String::new(),
        scopes: KeyScopes::default(),
        hash: [n; 32],
        created_at: start(),
        expires_at: None,
        revoked_at: Some(start()),
        last_used_at: None,
    };
    backend.keys().must().add_key(&secret).await.must();
}

async fn keys(backend: &dyn Backend) -> Vec<(Purpose, String)> {
    let mut all = Vec::new();
    for store in backend.sealed() {
        let told = store.sealing_keys().await.must();
        assert!(told.is_sorted_by(|one, next| one < next), "in order, each once: {told:?}");
        all.extend(told);
    }
    all.sort();
    all
}

async fn count(backend: &dyn Backend, purpose: Purpose, key: &str) -> u64 {
    let mut count = 0;
    for store in backend.sealed() {
        count += store.count_sealed(purpose, key).await.must();
    }
    count
}

/// The store that has this, and what it has.
async fn found(backend: &dyn Backend, purpose: Purpose, key: &str) -> (Arc<dyn SealedStore>, Vec<SealedValue>) {
    for store in backend.sealed() {
        let values = store.sealed_by(purpose, key, 0, 100).await.must();
        if !values.is_empty() {
            return (store, values);
        }
    }
    panic!("nothing of kind {} is sealed by {key}", purpose.name());
}

fn anew(vault: &Vault, purpose: Purpose, value: &SealedValue) -> Resealed {
    let plain = vault.open(&value.tenant, purpose, &value.record, &value.sealed).must();
    let new = vault.seal(&value.tenant, purpose, &value.record, &plain).must();
    let SealedValue { tenant, place, sealed, .. } = value.clone();
    Resealed { tenant, place, standing: sealed, new }
}

/// "By which keys something is sealed, in the order of purposes and then of ids, each pair once. Bytes that name none, or an
/// empty one, are never told of."
pub async fn keys_in_use_are_told_by_purpose_each_once(backend: Arc<dyn Backend>) {
    assert_eq!(keys(&*backend).await, []);
    let (old, new) = rings();
    let id = |ring: &Keyring| ring.active().id().to_owned();
    fill(&*backend, &old, 1).await;
    fill(&*backend, &old, 2).await;
    let all = |id: String| handed().map(|purpose| (purpose, id.clone())).collect::<Vec<_>>();
    assert_eq!(keys(&*backend).await, all(id(&old)));
    fill(&*backend, &new, 3).await;
    let mut both = [all(id(&old)), all(id(&new))].concat();
    both.sort();
    assert_eq!(keys(&*backend).await, both);
    for purpose in handed() {
        let counts = (count(&*backend, purpose, &id(&old)).await, count(&*backend, purpose, &id(&new)).await);
        assert_eq!(counts, (2, 1), "{}", purpose.name());
        assert_eq!(count(&*backend, purpose, "k").await, 0);
    }
    let store = backend.memory().must();
    for (n, bytes) in
        [Vec::new(), vec![1], vec![1, 200], vec![9, 1, b'k'], sealed("x").as_bytes().to_vec()].into_iter().enumerate()
    {
        let foreign =
            Conversation { transcript: Some(Sealed::from_bytes(bytes)), ..conversation(&format!("conv_foreign{n}")) };
        store.save_conversation(&tenant(), &foreign).await.must();
    }
    assert_eq!(keys(&*backend).await, both);
    assert_eq!(count(&*backend, Purpose::Transcript, "").await, 0);
}

/// Each comes with tenant, purpose and record, so that it opens.
pub async fn every_value_is_found_and_opens_with_what_it_is_bound_to(backend: Arc<dyn Backend>) {
    let (old, _) = rings();
    for n in 1..=3 {
        fill(&*backend, &old, n).await;
    }
    for purpose in handed() {
        let (_, values) = found(&*backend, purpose, old.active().id()).await;
        let mut said: Vec<String> = values
            .iter()
            .map(|value| {
                let plain = vault(&old).open(&value.tenant, purpose, &value.record, &value.sealed).must();
                String::from_utf8(plain).must()
            })
            .collect();
        said.sort();
        let wanted = match purpose {
            Purpose::Identity => [1, 2, 3].map(|n| format!("+4930123450{n}")),
            _ => [1, 2, 3].map(|n| format!("{} {n}", purpose.name())),
        };
        assert_eq!(said, wanted);
        let mut places: Vec<_> = values.iter().map(|value| &value.place).collect();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), 3, "a place is one value's");
    }
}

/// "In a stable order, at most `limit`, the first `skip` left out."
pub async fn values_come_in_a_stable_order_behind_those_left_out(backend: Arc<dyn Backend>) {
    let (old, _) = rings();
    for n in 1..=5 {
        fill(&*backend, &old, n).await;
    }
    for purpose in handed() {
        let key = old.active().id();
        let (store, all) = found(&*backend, purpose, key).await;
        assert_eq!(all.len(), 5);
        for (skip, limit) in [(0, 2), (2, 2), (4, 2), (5, 2), (0, 5), (3, 100)] {
            let some = store.sealed_by(purpose, key, skip, limit).await.must();
            let skip = usize::try_from(skip).must();
            assert_eq!(some, all[skip..(skip + limit).min(5)], "{} {skip} {limit}", purpose.name());
        }
        assert_eq!(store.sealed_by(purpose, "k", 0, 5).await.must(), []);
    }
}

/// "If what was read still stands. Answers how many were replaced. Twice is the same as once."
pub async fn a_value_is_replaced_once_and_only_while_it_stands(backend: Arc<dyn Backend>) {
    let (old, new) = rings();
    for n in 1..=3 {
        fill(&*backend, &old, n).await;
    }
    for purpose in handed() {
        let (store, values) = found(&*backend, purpose, old.active().id()).await;
        let vault = vault(&new);
        let changes: Vec<_> = values.iter().map(|value| anew(&vault, purpose, value)).collect();
        let foreign = Resealed { tenant: "other".into(), ..changes[0].clone() };
        let elsewhere = Resealed { place: "no such place".to_owned(), ..changes[0].clone() };
        let changed = Resealed { standing: changes[1].new.clone(), ..changes[0].clone() };
        assert_eq!(store.reseal(purpose, &[foreign, elsewhere, changed]).await.must(), 0);
        assert_eq!(store.reseal(purpose, &[]).await.must(), 0);
        assert_eq!(count(&*backend, purpose, old.active().id()).await, 3);
        // The third was sealed anew by somebody else before.
        let first = anew(&vault, purpose, &values[2]);
        assert_eq!(store.reseal(purpose, std::slice::from_ref(&first)).await.must(), 1);
        assert_eq!(store.reseal(purpose, &changes).await.must(), 2, "{}", purpose.name());
        for _ in 0..3 {
            assert_eq!(store.reseal(purpose, &changes).await.must(), 0);
        }
        let (_, after) = found(&*backend, purpose, new.active().id()).await;
        let mut wanted: Vec<_> = [&changes[0].new, &changes[1].new, &first.new].map(Sealed::as_bytes).to_vec();
        let mut stands: Vec<_> = after.iter().map(|value| value.sealed.as_bytes()).collect();
        wanted.sort_unstable();
        stands.sort_unstable();
        assert_eq!(stands, wanted);
    }
    assert!(keys(&*backend).await.iter().all(|(_, key)| key == new.active().id()));
}

/// "Nothing else changes, no revision among it."
pub async fn nothing_but_the_value_changes(backend: Arc<dyn Backend>) {
    let (old, new) = rings();
    fill(&*backend, &old, 1).await;
    let (store, scope, id) = (backend.memory().must(), scope(), "conv_s1".into());
    let before = (store.user(&scope).await.must(), store.conversation(&scope.tenant, &id).await.must().must());
    for purpose in handed() {
        let (sealed, values) = found(&*backend, purpose, old.active().id()).await;
        let changes: Vec<_> = values.iter().map(|value| anew(&vault(&new), purpose, value)).collect();
        assert_eq!(sealed.reseal(purpose, &changes).await.must(), 1);
    }
    let after = store.conversation(&scope.tenant, &id).await.must().must();
    assert_ne!(after.transcript, before.1.transcript);
    let as_before = Conversation {
        transcript: before.1.transcript.clone(),
        extraction: before.1.extraction.clone(),
        ..after.clone()
    };
    assert_eq!((store.user(&scope).await.must(), as_before), before);
    let known = vault(&new).identity(&scope.tenant, IdentityKind::Phone, "+49301234501").must().must();
    let found = store.find_user(&scope.tenant, &[known]).await.must().must();
    assert_eq!(found.id, scope.caller, "a number is found by its hash, whichever key sealed it");
    let secret = backend.keys().must().key(&KeyId::new("whs_s1")).await.must().must();
    assert_eq!((secret.hash, secret.revoked_at), ([1; 32], Some(start())));
}

/// "Each for itself, if what was read still stands", also of several at once.
pub async fn of_racing_replacements_each_value_is_won_once(backend: Arc<dyn Backend>) {
    let (old, new) = rings();
    for n in 1..=4 {
        fill(&*backend, &old, n).await;
    }
    let (store, values) = found(&*backend, Purpose::Receipt, old.active().id()).await;
    let won: Vec<u64> = race(6, |_| {
        let (store, vault, values) = (store.clone(), vault(&new), values.clone());
        async move {
            let changes: Vec<_> = values.iter().map(|value| anew(&vault, Purpose::Receipt, value)).collect();
            store.reseal(Purpose::Receipt, &changes).await.must()
        }
    })
    .await;
    assert_eq!(won.iter().sum::<u64>(), 4, "{won:?}");
    assert_eq!(count(&*backend, Purpose::Receipt, new.active().id()).await, 4);
}
