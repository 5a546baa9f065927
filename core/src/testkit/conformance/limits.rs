//! What every [`RateLimiter`] does.

use crate::limit::{Quota, RateLimiter};
use crate::testkit::fixtures::{after, start};
use crate::testkit::suite::{Must, race};
use std::sync::Arc;
use std::time::Duration;

/// Runs every behaviour of a [`RateLimiter`] as a test of its own. Takes the name of an async function without arguments
/// that gives `(Arc<dyn RateLimiter>, guard)`: a fresh one, and whatever must outlive it.
#[macro_export]
macro_rules! rate_limiter_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            rate_limiter,
            limits,
            [
                a_limit_refuses_what_is_too_much_and_refills,
                a_refusal_and_a_look_take_nothing,
                a_clock_that_jumps_back_makes_nobody_wait_longer_than_a_burst,
                what_is_taken_is_what_the_arithmetic_says,
                limits_of_different_keys_are_apart,
                of_racing_takers_no_two_are_given_the_same,
            ]
        );
    };
}

const QUOTA: Quota = Quota { per_minute: 60, burst: 5 };

/// "If that is within the quota at `now`."
pub async fn a_limit_refuses_what_is_too_much_and_refills(limiter: Arc<dyn RateLimiter>) {
    for left in (0..5).rev() {
        let ruling = limiter.take("a", QUOTA, 1, start()).await.must();
        assert_eq!((ruling.allowed, ruling.limit, ruling.remaining), (true, 5, left));
    }
    let refused = limiter.take("a", QUOTA, 1, start()).await.must();
    assert_eq!((refused.allowed, refused.retry_after), (false, Duration::from_secs(1)));
    assert_eq!(refused.reset, Duration::from_secs(5));
    assert!(limiter.take("a", QUOTA, 1, after(1)).await.must().allowed);
    assert!(!limiter.take("a", QUOTA, 1, after(1)).await.must().allowed);
    assert_eq!(limiter.take("a", QUOTA, 1, after(600)).await.must().remaining, 4, "no more than a burst gathers");
}

/// "Otherwise takes nothing"; "a cost of 0 takes nothing either, and tells whether once more would be allowed".
pub async fn a_refusal_and_a_look_take_nothing(limiter: Arc<dyn RateLimiter>) {
    assert!(limiter.take("a", QUOTA, 3, start()).await.must().allowed);
    for _ in 0..10 {
        assert!(!limiter.take("a", QUOTA, 3, start()).await.must().allowed);
        let look = limiter.take("a", QUOTA, 0, start()).await.must();
        assert_eq!((look.allowed, look.remaining), (true, 2));
    }
    assert!(limiter.take("a", QUOTA, 2, start()).await.must().allowed);
    let look = limiter.take("a", QUOTA, 0, start()).await.must();
    assert_eq!((look.allowed, look.remaining), (false, 0));
}

/// "[`Quota::rule`] is how it is reckoned", whose debts are never longer than a burst.
pub async fn a_clock_that_jumps_back_makes_nobody_wait_longer_than_a_burst(limiter: Arc<dyn RateLimiter>) {
    assert!(limiter.take("a", QUOTA, 5, after(86_400)).await.must().allowed);
    let refused = limiter.take("a", QUOTA, 1, start()).await.must();
    assert_eq!((refused.allowed, refused.retry_after), (false, Duration::from_secs(1)));
    assert!(limiter.take("a", QUOTA, 1, after(1)).await.must().allowed, "the jump is remembered, not the debt");
}

/// "[`Quota::rule`] is how it is reckoned": to the microsecond, whatever the numbers.
pub async fn what_is_taken_is_what_the_arithmetic_says(limiter: Arc<dyn RateLimiter>) {
    for (n, quota) in [(7, 3), (60, 1), (100, 100), (0, 0), (60_000_000, 1_000), (u32::MAX, 2)].into_iter().enumerate()
    {
        let quota = Quota { per_minute: quota.0, burst: quota.1 };
        let (key, mut paid, mut now) = (format!("q{n}"), None, start());
        for step in 0u32..40 {
            let cost = [1, 0, 3, 1, 200][step as usize % 5];
            let (expected, then) = quota.rule(paid, cost, now);
            paid = Some(then);
            assert_eq!(limiter.take(&key, quota, cost, now).await.must(), expected, "{quota:?}, step {step}");
            now += Duration::from_micros(u64::from(step) * 77_777);
        }
    }
}

/// "Under `key`."
pub async fn limits_of_different_keys_are_apart(limiter: Arc<dyn RateLimiter>) {
    assert!(limiter.take("tools/a", QUOTA, 5, start()).await.must().allowed);
    assert!(!limiter.take("tools/a", QUOTA, 1, start()).await.must().allowed);
    for other in ["tools/b", "tools/", "Tools/a", ""] {
        assert_eq!(limiter.take(other, QUOTA, 1, start()).await.must().remaining, 4, "{other}");
    }
}

/// "Of calls that race, no two are given the same."
pub async fn of_racing_takers_no_two_are_given_the_same(limiter: Arc<dyn RateLimiter>) {
    let rulings = race(16, |_| {
        let limiter = limiter.clone();
        async move { limiter.take("a", QUOTA, 1, start()).await.must() }
    })
    .await;
    let mut left: Vec<u32> = rulings.iter().filter(|ruling| ruling.allowed).map(|ruling| ruling.remaining).collect();
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
}
