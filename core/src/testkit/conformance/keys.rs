//! What every [`KeyStore`] does.

use crate::crypt::Sealed;
use crate::store::{KeyKind, KeyStore, StoredKey};
use crate::testkit::Reopen;
use crate::testkit::fixtures::{after, start};
use crate::testkit::suite::{Must, race, walk};
use crate::{ErrorKind, KeyId, KeyScope, KeyScopes, TenantId, Timestamp};
use std::sync::Arc;

/// Runs every behaviour of a [`KeyStore`] as a test of its own. Takes the name of an async function without arguments
/// that gives `(Arc<dyn KeyStore>, guard)`: a fresh, empty, migrated store, and whatever must outlive it.
#[macro_export]
macro_rules! key_store_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            key_store,
            keys,
            [
                a_key_comes_back_as_it_was_kept,
                an_id_or_a_live_hash_is_kept_once,
                a_list_holds_one_tenants_keys_of_one_kind_latest_first,
                live_are_those_neither_revoked_nor_expired_of_all_tenants,
                revoking_is_told_at_once_and_stays_as_it_was,
                another_tenants_key_is_not_revoked,
                uses_move_forward_only_and_the_missing_are_ignored,
                of_racing_keys_with_one_hash_one_is_kept,
            ]
        );
    };
}

/// Runs every durability behaviour of a [`KeyStore`] as a test of its own. Takes the name of an async function without
/// arguments that gives a [`Reopen<dyn KeyStore>`](crate::testkit::Reopen) over an empty place.
#[macro_export]
macro_rules! key_store_durability_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_durability_suite!(
            $make,
            key_store_durability,
            keys,
            [keys_and_their_revocation_survive_reopening]
        );
    };
}

