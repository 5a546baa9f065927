//! What goes wrong with disks, processes and crowds.
#![expect(clippy::unwrap_used, reason = "tests")]

use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::store::{Space, VectorRow, VectorStore};
use hark_core::testkit::{MockClock, SeededEntropy};
use hark_core::{ErrorKind, MemoryId, Result, Scope, Sector};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

async fn open_with(dir: &Path, section: &str) -> Result<Arc<dyn Backend>> {
    let mut registry = Registry::new();
    hark_lancedb::register(&mut registry);
    let context = OpenContext {
        data_dir: dir.to_owned(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    };
    registry.open("lancedb", section.parse().unwrap(), &context).await
}

async fn open(dir: &Path) -> (Arc<dyn Backend>, Arc<dyn VectorStore>) {
    let backend = open_with(dir, "{}").await.unwrap();
    let vectors = backend.vectors().unwrap();
    (backend, vectors)
}

fn space() -> Space {
    Space { model: "m".into(), dimensions: 2 }
}

fn row(id: &str, vector: [f32; 2]) -> VectorRow {
    VectorRow { id: id.into(), sector: Sector::Semantic, vector: vector.to_vec() }
}

async fn ids(store: &Arc<dyn VectorStore>, scope: &Scope) -> Vec<String> {
    let found = store.search(scope, &space(), &[1.0, 0.0], &[], 1000).await.unwrap();
    found.into_iter().map(|hit| hit.id.as_str().to_owned()).collect()
}

async fn filled(dir: &Path) -> Scope {
    let scope = Scope::new("t", "ada");
    let (backend, store) = open(dir).await;
    store.upsert(&scope, &space(), &[row("m1", [1.0, 0.0]), row("m2", [0.0, 1.0])]).await.unwrap();
    backend.close().await.unwrap();
    scope
}

/// The one table's folder.
fn table(dir: &Path) -> PathBuf {
    let mut tables = fs::read_dir(dir.join("vectors")).unwrap().map(|entry| entry.unwrap().path());
    tables.find(|path| path.extension().is_some_and(|e| e == "lance")).unwrap()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_damaged_table_is_set_aside_and_the_space_starts_empty() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("manifests are cut", |table| files(&table.join("_versions")).iter().for_each(|f| fs::write(f, "x").unwrap())),
        ("manifests are gone", |table| fs::remove_dir_all(table.join("_versions")).unwrap()),
        ("data is gone", |table| fs::remove_dir_all(table.join("data")).unwrap()),
        ("data is cut", |table| files(&table.join("data")).iter().for_each(|f| fs::write(f, "short").unwrap())),
    ];
    for (name, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let scope = filled(dir.path()).await;
        let table = table(dir.path());
        damage(&table);
        let (backend, store) = open(dir.path()).await;
        assert_eq!(store.count(&space()).await.unwrap(), 0, "{name}");
        assert!(table.with_extension("lance.broken-1").is_dir(), "{name}");
        store.upsert(&scope, &space(), &[row("m3", [1.0, 0.0])]).await.unwrap();
        assert_eq!(ids(&store, &scope).await, ["m3"], "{name}");
        backend.close().await.unwrap();
    }
}

#[tokio::test]
async fn folders_of_others_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let foreign = dir.path().join("vectors/users.lance");
    fs::create_dir(&foreign).unwrap();
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(store.count(&space()).await.unwrap(), 2);
    assert!(foreign.is_dir());
}

/// Vectors of people who were erased since may be in them.
#[tokio::test]
async fn files_that_no_version_names_go_at_the_next_purge() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    // As of a merge that another commit was quicker than, or of a process that died before its own.
    let orphan = table(dir.path()).join("data/0123.lance");
    fs::write(&orphan, "somebody's vectors").unwrap();
    let (backend, store) = open(dir.path()).await;
    store.purge().await.unwrap();
    assert!(!orphan.exists());
    assert_eq!(ids(&store, &scope).await, ["m1", "m2"]);
    backend.close().await.unwrap();
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(ids(&store, &scope).await, ["m1", "m2"]);
}

