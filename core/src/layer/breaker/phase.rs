//! The breaker's books: pure, told the time.

use super::{
    BreakerSettings, BreakerSnapshot, BreakerState, MAX_HOLD, ModelHealth, PROBE_WAIT, Part, Profile, Verdict, WINDOW,
};
use crate::ErrorKind;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed,
    Open {
        until: Instant,
        /// Whether it was a caller on the phone whose patience ended: then the background may look for itself.
        impatient: bool,
    },
    HalfOpen {
        probing: bool,
    },
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// Yes; its outcome belongs to this generation.
    Pass(u64),
    /// Not for so long.
    Wait(Duration),
}

#[derive(Debug)]
pub(super) struct Ledger {
    settings: BreakerSettings,
    phase: Phase,
    since: Instant,
    /// Counts the phases: the outcome of a call from an earlier one comes too late to say anything.
    generation: u64,
    /// The last calls while closed; true for a failure.
    window: VecDeque<bool>,
    consecutive: u32,
    /// How long it was opened last.
    open_for: Duration,
    /// Until when each part is held on its provider's own advice: embedder, chat.
    held: [Option<Instant>; 2],
    last_error: Option<ErrorKind>,
    last_success: Option<Instant>,
    opened: u64,
}

impl Ledger {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            phase: Phase::Closed,
            since: Instant::now(),
            generation: 0,
            window: VecDeque::with_capacity(WINDOW),
            consecutive: 0,
            open_for: settings.open,
            held: [None; 2],
            last_error: None,
            last_success: None,
            opened: 0,
        }
    }

    /// As the transitions have left it; time alone changes nothing here.
    pub(super) fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    pub(super) fn enter(&mut self, part: Part, profile: Profile, now: Instant) -> Entry {
        let held = &mut self.held[part as usize];
        match *held {
            Some(until) if now < until => return Entry::Wait(until - now),
            _ => *held = None,
        }
        match self.phase {
            Phase::Closed => {}
            Phase::Open { until, impatient } => {
                let allowed = now >= until || impatient && profile == Profile::Background;
                if !allowed {
                    return Entry::Wait(until - now);
                }
                self.turn(Phase::HalfOpen { probing: true }, now);
            }
            Phase::HalfOpen { probing: true } => return Entry::Wait(PROBE_WAIT),
            Phase::HalfOpen { probing: false } => self.phase = Phase::HalfOpen { probing: true },
        }
        Entry::Pass(self.generation)
    }

    /// Books a call's outcome. Answers for how long its part is held now, if that is news.
    pub(super) fn settle(
        &mut self,
        generation: u64,
        part: Part,
        profile: Profile,
        verdict: &Verdict,
        now: Instant,
    ) -> Option<Duration> {
        if generation != self.generation {
            return None;
        }
        match *verdict {
            Verdict::Succeeded => {
                self.succeeded(now);
                None
            }
            Verdict::Failed { kind, retry_after } => self.failed(part, profile, kind, retry_after, now),
            Verdict::Silent => {
                if let Phase::HalfOpen { .. } = self.phase {
                    self.phase = Phase::HalfOpen { probing: false };
                }
                None
            }
        }
    }

    fn succeeded(&mut self, now: Instant) {
        self.last_success = Some(now);
        self.consecutive = 0;
        match self.phase {
            Phase::Closed => self.remember(false),
            Phase::HalfOpen { .. } | Phase::Open { .. } => self.close(now),
        }
    }

    fn failed(
        &mut self,
        part: Part,
        profile: Profile,
        kind: ErrorKind,
        retry_after: Option<Duration>,
        now: Instant,
    ) -> Option<Duration> {
        self.last_error = Some(kind);
        let advice = retry_after.filter(|after| !after.is_zero()).map(|after| after.min(MAX_HOLD));
        let news = advice.filter(|pause| self.hold(part, now + *pause, now));
        let impatient = kind == ErrorKind::Timeout && profile == Profile::Interactive;
        match self.phase {
            Phase::Closed if kind == ErrorKind::Limited && advice.is_some() => {}
            Phase::Closed => {
                self.consecutive = self.consecutive.saturating_add(1);
                self.remember(true);
                let failures = self.window.iter().filter(|failed| **failed).count();
                if self.consecutive >= self.settings.failures || failures * 2 >= WINDOW {
                    self.open(self.settings.open, advice, impatient, now);
                }
            }
            Phase::HalfOpen { .. } | Phase::Open { .. } => {
                self.consecutive = self.consecutive.saturating_add(1);
                let longer = self.open_for.saturating_mul(2).min(self.settings.max_open);
                self.open(longer, advice, impatient, now);
            }
        }
        news
    }

    /// Whether the part was not held until now.
    fn hold(&mut self, part: Part, until: Instant, now: Instant) -> bool {
        let held = &mut self.held[part as usize];
        let news = held.is_none_or(|until| until <= now);
        *held = Some(held.map_or(until, |before| before.max(until)));
        news
    }

    fn remember(&mut self, failed: bool) {
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(failed);
    }

    fn open(&mut self, length: Duration, advice: Option<Duration>, impatient: bool, now: Instant) {
        self.open_for = length;
        self.opened += 1;
        let until = now + advice.map_or(length, |theirs| theirs.max(length));
        self.turn(Phase::Open { until, impatient }, now);
    }

    fn close(&mut self, now: Instant) {
        self.window.clear();
        self.open_for = self.settings.open;
        self.turn(Phase::Closed, now);
    }

    pub(super) fn reset(&mut self, now: Instant) {
        self.consecutive = 0;
        self.held = [None; 2];
        self.close(now);
    }

    fn turn(&mut self, phase: Phase, now: Instant) {
        self.phase = phase;
        self.generation += 1;
        self.since = now;
    }

    pub(super) fn snapshot(&self, now: Instant) -> BreakerSnapshot {
        let held = self.held.iter().flatten().max().filter(|until| **until > now).map(|until| *until - now);
        let (state, left) = match self.phase {
            Phase::Closed => (BreakerState::Closed, held),
            Phase::Open { until, .. } if now < until => (BreakerState::Open, Some(until - now)),
            Phase::Open { .. } | Phase::HalfOpen { .. } => (BreakerState::HalfOpen, held),
        };
        let health = match state {
            BreakerState::Open => ModelHealth::Down,
            BreakerState::Closed if self.consecutive == 0 && held.is_none() => ModelHealth::Healthy,
            BreakerState::Closed | BreakerState::HalfOpen => ModelHealth::Degraded,
        };
        BreakerSnapshot {
            state,
            health,
            since: now.saturating_duration_since(self.since),
            consecutive_failures: self.consecutive,
            next_probe_in: left,
            last_error: self.last_error,
            last_success: self.last_success.map(|at| now.saturating_duration_since(at)),
            opened: self.opened,
        }
    }
}
