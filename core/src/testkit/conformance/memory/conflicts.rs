//! What was decided about two memories, and what took whose place.

use super::{callers, ids, memory_ids};
use crate::store::{ConflictFilter, MemoryStore};
use crate::testkit::fixtures::{after, erasure, memory};
use crate::testkit::suite::{Must, race, walk};
use crate::{
    Change, Conflict, ConflictId, ConflictState, JudgedBy, Memory, MemoryId, MemoryState, PageRequest, Reason,
    Resolution, Scope, Standing, Verdict,
};
use std::sync::Arc;

fn conflict(scope: &Scope, old: &str, new: &str) -> Conflict {
    let (old, new) = (MemoryId::new(old), MemoryId::new(new));
    Conflict {
        id: ConflictId::between(&old, &new),
        caller: scope.caller.clone(),
        old,
        new,
        verdict: Verdict::Unsure,
        reason: Reason::TooLittleSaid,
        confidence: 0.123_456_79,
        judged_by: JudgedBy::Rules,
        state: ConflictState::Open,
        resolution: None,
        changes: Vec::new(),
        created_at: after(100),
        resolved_at: None,
    }
}

/// The older memory gives way to the newer: the conflict, and what it does.
fn superseding(scope: &Scope, old: &Memory, new: &Memory, at: i64) -> Conflict {
    let before = Standing::of(old);
    let gone = Standing {
        state: MemoryState::Superseded,
        valid_to: Some(after(at)),
        superseded_by: Some(new.id.clone()),
        ..before.clone()
    };
    let stays = Change { memory: new.id.clone(), before: Standing::of(new), after: Standing::of(new) };
    Conflict {
        verdict: Verdict::Update,
        reason: Reason::NewerValue,
        judged_by: JudgedBy::Model,
        state: ConflictState::Resolved,
        resolution: Some(Resolution::Superseded),
        changes: vec![Change { memory: old.id.clone(), before, after: gone }, stays],
        resolved_at: Some(after(at)),
        ..conflict(scope, old.id.as_str(), new.id.as_str())
    }
}

/// Three memories of the first caller and two of the second.
async fn with_memories(store: &dyn MemoryStore) -> [Scope; 3] {
    let scopes = callers(store).await;
    let learnt = |id: &str, secs| Memory { learnt_at: after(secs), reinforced_at: after(secs), ..memory(id, "x") };
    store.put_memories(&scopes[0], &[learnt("mem_1", 1), learnt("mem_2", 2), learnt("mem_3", 3)]).await.must();
    store.put_memories(&scopes[1], &["mem_8", "mem_9"].map(|id| memory(id, "x"))).await.must();
    scopes
}

async fn one_memory(store: &dyn MemoryStore, scope: &Scope, id: &str) -> Memory {
    store.memories(scope, &memory_ids(&[id])).await.must().remove(0)
}

/// Supersedes `old` by `new` as they stand now.
pub(super) async fn supersede(store: &dyn MemoryStore, scope: &Scope, old: &str, new: &str) -> Conflict {
    let (old, new) = (one_memory(store, scope, old).await, one_memory(store, scope, new).await);
    let conflict = superseding(scope, &old, &new, 50);
    assert!(store.settle_conflict(scope, None, &conflict, &conflict.changes).await.must());
    conflict
}

/// What is written is what is read, in every field and for every value of the lists.
pub async fn a_conflict_comes_back_as_it_was_written(store: Arc<dyn MemoryStore>) {
    let [one, ..] = callers(&*store).await;
    let mut written = Vec::new();
    for (i, (verdict, reason)) in [
        (Verdict::Same, Reason::SameStatement),
        (Verdict::Update, Reason::NewerValue),
        (Verdict::Contradiction, Reason::CannotBothBeTrue),
        (Verdict::Unrelated, Reason::DifferentSubject),
        (Verdict::Unrelated, Reason::DifferentEvent),
        (Verdict::Unsure, Reason::TooLittleSaid),
    ]
    .into_iter()
    .enumerate()
    {
        let (old, new) = (memory(&format!("mem_a{i}"), "x"), memory(&format!("mem_b{i}"), "y"));
        store.put_memories(&one, &[old.clone(), new.clone()]).await.must();
        let judged_by = [JudgedBy::Rules, JudgedBy::StandIn, JudgedBy::Model, JudgedBy::Person][i % 4];
        let resolution = [Resolution::Superseded, Resolution::Reinforced, Resolution::KeptBoth][i % 3];
        let state = ConflictState::ALL[i % 3];
        let full = superseding(&one, &old, &new, 7);
        let full = Conflict { verdict, reason, judged_by, resolution: Some(resolution), state, ..full };
        written.push(if i == 0 { Conflict { resolved_at: None, resolution: None, ..full } } else { full });
    }
    for conflict in &written {
        assert!(store.settle_conflict(&one, None, conflict, &[]).await.must());
        assert_eq!(store.conflict(&one.tenant, &conflict.id).await.must().as_ref(), Some(conflict));
    }
    assert_eq!(one_memory(&*store, &one, "mem_a1").await.state, MemoryState::Active, "no changes were asked for");
}

