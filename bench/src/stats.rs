//! Percentiles.

use serde::Serialize;
use std::time::Duration;

/// A distribution of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// How many were measured.
    pub(crate) n: usize,
    /// Half are at most this.
    pub(crate) p50: f64,
    /// 95 of 100 are at most this.
    pub(crate) p95: f64,
    /// 99 of 100 are at most this.
    pub(crate) p99: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Spread {
    /// Of these, in milliseconds; `None` of none.
    pub(crate) fn of(mut millis: Vec<f64>) -> Option<Self> {
        millis.sort_by(f64::total_cmp);
        let max = *millis.last()?;
        // Nearest rank: an observed value, never one between two.
        let at = |percent: usize| millis[(percent * millis.len()).div_ceil(100).max(1) - 1];
        Some(Self { n: millis.len(), p50: at(50), p95: at(95), p99: at(99), max })
    }
}

/// As milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let spread = Spread::of((1..=200).rev().map(f64::from).collect()).unwrap();
        assert_eq!(spread, Spread { n: 200, p50: 100.0, p95: 190.0, p99: 198.0, max: 200.0 });
        let one = Spread::of(vec![7.0]).unwrap();
        assert_eq!((one.p50, one.p99), (7.0, 7.0));
        assert_eq!(Spread::of(Vec::new()), None);
    }
}
