//! A backend that fails is left alone, and looked after.
//!
//! **Closed**: calls pass. So many failures in a row open it, or half of the last [`WINDOW`] calls (a provider
//! that fails every other time is down as well). Only what speaks of the provider's health counts: `Timeout`,
//! `Unavailable`, `Limited`, `Corrupt` and `Denied`; a request of ours that was wrong says nothing either way.
//!
//! **Open**: calls fail at once ([`BREAKER_OPEN`]), with the time left as their retry advice. After that time
//! it is **half-open**: one call, whoever comes first, is the probe; all others fail fast until it has ended. If it
//! succeeds the breaker closes, if it fails it stays open twice as long, up to a limit.
//!
//! A call that its caller drops frees the probe's place. Dropped after a quarter of what it was allowed it counts
//! as timed out, or a provider that never answers would go unnoticed behind callers who give up first; dropped
//! earlier it says nothing.
//!
//! Too slow for the phone is not away: a breaker that was opened by an interactive timeout lets work in the
//! background probe at once, with its own patience, so that it goes on however short the callers' patience is.
//!
//! A provider that says when to come back (`Retry-After`) is taken at its word: that part of it, embedder or chat
//! model, is held for so long, whatever the breaker's state. A refusal for too many requests that says so counts
//! as no failure beyond that: chat that is over its rate must not cost the callers their embeddings.

mod phase;
#[cfg(test)]
mod tests;

use super::{BREAKER_OPEN, Part, Profile, Resilience, secs};
use crate::{Error, ErrorKind, Result};
use phase::{Entry, Ledger};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// So many of the last calls are looked back on.
const WINDOW: usize = 20;

/// Nobody is kept waiting for longer on a provider's own advice.
const MAX_HOLD: Duration = Duration::from_secs(3_600);

/// What is advised while a probe is under way.
const PROBE_WAIT: Duration = Duration::from_secs(1);

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// So many failures in a row open it; at least 1.
    pub failures: u32,
    /// How long it stays open at first.
    pub open: Duration,
    /// How long at the most.
    pub max_open: Duration,
}

impl From<&Resilience> for BreakerSettings {
    fn from(config: &Resilience) -> Self {
        let open = secs(config.breaker_open_secs.max(1));
        Self { failures: config.breaker_failures.max(1), open, max_open: secs(config.breaker_max_open_secs).max(open) }
    }
}

/// Whether calls pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All.
    Closed,
    /// One, to see.
    HalfOpen,
    /// None.
    Open,
}

impl BreakerState {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// The number in `hark_breaker_state`.
    fn gauge(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// How a backend's models are, as far as their calls tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelHealth {
    /// The last call went well, or there was none.
    Healthy,
    /// The last calls failed, the provider asked for a pause, or a probe is due.
    Degraded,
    /// The breaker is open.
    Down,
}

impl ModelHealth {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// A breaker at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSnapshot {
    /// Whether calls pass. Half-open as soon as a probe is due, whether or not one was made.
    pub state: BreakerState,
    /// What that means.
    pub health: ModelHealth,
    /// For how long it has been so; a breaker that is due for a probe counts from its opening.
    pub since: Duration,
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// Until calls pass again, one or all; `None` when they do now.
    pub next_probe_in: Option<Duration>,
    /// How the last failure failed.
    pub last_error: Option<ErrorKind>,
    /// How long ago a call last succeeded.
    pub last_success: Option<Duration>,
    /// How often it has opened.
    pub opened: u64,
}

/// The breaker of one backend instance.
#[derive(Debug)]
pub struct Breaker {
    backend: Arc<str>,
    ledger: Mutex<Ledger>,
}

impl Breaker {
    /// A closed breaker for the backend of that name.
    pub fn new(backend: &str, settings: impl Into<BreakerSettings>) -> Arc<Self> {
        let breaker = Self { backend: backend.into(), ledger: Mutex::new(Ledger::new(settings.into())) };
        breaker.show(BreakerState::Closed);
        Arc::new(breaker)
    }