/// What is being written is named by no version yet either.
#[tokio::test(flavor = "multi_thread")]
async fn a_purge_beside_writers_takes_nothing_from_them() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    let (backend, store) = open(dir.path()).await;
    let writing = (0..8).map(|lane| {
        let (store, scope) = (store.clone(), scope.clone());
        tokio::spawn(async move {
            for n in 0..10 {
                store.upsert(&scope, &space(), &[row(&format!("w{lane}_{n}"), [1.0, 1.0])]).await.unwrap();
            }
        })
    });
    let writing: Vec<_> = writing.collect();
    while !writing.iter().all(tokio::task::JoinHandle::is_finished) {
        store.purge().await.unwrap();
    }
    for lane in writing {
        lane.await.unwrap();
    }
    backend.close().await.unwrap();
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(store.count(&space()).await.unwrap(), 82);
    assert_eq!(ids(&store, &scope).await.len(), 82);
}

#[tokio::test]
async fn what_is_written_outlives_a_process_that_is_not_closed() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    {
        let (_backend, store) = open(dir.path()).await;
        store.upsert(&scope, &space(), &[row("m3", [1.0, 1.0])]).await.unwrap();
    }
    // Half a file and a lock, as a process leaves them that dies while it writes.
    fs::write(table(dir.path()).join("data/0123.lance"), "half").unwrap();
    fs::write(dir.path().join("vectors.lock"), "").unwrap();
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(ids(&store, &scope).await, ["m1", "m3", "m2"]);
    // Known from before: replaced, not doubled.
    store.upsert(&scope, &space(), &[row("m3", [0.0, 1.0])]).await.unwrap();
    assert_eq!(store.count(&space()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_folder_belongs_to_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (backend, _store) = open(dir.path()).await;
    assert_eq!(open_with(dir.path(), "{}").await.unwrap_err().kind(), ErrorKind::Conflict);
    backend.close().await.unwrap();
    assert!(open_with(dir.path(), "{}").await.is_ok());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_a_configuration_error_that_names_the_field() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    for section in [r#"{"uri": "file/vectors"}"#, r#"{"uri": "gs://bucket/vectors"}"#] {
        let error = open_with(dir.path(), section).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.context().starts_with("uri"), "{error}");
    }
}

#[tokio::test]
async fn a_disk_that_fails_is_an_error_and_the_store_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    let (_backend, store) = open(dir.path()).await;
    let (data, away) = (table(dir.path()).join("data"), dir.path().join("away"));
    fs::rename(&data, &away).unwrap();
    fs::write(&data, "in the way").unwrap();
    let error = store.upsert(&scope, &space(), &[row("m3", [1.0, 0.0])]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
    fs::remove_file(&data).unwrap();
    fs::rename(&away, &data).unwrap();
    store.upsert(&scope, &space(), &[row("m3", [1.0, 0.0])]).await.unwrap();
    assert_eq!(store.count(&space()).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_writers_shares_commits_and_everything_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path()).await;
    let (_backend, store) = open(dir.path()).await;
    let versions = table(dir.path()).join("_versions");
    let before = files(&versions).len();
    let writers: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let scope = Scope::new("t", format!("caller{}", n % 10));
                store.upsert(&scope, &space(), &[row(&format!("m{n}"), [1.0, 0.0])]).await.unwrap();
                assert!(ids(&store, &scope).await.contains(&format!("m{n}")));
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.count(&space()).await.unwrap(), 102);
    let commits = files(&versions).len() - before;
    assert!(commits <= 30, "{commits} commits");
}

#[tokio::test]
async fn hostile_ids_stay_in_their_scope() {
    let dir = tempfile::tempdir().unwrap();
    let (_backend, store) = open(dir.path()).await;
    let hostile = ["a", "", "a' OR '1'='1", "%", "a:1", "1:a", "a\u{0}", "\u{202e}a", "é", "e\u{301}", "\\'", "`;--"];
    let scopes: Vec<_> = hostile.iter().flat_map(|t| hostile.iter().map(|c| Scope::new(*t, *c))).collect();
    let rows: Vec<_> = scopes
        .iter()
        .enumerate()
        .map(|(n, scope)| (scope.clone(), row(hostile[n % hostile.len()], [1.0, 0.0])))
        .collect();
    store.upsert_many(&space(), &rows).await.unwrap();
    // A second time: every one of them is replaced by way of a predicate.
    store.upsert_many(&space(), &rows).await.unwrap();
    assert_eq!(store.count(&space()).await.unwrap(), rows.len() as u64);
    for (scope, row) in &rows {
        assert_eq!(ids(&store, scope).await, [row.id.as_str()], "{scope:?}");
        assert_eq!(store.load(scope, &space(), 9).await.unwrap().unwrap(), std::slice::from_ref(row));
    }
    for (erased, row) in &rows[13..16] {
        store.erase(erased).await.unwrap();
        assert!(ids(&store, erased).await.is_empty(), "{:?}", row.id);
    }
    assert_eq!(store.count(&space()).await.unwrap(), rows.len() as u64 - 3);
    assert_eq!(ids(&store, &rows[16].0).await, [rows[16].1.id.as_str()]);
}

