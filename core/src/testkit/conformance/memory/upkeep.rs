//! What fades, what becomes of it, and who looks after it.

use super::{callers, ids, memory_ids};
use crate::store::{Leadership, LinkUse, MemoryStore};
use crate::testkit::fixtures::{after, memory, start};
use crate::testkit::suite::{Must, race};
use crate::{
    Change, ErrorKind, Link, LinkKind, Memory, MemoryId, MemoryState, PageRequest, Scope, Standing, Timestamp,
};
use std::collections::BTreeSet;
use std::sync::Arc;

fn archived(memory: &Memory) -> Change {
    let before = Standing::of(memory);
    Change { memory: memory.id.clone(), after: Standing { state: MemoryState::Archived, ..before.clone() }, before }
}

fn similar(one: &str, other: &str, created_at: Timestamp) -> Link {
    Link::new(one.into(), other.into(), 0.7, LinkKind::Similar, created_at)
}

async fn revision(store: &dyn MemoryStore, scope: &Scope) -> u64 {
    store.user(scope).await.must().must().revision
}

/// "Each for itself, if it is the caller's and still stands as its `before` says"; nothing but its standing changes.
pub async fn a_standing_changes_only_if_it_is_as_it_was_read(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = callers(&*store).await;
    let written = ["mem_1", "mem_2", "mem_3"].map(|id| memory(id, "x"));
    store.put_memories(&one, &written).await.must();
    store.put_memories(&two, &[memory("mem_9", "x")]).await.must();
    let stronger = Memory { salience: 0.9, reinforced_at: after(60), ..written[1].clone() };
    store.put_memories(&one, std::slice::from_ref(&stronger)).await.must();

    let before = revision(&*store, &one).await;
    let mut changes: Vec<Change> = written.iter().map(archived).collect();
    changes.extend([archived(&memory("mem_9", "x")), archived(&memory("mem_missing", "x"))]);
    for stranger in [&two, &other] {
        assert_eq!(store.restand(stranger, &changes[..3]).await.must(), 0);
    }
    assert_eq!(revision(&*store, &one).await, before);
    assert_eq!(store.restand(&one, &changes).await.must(), 2);
    assert!(revision(&*store, &one).await > before);
    let read = store.memories(&one, &memory_ids(&["mem_1", "mem_2", "mem_3"])).await.must();
    let faded = |at: usize| Memory { state: MemoryState::Archived, ..written[at].clone() };
    assert_eq!(read, [faded(0), stronger, faded(2)]);
    assert_eq!(store.restand(&one, &changes).await.must(), 0, "again is nothing");
    assert_eq!(store.restand(&one, &[]).await.must(), 0);
    assert_eq!(store.memories(&two, &memory_ids(&["mem_9"])).await.must()[0].state, MemoryState::Active);
}

/// "Somebody else was first": of those who change one memory at once, one does.
pub async fn racing_changes_of_one_standing_agree_on_one(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let known = memory("mem_1", "x");
    store.put_memories(&one, std::slice::from_ref(&known)).await.must();
    let changed = race(8, |index| {
        let (store, scope, before) = (store.clone(), one.clone(), Standing::of(&known));
        let after = Standing { salience: 0.6, reinforced_at: after(index as i64), ..before.clone() };
        async move { store.restand(&scope, &[Change { memory: "mem_1".into(), before, after }]).await.must() }
    });
    assert_eq!(changed.await.into_iter().sum::<u64>(), 1);
}