fn key(tenant: &str, n: u8) -> StoredKey {
    StoredKey {
        id: KeyId::new(format!("key_{n:02}")),
        tenant: TenantId::new(tenant),
        kind: KeyKind::Api,
        label: format!("Front desk {n}"),
        scopes: KeyScopes::from_iter([KeyScope::Tool, KeyScope::Read]),
        hash: [n; 32],
        sealed: None,
        created_at: after(i64::from(n)),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

fn secret(tenant: &str, n: u8) -> StoredKey {
    StoredKey {
        id: KeyId::new(format!("whs_{n:02}")),
        kind: KeyKind::Webhook,
        scopes: KeyScopes::default(),
        sealed: Some(Sealed::from_bytes(vec![1, n, 0, 255])),
        ..key(tenant, n)
    }
}

fn revoked_at(at: Timestamp, mut key: StoredKey) -> StoredKey {
    key.revoke(at);
    key
}

fn ids(keys: &[StoredKey]) -> Vec<&str> {
    keys.iter().map(|key| key.id.as_str()).collect()
}

/// Every field comes back, "revoked and expired ones included"; an unknown id is `None`.
pub async fn a_key_comes_back_as_it_was_kept(store: Arc<dyn KeyStore>) {
    let whole = StoredKey {
        label: "'; DROP TABLE keys; -- 👩‍👧 \u{202e}".to_owned(),
        scopes: KeyScopes::all(),
        expires_at: Some(after(60)),
        revoked_at: Some(after(30)),
        last_used_at: Some(after(20)),
        ..key("acme", 1)
    };
    for key in [whole, StoredKey { label: String::new(), ..key("acme", 2) }, secret("other", 3)] {
        store.add_key(&key).await.must();
        assert_eq!(store.key(&key.id).await.must().must(), key);
    }
    assert_eq!(store.key(&KeyId::new("key_99")).await.must(), None);
    assert_eq!(store.key(&KeyId::new("KEY_01")).await.must(), None);
}

/// "An id that is there, or the hash of a key of the same kind that is not revoked, is an error of kind `Conflict`, and nothing
/// changes."
pub async fn an_id_or_a_live_hash_is_kept_once(store: Arc<dyn KeyStore>) {
    store.add_key(&key("acme", 1)).await.must();
    let same_id = StoredKey { hash: [9; 32], ..key("other", 1) };
    let same_hash = StoredKey { hash: [1; 32], ..key("other", 2) };
    for refused in [&same_id, &same_hash] {
        assert_eq!(store.add_key(refused).await.expect_err("it is there").kind(), ErrorKind::Conflict);
    }
    assert_eq!(store.key(&same_id.id).await.must().must(), key("acme", 1));
    assert_eq!(store.key(&same_hash.id).await.must(), None);
    // Of another kind, or once the first is revoked, the same hash is fine.
    store.add_key(&StoredKey { hash: [1; 32], ..secret("other", 3) }).await.must();
    store.revoke_key(&TenantId::new("acme"), &KeyId::new("key_01"), after(9)).await.must();
    store.add_key(&same_hash).await.must();
}

/// "A tenant's keys of a kind, latest first", page by page.
pub async fn a_list_holds_one_tenants_keys_of_one_kind_latest_first(store: Arc<dyn KeyStore>) {
    for n in 1..=5 {
        // Two at the same moment: ties go by id.
        let created_at = after(i64::from(n / 2));
        store.add_key(&StoredKey { created_at, ..key("acme", n) }).await.must();
    }
    store.add_key(&key("other", 6)).await.must();
    store.add_key(&secret("acme", 7)).await.must();
    store.revoke_key(&TenantId::new("acme"), &KeyId::new("key_03"), after(9)).await.must();
    let acme = TenantId::new("acme");
    for limit in [1, 2, 50] {
        let listed = walk(limit, async |page| store.keys(&acme, KeyKind::Api, &page).await).await;
        assert_eq!(ids(&listed), ["key_04", "key_05", "key_02", "key_03", "key_01"], "{limit}");
    }
    let secrets = walk(50, async |page| store.keys(&acme, KeyKind::Webhook, &page).await).await;
    assert_eq!(ids(&secrets), ["whs_07"]);
    let strangers = walk(50, async |page| store.keys(&TenantId::new("acm"), KeyKind::Api, &page).await).await;
    assert_eq!(ids(&strangers), Vec::<&str>::new());
}

/// "Every key of a kind that is live at `now`, of all tenants, earliest first."
pub async fn live_are_those_neither_revoked_nor_expired_of_all_tenants(store: Arc<dyn KeyStore>) {
    store.add_key(&secret("other", 2)).await.must();
    store.add_key(&secret("acme", 1)).await.must();
    store.add_key(&StoredKey { expires_at: Some(after(60)), ..secret("acme", 3) }).await.must();
    store.add_key(&secret("acme", 4)).await.must();
    store.add_key(&key("acme", 5)).await.must();
    store.revoke_key(&TenantId::new("acme"), &KeyId::new("whs_04"), after(9)).await.must();
    let live = async |secs| store.live_keys(KeyKind::Webhook, after(secs)).await.must();
    assert_eq!(ids(&live(59).await), ["whs_01", "whs_02", "whs_03"]);
    assert_eq!(ids(&live(60).await), ["whs_01", "whs_02"], "from then on it opens nothing");
    assert_eq!(live(0).await[1], secret("other", 2));
}

/// "One that is revoked already stays revoked when it was"; "when this has answered, `key` tells of it".
pub async fn revoking_is_told_at_once_and_stays_as_it_was(store: Arc<dyn KeyStore>) {
    let acme = TenantId::new("acme");
    store.add_key(&key("acme", 1)).await.must();
    for at in [after(10), after(20)] {
        let revoked = store.revoke_key(&acme, &KeyId::new("key_01"), at).await.must().must();
        assert_eq!(revoked, revoked_at(after(10), key("acme", 1)));
        assert_eq!(store.key(&revoked.id).await.must(), Some(revoked));
    }
    // What could check with it, or know it again, is gone.
    store.add_key(&secret("acme", 2)).await.must();
    let revoked = store.revoke_key(&acme, &KeyId::new("whs_02"), after(10)).await.must().must();
    assert_eq!((revoked.sealed.clone(), revoked.hash), (None, StoredKey::spent(&secret("acme", 2).hash)));
    assert_eq!(store.key(&revoked.id).await.must(), Some(revoked));
}

/// "`None` for one that is not there or another tenant's", and nothing changes.
pub async fn another_tenants_key_is_not_revoked(store: Arc<dyn KeyStore>) {
    store.add_key(&key("acme", 1)).await.must();
    let revoke = async |tenant: &str, id: &str| store.revoke_key(&tenant.into(), &id.into(), after(10)).await.must();
    assert_eq!(revoke("other", "key_01").await, None);
    assert_eq!(revoke("acme", "key_02").await, None);
    assert_eq!(store.key(&KeyId::new("key_01")).await.must(), Some(key("acme", 1)));
}

/// "A use earlier than the last one is ignored, as is a key that is not there."
pub async fn uses_move_forward_only_and_the_missing_are_ignored(store: Arc<dyn KeyStore>) {
    for n in [1, 2] {
        store.add_key(&key("acme", n)).await.must();
    }
    let id = |n: u8| key("acme", n).id;
    store.note_key_uses(&[]).await.must();
    store.note_key_uses(&[(id(1), after(60)), (id(9), after(60))]).await.must();
    store.note_key_uses(&[(id(1), start()), (id(2), after(120))]).await.must();
    let used = async |n| store.key(&id(n)).await.must().must().last_used_at;
    assert_eq!((used(1).await, used(2).await), (Some(after(60)), Some(after(120))));
    assert_eq!(store.key(&id(9)).await.must(), None);
}

/// "Of two that race with one hash, one wins."
pub async fn of_racing_keys_with_one_hash_one_is_kept(store: Arc<dyn KeyStore>) {
    let added = race(8, |task| {
        let store = store.clone();
        async move {
            let tenant = if task % 2 == 0 { "acme" } else { "other" };
            let n = u8::try_from(task).expect("eight");
            store.add_key(&StoredKey { hash: [7; 32], ..secret(tenant, n) }).await
        }
    })
    .await;
    assert_eq!(added.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(added.iter().all(|result| result.as_ref().err().is_none_or(|e| e.kind() == ErrorKind::Conflict)));
    assert_eq!(store.live_keys(KeyKind::Webhook, after(99)).await.must().len(), 1);
}

/// What opens doors, and what no longer does, is the same after the process has ended.
pub async fn keys_and_their_revocation_survive_reopening(place: &dyn Reopen<dyn KeyStore>) {
    let store = place.open().await;
    for key in [key("acme", 1), key("acme", 2), secret("other", 3)] {
        store.add_key(&key).await.must();
    }
    store.revoke_key(&TenantId::new("acme"), &KeyId::new("key_01"), after(9)).await.must();
    store.note_key_uses(&[(KeyId::new("key_02"), after(60))]).await.must();
    place.close(store).await;

    let store = place.open().await;
    let held = async |id: &str| store.key(&KeyId::new(id)).await.must();
    assert_eq!(held("key_01").await, Some(revoked_at(after(9), key("acme", 1))));
    assert_eq!(held("key_02").await, Some(StoredKey { last_used_at: Some(after(60)), ..key("acme", 2) }));
    assert_eq!(held("whs_03").await, Some(secret("other", 3)));
    place.close(store).await;
}
