//! The breaker by itself, on paused time.

use super::*;

const PATIENCE: Duration = Duration::from_millis(900);

fn breaker() -> Arc<Breaker> {
    Breaker::new("test", BreakerSettings { failures: 3, open: secs(5), max_open: secs(15) })
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "test", "as told")
}

fn enter(breaker: &Arc<Breaker>, profile: Profile) -> Result<Permit> {
    breaker.enter(Part::Embedder, profile, PATIENCE)
}

fn end(breaker: &Arc<Breaker>, profile: Profile, kind: Option<ErrorKind>) {
    let failed = kind.map(error);
    enter(breaker, profile).unwrap().settle(failed.as_ref());
}

fn fail(breaker: &Arc<Breaker>, times: usize) {
    for _ in 0..times {
        end(breaker, Profile::Interactive, Some(ErrorKind::Unavailable));
    }
}

fn state(breaker: &Breaker) -> BreakerState {
    breaker.snapshot().state
}

async fn wait(millis: u64) {
    tokio::time::advance(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_and_calls_fail_fast_with_the_time_left() {
    let breaker = breaker();
    fail(&breaker, 2);
    assert_eq!((state(&breaker), breaker.snapshot().health), (BreakerState::Closed, ModelHealth::Degraded));
    end(&breaker, Profile::Interactive, None);
    assert_eq!(breaker.snapshot().health, ModelHealth::Healthy);
    fail(&breaker, 3);
    wait(2_000).await;
    let refused = enter(&breaker, Profile::Background).unwrap_err();
    assert_eq!((refused.kind(), refused.operation()), (ErrorKind::Unavailable, BREAKER_OPEN));
    assert_eq!((refused.is_retriable(), refused.retry_after()), (true, Some(secs(3))));
    assert!(refused.is_model_away());
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.health), (BreakerState::Open, ModelHealth::Down));
    assert_eq!((snapshot.since, snapshot.next_probe_in), (secs(2), Some(secs(3))));
    assert_eq!((snapshot.consecutive_failures, snapshot.opened), (3, 1));
    assert_eq!((snapshot.last_error, snapshot.last_success), (Some(ErrorKind::Unavailable), Some(secs(2))));
}

#[tokio::test(start_paused = true)]
async fn half_of_the_last_calls_failing_opens_it_too() {
    let breaker = breaker();
    for call in 0..18 {
        end(&breaker, Profile::Background, (call % 2 == 0).then_some(ErrorKind::Corrupt));
    }
    assert_eq!(state(&breaker), BreakerState::Closed, "nine of eighteen");
    end(&breaker, Profile::Background, Some(ErrorKind::Corrupt));
    assert_eq!(state(&breaker), BreakerState::Open, "ten of the last twenty");
}