/// "What its resolution does to memories, all or none"; "of a memory nothing but its standing changes".
pub async fn a_resolution_changes_the_standing_and_nothing_else(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    let (before, other) = (one_memory(&*store, &one, "mem_1").await, one_memory(&*store, &one, "mem_2").await);
    let mut conflict = superseding(&one, &before, &other, 50);
    let changed = Standing { salience: 0.75, reinforced_at: after(60), ..conflict.changes[0].after.clone() };
    conflict.changes[0].after = changed.clone();
    assert!(store.settle_conflict(&one, None, &conflict, &conflict.changes).await.must());
    let mut expected = before.clone();
    changed.apply(&mut expected);
    assert_eq!(one_memory(&*store, &one, "mem_1").await, expected);
    assert_eq!(one_memory(&*store, &one, "mem_2").await, other);

    // And back, as the conflict says it was.
    let undone = Conflict { state: ConflictState::Undone, resolved_at: Some(after(99)), ..conflict.clone() };
    let back = [Change { memory: before.id.clone(), before: changed, after: Standing::of(&before) }];
    assert!(store.settle_conflict(&one, Some(&conflict), &undone, &back).await.must());
    assert_eq!(one_memory(&*store, &one, "mem_1").await, before);
    assert_eq!(store.conflict(&one.tenant, &undone.id).await.must(), Some(undone));
}

/// "If everything still is as it was read": one that was settled, decided otherwise or changed meanwhile is left alone.
pub async fn what_was_changed_meanwhile_is_not_settled(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    let (old, new) = (one_memory(&*store, &one, "mem_1").await, one_memory(&*store, &one, "mem_2").await);
    let settled = superseding(&one, &old, &new, 50);
    let stronger = Memory { salience: 0.9, ..old.clone() };
    store.put_memories(&one, std::slice::from_ref(&stronger)).await.must();
    assert!(!store.settle_conflict(&one, None, &settled, &settled.changes).await.must(), "another salience");
    assert_eq!(store.conflict(&one.tenant, &settled.id).await.must(), None, "all or none");
    store.put_memories(&one, std::slice::from_ref(&old)).await.must();
    let never = Conflict { state: ConflictState::Resolved, ..conflict(&one, "mem_1", "mem_2") };
    assert!(!store.settle_conflict(&one, Some(&never), &settled, &settled.changes).await.must(), "not there yet");

    assert!(store.settle_conflict(&one, None, &settled, &settled.changes).await.must());
    assert!(!store.settle_conflict(&one, None, &settled, &[]).await.must(), "there already");
    for known in [
        Conflict { state: ConflictState::Open, ..settled.clone() },
        Conflict { resolved_at: Some(after(51)), ..settled.clone() },
        Conflict { resolved_at: None, ..settled.clone() },
    ] {
        assert!(!store.settle_conflict(&one, Some(&known), &never, &[]).await.must());
    }
    assert_eq!(store.conflict(&one.tenant, &settled.id).await.must(), Some(settled));

    // The second of two changes does not fit: the first is not made either.
    let third = one_memory(&*store, &one, "mem_3").await;
    let mut half = superseding(&one, &new, &third, 60);
    half.changes[1].before.state = MemoryState::Archived;
    assert!(!store.settle_conflict(&one, None, &half, &half.changes).await.must());
    assert_eq!(one_memory(&*store, &one, "mem_2").await, new);
}

