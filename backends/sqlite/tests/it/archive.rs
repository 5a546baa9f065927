//! What of a file cannot be carried into another house is told by its column, and nothing of it is shown.

use super::place::Place;
use hark_core::ErrorKind;
use hark_core::store::archive::Table;
use hark_core::testkit::fixtures::{conversation, event, job, memory, scopes, start};

async fn filled() -> Place {
    let place = Place::new();
    let (store, [one, ..]) = (place.migrated().await, scopes());
    let truth = store.memory();
    truth.ensure_user(&one.tenant, &[], &one.caller, start()).await.expect("a caller");
    truth.put_memories(&one, &[memory("mem_1", "Keeps bees")]).await.expect("a memory");
    truth.save_conversation(&one.tenant, &conversation("conv_1")).await.expect("a call");
    store.jobs().accept(&event("evt_1"), &job("ingest", "1")).await.expect("a job");
    place
}

#[tokio::test]
async fn damaged_values_are_told_by_their_column_and_not_shown() {
    for (damage, table, kind, told) in [
        ("UPDATE memories SET content = CAST(x'62656573ff' AS TEXT)", "memories", ErrorKind::Corrupt, "row"),
        ("UPDATE conversations SET counted = 7", "conversations", ErrorKind::Corrupt, "counted"),
        ("UPDATE jobs SET failures = '[\"bees'", "jobs", ErrorKind::Corrupt, "failures"),
        ("UPDATE users SET sealed_name = CAST('-bees' AS BLOB)", "users", ErrorKind::Conflict, "not sealed"),
    ] {
        let place = filled().await;
        let archive = place.migrated().await.0.archive().expect("what it offers");
        let table = Table::named(table).unwrap();
        let mut view = archive.view().await.unwrap();
        assert_eq!(view.read(table, None, 9).await.unwrap().len(), 1, "{damage}");
        drop(view);
        place.tamper(damage).await;
        let error = archive.view().await.unwrap().read(table, None, 9).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{damage}");
        assert!(error.context().contains(told), "{damage}: {error}");
        assert!(!error.to_string().contains("bees"), "{error}");
    }
}

#[tokio::test]
async fn a_file_without_a_schema_has_nothing_to_be_carried() {
    let place = Place::new();
    let error = place.open().await.0.archive().expect("what it offers").view().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.context().contains("migrations have to run"), "{error}");
}
