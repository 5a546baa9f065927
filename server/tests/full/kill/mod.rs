//! `kill -9` at random moments while calls are delivered, memories are added and forgotten, callers are erased and questions
//! are asked: what was acknowledged is remembered exactly once, what was forgotten never comes back, and the indexes hold
//! what the truth holds.
//!
//! `HARK_KILLS` (50) says how often, `HARK_KILL_SEED` (1) at which moments; `cargo xtask kill` sets them. Every so often nobody
//! sends until all is learnt, so that a long run is as dense as a short one instead of one queue that only grows.

mod check;
mod traffic;

use crate::harness::{Home, Running};
use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore, watch};
use traffic::Book;

const KILLS: u64 = 50;
/// After so many the server stays until its queue is empty.
const ROUND: u64 = 50;
/// Who sends at once: calls, additions, questions.
const LANES: [usize; 3] = [3, 2, 1];
/// A process dies before it has answered so many requests that write; every other one before so many additions, which take
/// longer and would hardly ever be answered otherwise.
const LIVES: [u64; 2] = [16, 4];

/// Moments are counted in answers to what writes, so that they fall into the other requests and into the learning that go on
/// beside them.
#[derive(Debug, Default)]
struct Progress {
    answered: AtomicUsize,
    added: AtomicUsize,
    moved: Notify,
    over: AtomicBool,
}

/// A server that comes and goes, and those who talk to it.
#[derive(Debug)]
struct Scene {
    home: Home,
    progress: Progress,
    up: Semaphore,
    /// How many processes there were.
    lives: watch::Sender<u64>,
}

impl Scene {
    /// Waits for a server that is up; it may die at any time after that.
    async fn wait(&self) {
        drop(self.up.acquire().await.expect("open"));
    }

    /// Makes a request that writes, once a server is up, and counts its answer.
    async fn write<T>(&self, request: impl Future<Output = Option<T>>) -> Option<T> {
        self.wait().await;
        let answer = request.await;
        if answer.is_some() {
            self.count(&self.progress.answered);
        }
        answer
    }

    fn count(&self, what: &AtomicUsize) {
        what.fetch_add(1, Ordering::SeqCst);
        self.progress.moved.notify_one();
    }

    fn let_them_in(&self, lanes: usize) {
        self.lives.send_modify(|lives| *lives += 1);
        self.up.add_permits(lanes);
    }

    fn over(&self) -> bool {
        self.progress.over.load(Ordering::SeqCst)
    }
}

/// Lehmer's multiplicative sequence (48271): the same moments for the same seed.
fn next(state: &mut u64) -> u64 {
    *state = *state * 48_271 % 2_147_483_647;
    *state
}

fn setting(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |told| told.parse().unwrap_or_else(|_| panic!("{name} is a number, not `{told}`")))
}

#[tokio::test]
async fn what_is_acknowledged_is_remembered_once_and_what_is_forgotten_stays_so() {
    let (kills, seed) = (setting("HARK_KILLS", KILLS), setting("HARK_KILL_SEED", 1));
    let scene =
        Scene { home: Home::new(), progress: Progress::default(), up: Semaphore::new(0), lives: watch::Sender::new(0) };
    let book = Book::default();
    let [calls, additions, questions] = LANES;
    let begun = Instant::now();
    let (server, ..) = tokio::join!(
        kill_again_and_again(&scene, kills, seed),
        futures::future::join_all((0..calls).map(|lane| traffic::call(&scene, &book, lane))),
        futures::future::join_all((0..additions).map(|lane| traffic::add(&scene, &book, lane))),
        futures::future::join_all((0..questions).map(|_| traffic::ask(&scene, &book))),
    );
    scene.home.until_idle().await;
    println!("{kills} kills in {} s", begun.elapsed().as_secs());
    check::over_http(&scene.home, &book).await;
    server.kill();
    check::indexes(&scene.home).await;
    println!("{}", book.told());
}

async fn kill_again_and_again(scene: &Scene, kills: u64, seed: u64) -> Running {
    let lanes = LANES.iter().sum::<usize>();
    let mut state = 20_261_122 + seed;
    for killed in 1..=kills {
        let server = scene.home.serve().await;
        scene.let_them_in(lanes);
        let (counted, life) = match killed % 2 {
            0 => (&scene.progress.answered, LIVES[0]),
            _ => (&scene.progress.added, LIVES[1]),
        };
        let moment = counted.load(Ordering::SeqCst) + (next(&mut state) % life) as usize;
        while counted.load(Ordering::SeqCst) < moment {
            scene.progress.moved.notified().await;
        }
        let permits = scene.up.acquire_many(u32::try_from(lanes).expect("few")).await.expect("open");
        permits.forget();
        server.kill();
        if killed % ROUND == 0 && killed < kills {
            let server = scene.home.serve().await;
            scene.home.until_idle().await;
            server.kill();
            println!("{killed} kills");
        }
    }
    // Whoever has begun something ends it, on a server that stays.
    scene.progress.over.store(true, Ordering::SeqCst);
    let server = scene.home.serve().await;
    scene.let_them_in(lanes);
    server
}
