//! The arithmetic: all there is to remember of a key is when what it has taken will be paid back.

use crate::Timestamp;
use chrono::DateTime;
use std::time::Duration;

/// How often: so many a minute on the long run, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// A minute; 0 counts as 1.
    pub per_minute: u32,
    /// At once, by whoever has been quiet; 0 counts as 1.
    pub burst: u32,
}

/// Whether something may be done, and how much is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling {
    /// Whether it may.
    pub allowed: bool,
    /// At once at the most.
    pub limit: u32,
    /// How many are left now.
    pub remaining: u32,
    /// When everything is there again.
    pub reset: Duration,
    /// When it is allowed; zero when it is already.
    pub retry_after: Duration,
}

impl Quota {
    /// As many at once as in a minute.
    pub const fn per_minute(per_minute: u32) -> Self {
        Self { per_minute, burst: per_minute }
    }

    /// Microseconds in which one is paid back, at least 1.
    pub fn interval(self) -> i64 {
        (60_000_000 / i64::from(self.per_minute.max(1))).max(1)
    }

    /// Microseconds in which a whole burst is paid back: nobody owes more.
    pub fn most(self) -> i64 {
        self.interval() * i64::from(self.burst.max(1))
    }

    /// Rules on `cost` at `now`, where what was taken before is paid back at `paid`; `None` for nothing. Answers the ruling and
    /// when everything is paid back from now on: what is to be remembered.
    ///
    /// A clock that jumps back gives nobody a longer wait than a whole burst has.
    pub fn rule(self, paid: Option<Timestamp>, cost: u32, now: Timestamp) -> (Ruling, Timestamp) {
        let (interval, most, at) = (self.interval(), self.most(), now.timestamp_micros());
        let owed = paid.map_or(0, |paid| (paid.timestamp_micros() - at).clamp(0, most));
        let wanted = owed + interval * i64::from(cost.max(1));
        let allowed = wanted <= most;
        let after = if allowed && cost > 0 { wanted } else { owed };
        let ruling = Ruling {
            allowed,
            limit: self.burst.max(1),
            remaining: u32::try_from((most - after) / interval).unwrap_or(0),
            reset: micros(after),
            retry_after: micros(wanted - most),
        };
        (ruling, DateTime::from_timestamp_micros(at + after).unwrap_or(now))
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    fn at(millis: i64) -> Timestamp {
        DateTime::from_timestamp_millis(1_795_341_600_000 + millis).unwrap()
    }

    #[test]
    fn a_burst_passes_then_one_at_a_time() {
        let quota = Quota { per_minute: 60, burst: 3 };
        let mut paid = None;
        let mut take = |cost, millis| {
            let (ruling, after) = quota.rule(paid, cost, at(millis));
            paid = Some(after);
            (ruling.allowed, ruling.remaining, ruling.retry_after.as_millis(), ruling.reset.as_millis())
        };
        assert_eq!(take(1, 0), (true, 2, 0, 1_000));
        assert_eq!(take(1, 0), (true, 1, 0, 2_000));
        assert_eq!(take(0, 0), (true, 1, 0, 2_000), "looking takes nothing");
        assert_eq!(take(1, 0), (true, 0, 0, 3_000));
        assert_eq!(take(1, 400), (false, 0, 600, 2_600), "a refusal takes nothing");
        assert_eq!(take(1, 1_000), (true, 0, 0, 3_000));
        assert_eq!(take(3, 3_000), (false, 2, 1_000, 1_000));
        assert_eq!(take(3, 4_000), (true, 0, 0, 3_000));
    }

    #[test]
    fn a_clock_that_jumps_back_makes_nobody_wait_longer_than_a_burst() {
        let quota = Quota::per_minute(100);
        let (_, paid) = quota.rule(None, 100, at(86_400_000));
        let (ruling, paid) = quota.rule(Some(paid), 1, at(0));
        assert!(!ruling.allowed && ruling.retry_after == Duration::from_millis(600), "{ruling:?}");
        assert!(quota.rule(Some(paid), 1, at(600)).0.allowed);
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(20_261_125), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_when_no_minute_sees_more_than_a_burst_and_a_minutes_worth(
            per_minute in 1u32..500, burst in 1u32..200, waits in proptest::collection::vec(0i64..3_000, 1..300),
        ) {
            let quota = Quota { per_minute, burst };
            let (mut paid, mut now, mut passed) = (None, 0, Vec::new());
            for wait in waits {
                now += wait;
                let (ruling, after) = quota.rule(paid, 1, at(now));
                paid = Some(after);
                prop_assert!(ruling.remaining <= burst);
                if ruling.allowed {
                    passed.push(now);
                    prop_assert_eq!(ruling.retry_after, Duration::ZERO);
                } else {
                    let then = at(now) + ruling.retry_after;
                    prop_assert!(quota.rule(paid, 1, then).0.allowed, "retry-after keeps its word");
                }
            }
            for (i, first) in passed.iter().enumerate() {
                let within = passed[i..].iter().take_while(|at| **at < first + 60_000).count();
                prop_assert!(within <= (burst + per_minute) as usize + 1, "{} in a minute", within);
            }
        }
    }
}
