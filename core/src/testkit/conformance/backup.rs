//! What every [`Backup`](crate::store::Backup) does, and what brings its copies back.

use crate::backend::Backend;
use crate::crypt::Purpose;
use crate::store::{Accepted, Backup, Space};
use crate::testkit::fixtures::{after, conversation, erasure, event, job, memory, phone, scopes, sealed, start, vault};
use crate::testkit::suite::Must;
use crate::{Conversation, ErrorKind, NewErasure, Result, Scope};
use async_trait::async_trait;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Places for backends that play truth and queue, each empty at first.
#[async_trait]
pub trait CopyPlaces: Send + Sync {
    /// An open backend over the place of that number, brought up to date.
    async fn open(&self, place: usize) -> Arc<dyn Backend>;

    /// Lets go of an open one.
    async fn close(&self, backend: Arc<dyn Backend>) {
        let _ = backend.close().await;
    }

    /// Puts a copy in the place of that number: [`Factory::restore`](crate::backend::Factory::restore).
    async fn restore(&self, place: usize, from: &Path) -> Result<()>;

    /// A folder that is there, is empty, and was never answered before.
    fn folder(&self) -> PathBuf;
}

/// Runs every behaviour of a [`Backup`](crate::store::Backup) as a test of its own. Takes the name of an async function
/// without arguments that gives [`CopyPlaces`](crate::testkit::CopyPlaces).
#[macro_export]
macro_rules! backup_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_durability_suite!(
            $make,
            backup,
            backup,
            [
                a_copy_brings_back_what_was_there_and_nothing_later,
                a_copy_says_what_it_holds,
                what_was_removed_is_in_no_copy,
                a_copy_taken_while_others_write_is_of_one_moment,
                nothing_is_copied_onto_something_or_from_nothing,
                nothing_is_restored_onto_something,
                what_is_no_copy_is_not_restored,
            ]
        );
    };
}

const SECRET: &str = "Keeps bees on the roof of the old mill";

async fn filled(backend: &dyn Backend) -> Scope {
    let (store, [one, ..]) = (backend.memory().must(), scopes());
    store.ensure_user(&one.tenant, &[phone(&one.tenant, "+14155550123")], &one.caller, start()).await.must();
    store.put_memories(&one, &[memory("mem_1", SECRET), memory("mem_2", "Likes tea")]).await.must();
    let words = vault().seal(&one.tenant, Purpose::Transcript, "conv_1", b"words").must();
    let call = Conversation { caller: Some(one.caller.clone()), transcript: Some(words), ..conversation("conv_1") };
    store.save_conversation(&one.tenant, &call).await.must();
    store.set_space(&Space { model: "minilm".to_owned(), dimensions: 4 }).await.must();
    let jobs = backend.jobs().must();
    assert_eq!(jobs.accept(&event("evt_1"), &job("ingest", "1")).await.must(), Accepted::New);
    one
}

async fn copied(places: &dyn CopyPlaces, backend: &dyn Backend) -> PathBuf {
    let folder = places.folder();
    copies(backend).copy_to(&folder).await.must();
    folder
}

fn copies(backend: &dyn Backend) -> Arc<dyn Backup> {
    backend.backup().must()
}

/// Truth and queue come back as they were, in another place, and can be written to.
pub async fn a_copy_brings_back_what_was_there_and_nothing_later(places: &dyn CopyPlaces) {
    let first = places.open(0).await;
    let one = filled(&*first).await;
    let (store, ids) = (first.memory().must(), ["mem_1".into(), "mem_2".into(), "mem_3".into()]);
    let (before, user) = (store.memories(&one, &ids).await.must(), store.user(&one).await.must());
    let folder = copied(places, &*first).await;
    store.put_memories(&one, &[memory("mem_3", "Later")]).await.must();
    assert_eq!(store.memories(&one, &ids).await.must().len(), 3, "the original goes on");

    places.restore(1, &folder).await.must();
    let second = places.open(1).await;
    let restored = second.memory().must();
    assert_eq!(restored.memories(&one, &ids).await.must(), before);
    assert_eq!(restored.user(&one).await.must(), user);
    assert_eq!(restored.find_user(&one.tenant, &[phone(&one.tenant, "+14155550123")]).await.must(), user);
    assert_eq!(
        restored.conversation(&one.tenant, &"conv_1".into()).await.must(),
        store.conversation(&one.tenant, &"conv_1".into()).await.must()
    );
    assert_eq!(restored.space().await.must(), store.space().await.must());
    let again = second.jobs().must().accept(&event("evt_1"), &job("ingest", "1")).await.must();
    assert_ne!(again, Accepted::New, "the inbox knows what it had accepted");
    restored.put_memories(&one, &[memory("mem_3", "Another")]).await.must();
    assert_eq!(store.memories(&one, &["mem_3".into()]).await.must()[0].content, "Later", "they are two");
    places.close(first).await;
    places.close(second).await;
}

