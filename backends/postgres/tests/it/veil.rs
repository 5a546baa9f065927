//! Names, summaries and what a merge notes of profiles: in no row in the clear.

use crate::place::Place;
use hark_core::ErrorKind::Config;
use hark_core::crypt::{Keyring, Purpose, Vault};
use hark_core::store::{MemoryStore, Resealed};
use hark_core::testkit::SeededEntropy;
use hark_core::testkit::fixtures::{after, start, tenant};
use hark_core::{NewTransfer, Scope, SystemEntropy, TransferId, TransferKind, TransferredBy, User};
use serde_json::json;
use std::sync::Arc;

fn scope(id: &str) -> Scope {
    Scope::new(tenant(), id)
}

async fn profile(store: &dyn MemoryStore, id: &str) -> User {
    store.user(&scope(id)).await.expect("it goes well").expect("it goes well")
}

async fn named(store: &dyn MemoryStore, id: &str, name: &str, summary: &str) {
    store.ensure_user(&tenant(), &[], &scope(id).caller, start()).await.expect("it goes well");
    store.set_name(&scope(id), name).await.expect("it goes well");
    store.set_summary(&scope(id), summary).await.expect("it goes well");
}

fn merge() -> NewTransfer {
    let (from, into) = (scope("usr_2").caller, scope("usr_1").caller);
    let (id, kind, by) = (TransferId::new("trf_1"), TransferKind::Merge, TransferredBy::Person);
    NewTransfer { id, kind, from, into, conversations: Vec::new(), by }
}

/// Whether a row of these tables holds a text, as text or as bytes.
async fn holds(place: &Place, planted: &str) -> bool {
    let mut stranger = place.stranger().await;
    let hex: String = planted.bytes().map(|b| format!("{b:02x}")).collect();
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT users::text FROM users UNION ALL SELECT transfers::text FROM transfers")
            .fetch_all(&mut stranger)
            .await
            .expect("it reads");
    assert!(!rows.is_empty());
    rows.iter().any(|row| row.contains(planted) || row.contains(&hex))
}

#[tokio::test]
async fn a_profile_and_a_merge_are_read_back_and_stand_in_no_row() {
    let place = Place::new();
    let memory = place.migrated().await.memory();
    named(&*memory, "usr_1", "", "Keeps zanderbees.").await;
    named(&*memory, "usr_2", "Quillivar", "Keeps zanderwasps.").await;
    memory.transfer(&tenant(), &merge(), after(1)).await.unwrap();
    let whole = profile(&*memory, "usr_1").await;
    assert_eq!((whole.name.as_str(), whole.summary.as_str()), ("Quillivar", "Keeps zanderbees."));
    assert!(holds(&place, "usr_1").await && !holds(&place, "Quillivar").await && !holds(&place, "zander").await);
    memory.undo_transfer(&tenant(), &TransferId::new("trf_1"), after(2)).await.unwrap().unwrap();
    let (one, two) = (profile(&*memory, "usr_1").await, profile(&*memory, "usr_2").await);
    assert_eq!((one.name.as_str(), one.summary.as_str()), ("", "Keeps zanderbees."));
    assert_eq!((two.name.as_str(), two.summary.as_str()), ("Quillivar", "Keeps zanderwasps."));
}

#[tokio::test]
async fn what_the_store_seals_by_itself_is_sealed_anew_by_another_key() {
    let place = Place::new();
    let store = place.migrated().await;
    named(&*store.memory(), "usr_1", "Zebulonne", "Keeps bees.").await;
    named(&*store.memory(), "usr_2", "Quillivar", "").await;
    store.memory().transfer(&tenant(), &merge(), after(1)).await.unwrap();
    let rotated = Keyring::generate(&SeededEntropy::new(21)).rotated(&SeededEntropy::new(22));
    let next = Vault::new(rotated, Arc::new(SystemEntropy));
    let sealed = &store.0.sealed()[0];
    let old = sealed.sealing_keys().await.unwrap();
    let purposes: Vec<_> = old.iter().map(|(purpose, _)| *purpose).collect();
    assert_eq!(purposes, [Purpose::Name, Purpose::Summary, Purpose::Transfer]);
    for (purpose, key) in &old {
        for value in sealed.sealed_by(*purpose, key, 0, 9).await.unwrap() {
            let plain = next.open(&value.tenant, *purpose, &value.record, &value.sealed).unwrap();
            let new = next.seal(&value.tenant, *purpose, &value.record, &plain).unwrap();
            let change = Resealed { tenant: value.tenant, place: value.place, standing: value.sealed, new };
            assert_eq!(sealed.reseal(*purpose, std::slice::from_ref(&change)).await.unwrap(), 1);
            assert_eq!(sealed.reseal(*purpose, &[change]).await.unwrap(), 0);
        }
        assert_eq!(sealed.count_sealed(*purpose, key).await.unwrap(), 0);
    }
    let reopened = place.opened(json!({}), Some(next)).await.unwrap().memory().unwrap();
    assert_eq!(profile(&*reopened, "usr_1").await.name, "Zebulonne");
}

#[tokio::test]
async fn without_keys_nothing_is_written_in_the_clear_and_with_others_nothing_is_made_up() {
    let place = Place::new();
    named(&*place.migrated().await.memory(), "usr_1", "Zebulonne", "").await;
    let without = place.opened(json!({}), None).await.unwrap().memory().unwrap();
    without.ensure_user(&tenant(), &[], &scope("usr_2").caller, start()).await.unwrap();
    assert_eq!(profile(&*without, "usr_2").await.name, "");
    let other = Vault::new(Keyring::generate(&SystemEntropy), Arc::new(SystemEntropy));
    let other = place.opened(json!({}), Some(other)).await.unwrap().memory().unwrap();
    for error in [
        without.set_name(&scope("usr_2"), "Sam").await.unwrap_err(),
        without.set_summary(&scope("usr_2"), "Sam").await.unwrap_err(),
        without.user(&scope("usr_1")).await.unwrap_err(),
        other.user(&scope("usr_1")).await.unwrap_err(),
    ] {
        assert!(error.kind() == Config && error.context().contains("encryption key"), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_or_exchanged_name_costs_the_name_and_not_the_caller() {
    let place = Place::new();
    let memory = place.migrated().await.memory();
    named(&*memory, "usr_1", "Zebulonne", "Keeps bees.").await;
    named(&*memory, "usr_2", "Quillivar", "").await;
    place
        .tamper(
            "UPDATE users SET sealed_name = (SELECT sealed_name FROM users WHERE id = 'usr_2') WHERE id = 'usr_1';
             UPDATE users SET sealed_name = '\\x0102' WHERE id = 'usr_2'",
        )
        .await;
    let (one, two) = (profile(&*memory, "usr_1").await, profile(&*memory, "usr_2").await);
    assert_eq!((one.name.as_str(), one.summary.as_str(), two.name.as_str()), ("", "Keeps bees.", ""));
}
