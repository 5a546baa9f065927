//! A link joins two memories of one caller.

use super::memory::effective_salience;
use crate::{LinkId, MemoryId, Timestamp};
use chrono::Duration;
use serde::{Deserialize, Serialize};

/// How a link came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Their vectors are close.
    Similar,
    /// Somebody joined them by hand.
    Manual,
}

/// One link per pair, standing for both directions: `a < b` always (see [`Link::new`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Derived from the pair.
    pub id: LinkId,
    /// The memory with the smaller id.
    pub a: MemoryId,
    /// The memory with the greater id.
    pub b: MemoryId,
    /// The cosine, or what somebody set; 0 to 1. Of an automatic one, as it was when it was made or last used: what is
    /// left is [`Link::weight_left`].
    pub weight: f32,
    /// How it came to be.
    pub kind: LinkKind,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last led to a memory that was shown, as far as that was counted; `None` for never.
    #[serde(default)]
    pub used_at: Option<Timestamp>,
}

/// A link counts as used once in so much time.
const USED_ONCE_IN: Duration = Duration::days(1);

impl Link {
    /// A link between two memories, the same from either side.
    pub fn new(one: MemoryId, other: MemoryId, weight: f32, kind: LinkKind, created_at: Timestamp) -> Self {
        let (a, b) = if one <= other { (one, other) } else { (other, one) };
        Self { id: LinkId::between(&a, &b), a, b, weight: weight.clamp(0.0, 1.0), kind, created_at, used_at: None }
    }

    /// The other end, if `end` is one of the two.
    pub fn other(&self, end: &MemoryId) -> Option<&MemoryId> {
        match end {
            e if *e == self.a => Some(&self.b),
            e if *e == self.b => Some(&self.a),
            _ => None,
        }
    }

    /// What is left of its weight at `now`: as with a memory's salience, nothing compounds. What somebody set by hand
    /// stays as it was set.
    pub fn weight_left(&self, per_day: f64, now: Timestamp) -> f32 {
        match self.kind {
            LinkKind::Manual => self.weight,
            LinkKind::Similar => {
                effective_salience(f64::from(self.weight), per_day, self.used_at.unwrap_or(self.created_at), now) as f32
            }
        }
    }

    /// The weight of an automatic link that is used at `now`: `w + gain (1 − w)` of what is left. `None` where that
    /// does not count: for a manual one, and for one that was used less than a day ago (or, by its clock, later).
    pub fn weight_used(&self, per_day: f64, gain: f32, now: Timestamp) -> Option<f32> {
        let counted = self.used_at.is_some_and(|used| now - used < USED_ONCE_IN);
        if self.kind == LinkKind::Manual || counted {
            return None;
        }
        let left = self.weight_left(per_day, now);
        Some((left + gain * (1.0 - left)).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixtures::start;

    fn similar() -> Link {
        Link::new("mem_1".into(), "mem_2".into(), 0.8, LinkKind::Similar, start())
    }

    #[test]
    fn a_link_fades_monotonely_from_when_it_was_last_used_and_a_manual_one_does_not() {
        let left = |link: &Link, days| link.weight_left(0.01, start() + Duration::days(days));
        let link = similar();
        assert_eq!((left(&link, 0), left(&link, -9)), (0.8, 0.8), "a clock that went back changes nothing");
        let mut last = 0.8;
        for days in [1, 2, 30, 365, 99_999] {
            assert!((0.0..last).contains(&left(&link, days)), "{days}");
            last = left(&link, days).max(f32::MIN_POSITIVE);
        }
        let used = Link { used_at: Some(start() + Duration::days(30)), ..link };
        assert_eq!(left(&used, 30), 0.8);
        assert_eq!(left(&Link { kind: LinkKind::Manual, ..used }, 99_999), 0.8);
    }

    #[test]
    fn being_used_counts_once_a_day_and_approaches_one() {
        let at = |hours| start() + Duration::hours(hours);
        let first = similar().weight_used(0.0, 0.05, at(0)).unwrap();
        assert!((first - 0.81).abs() < 1e-6, "the first use counts at once: {first}");
        let used = Link { used_at: Some(at(0)), ..similar() };
        for hours in [-48, 0, 23] {
            assert_eq!(used.weight_used(0.01, 0.05, at(hours)), None, "{hours}");
        }
        assert!(used.weight_used(0.01, 0.05, at(24)).is_some());
        assert_eq!(Link { kind: LinkKind::Manual, ..similar() }.weight_used(0.01, 0.05, at(0)), None);
        let mut link = similar();
        for day in 0..500 {
            let weight = link.weight_used(0.0, 0.05, at(24 * day)).unwrap();
            assert!(weight >= link.weight && weight <= 1.0);
            link = Link { weight, used_at: Some(at(24 * day)), ..link };
        }
        assert!(link.weight > 0.99);
    }
}