#[tokio::test]
async fn what_is_not_a_number_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    let (_backend, store) = open(dir.path()).await;
    for odd in [f32::NAN, f32::INFINITY] {
        let error = store.upsert(&scope, &space(), &[row("m3", [odd, 0.0])]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(store.search(&scope, &space(), &[odd, 0.0], &[], 5).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
    let nowhere = Space { model: "m".into(), dimensions: 0 };
    let empty = VectorRow { vector: vec![], ..row("m3", [0.0, 0.0]) };
    assert_eq!(store.upsert(&scope, &nowhere, &[empty]).await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merging_in_the_background_and_replacing_meanwhile_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let backend = open_with(dir.path(), r#"{"compact_after": 5}"#).await.unwrap();
    let store = backend.vectors().unwrap();
    let scope = Scope::new("t", "ada");
    for n in 0..60 {
        store.upsert(&scope, &space(), &[row(&format!("m{}", n % 20), [1.0, n as f32])]).await.unwrap();
        if n % 7 == 0 {
            store.delete(&scope, &[MemoryId::from("m3")]).await.unwrap();
        }
        if n % 20 == 19 {
            store.optimise().await.unwrap();
        }
    }
    let rows = store.load(&scope, &space(), 100).await.unwrap().unwrap();
    let mut found: Vec<u32> = rows.iter().map(|row| row.vector[1] as u32).collect();
    found.sort_unstable();
    // The last twenty but m3, which came as 43 and was deleted after 49.
    let expected: Vec<u32> = (40..60).filter(|n| *n != 43).collect();
    assert_eq!(found, expected);
    backend.close().await.unwrap();
    drop((store, backend));
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(store.count(&space()).await.unwrap(), 19);
}

#[tokio::test]
async fn the_index_covers_what_is_there_and_what_comes_later_is_found_too() {
    let dir = tempfile::tempdir().unwrap();
    let (backend, store) = open(dir.path()).await;
    let scope = |n: usize| Scope::new("t", format!("caller{}", n % 60));
    let rows: Vec<_> = (0..6_000).map(|n| (scope(n), row(&format!("m{n}"), [1.0, n as f32]))).collect();
    store.upsert_many(&space(), &rows).await.unwrap();
    store.optimise().await.unwrap();
    assert!(files(&table(dir.path()).join("_indices")).len() == 1);
    assert_eq!(ids(&store, &scope(7)).await.len(), 100);
    store.upsert(&scope(7), &space(), &[row("late", [1.0, 0.0]), row("m7", [0.0, 1.0])]).await.unwrap();
    store.delete(&scope(7), &[MemoryId::from("m67")]).await.unwrap();
    assert_eq!(ids(&store, &scope(7)).await.len(), 100);
    store.erase(&scope(8)).await.unwrap();
    store.optimise().await.unwrap();
    assert!(ids(&store, &scope(8)).await.is_empty());
    assert_eq!(ids(&store, &scope(7)).await.len(), 100);
    backend.close().await.unwrap();
    drop((store, backend));
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(store.count(&space()).await.unwrap(), 6_000 + 1 - 1 - 100);
}

#[tokio::test]
async fn a_closed_store_says_so_and_closing_twice_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    let (backend, store) = open(dir.path()).await;
    backend.health().await.unwrap();
    backend.close().await.unwrap();
    backend.close().await.unwrap();
    let error = store.upsert(&scope, &space(), &[row("m", [1.0, 0.0])]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, false));
    assert_eq!(backend.health().await.unwrap_err().kind(), ErrorKind::Unavailable);
}
