//! `hark copy` between the engines of the bundle: a truth on SQLite moves to PostgreSQL and back, and is killed on the way.

#![cfg(all(feature = "sqlite", feature = "postgres"))]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails where it stands, and tells what it took")]

use hark_core::backend::Registry;
use hark_core::crypt::Purpose;
use hark_core::store::{MemoryStore, NewJob};
use hark_core::testkit::fixtures::{conversation, memory};
use hark_core::{Conversation, Entropy, IdentityKind, Link, LinkKind, Memory, Result, Scope, SystemEntropy, TenantId};
use hark_server::backup::Told;
use hark_server::config::{Flags, Loaded, Sources};
use hark_server::copy::{Order, Report, copy};
use hark_server::running::{Running, Start};
use hark_server::spaces::OtherSpace;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use std::path::Path;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::Instant;
use tokio::sync::mpsc;

const IDLE: Start = Start { http: false, worker: false, migrate: true, other_space: OtherSpace::Refuse };

/// How much moves: `HARK_TEST_COPY_CALLERS` makes it more, each with a hundred memories and a conversation.
fn callers() -> usize {
    std::env::var("HARK_TEST_COPY_CALLERS").map_or(20, |count| count.parse().unwrap())
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    hark_plugins::install(&mut registry);
    registry
}

fn loaded(folder: &Path, main: &[(&str, &str)]) -> Loaded {
    let roles = [("MEMORY", "main"), ("JOBS", "main"), ("VECTORS", "ram"), ("KEYWORDS", "ram"), ("EMBEDDER", "none")];
    let mut environment: Vec<_> =
        roles.map(|(role, name)| (format!("HARK_ROLES__{role}"), name.to_owned())).into_iter().collect();
    environment.extend(main.iter().map(|(key, value)| (format!("HARK_BACKENDS__MAIN__{key}"), (*value).to_owned())));
    let flags = Flags { bind: Some("127.0.0.1:0".to_owned()), data_dir: Some(folder.to_owned()) };
    Sources { file: None, environment, flags }.load().unwrap()
}

fn tenant() -> TenantId {
    TenantId::new("default")
}

fn scope(n: usize) -> Scope {
    Scope::new(tenant(), format!("usr_{n:06}"))
}

/// What each caller has: a number, a conversation with ten kilobytes of transcript, a hundred memories and links between them.
async fn fill(running: &Running) {
    let engine = &running.app.engine;
    let words = "I would like the delivery on Thursday. ".repeat(256);
    for n in 0..callers() {
        let scope = scope(n);
        let number = engine.vault.identity(&scope.tenant, IdentityKind::Phone, &format!("+49301{n:07}")).unwrap();
        engine.memory.ensure_user(&scope.tenant, number.as_slice(), &scope.caller, engine.clock.now()).await.unwrap();
        engine.memory.set_name(&scope, &format!("Caller {n}")).await.unwrap();
        let id = format!("conv_{n:06}");
        let transcript = engine.vault.seal(&scope.tenant, Purpose::Transcript, &id, words.as_bytes()).unwrap();
        let call =
            Conversation { caller: Some(scope.caller.clone()), transcript: Some(transcript), ..conversation(&id) };
        engine.memory.save_conversation(&scope.tenant, &call).await.unwrap();
        let memories: Vec<Memory> = (0..100)
            .map(|m| {
                memory(&format!("mem_{n:06}_{m:02}"), &format!("Keeps {m} hens of colour {n} in Straße {}", m * n))
            })
            .collect();
        engine.memory.put_memories(&scope, &memories).await.unwrap();
        let links: Vec<Link> = memories
            .windows(2)
            .step_by(10)
            .map(|two| Link::new(two[0].id.clone(), two[1].id.clone(), 0.3, LinkKind::Manual, engine.clock.now()))
            .collect();
        engine.memory.put_links(&scope, &links).await.unwrap();
        let job = NewJob {
            tenant: tenant(),
            name: "summarise_user".to_owned(),
            key: scope.caller.to_string(),
            payload: serde_json::json!({ "caller": scope.caller }),
            run_at: engine.clock.now(),
        };
        engine.jobs.enqueue(&[job], engine.clock.now()).await.unwrap();
    }
}

