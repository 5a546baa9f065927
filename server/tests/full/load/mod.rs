//! Those who talk to servers that come and go, what was acknowledged to them, and what must hold once everything is quiet.

pub mod check;
pub mod traffic;

use crate::harness::Home;
use serde_json::Value;
use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{Notify, Semaphore, watch};

/// Who sends at once: calls, additions, questions.
pub const LANES: [usize; 3] = [3, 2, 1];

/// Moments are counted in answers to what writes, so that they fall into the other requests and into the learning that go on
/// beside them.
#[derive(Debug, Default)]
pub struct Progress {
    pub answered: AtomicUsize,
    pub added: AtomicUsize,
    /// Answers that said that the database is away, when it was.
    pub excused: AtomicUsize,
    moved: Notify,
    over: AtomicBool,
}

/// Servers that come and go, of which whoever asks takes one after the other, and those who talk to them.
#[derive(Debug)]
pub struct Scene {
    pub homes: Vec<Home>,
    pub progress: Progress,
    /// Closed while there is no server at all.
    pub up: Semaphore,
    /// How often a process came back.
    pub lives: watch::Sender<u64>,
    turn: AtomicUsize,
    /// How often the database went or came: it is away where that is odd.
    outages: AtomicUsize,
}

impl Scene {
    pub fn new(homes: Vec<Home>) -> Self {
        Self {
            homes,
            progress: Progress::default(),
            up: Semaphore::new(0),
            lives: watch::Sender::new(0),
            turn: AtomicUsize::new(0),
            outages: AtomicUsize::new(0),
        }
    }

    /// The next server, as a balancer that knows nothing of them would choose it.
    pub fn home(&self) -> &Home {
        &self.homes[self.turn.fetch_add(1, Ordering::SeqCst) % self.homes.len()]
    }

    /// Waits for a server that is up; it may die at any time after that.
    pub async fn wait(&self) {
        drop(self.up.acquire().await.expect("open"));
    }

    /// Asks a server that is up; `None` where it gave no whole answer, or could not, since the database was away. At no other
    /// time may an answer say that it is the server that failed.
    pub async fn ask(
        &self,
        home: &Home,
        request: impl AsyncFnOnce(&Home) -> Option<(u16, Value)>,
    ) -> Option<(u16, Value)> {
        self.wait().await;
        let outages = self.outages.load(Ordering::SeqCst);
        let (status, body) = request(home).await?;
        // A tool is told so in words: an agent reads no status.
        if status < 500 && body["degraded_reason"] != "unavailable" {
            return Some((status, body));
        }
        let away = outages % 2 == 1 || self.outages.load(Ordering::SeqCst) != outages;
        assert!(away, "{status} while the database was there: {body}");
        self.count(&self.progress.excused);
        None
    }

    /// Asks the next server something that writes, and counts its answer.
    pub async fn write(&self, request: impl AsyncFnOnce(&Home) -> Option<(u16, Value)>) -> Option<(u16, Value)> {
        let answer = self.ask(self.home(), request).await;
        if answer.is_some() {
            self.count(&self.progress.answered);
        }
        answer
    }

    /// From now on the database is away, or there again.
    pub fn turn_database(&self) {
        self.outages.fetch_add(1, Ordering::SeqCst);
    }

    pub fn count(&self, what: &AtomicUsize) {
        what.fetch_add(1, Ordering::SeqCst);
        self.progress.moved.notify_one();
    }

    /// Waits until `what` has grown by so many.
    pub async fn until(&self, what: &AtomicUsize, more: usize) {
        let moment = what.load(Ordering::SeqCst) + more;
        while what.load(Ordering::SeqCst) < moment {
            self.progress.moved.notified().await;
        }
    }

    /// There is one more process.
    pub fn live_on(&self) {
        self.lives.send_modify(|lives| *lives += 1);
    }

    /// There is a server, for so many who ask at once.
    pub fn let_them_in(&self, lanes: usize) {
        self.live_on();
        self.up.add_permits(lanes);
    }

    /// Whoever has begun something ends it, and begins nothing more.
    pub fn end(&self) {
        self.progress.over.store(true, Ordering::SeqCst);
        self.live_on();
    }

    pub fn over(&self) -> bool {
        self.progress.over.load(Ordering::SeqCst)
    }
}

/// Lehmer's multiplicative sequence (48271): the same moments for the same seed.
pub fn next(state: &mut u64) -> u64 {
    *state = *state * 48_271 % 2_147_483_647;
    *state
}

pub fn setting(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |told| told.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{told}`")))
}