    /// Asks to be let through. Whatever becomes of the call, the permit settles it, if only by being dropped.
    ///
    /// # Errors
    /// `Unavailable`, with [`BREAKER_OPEN`] as its operation and the time left as its advice.
    pub(super) fn enter(self: &Arc<Self>, part: Part, profile: Profile, patience: Duration) -> Result<Permit> {
        let now = Instant::now();
        let (entry, moved) = {
            let mut ledger = self.ledger();
            let before = ledger.state();
            (ledger.enter(part, profile, now), (before, ledger.state()))
        };
        self.tell(moved, None);
        match entry {
            Entry::Pass(generation) => {
                Ok(Permit { breaker: self.clone(), part, profile, patience, begun: now, generation, settled: false })
            }
            Entry::Wait(left) => Err(self.closed_off(left)),
        }
    }

    /// How it is now.
    pub fn snapshot(&self) -> BreakerSnapshot {
        self.ledger().snapshot(Instant::now())
    }

    /// Closes it and forgets its failures: for an operator who knows better.
    pub fn reset(&self) {
        let before = {
            let mut ledger = self.ledger();
            let before = ledger.state();
            ledger.reset(Instant::now());
            before
        };
        self.tell((before, BreakerState::Closed), None);
    }

    fn closed_off(&self, left: Duration) -> Error {
        let context = format!("backend `{}` is given a pause, {} ms are left", self.backend, left.as_millis());
        Error::new(ErrorKind::Unavailable, BREAKER_OPEN, context).with_retry_after(left).of_a_model()
    }

    fn settle(&self, permit: &Permit, verdict: Verdict) {
        let (moved, held) = {
            let mut ledger = self.ledger();
            let before = ledger.state();
            let held = ledger.settle(permit.generation, permit.part, permit.profile, &verdict, Instant::now());
            ((before, ledger.state()), held)
        };
        if let Some(pause) = held {
            let (backend, part) = (&*self.backend, permit.part.name());
            tracing::warn!(backend, part, for_ms = ms(pause), "provider asked for a pause");
        }
        let kind = match verdict {
            Verdict::Failed { kind, .. } => Some(kind),
            Verdict::Succeeded | Verdict::Silent => None,
        };
        self.tell(moved, kind);
    }

    /// Says that the state has changed, once.
    fn tell(&self, (before, after): (BreakerState, BreakerState), kind: Option<ErrorKind>) {
        if before == after {
            return;
        }
        self.show(after);
        let backend = &*self.backend;
        match after {
            BreakerState::Open => {
                let pause = self.snapshot().next_probe_in.unwrap_or_default();
                tracing::warn!(backend, error = kind.map(ErrorKind::name), for_ms = ms(pause), "breaker opened");
            }
            BreakerState::HalfOpen => tracing::info!(backend, "breaker half-open, one call probes"),
            BreakerState::Closed => tracing::info!(backend, "breaker closed"),
        }
    }

    fn show(&self, state: BreakerState) {
        metrics::gauge!("hark_breaker_state", "backend" => self.backend.clone()).set(state.gauge());
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Nothing in there panics half-way; and if it did, a breaker must not be what ends every call.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a call says of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It answered.
    Succeeded,
    /// It did not, or not well.
    Failed { kind: ErrorKind, retry_after: Option<Duration> },
    /// Nothing.
    Silent,
}

impl Verdict {
    fn of(error: Option<&Error>) -> Self {
        match error {
            None => Self::Succeeded,
            Some(error) => match error.kind() {
                kind @ (ErrorKind::Timeout
                | ErrorKind::Unavailable
                | ErrorKind::Limited
                | ErrorKind::Corrupt
                | ErrorKind::Denied) => Self::Failed { kind, retry_after: error.retry_after() },
                _ => Self::Silent,
            },
        }
    }
}

/// The right to make one call.
#[derive(Debug)]
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    part: Part,
    profile: Profile,
    patience: Duration,
    begun: Instant,
    generation: u64,
    settled: bool,
}

impl Permit {
    /// The call has ended, with this error if any.
    pub(super) fn settle(mut self, error: Option<&Error>) {
        self.settled = true;
        self.breaker.settle(&self, Verdict::of(error));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let let_down = self.begun.elapsed() >= self.patience / 4;
        let verdict = match let_down {
            true => Verdict::Failed { kind: ErrorKind::Timeout, retry_after: None },
            false => Verdict::Silent,
        };
        self.breaker.settle(self, verdict);
    }
}
