//! What the upkeep of the truth needs: who does it, and what became of links.

use crate::{LinkId, Timestamp};
use chrono::Duration;

/// So far the clocks of two processes may differ before one takes the other's lease for a mistake.
const SKEW: Duration = Duration::hours(1);

/// The end of a lease that is never held for longer than `longest` lies no later than that. What is said to end later was noted
/// by a clock that ran ahead and has come back, perhaps by a year: the work it was taken for must not rest for as long.
pub fn longest_hold(now: Timestamp, longest: Duration) -> Timestamp {
    let held = longest.checked_add(&SKEW).unwrap_or(longest);
    now.checked_add_signed(held).unwrap_or(Timestamp::MAX_UTC)
}

/// That the lease was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    /// How far the last holder had come, in its own words; `None` from the beginning.
    pub progress: Option<String>,
}

/// That a link led to a memory that was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkUse {
    /// Which.
    pub id: LinkId,
    /// When it was last used, as it was read: nothing is written if it was used since.
    pub known: Option<Timestamp>,
    /// Its weight from now on.
    pub weight: f32,
    /// When it was used.
    pub used_at: Timestamp,
}