/// Schema, rows, the keys that are needed, and the space.
pub async fn a_copy_says_what_it_holds(places: &dyn CopyPlaces) {
    let backend = places.open(0).await;
    let empty = copies(&*backend).copy_to(&places.folder()).await.must();
    assert!(empty.sealed_with.is_empty() && empty.space.is_none() && empty.rows.values().all(|count| *count == 0));
    filled(&*backend).await;
    let holds = copies(&*backend).copy_to(&places.folder()).await.must();
    assert!(holds.schema > 0 && holds.schema == empty.schema);
    assert_eq!(holds.space, Some(Space { model: "minilm".to_owned(), dimensions: 4 }));
    let id = vault().seal(&scopes()[0].tenant, Purpose::Event, "x", b"x").must().key_id().must().to_owned();
    assert_eq!(holds.sealed_with.into_iter().collect::<Vec<_>>(), [id]);
    // A caller, an identity, two memories, a conversation, a job, an event, the space.
    assert!(holds.rows.values().sum::<u64>() >= 8, "{:?}", holds.rows);
    assert!(holds.rows.keys().eq(empty.rows.keys()));
    places.close(backend).await;
}

/// A person who was erased, and a memory that was deleted, are in no byte of a copy.
pub async fn what_was_removed_is_in_no_copy(places: &dyn CopyPlaces) {
    let backend = places.open(0).await;
    let one = filled(&*backend).await;
    let there = copied(places, &*backend).await;
    assert!(holds(&there, SECRET), "it can be seen where it is");
    let erasure = NewErasure { at: after(1), work: sealed("rest"), ..erasure(&one) };
    backend.memory().must().erase_user(&one, &erasure).await.must();
    let gone = copied(places, &*backend).await;
    assert!(!holds(&gone, SECRET));
    places.restore(1, &gone).await.must();
    let restored = places.open(1).await;
    let store = restored.memory().must();
    assert_eq!(store.user(&one).await.must(), None);
    assert!(store.erasure(&one.tenant, &erasure.id).await.must().is_some(), "the ledger comes along");
    assert_eq!(store.suppressions(&one.tenant, &erasure.keys).await.must().len(), 1);
    places.close(backend).await;
    places.close(restored).await;
}

fn holds(folder: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(folder).must().map(|entry| std::fs::read(entry.must().path()).must());
    files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

/// Each write is two memories at once: a copy never holds one of them alone.
pub async fn a_copy_taken_while_others_write_is_of_one_moment(places: &dyn CopyPlaces) {
    let backend = places.open(0).await;
    let one = filled(&*backend).await;
    let (store, scope) = (backend.memory().must(), one.clone());
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writer = tokio::spawn(async move {
        let mut pairs = 0;
        while stopped.try_recv().is_err() {
            let pair = [memory(&format!("mem_a{pairs}"), "One"), memory(&format!("mem_b{pairs}"), "Other")];
            store.put_memories(&scope, &pair).await.must();
            pairs += 1;
        }
        pairs
    });
    let mut folders = Vec::new();
    for _ in 0..3 {
        folders.push(copied(places, &*backend).await);
    }
    stop.send(()).must();
    let pairs: u64 = writer.await.must();
    for (place, folder) in (1..).zip(&folders) {
        places.restore(place, folder).await.must();
        let restored = places.open(place).await;
        let count = restored.memory().must().count_memories().await.must();
        assert!(count % 2 == 0 && count <= 2 + 2 * pairs, "{count} of {pairs} pairs");
        places.close(restored).await;
    }
    assert_eq!(backend.memory().must().count_memories().await.must(), 2 + 2 * pairs, "nobody was kept from writing");
    places.close(backend).await;
}

/// A folder that holds something is refused, and left as it is.
pub async fn nothing_is_copied_onto_something_or_from_nothing(places: &dyn CopyPlaces) {
    let backend = places.open(0).await;
    filled(&*backend).await;
    let folder = places.folder();
    std::fs::write(folder.join("letter"), "Dear Sam").must();
    let error = copies(&*backend).copy_to(&folder).await.expect_err("it is refused");
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Conflict, false));
    let left: Vec<_> = std::fs::read_dir(&folder).must().map(|entry| entry.must().file_name()).collect();
    assert_eq!(left, ["letter"]);
    places.close(backend).await;
}

/// What is there stays there.
pub async fn nothing_is_restored_onto_something(places: &dyn CopyPlaces) {
    let backend = places.open(0).await;
    let one = filled(&*backend).await;
    let folder = copied(places, &*backend).await;
    backend.memory().must().put_memories(&one, &[memory("mem_3", "Later")]).await.must();
    places.close(backend).await;
    let error = places.restore(0, &folder).await.expect_err("it is refused");
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Conflict, false));
    let backend = places.open(0).await;
    assert_eq!(backend.memory().must().count_memories().await.must(), 3);
    places.close(backend).await;
}

/// An empty folder, and one with other things in it.
pub async fn what_is_no_copy_is_not_restored(places: &dyn CopyPlaces) {
    let empty = places.folder();
    assert_eq!(places.restore(1, &empty).await.expect_err("it is refused").kind(), ErrorKind::Corrupt);
    let backend = places.open(0).await;
    filled(&*backend).await;
    let folder = copied(places, &*backend).await;
    for entry in std::fs::read_dir(&folder).must() {
        std::fs::write(entry.must().path(), "Dear Sam, this is a letter and not a database").must();
    }
    let error = places.restore(1, &folder).await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!format!("{error} {error:?}").contains("Sam"));
    let second = places.open(1).await;
    assert_eq!(second.memory().must().count_memories().await.must(), 0, "nothing came into place");
    places.close(backend).await;
    places.close(second).await;
}
