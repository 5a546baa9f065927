//! What breaks off, races or lacks something ends as it should.

use super::Caller;
use chrono::Duration;
use hark_core::job::{JobPayload, ReconcileMemories};
use hark_core::testkit::Outcome as Step;
use hark_core::{Change, ErrorKind, MemoryId, PageRequest, Standing};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whatever call to the truth fails, at whatever step: the job comes again, and the end is the same.
#[tokio::test]
async fn broken_off_at_any_step_it_ends_the_same() {
    let told = ["Lives in Leeds", "Is allergic to peanuts", "Name is Ruben Ferrer"];
    let new = ["Has moved to York", "Has a peanut allergy", "Name is Ines Okafor"];
    let run = async |fail_at: Option<usize>| {
        let caller = Caller::new().await;
        for content in told {
            caller.told(content).await;
        }
        let mut written = Vec::new();
        for content in new {
            written.push(caller.written(content).await.id);
        }
        let start = caller.world.memory.calls();
        if let Some(step) = fail_at {
            caller.world.memory.change(move |_, call| {
                if call == start + step { Step::fail(ErrorKind::Unavailable) } else { Step::Pass }
            });
        }
        let mut failures = 0;
        while let Err(error) = caller.world.ingest.reconcile(&caller.scope, &written).await {
            assert!(error.is_retriable());
            failures += 1;
            assert!(failures < 3);
        }
        let calls = caller.world.memory.calls() - start;
        let states: Vec<_> = caller
            .all()
            .await
            .into_iter()
            .map(|m| (m.content, m.state, m.salience.to_bits(), m.superseded_by.is_some()))
            .collect();
        let decided: Vec<_> =
            caller.conflicts().await.into_iter().map(|c| (c.verdict, c.state, c.resolution)).collect();
        (states, decided, calls, failures)
    };
    let (states, decided, calls, _) = run(None).await;
    assert_eq!(decided.len(), 3, "{decided:?}");
    let mut broken = 0;
    for step in 0..calls {
        let (after, again, _, failures) = run(Some(step)).await;
        assert_eq!((&after, &again), (&states, &decided), "broken off at call {step}");
        broken += failures;
    }
    assert!(broken >= calls - 2, "{broken} of {calls}: the script does break it off");
}

#[tokio::test]
async fn somebody_elses_change_in_between_is_seen() {
    let caller = Caller::new().await;
    let old = caller.told("Lives in Leeds").await;
    let new = caller.written("Has moved to York").await;
    // Between reading and writing the old one is forgotten.
    let engine = caller.world.engine.clone();
    let (scope, gone) = (caller.scope.clone(), old.id.clone());
    let writing = Arc::new(AtomicBool::new(false));
    let reached = writing.clone();
    caller.world.memory.change(move |method, _| match method {
        "settle_conflict" if !reached.swap(true, Ordering::SeqCst) => Step::Hang,
        _ => Step::Pass,
    });
    let (ingest, whose, id) = (caller.world.ingest.clone(), caller.scope.clone(), new.id.clone());
    let reconciling = tokio::spawn(async move { ingest.reconcile(&whose, &[id]).await });
    while !writing.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    engine.memory.delete_memories(&scope, &[gone]).await.unwrap();
    caller.world.memory.release(1);
    let done = reconciling.await.unwrap().unwrap();
    assert_eq!(done, Default::default());
    assert_eq!(caller.active().await, ["Has moved to York"]);
}

/// Strengthens a memory between a reconciliation's reading and its writing, so many times.
async fn outrun(caller: &Caller, hot: &MemoryId, times: usize) -> Arc<AtomicUsize> {
    let reached = Arc::new(AtomicUsize::new(0));
    let counted = reached.clone();
    caller.world.memory.change(move |method, _| match method {
        "settle_conflict" if counted.fetch_add(1, Ordering::SeqCst) < times => Step::Hang,
        _ => Step::Pass,
    });
    let (engine, scope, script) = (caller.world.engine.clone(), caller.scope.clone(), caller.world.memory.clone());
    let (hot, seen) = (hot.clone(), reached.clone());
    tokio::spawn(async move {
        for nth in 1..=times {
            while seen.load(Ordering::SeqCst) < nth {
                tokio::task::yield_now().await;
            }
            // Past the turns, as another process would.
            let memory = engine.memory.memories(&scope, std::slice::from_ref(&hot)).await.unwrap().remove(0);
            let before = Standing::of(&memory);
            let after = Standing { reinforced_at: before.reinforced_at + Duration::milliseconds(1), ..before.clone() };
            let rival = Change { memory: hot.clone(), before, after };
            assert_eq!(engine.memory.restand(&scope, &[rival]).await.unwrap(), 1);
            script.release(1);
        }
    });
    reached
}

