//! `kill -9` at random moments while calls are delivered, memories are added and forgotten, callers are erased and questions
//! are asked: what was acknowledged is remembered exactly once, what was forgotten never comes back, and the indexes hold
//! what the truth holds.
//!
//! `HARK_KILLS` (50) says how often, `HARK_KILL_SEED` (1) at which moments; `cargo xtask kill` sets them. Every so often nobody
//! sends until all is learnt, so that a long run is as dense as a short one instead of one queue that only grows.

mod indexes;

use crate::harness::{Home, Running};
use crate::load::traffic::{self, Book};
use crate::load::{LANES, Scene, check, next, setting};
use std::time::Instant;

const KILLS: u64 = 50;
/// After so many the server stays until its queue is empty.
const ROUND: u64 = 50;
/// A process dies before it has answered so many requests that write; every other one before so many additions, which take
/// longer and would hardly ever be answered otherwise.
const LIVES: [u64; 2] = [16, 4];

#[tokio::test]
async fn what_is_acknowledged_is_remembered_once_and_what_is_forgotten_stays_so() {
    let (kills, seed) = (setting("HARK_KILLS", KILLS), setting("HARK_KILL_SEED", 1));
    let scene = Scene::new(vec![Home::new()]);
    let home = &scene.homes[0];
    let book = Book::default();
    let begun = Instant::now();
    let (server, ()) = tokio::join!(kill_again_and_again(&scene, kills, seed), traffic::everybody(&scene, &book));
    home.until_idle().await;
    println!("{kills} kills in {} s", begun.elapsed().as_secs());
    check::over_http(home, &book).await;
    server.kill();
    indexes::hold_what_the_truth_holds(home).await;
    println!("{}", book.told());
}

async fn kill_again_and_again(scene: &Scene, kills: u64, seed: u64) -> Running {
    let lanes = LANES.iter().sum::<usize>();
    let mut state = 20_261_122 + seed;
    for killed in 1..=kills {
        let server = scene.homes[0].serve().await;
        scene.let_them_in(lanes);
        let (counted, life) = match killed % 2 {
            0 => (&scene.progress.answered, LIVES[0]),
            _ => (&scene.progress.added, LIVES[1]),
        };
        scene.until(counted, (next(&mut state) % life) as usize).await;
        let permits = scene.up.acquire_many(u32::try_from(lanes).expect("few")).await.expect("open");
        permits.forget();
        server.kill();
        if killed % ROUND == 0 && killed < kills {
            let server = scene.homes[0].serve().await;
            scene.homes[0].until_idle().await;
            server.kill();
            println!("{killed} kills");
        }
    }
    // Whoever has begun something ends it, on a server that stays.
    scene.end();
    let server = scene.homes[0].serve().await;
    scene.let_them_in(lanes);
    server
}