/// "Active memories of all tenants that were last reinforced before that moment, the longest ago first."
pub async fn fading_memories_come_longest_untold_first_of_all_tenants(store: Arc<dyn MemoryStore>) {
    let scopes = callers(&*store).await;
    let mut expected = Vec::new();
    for at in 0..12_usize {
        let told = Memory { reinforced_at: after((at as i64 * 7) % 12), ..memory(&format!("mem_{at}"), "x") };
        let state = [MemoryState::Active, MemoryState::Superseded, MemoryState::Archived][usize::from(at % 4 == 3) * 2];
        let told = Memory { state, ..told };
        store.put_memories(&scopes[at % 3], std::slice::from_ref(&told)).await.must();
        if state == MemoryState::Active && told.reinforced_at < after(9) {
            expected.push((told.reinforced_at, scopes[at % 3].clone(), told));
        }
    }
    let replaced = Memory { state: MemoryState::Superseded, ..memory("mem_gone", "x") };
    store.put_memories(&scopes[0], &[replaced]).await.must();
    expected.sort_by_key(|(at, ..)| *at);
    let expected: Vec<_> = expected.into_iter().map(|(_, scope, memory)| (scope, memory)).collect();

    let mut page = PageRequest::first(2);
    let mut met = Vec::new();
    loop {
        let found = store.fading_memories(after(9), &page).await.must();
        assert!(found.items.len() <= 2);
        // What is put away on the way does not lead the walk astray.
        for (scope, memory) in &found.items {
            assert_eq!(store.restand(scope, &[archived(memory)]).await.must(), 1);
        }
        met.extend(found.items);
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    assert_eq!(met, expected);
    assert_eq!(store.fading_memories(after(9), &PageRequest::first(9)).await.must().items, []);
}

/// "Automatic links of all tenants that were made, and last used, before that moment."
pub async fn fading_links_are_automatic_and_not_used_since(store: Arc<dyn MemoryStore>) {
    let scopes = callers(&*store).await;
    for (index, scope) in scopes.iter().enumerate() {
        let made = [1, 2, 3, 4].map(|at| memory(&format!("mem_{index}{at}"), "x"));
        store.put_memories(scope, &made).await.must();
        let [a, b, c, d] = made.each_ref().map(|memory| memory.id.as_str());
        let manual = Link::new(c.into(), d.into(), 0.9, LinkKind::Manual, start());
        let used = similar(a, d, start());
        let links = [similar(a, b, after(1)), similar(b, c, after(50)), manual, used.clone()];
        store.put_links(scope, &links).await.must();
        let uses = LinkUse { id: used.id, known: None, weight: 0.7, used_at: after(60) };
        assert_eq!(store.use_links(scope, &[uses]).await.must(), 1);
    }
    let mut page = PageRequest::first(1);
    let mut met = BTreeSet::new();
    for _ in 0..9 {
        let found = store.fading_links(after(50), &page).await.must();
        for (scope, link) in found.items {
            assert_eq!((link.created_at, link.used_at, link.kind), (after(1), None, LinkKind::Similar));
            assert!(met.insert(scope), "one of each");
        }
        let Some(next) = found.next_cursor else { break };
        page.cursor = Some(next);
    }
    assert_eq!(met.len(), 3);
    assert_eq!(store.fading_links(after(61), &PageRequest::first(20)).await.must().items.len(), 9);
}

async fn linked(store: &dyn MemoryStore) -> ([Scope; 3], Link, Link) {
    let scopes = callers(store).await;
    store.put_memories(&scopes[0], &["mem_1", "mem_2", "mem_3"].map(|id| memory(id, "x"))).await.must();
    let automatic = similar("mem_1", "mem_2", start());
    let manual = Link::new("mem_2".into(), "mem_3".into(), 0.5, LinkKind::Manual, start());
    store.put_links(&scopes[0], &[automatic.clone(), manual.clone()]).await.must();
    (scopes, automatic, manual)
}

async fn now(store: &dyn MemoryStore, scope: &Scope, end: &str) -> Vec<Link> {
    store.links(scope, &[MemoryId::new(end)]).await.must()
}

/// "Each for itself, if it was not used since it was read", and no reason to forget what is held in memory.
pub async fn a_use_of_a_link_counts_once_for_all_who_read_it(store: Arc<dyn MemoryStore>) {
    let ([one, two, other], automatic, manual) = linked(&*store).await;
    let before = revision(&*store, &one).await;
    let of = |link: &Link, known| LinkUse { id: link.id.clone(), known, weight: 0.75, used_at: after(9) };
    let missing = LinkUse { id: "lnk_missing".into(), ..of(&automatic, None) };
    let uses = [of(&automatic, None), of(&manual, None), missing];
    for stranger in [&two, &other] {
        assert_eq!(store.use_links(stranger, &uses).await.must(), 0);
    }
    let written = race(6, |_| {
        let (store, scope, uses) = (store.clone(), one.clone(), uses.clone());
        async move { store.use_links(&scope, &uses).await.must() }
    });
    assert_eq!(written.await.into_iter().sum::<u64>(), 1);
    let used = Link { weight: 0.75, used_at: Some(after(9)), ..automatic.clone() };
    assert_eq!(now(&*store, &one, "mem_1").await, [used]);
    assert_eq!(now(&*store, &one, "mem_3").await, [manual]);
    assert_eq!(store.use_links(&one, &[of(&automatic, Some(after(8)))]).await.must(), 0);
    assert_eq!(store.use_links(&one, &[of(&automatic, Some(after(9)))]).await.must(), 1);
    assert_eq!(store.use_links(&one, &[]).await.must(), 0);
    assert_eq!(revision(&*store, &one).await, before);
}

/// "Removes automatic links, each for itself, if it was not used since it was read."
pub async fn only_links_that_were_not_used_since_are_pruned(store: Arc<dyn MemoryStore>) {
    let ([one, two, other], automatic, manual) = linked(&*store).await;
    let both = [automatic.clone(), manual.clone()];
    for stranger in [&two, &other] {
        assert_eq!(store.prune_links(stranger, &both).await.must(), 0);
    }
    let used = LinkUse { id: automatic.id.clone(), known: None, weight: 0.8, used_at: after(5) };
    assert_eq!(store.use_links(&one, &[used]).await.must(), 1);
    let before = revision(&*store, &one).await;
    assert_eq!(store.prune_links(&one, &both).await.must(), 0, "it was used, and the other is somebody's own");
    assert_eq!(revision(&*store, &one).await, before);
    let read = now(&*store, &one, "mem_1").await;
    assert_eq!(store.prune_links(&one, &read).await.must(), 1);
    assert!(revision(&*store, &one).await > before);
    assert_eq!(store.prune_links(&one, &read).await.must(), 0, "again is nothing");
    assert_eq!(now(&*store, &one, "mem_2").await, [manual]);
}

/// Nobody holds a lease for so many seconds.
const FAR: i64 = 100_000;

/// "If nobody holds it, or whoever held it let it run out."
pub async fn a_lease_is_held_until_it_runs_out(store: Arc<dyn MemoryStore>) {
    let free = Some(Leadership { progress: None });
    assert_eq!(store.take_lease("work", "one", after(60), start(), after(FAR)).await.must(), free);
    for holder in ["two", "one"] {
        assert_eq!(store.take_lease("work", holder, after(99), after(59), after(FAR)).await.must(), None, "{holder}");
        assert_eq!(
            store.take_lease("work", holder, after(99), after(-999), after(FAR)).await.must(),
            None,
            "the clock went back"
        );
    }
    assert_eq!(store.take_lease("other work", "two", after(60), start(), after(FAR)).await.must(), free);
    assert_eq!(store.take_lease("work", "two", after(120), after(60), after(FAR)).await.must(), free);
    assert!(!store.keep_lease("work", "one", after(999), Some("x")).await.must(), "it is another's");
    assert_eq!(
        store.take_lease("work", "three", after(200), after(120), after(FAR)).await.must(),
        free,
        "and as it was"
    );
}

/// "Or it is said to be held beyond `void_after`": how far its holder has come stays, and it is its holder's no more.
pub async fn a_lease_that_a_clock_ahead_has_noted_is_void(store: Arc<dyn MemoryStore>) {
    const YEAR: i64 = 365 * 86_400;
    store.take_lease("work", "one", after(YEAR + 60), after(YEAR), after(YEAR + FAR)).await.must().must();
    assert!(store.keep_lease("work", "one", after(YEAR + 60), Some("half")).await.must());
    let ends = after(YEAR + 60);
    assert_eq!(store.take_lease("work", "two", after(60), start(), ends).await.must(), None, "not beyond it");
    let void_after = ends - chrono::Duration::microseconds(1);
    let taken = store.take_lease("work", "two", after(60), start(), void_after).await.must().must();
    assert_eq!(taken.progress.as_deref(), Some("half"));
    assert!(!store.keep_lease("work", "one", after(YEAR + 60), None).await.must());
    assert_eq!(store.take_lease("work", "three", after(90), after(59), after(FAR)).await.must(), None, "held as ever");
}

/// "Sets until when the lease is held, and how far its holder has come", run out or not, until another has taken it.
pub async fn a_lease_is_kept_by_its_holder_with_how_far_it_has_come(store: Arc<dyn MemoryStore>) {
    assert!(!store.keep_lease("work", "one", after(60), None).await.must(), "nobody has taken it");
    store.take_lease("work", "one", after(60), start(), after(FAR)).await.must().must();
    assert!(store.keep_lease("work", "one", after(120), Some("page 1")).await.must());
    assert_eq!(store.take_lease("work", "two", after(200), after(119), after(FAR)).await.must(), None);
    assert!(store.keep_lease("work", "one", after(30), Some("page 2 'x'; --")).await.must(), "shorter, too");
    assert!(store.keep_lease("work", "one", after(30), Some("page 2 'x'; --")).await.must());
    let taken = store.take_lease("work", "two", after(200), after(30), after(FAR)).await.must().must();
    assert_eq!(taken.progress.as_deref(), Some("page 2 'x'; --"));
    assert!(store.keep_lease("work", "two", after(200), None).await.must());
    let taken = store.take_lease("work", "three", after(300), after(200), after(FAR)).await.must().must();
    assert_eq!(taken.progress, None, "it was done");
}

/// "Gives the lease back, for anybody to take; how far its holder has come stays noted."
pub async fn a_lease_that_was_given_back_is_free(store: Arc<dyn MemoryStore>) {
    store.release_lease("work", "one").await.must();
    store.take_lease("work", "one", after(60), start(), after(FAR)).await.must().must();
    assert!(store.keep_lease("work", "one", after(60), Some("half")).await.must());
    store.release_lease("work", "two").await.must();
    assert_eq!(
        store.take_lease("work", "two", after(60), start(), after(FAR)).await.must(),
        None,
        "only by its holder"
    );
    for _ in 0..2 {
        store.release_lease("work", "one").await.must();
    }
    assert!(!store.keep_lease("work", "one", after(60), None).await.must(), "given back is given back");
    let taken = store.take_lease("work", "two", after(60), start(), after(FAR)).await.must().must();
    assert_eq!(taken.progress.as_deref(), Some("half"));
}

/// "Of several who ask at once, one gets it", when it is free and when it has run out.
pub async fn racing_for_a_lease_one_gets_it(store: Arc<dyn MemoryStore>) {
    for round in 0..5 {
        let taken = race(8, |index| {
            let (store, from, to) = (store.clone(), after(round * 60), after(round * 60 + 60));
            async move { store.take_lease("work", &format!("{round}.{index}"), to, from, after(FAR)).await.must().is_some() }
        });
        assert_eq!(taken.await.into_iter().filter(|taken| *taken).count(), 1, "round {round}");
    }
}

/// Walks over what fades refuse a cursor of somebody else's making like all others.
pub async fn a_walk_over_what_fades_refuses_a_cursor_that_is_not_ours(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    store.put_memories(&one, &[memory("mem_1", "x")]).await.must();
    for cursor in ["", "x", "1.x'; --", "👩", "a:b:c"] {
        let page = PageRequest { limit: 5, cursor: Some(cursor.to_owned()) };
        for answer in [
            store.fading_memories(after(1), &page).await.map(drop),
            store.fading_links(after(1), &page).await.map(drop),
        ] {
            assert_eq!(answer.expect_err("a refusal").kind(), ErrorKind::Invalid, "{cursor}");
        }
    }
    let all = store.fading_memories(after(1), &PageRequest::first(5)).await.must().items;
    assert_eq!(ids(&all.into_iter().map(|(_, memory)| memory).collect::<Vec<_>>()), ["mem_1"]);
}
