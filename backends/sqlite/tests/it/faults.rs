//! What happens when the file, another process or the schema is not as it should be.

use crate::place::{Place, verdict};
use hark_core::ErrorKind::{Config, Conflict, Corrupt, Unavailable};
use hark_core::store::Accepted;
use hark_core::testkit::fixtures::{erasure, event, job, memory, scopes, start};
use serde_json::json;
use sqlx::Executor;
use std::io::{Seek, SeekFrom, Write};

#[tokio::test]
async fn while_another_process_writes_reading_goes_on_and_writing_may_be_tried_again() {
    let place = Place::new();
    place.migrated().await;
    let store = place.open().await;
    let mut stranger = place.stranger().await;
    stranger.execute("BEGIN EXCLUSIVE").await.unwrap();
    let error = store.jobs().accept(&event("evt_1"), &job("ingest", "1")).await.unwrap_err();
    assert_eq!(verdict(&error), (Unavailable, true), "{error:?}");
    assert_eq!(error.operation(), "sqlite.accept");
    assert_eq!(store.memory().count_memories().await.unwrap(), 0);
    for error in [store.0.health().await.unwrap_err(), store.memory().ping().await.unwrap_err(), error] {
        assert_eq!(error.refusal(), Some("the database is locked"), "{error:?}");
    }
    stranger.execute("ROLLBACK").await.unwrap();
    store.0.health().await.unwrap();
    assert_eq!(store.jobs().accept(&event("evt_1"), &job("ingest", "1")).await.unwrap(), Accepted::New);
}

