//! A clock that stands still until it is moved.

use crate::{Clock, Timestamp};
use chrono::{Duration, TimeZone, Utc};
use std::sync::Mutex;

/// Starts at 2026-11-22T10:00:00Z, a Sunday, and moves only when told to.
#[derive(Debug)]
pub struct MockClock(Mutex<Timestamp>);

impl Default for MockClock {
    fn default() -> Self {
        Self(Mutex::new(Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).single().expect("a real moment")))
    }
}

impl MockClock {
    /// Moves the clock, forwards or backwards.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().expect("no panics while held") += by;
    }

    /// Sets the clock.
    pub fn set(&self, to: Timestamp) {
        *self.0.lock().expect("no panics while held") = to;
    }
}

impl Clock for MockClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panics while held")
    }
}