/// Copies, and dies as a killed process does when that line is told, if it is.
async fn carried(from: &Loaded, to: &Loaded, until: Option<&str>) -> Option<Result<Report>> {
    let registry = registry();
    let (sender, mut lines) = mpsc::unbounded_channel();
    let sender = Mutex::new(sender);
    let step = |line: &str| drop(sender.lock().unwrap().send(line.to_owned()));
    let told = Told { step: &step, progress: &|_, _| () };
    let order = Order { from, to, registry: &registry, live: false, samples: 5 };
    let copying = copy(&order, &told);
    let dying = async {
        while let Some(line) = lines.recv().await {
            if until.is_some_and(|until| line.starts_with(until)) {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        () = dying => None,
        report = copying => Some(report),
    }
}

/// A schema of its own; it goes with the value.
struct Place(String);

impl Place {
    fn new() -> Self {
        Self(format!("copy_{}", SystemEntropy.hex(8)))
    }

    fn server() -> String {
        std::env::var("HARK_TEST_POSTGRES_URL").expect(
            "HARK_TEST_POSTGRES_URL is not set: this test is run by `cargo xtask test` (or `cargo xtask services -- \
             COMMAND`), which starts PostgreSQL",
        )
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let gone =
            AssertSqlSafe(format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS {} CASCADE", self.0));
        // A drop cannot wait for the runtime it may be called in.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = PgConnectOptions::from_str(&Self::server()).unwrap().connect().await.unwrap();
                connection.execute(gone).await.unwrap();
            });
        });
        assert!(dropping.join().is_ok() || std::thread::panicking(), "the schema was dropped");
    }
}

/// What it took, for whoever runs it with more than the few callers of the ordinary tests.
fn tell(what: &str, begun: Instant, report: &Report) {
    let (secs, moved) = (begun.elapsed().as_secs_f64(), &report.moved);
    eprintln!("{what}: {secs:.1} s, {} rows read, {} written", moved.read, moved.written);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truth_moves_to_postgres_and_back_killed_twice_on_the_way() {
    let home = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = home.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    };
    let (place, url) = (Place::new(), Place::server());
    let sqlite = loaded(&folder("sqlite"), &[("KIND", "sqlite")]);
    let postgres =
        loaded(&folder("postgres"), &[("KIND", "postgres"), ("URL", url.as_str()), ("SCHEMA", place.0.as_str())]);
    let back = loaded(&folder("back"), &[("KIND", "sqlite")]);

    let running = Running::start(&sqlite, &registry(), IDLE).await.unwrap();
    fill(&running).await;
    running.stop().await;
    for other in ["postgres", "back"] {
        std::fs::copy(folder("sqlite").join("keys"), folder(other).join("keys")).unwrap();
    }

    let begun = Instant::now();
    for until in ["conversations: ", "links: "] {
        assert!(carried(&sqlite, &postgres, Some(until)).await.is_none(), "it was killed at {until}");
    }
    let there = carried(&sqlite, &postgres, None).await.unwrap().unwrap();
    tell("to postgres", begun, &there);
    assert!(there.is_well() && there.copied_at.is_some(), "{there:?}");
    assert!(there.moved.written < there.moved.read / 2, "what was there was left alone: {there:?}");
    let rows = |report: &Report, name: &str| report.compared.iter().find(|t| t.table == name).unwrap().to.rows;
    assert_eq!(rows(&there, "memories"), 100 * callers() as u64);
    assert_eq!(rows(&there, "conversations"), callers() as u64);

    // It is served from, and learns something.
    let running = Running::start(&postgres, &registry(), IDLE).await.unwrap();
    let store = &running.app.engine.memory;
    assert_eq!(store.user(&scope(7)).await.unwrap().unwrap().name, "Caller 7", "what was sealed there opens here");
    store.put_memories(&scope(7), &[memory("mem_later", "Has sold the hens")]).await.unwrap();
    let revision = store.user(&scope(7)).await.unwrap().unwrap().revision;
    running.stop().await;

    let begun = Instant::now();
    let home_again = carried(&postgres, &back, None).await.unwrap().unwrap();
    tell("and back", begun, &home_again);
    assert!(home_again.is_well() && home_again.copied_at.is_some(), "{home_again:?}");
    assert_eq!(rows(&home_again, "memories"), 100 * callers() as u64 + 1);
    let running = Running::start(&back, &registry(), IDLE).await.unwrap();
    let store: &dyn MemoryStore = &*running.app.engine.memory;
    // Its index was made anew at the start, which raises it further.
    assert!(store.user(&scope(7)).await.unwrap().unwrap().revision >= revision);
    let found = store.memories(&scope(7), &["mem_later".into()]).await.unwrap();
    assert_eq!(found[0].content, "Has sold the hens");
    running.stop().await;
}
