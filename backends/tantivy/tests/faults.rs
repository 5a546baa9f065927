//! What goes wrong with disks, processes and crowds.
#![expect(clippy::unwrap_used, reason = "tests")]

use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::store::{KeywordDoc, KeywordQuery, KeywordStore};
use hark_core::testkit::{MockClock, SeededEntropy};
use hark_core::{ErrorKind, MemoryId, Result, Scope, Sector};
use std::fs;
use std::path::Path;
use std::sync::Arc;

async fn open_with(dir: &Path, section: &str) -> Result<Arc<dyn Backend>> {
    let mut registry = Registry::new();
    hark_tantivy::register(&mut registry);
    let context = OpenContext {
        data_dir: dir.to_owned(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    };
    registry.open("tantivy", section.parse().unwrap(), &context).await
}

async fn open(dir: &Path) -> (Arc<dyn Backend>, Arc<dyn KeywordStore>) {
    let backend = open_with(dir, "{}").await.unwrap();
    let keywords = backend.keywords().unwrap();
    (backend, keywords)
}

fn doc(id: &str, text: &str) -> KeywordDoc {
    KeywordDoc { id: id.into(), sector: Sector::Semantic, text: text.into() }
}

async fn ids(store: &Arc<dyn KeywordStore>, scope: &Scope, text: &str) -> Vec<String> {
    let query = KeywordQuery { text: text.into(), sectors: vec![], limit: 100 };
    let found = store.search(scope, &query).await.unwrap();
    found.into_iter().map(|hit| hit.id.as_str().to_owned()).collect()
}

fn files(dir: &Path, extension: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

async fn filled(dir: &Path) -> Scope {
    let scope = Scope::new("t", "ada");
    let (backend, store) = open(dir).await;
    store.upsert(&scope, &[doc("m1", "a blue bicycle"), doc("m2", "a red car")]).await.unwrap();
    backend.close().await.unwrap();
    scope
}

#[tokio::test]
async fn damaged_files_are_set_aside_and_the_index_starts_empty() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 5] = [
        ("meta is not json", |dir| fs::write(dir.join("meta.json"), "{").unwrap()),
        ("managed is not json", |dir| fs::write(dir.join(".managed.json"), "?").unwrap()),
        ("a segment is cut", |dir| files(dir, "idx").iter().for_each(|f| fs::write(f, "short").unwrap())),
        ("a segment is gone", |dir| files(dir, "store").iter().for_each(|f| fs::remove_file(f).unwrap())),
        ("one bit flips", |dir| {
            for file in files(dir, "term") {
                let mut bytes = fs::read(&file).unwrap();
                bytes[0] ^= 1;
                fs::write(file, bytes).unwrap();
            }
        }),
    ];
    for (name, damage) in damages {
        let dir = tempfile::tempdir().unwrap();
        let scope = filled(dir.path()).await;
        damage(&dir.path().join("words"));
        let (backend, store) = open(dir.path()).await;
        assert_eq!(store.count().await.unwrap(), 0, "{name}");
        assert!(dir.path().join("words.broken-1").is_dir(), "{name}");
        store.upsert(&scope, &[doc("m3", "a green bicycle")]).await.unwrap();
        assert_eq!(ids(&store, &scope, "bicycle").await, ["m3"], "{name}");
        backend.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_index_of_another_schema_is_set_aside_and_a_second_one_does_not_overwrite_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let words = dir.path().join("words");
    for n in 1..=2 {
        filled(dir.path()).await;
        let meta = fs::read_to_string(words.join("meta.json")).unwrap();
        assert!(meta.contains("hark_english_1"));
        fs::write(words.join("meta.json"), meta.replace("hark_english_1", "hark_english_0")).unwrap();
        let (backend, store) = open(dir.path()).await;
        assert_eq!(store.count().await.unwrap(), 0);
        assert!(dir.path().join(format!("words.broken-{n}")).is_dir());
        backend.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_written_outlives_a_process_that_is_not_closed() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    {
        let (_backend, store) = open(dir.path()).await;
        store.upsert(&scope, &[doc("m3", "a green bicycle")]).await.unwrap();
    }
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(store.count().await.unwrap(), 3);
}

#[tokio::test]
async fn without_waiting_for_the_disk_it_is_the_same_index() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    for n in 3..6 {
        let backend = open_with(dir.path(), r#"{"sync": false}"#).await.unwrap();
        let store = backend.keywords().unwrap();
        store.upsert(&scope, &[doc(&format!("m{n}"), "a green bicycle")]).await.unwrap();
        store.optimise().await.unwrap();
    }
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(ids(&store, &scope, "bicycle").await.len(), 4);
    assert!(!dir.path().join("words.broken-1").exists());
}

#[tokio::test]
async fn what_a_killed_process_leaves_behind_does_not_stop_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    let words = dir.path().join("words");
    // Locks and half a segment, as a process leaves them that dies between adding and committing.
    fs::write(words.join(".tantivy-writer.lock"), "").unwrap();
    fs::write(words.join(".tantivy-meta.lock"), "").unwrap();
    fs::write(dir.path().join("words.lock"), "").unwrap();
    fs::write(words.join("0123456789abcdef0123456789abcdef.idx"), "half").unwrap();
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(ids(&store, &scope, "bicycle").await, ["m1"]);
    store.upsert(&scope, &[doc("m1", "a tricycle")]).await.unwrap();
    assert!(ids(&store, &scope, "bicycle").await.is_empty());
    assert!(!dir.path().join("words.broken-1").exists());
}

#[tokio::test]
async fn a_process_killed_before_the_first_commit_leaves_a_folder_that_opens() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("words")).unwrap();
    fs::write(dir.path().join("words/.managed.json"), "[\"meta.json\"]").unwrap();
    let (_backend, store) = open(dir.path()).await;
    assert_eq!(store.count().await.unwrap(), 0);
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
    let error = open_with(dir.path(), r#"{"path": "file/words"}"#).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.context().starts_with("path"), "{error}");
    assert_eq!(open_with(dir.path(), r#"{"pth": "x"}"#).await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_disk_that_fails_is_unavailable_and_the_store_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let scope = filled(dir.path()).await;
    let (words, away) = (dir.path().join("words"), dir.path().join("away"));
    let (backend, store) = open(dir.path()).await;
    fs::rename(&words, &away).unwrap();
    let error = store.upsert(&scope, &[doc("m3", "a boat")]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
    assert_eq!(backend.health().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(ids(&store, &scope, "bicycle").await, ["m1"]);
    fs::rename(&away, &words).unwrap();
    backend.health().await.unwrap();
    store.upsert(&scope, &[doc("m4", "a ship")]).await.unwrap();
    assert_eq!(ids(&store, &scope, "ship").await, ["m4"]);
    assert!(ids(&store, &scope, "boat").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_writers_shares_commits_and_everything_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let backend = open_with(dir.path(), r#"{"commit_interval_ms": 50}"#).await.unwrap();
    let store = backend.keywords().unwrap();
    let opstamp = || {
        let meta = fs::read_to_string(dir.path().join("words/meta.json")).unwrap();
        meta.split("\"opstamp\":").nth(1).unwrap().trim().trim_end_matches('}').trim().parse::<u64>().unwrap()
    };
    let before = opstamp();
    let writers: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let scope = Scope::new("t", format!("caller{}", n % 10));
                store.upsert(&scope, &[doc(&format!("m{n}"), &format!("word{n} shared"))]).await.unwrap();
                assert_eq!(ids(&store, &scope, &format!("word{n}")).await, [format!("m{n}")]);
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.count().await.unwrap(), 100);
    // Each document takes two stamps (delete, add); what is left over are commits.
    let commits = opstamp() - before - 200;
    assert!(commits <= 10, "{commits} commits");
}

#[tokio::test]
async fn hostile_ids_stay_in_their_scope() {
    let dir = tempfile::tempdir().unwrap();
    let (_backend, store) = open(dir.path()).await;
    let hostile = ["a", "", "a' OR '1'='1", "%", "a:1", "1:a", "a\u{0}", "\u{202e}a", "é", "e\u{301}", "*", "a b"];
    let scopes: Vec<_> = hostile.iter().flat_map(|t| hostile.iter().map(|c| Scope::new(*t, *c))).collect();
    let docs: Vec<_> = scopes
        .iter()
        .enumerate()
        .map(|(n, scope)| (scope.clone(), doc(hostile[n % hostile.len()], "bicycle")))
        .collect();
    store.upsert_many(&docs).await.unwrap();
    for (scope, doc) in &docs {
        assert_eq!(ids(&store, scope, "bicycle").await, [doc.id.as_str()], "{scope:?}");
    }
    let (erased, kept) = (&scopes[14], &docs[15]);
    store.erase(erased).await.unwrap();
    assert!(ids(&store, erased, "bicycle").await.is_empty());
    assert_eq!(ids(&store, &kept.0, "bicycle").await, [kept.1.id.as_str()]);
    assert_eq!(store.count().await.unwrap(), docs.len() as u64 - 1);

    let long = Scope::new("t", "c".repeat(70_000));
    assert_eq!(store.upsert(&long, &[doc("m", "bicycle")]).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert!(ids(&store, &long, "bicycle").await.is_empty());
    store.delete(&long, &[MemoryId::from("m")]).await.unwrap();
}

#[tokio::test]
async fn clearing_between_writes_loses_nothing_that_comes_later() {
    let dir = tempfile::tempdir().unwrap();
    let (_backend, store) = open(dir.path()).await;
    let scope = Scope::new("t", "ada");
    for round in 0..5 {
        for n in 0..12 {
            store.upsert(&scope, &[doc(&format!("m{}", n % 8), &format!("round{round} bicycle"))]).await.unwrap();
        }
        assert_eq!(ids(&store, &scope, &format!("round{round}")).await.len(), 8);
        store.clear().await.unwrap();
        assert_eq!(store.count().await.unwrap(), 0);
        assert!(ids(&store, &scope, "bicycle").await.is_empty());
    }
}

#[tokio::test]
async fn optimising_merges_keeps_everything_and_is_nothing_the_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let (_backend, store) = open(dir.path()).await;
    let scope = Scope::new("t", "ada");
    for n in 0..30 {
        store.upsert(&scope, &[doc(&format!("m{n}"), "bicycle")]).await.unwrap();
    }
    store.delete(&scope, &[MemoryId::from("m3")]).await.unwrap();
    store.optimise().await.unwrap();
    store.optimise().await.unwrap();
    assert_eq!(ids(&store, &scope, "bicycle").await.len(), 29);
    let before = files(&dir.path().join("words"), "idx");
    assert!(before.len() <= 9, "{} segments", before.len());
    store.optimise().await.unwrap();
    assert_eq!(files(&dir.path().join("words"), "idx").len(), before.len());
}

/// Deleted documents whose words the segments still hold, and the segments.
fn deleted(folder: &Path) -> (u32, usize) {
    let metas = tantivy::Index::open_in_dir(folder).unwrap().searchable_segment_metas().unwrap();
    (metas.iter().map(|meta| meta.num_deleted_docs()).sum(), metas.len())
}

#[tokio::test]
async fn purging_leaves_no_word_of_what_was_erased_in_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let (_backend, store) = open(dir.path()).await;
    let (erased, kept) = (Scope::new("t", "ada"), Scope::new("t", "bob"));
    store.upsert(&erased, &[doc("m1", "zanzibar")]).await.unwrap();
    for n in 0..60 {
        store.upsert(&kept, &[doc(&format!("k{n}"), "bicycle")]).await.unwrap();
    }
    // In a large segment, in which one deleted document is not worth a merge.
    store.optimise().await.unwrap();
    store.erase(&erased).await.unwrap();
    store.optimise().await.unwrap();
    let folder = dir.path().join("words");
    assert_eq!(deleted(&folder).0, 1, "or this test shows nothing");
    for _ in 0..2 {
        store.purge().await.unwrap();
        let (dead, segments) = deleted(&folder);
        assert_eq!(dead, 0);
        assert_eq!(files(&folder, "idx").len(), segments, "the old segment's file is gone");
        assert_eq!(ids(&store, &kept, "bicycle").await.len(), 60);
    }
    store.erase(&kept).await.unwrap();
    store.purge().await.unwrap();
    assert_eq!(deleted(&folder).0, 0, "the last document of a segment, too");
    assert_eq!(files(&folder, "idx").len(), deleted(&folder).1);
}

#[tokio::test]
async fn a_closed_store_says_so_and_closing_twice_is_fine() {
    let dir = tempfile::tempdir().unwrap();
    let (backend, store) = open(dir.path()).await;
    backend.close().await.unwrap();
    backend.close().await.unwrap();
    let error = store.upsert(&Scope::new("t", "ada"), &[doc("m", "x")]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, false));
    assert_eq!(backend.health().await.unwrap_err().kind(), ErrorKind::Unavailable);
}
