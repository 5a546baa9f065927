//! Names, summaries and what a merge notes of profiles: in no file in the clear, whichever version wrote it.

use super::place::{Place, Store, vault};
use hark_core::ErrorKind::Config;
use hark_core::crypt::{Keyring, Purpose, Vault};
use hark_core::store::{MemoryStore, Resealed};
use hark_core::testkit::fixtures::{after, start, tenant};
use hark_core::{NewTransfer, Scope, SystemEntropy, TransferId, TransferKind, TransferredBy, User};
use sqlx::Executor;
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn scope(id: &str) -> Scope {
    Scope::new(tenant(), id)
}

fn holds(file: &Path, planted: &str) -> bool {
    let log = file.with_extension("db-wal");
    let bytes = [fs::read(file).expect("it goes well"), fs::read(log).unwrap_or_default()].concat();
    bytes.windows(planted.len()).any(|window| window == planted.as_bytes())
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

#[tokio::test]
async fn a_profile_and_a_merge_are_read_back_and_stand_in_no_file() {
    let place = Place::new();
    let store = place.migrated().await;
    let memory = store.memory();
    named(&*memory, "usr_1", "", "Keeps zanderbees.").await;
    named(&*memory, "usr_2", "Quillivar", "Keeps zanderwasps.").await;
    memory.transfer(&tenant(), &merge(), after(1)).await.unwrap();
    let whole = profile(&*memory, "usr_1").await;
    assert_eq!((whole.name.as_str(), whole.summary.as_str()), ("Quillivar", "Keeps zanderbees."));
    assert_eq!(memory.users(&tenant(), &hark_core::PageRequest::first(9)).await.unwrap().items, [whole]);
    let unseen = |file: &Path| !holds(file, "Quillivar") && !holds(file, "zander");
    assert!(holds(&place.file(), "usr_1") && unseen(&place.file()));
    store.0.close().await.unwrap();
    assert!(unseen(&place.file()));

    let memory = place.migrated().await.memory();
    memory.undo_transfer(&tenant(), &TransferId::new("trf_1"), after(2)).await.unwrap().unwrap();
    let (one, two) = (profile(&*memory, "usr_1").await, profile(&*memory, "usr_2").await);
    assert_eq!((one.name.as_str(), one.summary.as_str()), ("", "Keeps zanderbees."));
    assert_eq!((two.name.as_str(), two.summary.as_str()), ("Quillivar", "Keeps zanderwasps."));
    memory.set_name(&scope("usr_2"), "").await.unwrap();
    assert_eq!(profile(&*memory, "usr_2").await.name, "");
    assert!(unseen(&place.file()));
}

/// Everything that a version has left in the clear is found, and sealed anew like what an old key sealed.
async fn seal_anew(store: &Store) -> Vec<Purpose> {
    let sealed = &store.0.sealed()[0];
    let mut done = Vec::new();
    for (purpose, key) in sealed.sealing_keys().await.expect("it goes well") {
        assert_eq!(key, "", "nothing is sealed yet");
        for value in sealed.sealed_by(purpose, "", 0, 9).await.expect("it goes well") {
            let plain = vault().open(&value.tenant, purpose, &value.record, &value.sealed).expect("it goes well");
            let new = vault().seal(&value.tenant, purpose, &value.record, &plain).expect("it goes well");
            let change = Resealed { tenant: value.tenant, place: value.place, standing: value.sealed, new };
            assert_eq!(sealed.reseal(purpose, &[change]).await.expect("it goes well"), 1);
            done.push(purpose);
        }
    }
    assert!(sealed.sealing_keys().await.expect("it goes well").iter().all(|(_, key)| !key.is_empty()));
    done
}

#[tokio::test]
async fn what_an_older_version_kept_in_the_clear_is_read_and_then_sealed() {
    let place = Place::new();
    let mut steps: Vec<_> = fs::read_dir("migrations").unwrap().map(|entry| entry.unwrap().path()).collect();
    steps.sort();
    // Makes the file, and nothing in it.
    place.open().await.0.close().await.unwrap();
    let mut before = place.stranger().await;
    before.execute("PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON").await.unwrap();
    let (old, new): (Vec<_>, Vec<_>) =
        steps.into_iter().partition(|step| step.file_name().unwrap().to_str().unwrap() < "0015");
    for step in old {
        before.execute(sqlx::AssertSqlSafe(fs::read_to_string(step).unwrap())).await.unwrap();
    }
    let profile_of = |id: &str, name: &str, summary: &str| {
        format!(
            "INSERT INTO users (tenant, id, name, summary, first_contact, last_contact)
             VALUES ('{}', '{id}', '{name}', '{summary}', 1000000, 1000000);",
            tenant()
        )
    };
    let was = serde_json::to_string(&User {
        id: "usr_2".into(),
        name: "Quillivar".to_owned(),
        call_count: 0,
        first_contact: start(),
        last_contact: start(),
        summary: String::new(),
        shared: false,
        consent: hark_core::Consent::Unknown,
        revision: 0,
    })
    .unwrap();
    let rows = format!(
        "{} {} INSERT INTO transfers (id, tenant, kind, from_caller, into_caller, state, decided_by, moved, created_at)
         VALUES ('trf_1', '{}', 'merge', 'usr_2', 'usr_1', 'done', 'person',
                 '{{\"from_before\":{was},\"into_before\":null}}', 1000000)",
        profile_of("usr_1", "Zebulonne", "Keeps zanderbees — ''two''."),
        profile_of("usr_3", "", ""),
        tenant(),
    );
    before.execute(sqlx::AssertSqlSafe(rows)).await.unwrap();
    for step in new {
        before.execute(sqlx::AssertSqlSafe(fs::read_to_string(step).unwrap())).await.unwrap();
    }
    drop(before);

    let store = place.open().await;
    let memory = store.memory();
    let read = async || {
        let (one, none) = (profile(&*memory, "usr_1").await, profile(&*memory, "usr_3").await);
        assert_eq!((one.name.as_str(), one.summary.as_str()), ("Zebulonne", "Keeps zanderbees — 'two'."));
        assert_eq!((none.name.as_str(), none.summary.as_str()), ("", ""));
        let kept = memory.transfer_by_id(&tenant(), &TransferId::new("trf_1")).await.unwrap().unwrap();
        assert_eq!(kept.moved.from_before.name, "Quillivar");
    };
    read().await;
    assert_eq!(seal_anew(&store).await, [Purpose::Name, Purpose::Summary, Purpose::Transfer]);
    read().await;
    memory.purge().await.unwrap();
    for planted in ["Zebulonne", "zanderbees", "Quillivar"] {
        assert!(!holds(&place.file(), planted), "{planted}");
    }
}

#[tokio::test]
async fn without_keys_nothing_is_written_in_the_clear_and_with_others_nothing_is_made_up() {
    let place = Place::new();
    named(&*place.migrated().await.memory(), "usr_1", "Zebulonne", "").await;
    let without = place.with_vault(None).await.memory();
    without.ensure_user(&tenant(), &[], &scope("usr_2").caller, start()).await.unwrap();
    assert_eq!(profile(&*without, "usr_2").await.name, "");
    let other = Vault::new(Keyring::generate(&SystemEntropy), Arc::new(SystemEntropy));
    let other = place.with_vault(Some(other)).await.memory();
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
             UPDATE users SET sealed_name = x'0102' WHERE id = 'usr_2'",
        )
        .await;
    let (one, two) = (profile(&*memory, "usr_1").await, profile(&*memory, "usr_2").await);
    assert_eq!((one.name.as_str(), one.summary.as_str(), two.name.as_str()), ("", "Keeps bees.", ""));
}
