//! A run after a backup was restored, one that breaks off, two of them at once, and a clock that was wrong.

use super::*;

#[tokio::test]
async fn what_a_restored_backup_brings_back_goes_again() {
    let (world, scope, _) = populated(keeping(full())).await;
    let tenant = world.tenant();
    let call = world.engine.memory.conversation(&tenant, &"conv_1".into()).await.unwrap().unwrap();
    let known = memories(&world, &scope).await;
    world.clock.advance(days(200));
    run(&world).await;
    let expected = state(&world, &[&scope]).await;
    world.engine.memory.save_conversation(&tenant, &call).await.unwrap();
    world.engine.memory.put_memories(&scope, &known).await.unwrap();
    assert_eq!(turns(&world, &scope).await, 0, "not even until the next run");
    world.clock.advance(Duration::hours(6));
    run(&world).await;
    assert_eq!(state(&world, &[&scope]).await, expected);
}

/// Fails at the call of that number, once.
fn failing_at(nth: usize, script: &Script) {
    let from = script.calls();
    script.change(move |_, call| if call == from + nth { Step::fail(ErrorKind::Unavailable) } else { Step::Pass });
}

#[tokio::test]
async fn a_run_that_breaks_off_anywhere_is_gone_on_with() {
    let begin = || async {
        let (world, one, two) = populated(keeping(full())).await;
        world.clock.advance(days(250));
        learn(&world, &world.tenant(), "conv_3", OTHERS).await;
        world.clock.advance(days(51));
        (world, one, two)
    };
    let (world, one, two) = begin().await;
    assert_eq!(run(&world).await.callers, 1);
    let expected = state(&world, &[&one, &two]).await;
    for part in 0..3 {
        for killed in [false, true] {
            for nth in 0.. {
                let (world, one, two) = begin().await;
                let script = [&world.memory, &world.vectors, &world.keywords][part];
                let from = script.calls();
                if killed {
                    script.change(move |_, call| if call == from + nth { Step::Hang } else { Step::Pass });
                } else {
                    failing_at(nth, script);
                }
                // Killed, it gives nothing back.
                let ended = tokio::select! {
                    biased;
                    ended = world.ingest.expire() => Some(ended),
                    () = script.called(from + nth + 1), if killed => None,
                };
                script.change(|_, _| Step::Pass);
                if let Some(Ok(done)) = ended {
                    assert!(nth > 0 && done.is_some_and(|done| done.finished));
                    break;
                }
                world.clock.advance(Duration::minutes(3));
                world.ingest.settle_erasures(9).await.unwrap();
                // It may be that only the answer was lost, and the next run is not due.
                while world.ingest.expire().await.unwrap().is_some_and(|done| !done.finished) {}
                assert_eq!(state(&world, &[&one, &two]).await, expected, "part {part}, killed {killed}, call {nth}");
                let noted = lines(&world, &world.tenant()).await;
                assert_eq!(noted.len(), 1, "part {part}, killed {killed}, call {nth}: one run, one line");
            }
        }
    }
}

#[tokio::test]
async fn of_several_processes_one_does_it() {
    let (world, ..) = populated(keeping(full())).await;
    world.clock.advance(days(35));
    let from = world.memory.calls();
    world.memory.change(
        move |method, call| {
            if call > from && method == "spoken_before" { Step::Hang } else { Step::Pass }
        },
    );
    let world = Arc::new(world);
    let first = tokio::spawn({
        let world = world.clone();
        async move { world.ingest.expire().await.unwrap() }
    });
    while world.memory.calls() < from + 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.ingest.expire().await.unwrap(), None, "somebody does it");
    world.memory.change(|_, _| Step::Pass);
    world.memory.release(9);
    assert_eq!(first.await.unwrap(), Some(Expired { transcripts: 2, events: 2, ..NOTHING }));
    assert_eq!(world.ingest.expire().await.unwrap(), None, "not before it is time");
    let stopped = world.engine.memory.conversation(&world.tenant(), &"conv_1".into()).await.unwrap().unwrap();
    assert_eq!(stopped.state, ConversationState::Learnt);
}

/// The clock was a year ahead while one did it; and an hour, which is no reason to do it twice.
#[tokio::test]
async fn a_clock_that_ran_ahead_keeps_nobody_from_it_once_it_is_right() {
    let (world, ..) = populated(keeping(RetentionConfig { callers_days: Period::Days(3_000), ..full() })).await;
    let every = Duration::seconds(i64::try_from(RetentionConfig::default().every_secs).unwrap());
    world.clock.advance(days(365));
    assert!(world.ingest.expire().await.unwrap().is_some_and(|done| done.finished));
    world.clock.advance(days(-365));
    assert!(world.ingest.expire().await.unwrap().is_some_and(|done| done.finished), "such a rest is void");
    world.clock.advance(Duration::hours(-1));
    assert_eq!(world.ingest.expire().await.unwrap(), None, "it rests");
    world.clock.advance(every + Duration::hours(1));
    assert!(world.ingest.expire().await.unwrap().is_some());
}
