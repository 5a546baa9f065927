//! A clock that leaps ahead makes everything look old. What goes for its age then waits: for the clock to come back, or to
//! stand for a day.

use crate::engine::Engine;
use crate::{Result, Timestamp};
use chrono::Duration;
use serde::{Deserialize, Serialize};

/// The name of the lease whose row keeps when the clock was last looked at. Nobody holds it.
pub const CLOCK_LEASE: &str = "clock";

/// A clock that is further ahead than that of when it was last looked at has leapt, or nobody has looked for as long: which of
/// the two it was, nobody can tell. Shorter leaps remove what is this much too young, at the most.
const LEAP: Duration = Duration::days(7);

/// After a leap the clock is believed when it has stood for so long.
const STAND: Duration = Duration::days(1);

/// What is known of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    at: Timestamp,
    leapt: Option<Leap>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Leap {
    /// When the clock was last looked at before it.
    from: Timestamp,
    /// When it was noticed.
    at: Timestamp,
}

impl Seen {
    /// What is known at `now`, after this was.
    fn later(before: Option<Self>, now: Timestamp) -> Self {
        let ahead = before.is_some_and(|seen| now - seen.at > LEAP);
        let leapt = match before.and_then(|seen| seen.leapt) {
            None => before.filter(|_| ahead).map(|seen| Leap { from: seen.at, at: now }),
            Some(leap) if now - leap.from <= LEAP => None,
            // It has leapt on, or only a part of the way back.
            Some(leap) if ahead || leap.at - now > STAND => Some(Leap { at: now, ..leap }),
            Some(leap) => Some(leap).filter(|leap| now - leap.at < STAND),
        };
        Self { at: now, leapt }
    }

    fn held_until(self) -> Option<Timestamp> {
        self.leapt.and_then(|leap| leap.at.checked_add_signed(STAND))
    }
}

/// Looks at the clock, and notes that. `Some` while nothing may be removed for its age, since the clock was found more than a
/// week ahead of the last look, by whichever process: until then, if it stands. A clock that comes back ends it at once. The
/// first look ever believes the clock.
///
/// # Errors
/// What the store says; then nothing should be removed either.
pub async fn held_by_a_leap(engine: &Engine) -> Result<Option<Timestamp>> {
    let holder = engine.entropy.hex(12);
    let now = engine.clock.now();
    let seen = look(engine, &holder, now).await?;
    let note = serde_json::to_string(&seen).ok();
    // If somebody else has looked at the same time, either note will do.
    engine.memory.keep_lease(CLOCK_LEASE, &holder, now, note.as_deref()).await?;
    let held = seen.held_until();
    metrics::gauge!("hark_clock_leapt").set(if held.is_some() { 1.0 } else { 0.0 });
    Ok(held)
}

/// Whether what looks too old may be so only because the clock has leapt. Notes nothing.
pub(crate) async fn is_doubtful(engine: &Engine) -> Result<bool> {
    let seen = look(engine, &engine.entropy.hex(12), engine.clock.now()).await?;
    Ok(seen.leapt.is_some())
}

async fn look(engine: &Engine, holder: &str, now: Timestamp) -> Result<Seen> {
    // Held until now and void from now on: always to be had.
    let row = engine.memory.take_lease(CLOCK_LEASE, holder, now, now, now).await?;
    let before = row.and_then(|row| row.progress).and_then(|noted| serde_json::from_str(&noted).ok());
    Ok(Seen::later(before, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixtures::start;

    /// Hours at which the clock is looked at, and whether removals are held then.
    fn held(looks: &[(i64, bool)]) {
        let mut seen = None;
        for (at, expected) in looks {
            let now = start() + Duration::hours(*at);
            let next = Seen::later(seen, now);
            assert_eq!(next.held_until().is_some(), *expected, "at {at} of {looks:?}");
            seen = Some(next);
        }
    }

    const WEEK: i64 = 7 * 24;
    const YEAR: i64 = 365 * 24;

    #[test]
    fn a_leap_holds_until_the_clock_has_come_back_or_stood_for_a_day() {
        held(&[(0, false), (1, false), (WEEK + 1, false), (YEAR, true), (YEAR + 23, true), (YEAR + 24, false)]);
        held(&[(0, false), (YEAR, true), (YEAR - 1, true), (YEAR + 1, true), (2, false), (3, false)]);
        held(&[(0, false), (YEAR, true), (YEAR + WEEK, false)]);
    }

    #[test]
    fn a_clock_that_leaps_on_or_comes_back_half_way_has_to_stand_anew() {
        held(&[(0, false), (YEAR, true), (2 * YEAR, true), (2 * YEAR + 23, true), (2 * YEAR + 24, false)]);
        held(&[(0, false), (2 * YEAR, true), (YEAR, true), (YEAR + 23, true), (YEAR + 24, false)]);
    }

    #[test]
    fn a_clock_that_goes_back_holds_nothing_and_its_return_is_a_leap() {
        held(&[(0, false), (-1, false), (0, false), (-YEAR, false), (0, true), (24, false)]);
    }
}
