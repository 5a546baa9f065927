//! What breaks off, races or lacks something ends as it should.

use super::Caller;
use hark_core::job::{JobPayload, ReconcileMemories};
use hark_core::testkit::Outcome as Step;
use hark_core::{ErrorKind, PageRequest};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