#[tokio::test(start_paused = true)]
async fn only_what_speaks_of_the_provider_counts() {
    for kind in [ErrorKind::Invalid, ErrorKind::Config, ErrorKind::Unsupported, ErrorKind::Internal] {
        let breaker = breaker();
        for _ in 0..50 {
            end(&breaker, Profile::Background, Some(kind));
        }
        assert_eq!(breaker.snapshot().health, ModelHealth::Healthy, "{kind:?}");
    }
    let kinds = [ErrorKind::Timeout, ErrorKind::Unavailable, ErrorKind::Limited, ErrorKind::Corrupt, ErrorKind::Denied];
    for kind in kinds {
        let breaker = breaker();
        (0..2).for_each(|_| end(&breaker, Profile::Background, Some(kind)));
        // In between, a mistake of our own: neither a failure nor a recovery.
        end(&breaker, Profile::Background, Some(ErrorKind::Invalid));
        end(&breaker, Profile::Background, Some(kind));
        assert_eq!(state(&breaker), BreakerState::Open, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn probes_that_fail_double_the_pause_up_to_the_limit_and_one_that_succeeds_ends_it() {
    let breaker = breaker();
    fail(&breaker, 3);
    for pause in [5_000, 10_000, 15_000, 15_000] {
        wait(pause - 1).await;
        assert!(enter(&breaker, Profile::Interactive).is_err(), "a millisecond before {pause}");
        wait(1).await;
        assert_eq!((state(&breaker), breaker.snapshot().health), (BreakerState::HalfOpen, ModelHealth::Degraded));
        fail(&breaker, 1);
        assert_eq!(state(&breaker), BreakerState::Open);
    }
    wait(15_000).await;
    end(&breaker, Profile::Interactive, None);
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.health), (BreakerState::Closed, ModelHealth::Healthy));
    assert_eq!((snapshot.opened, snapshot.consecutive_failures), (5, 0));
    fail(&breaker, 3);
    assert_eq!(breaker.snapshot().next_probe_in, Some(secs(5)), "it starts over");
}

#[tokio::test(start_paused = true)]
async fn a_probe_dropped_midway_frees_the_place() {
    let breaker = breaker();
    fail(&breaker, 3);
    wait(5_000).await;
    let probe = enter(&breaker, Profile::Interactive).unwrap();
    let refused = enter(&breaker, Profile::Interactive).unwrap_err();
    assert_eq!(refused.retry_after(), Some(PROBE_WAIT));
    drop(probe);
    assert_eq!(state(&breaker), BreakerState::HalfOpen, "dropped early, it says nothing");
    let probe = enter(&breaker, Profile::Interactive).unwrap();
    wait(224).await;
    drop(probe);
    assert_eq!(state(&breaker), BreakerState::HalfOpen);
    let probe = enter(&breaker, Profile::Interactive).unwrap();
    wait(225).await;
    drop(probe);
    assert_eq!(breaker.snapshot().next_probe_in, Some(secs(10)), "dropped late, it has timed out");
}

#[tokio::test(start_paused = true)]
async fn a_probe_refused_for_our_own_mistake_leaves_the_place_to_the_next() {
    let breaker = breaker();
    fail(&breaker, 3);
    wait(5_000).await;
    end(&breaker, Profile::Background, Some(ErrorKind::Invalid));
    assert_eq!(state(&breaker), BreakerState::HalfOpen);
    end(&breaker, Profile::Background, None);
    assert_eq!(state(&breaker), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn callers_who_give_up_on_a_black_hole_open_it() {
    let breaker = breaker();
    for _ in 0..3 {
        let permit = enter(&breaker, Profile::Interactive).unwrap();
        wait(320).await;
        drop(permit);
    }
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.last_error), (BreakerState::Open, Some(ErrorKind::Timeout)));
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_before_it_opened_neither_closes_nor_prolongs_it() {
    let breaker = breaker();
    let (good, bad) = (enter(&breaker, Profile::Background).unwrap(), enter(&breaker, Profile::Background).unwrap());
    fail(&breaker, 3);
    wait(1_000).await;
    good.settle(None);
    bad.settle(Some(&error(ErrorKind::Timeout)));
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.next_probe_in), (BreakerState::Open, Some(secs(4))));
    wait(4_000).await;
    let probe = enter(&breaker, Profile::Background).unwrap();
    assert!(enter(&breaker, Profile::Background).is_err());
    probe.settle(None);
    assert_eq!(state(&breaker), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn too_slow_for_the_phone_is_for_the_background_to_find_out() {
    let breaker = breaker();
    (0..3).for_each(|_| end(&breaker, Profile::Interactive, Some(ErrorKind::Timeout)));
    assert!(enter(&breaker, Profile::Interactive).is_err());
    let probe = enter(&breaker, Profile::Background).unwrap();
    assert!(enter(&breaker, Profile::Background).is_err(), "one at a time");
    probe.settle(Some(&error(ErrorKind::Timeout)));
    assert!(enter(&breaker, Profile::Background).is_err(), "now it knows as well");
    wait(10_000).await;
    end(&breaker, Profile::Background, None);
    assert_eq!(state(&breaker), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_provider_s_own_advice_is_kept_to_by_the_part_it_was_given_to() {
    let breaker = breaker();
    let limited = error(ErrorKind::Limited).with_retry_after(secs(30));
    for _ in 0..9 {
        // Many calls under way at once, all refused: one pause, not nine failures.
        let permits: Vec<_> = (0..9).map(|_| breaker.enter(Part::Chat, Profile::Background, PATIENCE)).collect();
        permits.into_iter().for_each(|permit| permit.unwrap().settle(Some(&limited)));
        assert_eq!((state(&breaker), breaker.snapshot().health), (BreakerState::Closed, ModelHealth::Degraded));
        wait(29_999).await;
        let refused = breaker.enter(Part::Chat, Profile::Interactive, PATIENCE).unwrap_err();
        assert_eq!((refused.operation(), refused.retry_after()), (BREAKER_OPEN, Some(Duration::from_millis(1))));
        end(&breaker, Profile::Interactive, None);
        wait(1).await;
    }
    breaker.enter(Part::Chat, Profile::Background, PATIENCE).unwrap().settle(None);
    assert_eq!(breaker.snapshot().health, ModelHealth::Healthy);
}

#[tokio::test(start_paused = true)]
async fn advice_prolongs_an_opening_and_is_believed_for_an_hour_at_the_most() {
    for (advice, pause) in [(2, 5), (120, 120), (86_400 * 365, 3_600)] {
        let breaker = breaker();
        fail(&breaker, 2);
        let gone = error(ErrorKind::Unavailable).with_retry_after(secs(advice));
        enter(&breaker, Profile::Background).unwrap().settle(Some(&gone));
        assert_eq!(breaker.snapshot().next_probe_in, Some(secs(pause)), "{advice}");
        wait(pause * 1_000).await;
        end(&breaker, Profile::Background, None);
        assert_eq!(state(&breaker), BreakerState::Closed, "{advice}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_close_it() {
    let breaker = breaker();
    fail(&breaker, 3);
    breaker.reset();
    assert_eq!(breaker.snapshot().health, ModelHealth::Healthy);
    end(&breaker, Profile::Interactive, None);
}
