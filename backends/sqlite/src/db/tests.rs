//! A disk that takes no more, on the real engine: SQLite is told how many pages a file may have.

use super::Db;
use crate::config::SqliteConfig;
use crate::job::SqliteQueue;
use crate::memory::SqliteMemory;
use crate::migrate::SqliteSchema;
use hark_core::ErrorKind::Unavailable;
use hark_core::crypt::Sealed;
use hark_core::store::{Accepted, JobQueue, MemoryStore, Migrate};
use hark_core::testkit::fixtures::{after, event, job, memory, scopes, start};
use hark_core::{Error, ErrorKind};
use sqlx::{Executor, Row};
use std::sync::Arc;
use tempfile::TempDir;

/// Larger than what is free in the pages a file has.
const LARGE: usize = 100_000;

struct Place {
    _folder: TempDir,
    db: Arc<Db>,
    memory: SqliteMemory,
    jobs: SqliteQueue,
}

impl Place {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let db = Arc::new(Db::open(&folder.path().join("memory.db"), &SqliteConfig::default(), None).await.unwrap());
        SqliteSchema::new(db.clone()).run().await.unwrap();
        let (memory, jobs) = (SqliteMemory::new(db.clone()), SqliteQueue::new(db.clone()));
        Self { _folder: folder, db, memory, jobs }
    }

    /// From now on, as long as the writing connection lives, the file may not grow.
    async fn fill(&self) {
        let mut writer = self.db.writer.acquire().await.unwrap();
        let pages: i64 = writer.fetch_one("PRAGMA page_count").await.unwrap().get(0);
        let limited = format!("PRAGMA max_page_count = {pages}");
        writer.execute(sqlx::query(sqlx::AssertSqlSafe(limited))).await.unwrap();
    }

    /// As on a file system that is mounted read-only while we run; until [`Place::take_writes`].
    async fn take_no_writes(&self) {
        self.db.writer.execute("PRAGMA query_only = ON").await.unwrap();
    }

    async fn take_writes(&self) {
        self.db.writer.execute("PRAGMA query_only = OFF").await.unwrap();
    }

    async fn pending(&self) -> u64 {
        self.jobs.stats(None, start()).await.unwrap().pending
    }
}

fn verdict(error: &Error) -> (ErrorKind, bool, Option<&str>) {
    (error.kind(), error.is_retriable(), error.refusal())
}

const FULL: (ErrorKind, bool, Option<&str>) = (Unavailable, true, Some("disk full"));

#[tokio::test]
async fn on_a_full_disk_an_event_is_kept_whole_or_not_at_all_and_it_goes_on_when_there_is_room() {
    let place = Place::new().await;
    let large = hark_core::store::NewEvent { body: Sealed::from_bytes(vec![7; LARGE]), ..event("evt_1") };
    assert_eq!(place.jobs.accept(&event("evt_0"), &job("ingest", "0")).await.unwrap(), Accepted::New);
    for _ in 0..3 {
        place.fill().await;
        let error = place.jobs.accept(&large, &job("ingest", "1")).await.unwrap_err();
        assert_eq!(verdict(&error), FULL, "{error:?}");
        assert_eq!(place.jobs.event(&large.tenant, &large.id).await.unwrap(), None);
        assert_eq!(place.pending().await, 1, "reading goes on, and nothing is half done");
    }
    assert_eq!(place.jobs.accept(&large, &job("ingest", "1")).await.unwrap(), Accepted::New);
    assert_eq!(place.jobs.accept(&large, &job("ingest", "1")).await.unwrap(), Accepted::Duplicate);
    assert_eq!(place.pending().await, 2);
    place.db.ping().await.unwrap();
}

#[tokio::test]
async fn on_a_full_disk_of_several_memories_none_is_kept_and_the_revision_stands() {
    let place = Place::new().await;
    let [one, ..] = scopes();
    place.memory.ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    let small = memory("mem_1", "Likes tea");
    let large = memory("mem_2", &"tea ".repeat(LARGE));
    place.fill().await;
    let error = place.memory.put_memories(&one, &[small.clone(), large.clone()]).await.unwrap_err();
    assert_eq!(verdict(&error), FULL, "{error:?}");
    assert_eq!(place.memory.count_memories().await.unwrap(), 0);
    let revision = place.memory.user(&one).await.unwrap().unwrap().revision;
    place.memory.put_memories(&one, &[small, large]).await.unwrap();
    assert_eq!(place.memory.count_memories().await.unwrap(), 2);
    assert!(place.memory.user(&one).await.unwrap().unwrap().revision > revision);
}

#[tokio::test]
async fn a_lease_that_cannot_be_settled_on_a_full_disk_can_be_settled_later() {
    let place = Place::new().await;
    place.jobs.enqueue(&[job("ingest", "1")], start()).await.unwrap();
    let leases = place.jobs.lease("w", 1, after(60), start()).await.unwrap();
    let follow_ups: Vec<_> = (0..2_000).map(|i| job("link", &i.to_string())).collect();
    place.fill().await;
    let error = place.jobs.complete(&leases[0], &follow_ups, start()).await.unwrap_err();
    assert_eq!(verdict(&error), FULL, "{error:?}");
    assert_eq!(place.pending().await, 0, "no follow-up without the end of what it follows");
    place.jobs.complete(&leases[0], &follow_ups, start()).await.unwrap();
    assert_eq!(place.pending().await, 2_000);
}

#[tokio::test]
async fn on_a_read_only_disk_reading_goes_on_and_the_store_says_why_until_it_is_mended() {
    let place = Place::new().await;
    let [one, ..] = scopes();
    place.memory.ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    place.memory.put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap();
    place.take_no_writes().await;
    place.memory.ping().await.unwrap();
    let read_only = (Unavailable, false, Some("`memory.db` is read-only"));
    for error in [
        place.memory.put_memories(&one, &[memory("mem_2", "Likes milk")]).await.unwrap_err(),
        place.jobs.accept(&event("evt_1"), &job("ingest", "1")).await.unwrap_err(),
        place.jobs.enqueue(&[job("ingest", "1")], start()).await.unwrap_err(),
        place.memory.ping().await.unwrap_err(),
        place.jobs.ping().await.unwrap_err(),
    ] {
        assert_eq!(verdict(&error), read_only, "{error:?}");
    }
    assert_eq!(place.memory.memories(&one, &["mem_1".into()]).await.unwrap().len(), 1);
    place.take_writes().await;
    place.memory.ping().await.unwrap();
    assert_eq!(place.jobs.accept(&event("evt_1"), &job("ingest", "1")).await.unwrap(), Accepted::New);
}