/// The caller is written to between every reading and every writing.
#[tokio::test]
async fn a_race_lost_fifteen_times_is_won_in_place_and_one_lost_for_good_loses_nothing() {
    for (times, failures) in [(15, 0), (16, 1), (40, 2)] {
        let caller = Caller::new().await;
        let old = caller.told("Lives in Leeds").await;
        let new = caller.written("Has moved to York").await;
        let writes = outrun(&caller, &old.id, times).await;
        let mut lost = 0;
        while let Err(error) = caller.world.ingest.reconcile(&caller.scope, std::slice::from_ref(&new.id)).await {
            assert!(error.is_lost_race() && error.is_retriable(), "{error:?}");
            lost += 1;
        }
        assert_eq!((lost, writes.load(Ordering::SeqCst)), (failures, times + 1));
        caller.reconcile(&[&old, &new]).await;
        assert_eq!((caller.active().await, caller.conflicts().await.len()), (vec!["Has moved to York".to_owned()], 1));
        let gave_way = caller.now(&old.id).await;
        let strengthened = gave_way.reinforced_at - old.reinforced_at;
        assert_eq!(strengthened, Duration::milliseconds(times as i64), "no change of the others is lost");
    }
}

/// Jobs of one caller that run at once in one process wait for each other instead of making the same thing up twice.
#[tokio::test]
async fn in_one_process_nobody_loses_to_another_job_of_the_same_caller() {
    let caller = Caller::new().await;
    let fact = caller.told("Is allergic to peanuts").await;
    let mut repeats = Vec::new();
    for _ in 0..8 {
        repeats.push(caller.written("Is allergic to peanuts").await.id);
    }
    let (writes, reads) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (wrote, read) = (writes.clone(), reads.clone());
    caller.world.memory.change(move |method, _| match method {
        "settle_conflict" if wrote.fetch_add(1, Ordering::SeqCst) == 0 => Step::Hang,
        "conflicts_of" => {
            read.fetch_add(1, Ordering::SeqCst);
            Step::Pass
        }
        _ => Step::Pass,
    });
    let jobs: Vec<_> = repeats
        .iter()
        .map(|id| {
            let (ingest, scope, id) = (caller.world.ingest.clone(), caller.scope.clone(), id.clone());
            tokio::spawn(async move { ingest.reconcile(&scope, &[id]).await })
        })
        .collect();
    // All have read; the first is about to write.
    while reads.load(Ordering::SeqCst) < repeats.len() || writes.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    caller.world.memory.release(1);
    for job in jobs {
        job.await.unwrap().unwrap();
    }
    assert_eq!(caller.active().await, ["Is allergic to peanuts"]);
    let decided = caller.conflicts().await.len();
    assert_eq!(writes.load(Ordering::SeqCst), decided, "every write was the first of its kind");
    assert!(decided >= repeats.len(), "{decided}");
    assert!(caller.now(&fact.id).await.salience > fact.salience);
}

#[tokio::test]
async fn without_vectors_words_find_the_neighbours() {
    let caller = Caller::new().await;
    caller.world.embedder.change(|_, _| Step::fail(ErrorKind::Unavailable));
    caller.told("Phone number is +1 555 0142").await;
    caller.told("New phone number is +1 555 0199").await;
    assert_eq!(caller.active().await, ["New phone number is +1 555 0199"]);
    // With the embedder back the memories are embedded, and reconciled once more with vectors.
    caller.world.embedder.change(|_, _| Step::Pass);
    caller.world.ingest.repair(10).await.unwrap();
    let due = caller
        .world
        .engine
        .jobs
        .list(&caller.world.tenant(), &Default::default(), &PageRequest::first(50))
        .await
        .unwrap();
    assert!(due.items.iter().any(|job| job.name == ReconcileMemories::NAME));
}
