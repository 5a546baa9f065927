//! Three servers and two workers on one PostgreSQL and one Redis. Load is put on all; one after the other is killed and comes
//! back, the database is restarted once, Redis stands still once: what was acknowledged is remembered exactly once, no answer
//! says that a server failed while the database is there, and what was added or erased by one server is told, or no longer
//! told, by all at the next question.
//!
//! `HARK_NODE_ROUNDS` (6) says how often one is killed, `HARK_NODE_SEED` (1) which, and when.

mod servers;

use crate::harness::{Home, Running};
use crate::load::traffic::{self, Book};
use crate::load::{Scene, check, next, setting};
use hark_core::SystemEntropy;
use hark_core::crypt::Keyring;
use servers::Server;
use std::path::Path;
use std::time::Instant;

const ROUNDS: u64 = 6;
const SERVERS: usize = 3;
const WORKERS: usize = 2;
/// Somebody is killed after so many more answers to what writes, at the most, and comes back after as many.
const LIFE: u64 = 24;
/// Answers that say that the database is away, before it comes back.
const EXCUSED: usize = 5;

fn home(postgres: &Server, redis: &Server, keys: &Path) -> Home {
    let mut home = Home::new();
    let url = format!("postgres://hark@127.0.0.1:{}/postgres", postgres.port());
    let roles =
        ["MEMORY", "JOBS", "VECTORS", "KEYWORDS"].map(|role| (format!("HARK_ROLES__{role}"), "main".to_owned()));
    let rest = [
        ("HARK_ROLES__CACHE", "shared".to_owned()),
        ("HARK_ROLES__LIMITS", "shared".to_owned()),
        ("HARK_BACKENDS__MAIN__KIND", "postgres".to_owned()),
        ("HARK_BACKENDS__MAIN__URL", url),
        ("HARK_BACKENDS__SHARED__KIND", "redis".to_owned()),
        ("HARK_BACKENDS__SHARED__URL", format!("redis://127.0.0.1:{}", redis.port())),
        ("HARK_ENCRYPTION__KEYS_FILE", keys.display().to_string()),
        // Counted, and never reached.
        ("HARK_LIMITS__TOOLS_PER_MINUTE", "1000000".to_owned()),
        ("HARK_LIMITS__WEBHOOKS_PER_MINUTE", "1000000".to_owned()),
    ];
    home.settings = roles.into_iter().chain(rest.map(|(name, value)| (name.to_owned(), value))).collect();
    home
}

/// One of the processes.
#[derive(Debug)]
struct Node<'a> {
    home: &'a Home,
    serves: bool,
    running: Option<Running>,
}

impl Node<'_> {
    async fn start(&mut self) {
        self.running = Some(if self.serves { self.home.serve_alone().await } else { self.home.work() });
    }

    fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }
}

#[tokio::test]
async fn nodes_that_come_and_go_lose_nothing_double_nothing_and_tell_the_same() {
    let (rounds, seed) = (setting("HARK_NODE_ROUNDS", ROUNDS), setting("HARK_NODE_SEED", 1));
    let (mut postgres, mut redis) = (Server::postgres().await, Server::redis().await);
    let folder = tempfile::tempdir().expect("a folder");
    let keys = folder.path().join("keys");
    std::fs::write(&keys, Keyring::generate(&SystemEntropy).to_text()).expect("a file");

    let scene = Scene::new((0..SERVERS).map(|_| home(&postgres, &redis, &keys)).collect());
    let workers: Vec<Home> = (0..WORKERS).map(|_| home(&postgres, &redis, &keys)).collect();
    let node = |serves| move |home| Node { home, serves, running: None };
    let mut nodes: Vec<Node> = scene.homes.iter().map(node(true)).chain(workers.iter().map(node(false))).collect();
    for node in &mut nodes {
        node.start().await;
    }
    scene.let_them_in(64);

    let book = Book::default();
    let begun = Instant::now();
    let trouble = async {
        let mut state = 20_261_128 + seed;
        for round in 1..=rounds {
            let victim = (next(&mut state) % nodes.len() as u64) as usize;
            let life = (1 + next(&mut state) % LIFE) as usize;
            scene.until(&scene.progress.answered, life).await;
            nodes[victim].kill();
            if round == rounds.div_ceil(3) {
                restart(&scene, &mut postgres).await;
            }
            if round == (2 * rounds).div_ceil(3) {
                redis.stop();
            }
            scene.until(&scene.progress.answered, life).await;
            nodes[victim].start().await;
            scene.live_on();
        }
        redis.start().await;
        scene.until(&scene.progress.answered, LIFE as usize).await;
        scene.end();
    };
    tokio::join!(trouble, traffic::everybody(&scene, &book));
    scene.homes[0].until_idle().await;
    println!("{rounds} rounds in {} s", begun.elapsed().as_secs());
    for home in &scene.homes {
        check::over_http(home, &book).await;
    }
    println!("{}", book.told());
}

/// Away until some have heard so.
async fn restart(scene: &Scene, postgres: &mut Server) {
    scene.turn_database();
    postgres.stop();
    scene.until(&scene.progress.excused, EXCUSED).await;
    postgres.start().await;
    scene.turn_database();
}