/// "Both its memories are the caller's": nothing of others is touched, and the gone is not brought back.
pub async fn conflicts_of_others_memories_are_not_settled(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = with_memories(&*store).await;
    for (scope, old, new) in [
        (&one, "mem_1", "mem_8"),
        (&one, "mem_8", "mem_9"),
        (&one, "mem_1", "mem_missing"),
        (&two, "mem_1", "mem_2"),
        (&other, "mem_1", "mem_2"),
    ] {
        assert!(!store.settle_conflict(scope, None, &conflict(scope, old, new), &[]).await.must(), "{old} {new}");
    }
    let theirs = one_memory(&*store, &two, "mem_8").await;
    let mine = one_memory(&*store, &one, "mem_1").await;
    let mut reaching = superseding(&one, &mine, &one_memory(&*store, &one, "mem_2").await, 50);
    let gone = Standing { state: MemoryState::Archived, ..Standing::of(&theirs) };
    reaching.changes[1] = Change { memory: theirs.id.clone(), before: Standing::of(&theirs), after: gone };
    assert!(!store.settle_conflict(&one, None, &reaching, &reaching.changes).await.must());
    assert_eq!(one_memory(&*store, &two, "mem_8").await, theirs);
    assert_eq!(one_memory(&*store, &one, "mem_1").await, mine);

    let real = supersede(&*store, &one, "mem_1", "mem_2").await;
    assert_eq!(store.conflict(&other.tenant, &real.id).await.must(), None, "of another tenant");
    for stranger in [&two, &other] {
        assert_eq!(store.conflicts_of(stranger, &memory_ids(&["mem_1", "mem_2"])).await.must(), []);
        assert_eq!(store.history(stranger, &"mem_1".into()).await.must(), []);
    }
}

/// Two workers that judged the same pair: one writes, the other hears that somebody was first.
pub async fn racing_settlements_agree_on_one(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    let (old, new) = (one_memory(&*store, &one, "mem_1").await, one_memory(&*store, &one, "mem_2").await);
    let settled = race(8, |i| {
        let (store, one) = (store.clone(), one.clone());
        let mut conflict = superseding(&one, &old, &new, 50);
        conflict.changes[0].after.salience = 0.1 + i as f32 / 100.0;
        async move { store.settle_conflict(&one, None, &conflict, &conflict.changes).await.must().then_some(conflict) }
    })
    .await;
    let winners: Vec<_> = settled.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(store.conflict(&one.tenant, &winners[0].id).await.must().as_ref(), Some(&winners[0]));
    assert_eq!(Standing::of(&one_memory(&*store, &one, "mem_1").await), winners[0].changes[0].after);
}

/// "Every conflict of the caller's that has one of these ends, oldest first (ties by id), each once."
pub async fn conflicts_are_found_by_either_end(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    let first = Conflict { created_at: after(10), ..conflict(&one, "mem_2", "mem_3") };
    let mut tied = [conflict(&one, "mem_1", "mem_2"), conflict(&one, "mem_1", "mem_3")];
    tied.sort_by(|x, y| x.id.cmp(&y.id));
    for conflict in tied.iter().chain([&first]) {
        assert!(store.settle_conflict(&one, None, conflict, &[]).await.must());
    }
    let [a, b] = tied;
    let all = [first.clone(), a, b];
    assert_eq!(store.conflicts_of(&one, &memory_ids(&["mem_1", "mem_3", "mem_2", "mem_1"])).await.must(), all);
    let of_three = store.conflicts_of(&one, &memory_ids(&["mem_3", "mem_none"])).await.must();
    assert_eq!(of_three.len(), 2);
    assert_eq!(of_three[0], first);
    assert_eq!(store.conflicts_of(&one, &[]).await.must(), []);
}

/// "A tenant's conflicts that pass the filter, latest `created_at` first (ties by id)", and pages of them.
pub async fn conflicts_are_listed_latest_first_and_narrowed(store: Arc<dyn MemoryStore>) {
    let [one, two, other] = with_memories(&*store).await;
    store.put_memories(&other, &["mem_x", "mem_y"].map(|id| memory(id, "x"))).await.must();
    let at = |secs, state, conflict| Conflict { created_at: after(secs), state, ..conflict };
    let open = at(10, ConflictState::Open, conflict(&one, "mem_1", "mem_2"));
    let resolved = at(30, ConflictState::Resolved, conflict(&one, "mem_2", "mem_3"));
    let undone = at(20, ConflictState::Undone, conflict(&two, "mem_8", "mem_9"));
    let foreign = at(40, ConflictState::Open, conflict(&other, "mem_x", "mem_y"));
    for (scope, conflict) in [(&one, &open), (&one, &resolved), (&two, &undone), (&other, &foreign)] {
        assert!(store.settle_conflict(scope, None, conflict, &[]).await.must());
    }
    let list = async |caller: Option<&Scope>, state| {
        let filter = ConflictFilter { caller: caller.map(|scope| scope.caller.clone()), state };
        walk(1, async |page| store.conflicts(&one.tenant, &filter, &page).await).await
    };
    assert_eq!(list(None, None).await, [resolved.clone(), undone.clone(), open.clone()]);
    assert_eq!(list(Some(&one), None).await, [resolved.clone(), open.clone()]);
    assert_eq!(list(None, Some(ConflictState::Undone)).await, std::slice::from_ref(&undone));
    assert_eq!(list(Some(&one), Some(ConflictState::Open)).await, [open]);
    assert_eq!(list(Some(&two), Some(ConflictState::Open)).await, []);
    let ties: Vec<_> =
        walk(2, async |page| store.conflicts(&one.tenant, &ConflictFilter::default(), &page).await).await;
    assert_eq!(ties.len(), 3);
}

