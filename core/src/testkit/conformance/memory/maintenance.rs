//! Walks over everybody, and the revision that tells a cache what is still true.

use super::{callers, ids, memory_ids};
use crate::store::{ConflictFilter, MemoryFilter, MemoryStore, Space};
use crate::testkit::fixtures::{after, memory, start};
use crate::testkit::suite::{Must, walk};
use crate::{ErrorKind, IndexState, Link, LinkKind, Memory, MemoryState, PageRequest, Scope};
use std::collections::BTreeMap;
use std::sync::Arc;

/// "Notes that words and vectors are written. Missing ones are ignored", and so are those of others.
pub async fn indexing_is_noted_for_the_callers_own_only(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let written = ["mem_1", "mem_2"].map(|id| memory(id, "x"));
    store.put_memories(&one, &written).await.must();
    let asked = memory_ids(&["mem_1", "mem_missing"]);
    for stranger in [&two, &other] {
        store.mark_indexed(stranger, &asked).await.must();
    }
    assert_eq!(store.pending_memories(10).await.must().len(), 2);
    for _ in 0..2 {
        store.mark_indexed(&one, &asked).await.must();
        let read = store.memories(&one, &memory_ids(&["mem_1", "mem_2"])).await.must();
        let indexed = Memory { index: IndexState::Indexed, ..written[0].clone() };
        assert_eq!(read, [indexed, written[1].clone()], "nothing else changes");
    }
    store.put_memories(&one, &written).await.must();
    assert_eq!(store.pending_memories(10).await.must().len(), 2, "written anew is pending anew");
}

/// "Memories whose index state is `Pending`, oldest first, at most `limit`, of all tenants."
pub async fn pending_memories_come_oldest_first_of_all_tenants(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let learnt = |id: &str, secs| Memory {
        learnt_at: after(secs),
        reinforced_at: after(secs),
        occurred_at: after(secs),
        ..memory(id, "x")
    };
    store.put_memories(&other, &[learnt("mem_c", 1)]).await.must();
    store.put_memories(&one, &[learnt("mem_b", 2)]).await.must();
    store.put_memories(&two, &[learnt("mem_a", 3)]).await.must();
    let done = Memory { index: IndexState::Indexed, ..learnt("mem_done", 0) };
    store.put_memories(&one, &[done]).await.must();
    let pending = store.pending_memories(10).await.must();
    let expected = [(&other, "mem_c"), (&one, "mem_b"), (&two, "mem_a")];
    assert_eq!(pending.iter().map(|(s, m)| (s, m.id.as_str())).collect::<Vec<_>>(), expected);
    let first = store.pending_memories(2).await.must();
    assert_eq!(first, pending[..2]);
    assert_eq!(store.pending_memories(0).await.must(), []);
}

/// Fills three callers with memories in every state, whose times say nothing about their order.
async fn crowd(store: &dyn MemoryStore, each: usize) -> BTreeMap<String, Scope> {
    let mut owners = BTreeMap::new();
    for (s, scope) in callers(store).await.iter().enumerate() {
        for i in 0..each {
            let id = format!("mem_{}{i}{s}", i * 7 % 5);
            let state = if i % 2 == 0 { MemoryState::Archived } else { MemoryState::Active };
            let when = after(i as i64 * 31 % 7);
            let one = Memory { state, occurred_at: when, learnt_at: start(), ..memory(&id, "x") };
            store.put_memories(scope, &[one]).await.must();
            owners.insert(id, scope.clone());
        }
    }
    owners
}

/// "All memories of all tenants, in a stable order"; "each item carries its own scope".
pub async fn a_scan_meets_every_memory_of_every_tenant_once(store: Arc<dyn MemoryStore>) {
    let owners = crowd(&*store, 9).await;
    for limit in [1, 4, 27, 100] {
        let walked = walk(limit, async |page| store.scan_memories(&page).await).await;
        assert_eq!(walked.len(), 27, "pages of {limit}");
        let met: BTreeMap<_, _> = walked.into_iter().map(|(scope, m)| (m.id.to_string(), scope)).collect();
        assert_eq!(met, owners, "pages of {limit}");
    }
}

