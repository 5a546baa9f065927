//! Time is given, not taken: everything that needs to know the time asks a [`Clock`].

use std::fmt::Debug;

/// Times are UTC everywhere; only text for people knows time zones.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// The source of time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The current time. It may jump in either direction; nothing may rely on it being monotone.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        chrono::Utc::now()
    }
}
