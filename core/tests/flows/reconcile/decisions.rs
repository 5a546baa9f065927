//! A person decides, takes back, corrects and forgets.

use super::Caller;
use chrono::Duration;
use hark_core::ingest::{Decision, MemoryPatch};
use hark_core::{ConflictState, ErrorKind, JudgedBy, MemoryState, Verdict};

#[tokio::test]
async fn what_cannot_be_told_waits_for_somebody_who_may_decide_otherwise_later() {
    let caller = Caller::new().await;
    let (old, new) = (caller.told("Name is Ruben Ferrer").await, caller.told("Name is Ines Okafor").await);
    let conflict = caller.conflicts().await.remove(0);
    assert_eq!((conflict.state, conflict.resolution, conflict.resolved_at), (ConflictState::Open, None, None));
    assert_eq!(caller.active().await.len(), 2);
    let error = caller.world.ingest.resolve(&caller.world.tenant(), &conflict.id, Decision::Undo).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Conflict, false));

    for (decision, active) in [
        (Decision::KeepNew, vec!["Name is Ines Okafor"]),
        (Decision::KeepOld, vec!["Name is Ruben Ferrer"]),
        (Decision::KeepBoth, vec!["Name is Ines Okafor", "Name is Ruben Ferrer"]),
        (Decision::KeepOld, vec!["Name is Ruben Ferrer"]),
        (Decision::Undo, vec!["Name is Ines Okafor", "Name is Ruben Ferrer"]),
        (Decision::KeepNew, vec!["Name is Ines Okafor"]),
    ] {
        caller.world.clock.advance(Duration::minutes(1));
        let resolved = caller.resolve(&conflict, decision).await;
        assert_eq!(resolved.judged_by, JudgedBy::Person);
        assert_eq!(caller.active().await, active, "{decision:?}");
        assert_eq!(caller.resolve(&conflict, decision).await, resolved, "twice is the same as once");
    }
    caller.reconcile(&[&new, &old]).await;
    assert_eq!(caller.active().await, ["Name is Ines Okafor"], "a person outranks the judge");
    assert!(
        caller
            .world
            .ingest
            .resolve(&caller.world.tenant(), &"cfl_none".into(), Decision::Undo)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn undoing_brings_both_back_exactly_but_for_what_happened_since() {
    let caller = Caller::new().await;
    let before = caller.told("Is allergic to peanuts").await;
    caller.told("Has a peanut allergy").await;
    let conflict = caller.conflicts().await.remove(0);
    caller.resolve(&conflict, Decision::Undo).await;
    assert_eq!(caller.now(&before.id).await, before, "salience, dates and all");
    assert_eq!(caller.active().await.len(), 2);

    let old = caller.told("Lives in Leeds").await;
    let new = caller.told("Has moved to York").await;
    let conflict = caller.conflicts().await.remove(0);
    // Somebody strengthens the old one meanwhile: that stays.
    caller.world.clock.advance(Duration::days(1));
    let stronger = caller.world.ingest.reinforce(&caller.scope, &old.id).await.unwrap().unwrap();
    caller.resolve(&conflict, Decision::Undo).await;
    let back = caller.now(&old.id).await;
    assert_eq!((back.state, back.valid_to, &back.superseded_by), (MemoryState::Active, None, &None));
    assert_eq!((back.salience, back.reinforced_at), (stronger.salience, stronger.reinforced_at));
    caller.reconcile(&[&old, &new]).await;
    assert_eq!(caller.now(&old.id).await.state, MemoryState::Active, "the pair is not judged again");
}

#[tokio::test]
async fn restoring_takes_the_decision_back() {
    let caller = Caller::new().await;
    let old = caller.told("Lives in Leeds").await;
    let new = caller.told("Has moved to York").await;
    let back = caller.world.ingest.restore(&caller.scope, &old.id).await.unwrap().unwrap();
    assert_eq!((back.state, back.valid_to, back.superseded_by), (MemoryState::Active, None, None));
    assert_eq!(caller.conflicts().await[0].state, ConflictState::Undone);
    caller.reconcile(&[&new]).await;
    assert_eq!(caller.active().await.len(), 2);
}

#[tokio::test]
async fn what_somebody_corrected_by_hand_is_not_overruled() {
    let caller = Caller::new().await;
    let memory = caller.told("Lives in Hull").await;
    let patch = MemoryPatch { content: Some("Lives in Leeds".to_owned()), ..MemoryPatch::default() };
    caller.world.ingest.update(&caller.scope, &memory.id, patch).await.unwrap().unwrap();
    caller.told("Has moved to York").await;
    assert_eq!(caller.active().await, ["Has moved to York", "Lives in Leeds"]);
    let conflict = caller.conflicts().await.remove(0);
    assert_eq!((conflict.verdict, conflict.state), (Verdict::Update, ConflictState::Open));
    caller.resolve(&conflict, Decision::KeepNew).await;
    assert_eq!(caller.active().await, ["Has moved to York"], "but by a person");
}

#[tokio::test]
async fn forgetting_takes_the_repeats_along_and_brings_back_what_had_given_way() {
    let caller = Caller::new().await;
    let kept = caller.told("Is allergic to peanuts").await;
    caller.told("Has a peanut allergy").await;
    assert_eq!(caller.world.ingest.forget(&caller.scope, &[kept.id]).await.unwrap(), 2);
    assert_eq!(caller.all().await, []);

    let old = caller.told("Lives in Leeds").await;
    let new = caller.told("Has moved to York").await;
    assert_eq!(caller.world.ingest.forget(&caller.scope, &[new.id]).await.unwrap(), 1);
    let back = caller.now(&old.id).await;
    assert_eq!((back.state, back.valid_to, back.superseded_by), (MemoryState::Active, None, None));
    assert_eq!(caller.conflicts().await, []);
    assert_eq!(caller.recalled("where do they live, Leeds?", None).await, ["Lives in Leeds"]);

    caller.told("Has moved to Hull").await;
    caller.world.ingest.erase(&caller.scope).await.unwrap();
    assert_eq!(caller.conflicts().await, []);
}