/// "That does not change while the walk goes on": what is met may be marked, changed or deleted meanwhile.
pub async fn a_scan_is_not_led_astray_by_writes(store: Arc<dyn MemoryStore>) {
    let owners = crowd(&*store, 9).await;
    let mut request = PageRequest::first(4);
    let mut met = Vec::new();
    loop {
        let page = store.scan_memories(&request).await.must();
        for (i, (scope, mut memory)) in page.items.into_iter().enumerate() {
            met.push(memory.id.to_string());
            match i {
                0 => {
                    store.delete_memories(&scope, &[memory.id]).await.must();
                }
                1 => store.mark_indexed(&scope, &[memory.id]).await.must(),
                2 => {
                    (memory.occurred_at, memory.learnt_at) = (after(9_999), after(9_999));
                    store.put_memories(&scope, &[memory]).await.must();
                }
                _ => {}
            }
        }
        match page.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => break,
        }
    }
    met.sort();
    assert_eq!(met, owners.into_keys().collect::<Vec<_>>(), "each once");
}

/// "How many memories there are in all."
pub async fn memories_are_counted(store: Arc<dyn MemoryStore>) {
    assert_eq!(store.count_memories().await.must(), 0);
    crowd(&*store, 3).await;
    assert_eq!(store.count_memories().await.must(), 9, "of every state and tenant");
}

async fn revision(store: &dyn MemoryStore, scope: &Scope) -> u64 {
    store.user(scope).await.must().must().revision
}

/// "Every write to a caller's memories or links raises that caller's revision by at least one."
pub async fn every_write_to_memories_or_links_raises_the_revision(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let link = Link::new("mem_1".into(), "mem_2".into(), 0.9, LinkKind::Similar, start());
    let first = memory_ids(&["mem_1"]);
    let mut last = revision(&*store, &one).await;
    for step in ["put", "replace", "mark indexed", "mark indexed anew", "link", "relink", "unlink", "delete"] {
        match step {
            "put" => store.put_memories(&one, &["mem_1", "mem_2"].map(|id| memory(id, "x"))).await.must(),
            "replace" => store.put_memories(&one, &[memory("mem_1", "y")]).await.must(),
            "mark indexed" | "mark indexed anew" => store.mark_indexed(&one, &first).await.must(),
            "link" => store.put_links(&one, std::slice::from_ref(&link)).await.must(),
            "relink" => store.put_links(&one, &[Link { kind: LinkKind::Manual, ..link.clone() }]).await.must(),
            "unlink" => store.delete_link(&one, &link.id).await.must(),
            _ => assert_eq!(store.delete_memories(&one, &first).await.must(), 1),
        }
        let now = revision(&*store, &one).await;
        assert!(now > last, "{step}: {last} to {now}");
        last = now;
    }
}

/// What others write is no reason to forget what was read.
pub async fn writes_of_others_leave_the_revision_alone(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    store.put_memories(&one, &[memory("mem_1", "x")]).await.must();
    let before = revision(&*store, &one).await;
    for stranger in [&two, &other] {
        store.put_memories(stranger, &[memory(&format!("mem_{}", stranger.tenant), "x")]).await.must();
        store.delete_memories(stranger, &memory_ids(&["mem_1"])).await.must();
        store.put_memories(stranger, &[memory("mem_1", "y")]).await.expect_err("a conflict");
    }
    assert_eq!(revision(&*store, &one).await, before);
    let read = store.memories(&one, &memory_ids(&["mem_1"])).await.must();
    assert_eq!(ids(&read), ["mem_1"]);
}

/// "Made by the store that reads it": any other is the caller's mistake, and never a crash.
pub async fn a_cursor_that_is_not_ours_is_invalid(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    for cursor in ["", "x", "-1", "'; --", "%00", "👩", "9999999999999999999999", "a:b:c", "bm90IG91cnM="] {
        let page = PageRequest { limit: 5, cursor: Some(cursor.to_owned()) };
        let answers = [
            store.users(&one.tenant, &page).await.err(),
            store.conversations(&one.tenant, None, &page).await.err(),
            store.list_memories(&one, &MemoryFilter::default(), &page).await.err(),
            store.scan_memories(&page).await.err(),
            store.conflicts(&one.tenant, &ConflictFilter::default(), &page).await.err(),
        ];
        for error in answers.into_iter().flatten() {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{cursor}: {error:?}");
        }
    }
}

/// "The space the memories' vectors are complete in; `None` until [it is set]", and the last one set stands.
pub async fn the_space_is_noted_and_replaced(store: Arc<dyn MemoryStore>) {
    assert_eq!(store.space().await.must(), None);
    for (model, dimensions) in [("one", 8), ("two", 16), ("two", 32)] {
        let space = Space { model: model.to_owned(), dimensions };
        for _ in 0..2 {
            store.set_space(&space).await.must();
            assert_eq!(store.space().await.must(), Some(space.clone()));
        }
    }
}

/// "Whether the store answers."
pub async fn the_store_answers(store: Arc<dyn MemoryStore>) {
    store.ping().await.must();
}