/// "The memory and all that hangs together with it along `superseded_by`, both ways."
pub async fn history_leads_both_ways(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    store
        .put_memories(&one, &[Memory { learnt_at: after(2), ..memory("mem_0", "x") }, memory("mem_4", "x")])
        .await
        .must();
    supersede(&*store, &one, "mem_1", "mem_2").await;
    supersede(&*store, &one, "mem_2", "mem_3").await;
    supersede(&*store, &one, "mem_0", "mem_3").await;
    for id in ["mem_0", "mem_1", "mem_2", "mem_3"] {
        let history = store.history(&one, &id.into()).await.must();
        assert_eq!(ids(&history), ["mem_1", "mem_0", "mem_2", "mem_3"], "of {id}");
    }
    assert_eq!(ids(&store.history(&one, &"mem_4".into()).await.must()), ["mem_4"], "nothing took its place");
    assert_eq!(store.history(&one, &"mem_none".into()).await.must(), []);

    // A ring, were there one, ends.
    let ring = Memory { superseded_by: Some("mem_1".into()), ..one_memory(&*store, &one, "mem_3").await };
    store.put_memories(&one, &[ring]).await.must();
    assert_eq!(store.history(&one, &"mem_2".into()).await.must().len(), 4);
}

/// "A memory that one of them had taken the place of points to that one's own successor instead."
pub async fn deleting_a_link_of_the_chain_closes_the_ranks(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    supersede(&*store, &one, "mem_1", "mem_2").await;
    let kept = supersede(&*store, &one, "mem_2", "mem_3").await;
    let before = one_memory(&*store, &one, "mem_1").await;
    store.delete_memories(&one, &memory_ids(&["mem_2"])).await.must();
    let expected = Memory { superseded_by: Some("mem_3".into()), ..before };
    assert_eq!(one_memory(&*store, &one, "mem_1").await, expected);
    assert_eq!(store.conflict(&one.tenant, &kept.id).await.must(), None, "conflicts go with their memories");
    assert_eq!(store.conflicts(&one.tenant, &ConflictFilter::default(), &PageRequest::first(9)).await.must().items, []);
}

/// "Where none is left it is current again (active, without `valid_to`)": also where several went at once.
pub async fn what_lost_its_successor_is_current_again(store: Arc<dyn MemoryStore>) {
    let [one, ..] = with_memories(&*store).await;
    supersede(&*store, &one, "mem_1", "mem_2").await;
    supersede(&*store, &one, "mem_2", "mem_3").await;
    let before = one_memory(&*store, &one, "mem_1").await;
    let revision = store.user(&one).await.must().must().revision;
    assert_eq!(store.delete_memories(&one, &memory_ids(&["mem_3", "mem_2"])).await.must(), 2);
    let mut expected = before;
    Standing::of(&expected).current().apply(&mut expected);
    assert_eq!(one_memory(&*store, &one, "mem_1").await, expected);
    assert!(store.user(&one).await.must().must().revision > revision);
}

/// Erasing takes conflicts along; other callers keep theirs.
pub async fn erasing_a_caller_removes_their_conflicts(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = with_memories(&*store).await;
    supersede(&*store, &one, "mem_1", "mem_2").await;
    let kept = supersede(&*store, &two, "mem_8", "mem_9").await;
    assert_eq!(store.erase_user(&one, &erasure(&one)).await.must().memories, 3);
    let left = store.conflicts(&one.tenant, &ConflictFilter::default(), &PageRequest::first(9)).await.must();
    assert_eq!(left.items, [kept]);
    assert_eq!(store.conflicts_of(&one, &memory_ids(&["mem_1"])).await.must(), []);
    assert_eq!(store.history(&one, &"mem_1".into()).await.must(), []);
}

/// "Every write to a caller's memories, links or conflicts raises that caller's revision."
pub async fn settling_raises_the_revision(store: Arc<dyn MemoryStore>) {
    let [one, two, _] = with_memories(&*store).await;
    let revision = async |scope: &Scope| store.user(scope).await.must().must().revision;
    let (mine, theirs) = (revision(&one).await, revision(&two).await);
    supersede(&*store, &one, "mem_1", "mem_2").await;
    assert!(revision(&one).await > mine);
    assert_eq!(revision(&two).await, theirs);
}