#[tokio::test]
async fn opening_a_locked_file_may_be_tried_again() {
    let place = Place::new();
    place.migrated().await;
    let mut stranger = place.stranger().await;
    stranger.execute("BEGIN EXCLUSIVE").await.unwrap();
    let error = place.try_open(json!({"busy_timeout_ms": 20})).await.unwrap_err();
    assert_eq!(verdict(&error), (Unavailable, true), "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt_and_left_as_it_was() {
    let place = Place::new();
    let letter = "Dear Sam, this is a letter and not a database. ".repeat(100);
    std::fs::write(place.file(), &letter).unwrap();
    let error = place.try_open(json!({})).await.unwrap_err();
    assert_eq!(verdict(&error), (Corrupt, false), "{error:?}");
    assert!(error.context().contains("memory.db") && !format!("{error:?}").contains("Sam"), "{error:?}");
    assert_eq!(std::fs::read_to_string(place.file()).unwrap(), letter);
}

#[tokio::test]
async fn damage_behind_the_header_is_corrupt() {
    let place = Place::new();
    let store = place.migrated().await;
    store.0.close().await.unwrap();
    let length = std::fs::metadata(place.file()).unwrap().len();
    let mut file = std::fs::OpenOptions::new().write(true).open(place.file()).unwrap();
    file.seek(SeekFrom::Start(200)).unwrap();
    file.write_all(&vec![0xff; usize::try_from(length).unwrap() - 200]).unwrap();
    drop(file);
    let error = match place.try_open(json!({})).await {
        Ok(store) => store.memory().unwrap().count_memories().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(verdict(&error), (Corrupt, false), "{error:?}");
}

#[tokio::test]
async fn a_value_nobody_wrote_is_corrupt_and_not_quoted() {
    let place = Place::new();
    let store = place.migrated().await;
    let [one, ..] = scopes();
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    store.memory().put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap();
    for change in [
        "UPDATE memories SET kind = 'gossip about Sam'",
        "UPDATE memories SET kind = 'fact', metadata = '{\"gossip about Sam\"'",
        "UPDATE memories SET metadata = '{}', occurred_at = 9223372036854775807",
    ] {
        place.tamper(change).await;
        let error = store.memory().memories(&one, &["mem_1".into()]).await.unwrap_err();
        assert_eq!(verdict(&error), (Corrupt, false), "{change}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("Sam"), "{error:?}");
    }
}

#[tokio::test]
async fn a_missing_folder_is_a_configuration_error_that_names_the_field() {
    let error = Place::new().try_open(json!({"path": "missing/memory.db"})).await.unwrap_err();
    assert_eq!(verdict(&error), (Config, false), "{error:?}");
    assert!(error.context().contains("path: the folder of `memory.db` does not exist"), "{error:?}");
}

#[tokio::test]
async fn a_folder_in_the_files_place_cannot_be_opened() {
    let place = Place::new();
    std::fs::create_dir(place.file()).unwrap();
    let error = place.try_open(json!({})).await.unwrap_err();
    assert_eq!(verdict(&error), (Unavailable, false), "{error:?}");
    assert_eq!(error.context(), "`memory.db` cannot be opened");
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_owners_only_and_so_is_its_log() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let _store = place.migrated().await;
    for file in [place.file(), place.file().with_extension("db-wal")] {
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn opening_does_not_migrate_and_migrating_twice_is_the_same_as_once() {
    let place = Place::new();
    let store = place.open().await;
    let pending = store.schema().pending().await.unwrap();
    assert_eq!((pending[0].version, pending[0].description.as_str()), (1, "init"));
    let error = store.memory().count_memories().await.unwrap_err();
    assert_eq!(verdict(&error), (Unavailable, false), "{error:?}");
    assert!(error.context().contains("migrations have to run"), "{error:?}");
    store.0.health().await.unwrap();
    for _ in 0..2 {
        store.schema().run().await.unwrap();
        assert_eq!(store.schema().pending().await.unwrap(), []);
    }
    assert_eq!(store.memory().count_memories().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_may_migrate_at_once() {
    let place = Place::new();
    let stores = [place.open().await, place.open().await];
    let running = stores.map(|store| {
        let schema = store.schema();
        tokio::spawn(async move { schema.run().await })
    });
    for task in running {
        // One that had to wait longer than the test's short busy timeout may be tried again.
        if let Err(error) = task.await.unwrap() {
            assert_eq!(verdict(&error), (Unavailable, true), "{error:?}");
        }
    }
    let store = place.migrated().await;
    assert_eq!(store.schema().pending().await.unwrap(), []);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let place = Place::new();
    let store = place.migrated().await;
    place
        .tamper(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'from the future', TRUE, x'00', 0)",
        )
        .await;
    for error in [store.schema().pending().await.unwrap_err(), store.schema().run().await.unwrap_err()] {
        assert_eq!(verdict(&error), (Conflict, false), "{error:?}");
        assert!(error.context().contains("newer"), "{error:?}");
    }
}

#[tokio::test]
async fn a_migration_that_was_changed_after_it_ran_is_refused() {
    let place = Place::new();
    let store = place.migrated().await;
    place.tamper("UPDATE _sqlx_migrations SET checksum = x'00'").await;
    let error = store.schema().run().await.unwrap_err();
    assert_eq!(verdict(&error), (Conflict, false), "{error:?}");
}

#[tokio::test]
async fn closing_twice_is_fine_empties_the_log_and_ends_the_service() {
    let place = Place::new();
    let store = place.migrated().await;
    store.jobs().accept(&event("evt_1"), &job("ingest", "1")).await.unwrap();
    store.0.close().await.unwrap();
    store.0.close().await.unwrap();
    assert!(!place.file().with_extension("db-wal").exists());
    for error in
        [store.0.health().await.unwrap_err(), store.jobs().enqueue(&[job("x", "1")], start()).await.unwrap_err()]
    {
        assert_eq!(verdict(&error), (Unavailable, false), "{error:?}");
    }
    assert_eq!(place.migrated().await.jobs().stats(None, start()).await.unwrap().pending, 1);
}

#[tokio::test]
async fn what_is_forgotten_is_not_left_in_the_file() {
    const SENTENCE: &[u8] = b"Keeps seventeen tortoises in the garden";
    let place = Place::new();
    let [one, ..] = scopes();
    let in_file = || std::fs::read(place.file()).unwrap().windows(SENTENCE.len()).any(|window| window == SENTENCE);

    let store = place.migrated().await;
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    let sentence = std::str::from_utf8(SENTENCE).unwrap();
    store.memory().put_memories(&one, &[memory("mem_1", sentence)]).await.unwrap();
    store.0.close().await.unwrap();
    assert!(in_file(), "the test looks in the right place");

    let store = place.migrated().await;
    store.memory().erase_user(&one, &erasure(&one)).await.unwrap();
    store.0.close().await.unwrap();
    assert!(!in_file());
}
