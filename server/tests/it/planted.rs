//! What is declared encrypted (docs/security.md) stands in no file, and nothing of anybody in a log, a metric or an error:
//! rare words are planted wherever a call can bring them, and then everything is read.

use super::backup_home::Home;
use super::harness::{call, ringing};
use super::lines::Lines;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use hark_core::crypt::{Keyring, reseal, uses};
use hark_core::{Clock, Scope, Secret, SystemClock, SystemEntropy};
use hark_server::app::WorkerSettings;
use hark_server::config::Loaded;
use hark_server::elevenlabs::sign;
use hark_server::http::router;
use hark_server::running::{Running, Start};
use hark_server::spaces::OtherSpace;
use hark_server::worker::Worker;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tracing_subscriber::EnvFilter;

const KEY: &str = "planted-key-of-more-than-32-characters";
const SIGNER: &str = "wsec_planted_signer";
const NUMBER: &str = "+4930771155339";
const OTHER_NUMBER: &str = "+4930771155448";

/// Sealed, each where it says.
const SEALED: [(&str, &str); 9] = [
    ("brimbletwig", "said by the caller, and made no memory of"),
    ("xylophonequartz", "said by the agent"),
    ("grackleplinth", "in the raw event alone"),
    ("wobblefern", "asked of the memory"),
    ("Zebulonne", "how a caller wants to be called"),
    ("Quillivar", "the name of a caller who is merged away"),
    ("dunderlark", "in a summary"),
    ("771155339", "a number"),
    ("zeb@planted.test", "an integrator's id"),
];

/// Refused, each in another way: kept nowhere.
const REFUSED: &str = "snorkelmoth";

/// In memories, and so in the clear in files, but never told to a log.
const REMEMBERED: &str = "marzipanclock";

/// A Hark over SQLite, and what it has answered and logged.
struct World {
    home: Home,
    running: Running,
    router: Router,
    /// Answers that refuse: they must be as silent as the log.
    problems: Vec<String>,
    /// Every secret that was told once.
    secrets: Vec<String>,
}

fn loaded(home: &Home, data: &str) -> Loaded {
    let keys = format!("[\"{KEY}\"]");
    let signers = format!("[\"{SIGNER}\"]");
    let more = [("HARK_AUTH__API_KEYS", keys.as_str()), ("HARK_ELEVENLABS__WEBHOOK_SECRETS", signers.as_str())];
    home.loaded_with(data, &more)
}

async fn start(loaded: &Loaded) -> Running {
    let start = Start { http: false, worker: false, migrate: true, other_space: OtherSpace::Refuse };
    Running::start(loaded, &Home::registry(), start).await.expect("it starts")
}

impl World {
    async fn new() -> Self {
        let home = Home::new();
        let running = start(&loaded(&home, "data")).await;
        let router = router(running.app.clone());
        Self { home, running, router, problems: Vec::new(), secrets: Vec::new() }
    }

    async fn restart(self) -> Self {
        let Self { home, running, problems, secrets, .. } = self;
        running.stop().await;
        let running = start(&loaded(&home, "data")).await;
        let router = router(running.app.clone());
        Self { home, running, router, problems, secrets }
    }

    async fn send(&mut self, request: Request<Body>) -> (StatusCode, Value) {
        let response = tower::ServiceExt::oneshot(self.router.clone(), request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !parts.status.is_success() {
            self.problems.push(text.clone());
        }
        (parts.status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn ask(&mut self, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {KEY}"));
        self.send(request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, &body.to_string()).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    async fn get(&mut self, path: &str) -> Value {
        let (status, answer) = self.ask(Method::GET, path, "").await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    async fn deliver(&mut self, body: &[u8], secret: &str) -> StatusCode {
        let signature = sign(&Secret::new(secret), SystemClock.now().timestamp(), body);
        let request = Request::post("/webhooks/post-call").header("ElevenLabs-Signature", signature);
        self.send(request.body(Body::from(body.to_vec())).expect("a request")).await.0
    }

    async fn work(&self) {
        let worker = Worker::new(self.running.app.clone(), WorkerSettings::default());
        while worker.run_due().await.expect("the queue answers") > 0 {}
    }

    async fn learn(&mut self, conversation: &str, number: &str, said: &[&str]) {
        let mut event = call(conversation, number, said);
        let data = &mut event["data"];
        data["metadata"]["start_time_unix_secs"] = json!(SystemClock.now().timestamp() - 3_600);
        data["analysis"] = json!({"transcript_summary": "grackleplinth"});
        let turns = data["transcript"].as_array_mut().expect("well-formed");
        turns.push(json!({"role": "agent", "message": "What xylophonequartz weather, bye.", "time_in_call_secs": 90}));
        assert!(self.deliver(event.to_string().as_bytes(), SIGNER).await.is_success());
        self.work().await;
    }

    /// Nothing of this is in any file of the folder; answers how many were read.
    fn search(&self, folder: &str, planted: &str, why: &str) -> usize {
        let mut files = vec![self.home.path(folder)];
        let mut read = 0;
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(fs::read_dir(&path).expect("readable").flatten().map(|entry| entry.path()));
                continue;
            }
            read += 1;
            assert!(!holds(&path, planted), "{planted} ({why}) is in {folder}/{}", path.display());
        }
        read
    }

    fn search_all(&self, folder: &str) {
        let mut read = 0;
        for (planted, why) in SEALED {
            read += self.search(folder, planted, why);
        }
        for secret in &self.secrets {
            self.search(folder, secret, "a secret");
        }
        self.search(folder, REFUSED, "refused");
        assert!(read >= 2 * SEALED.len(), "{folder} was read");
    }
}

fn holds(path: &Path, planted: &str) -> bool {
    let bytes = fs::read(path).expect("readable");
    bytes.windows(planted.len()).any(|window| window.eq_ignore_ascii_case(planted.as_bytes()))
}

/// A call's whole life, twice, and everything around it.
async fn live(world: &mut World) {
    world.post("/webhooks/conversation-initiation", ringing("conv_1", NUMBER)).await;
    let said = ["I keep bees in a marzipanclock shed.", "Umm brimbletwig, well, you know."];
    world.learn("conv_1", NUMBER, &said).await;
    let question = json!({"query": "where is the wobblefern kept, with the bees", "conversation_id": "conv_1"});
    let told = world.post("/tools/memory-query", question).await.to_string();
    assert!(told.contains(REMEMBERED), "{told}");
    let begun = world.post("/webhooks/conversation-initiation", ringing("conv_2", NUMBER)).await;
    world.secrets.push(begun["dynamic_variables"]["secret__memory_token"].as_str().expect("a token").to_owned());
    world.learn("conv_3", OTHER_NUMBER, &["I keep wasps in a jar."]).await;
    world.post("/v1/memories", json!({"user_id": "zeb@planted.test", "content": "Keeps ducks."})).await;
    world.work().await;

    // A name and a summary, and a merge, which notes what both profiles were.
    let zebulonne = begun["user_id"].as_str().expect("an id").to_owned();
    let begun = world.post("/webhooks/conversation-initiation", ringing("conv_4", OTHER_NUMBER)).await;
    let quillivar = begun["user_id"].as_str().expect("an id").to_owned();
    for (id, name) in [(&zebulonne, "Zebulonne"), (&quillivar, "Quillivar")] {
        let body = json!({"name": name}).to_string();
        assert!(world.ask(Method::PATCH, &format!("/v1/users/{id}"), &body).await.0.is_success());
        let scope = Scope::new(world.running.app.settings.tenant.clone(), id.as_str());
        world.running.app.engine.memory.set_summary(&scope, "Owns a dunderlark.").await.expect("it is kept");
    }
    world.post("/v1/users/merge", json!({"from": quillivar, "into": zebulonne})).await;

    let key = world.post("/v1/keys", json!({"scopes": ["tool"], "label": "phone"})).await;
    let secret = world.post("/v1/webhook-secrets", json!({"label": "signer"})).await;
    world.secrets.extend([&key["secret"], &secret["secret"]].map(|told| told.as_str().expect("told once").to_owned()));
}

/// Whatever is wrong with what comes.
async fn err(world: &mut World) {
    let unsigned = format!("{{\"type\": \"post_call_transcription\", \"data\": \"{REFUSED} {NUMBER}\"}}");
    assert!(world.deliver(unsigned.as_bytes(), "wsec_of_nobody").await.is_client_error());
    for (method, path, body) in [
        (Method::POST, "/v1/memories", format!("{{\"content\": \"{REFUSED}")),
        (
            Method::POST,
            "/v1/memories",
            json!({"user_id": "zeb@planted.test", "content": REFUSED, "salience": REFUSED}).to_string(),
        ),
        (Method::POST, "/v1/memories", json!({"user_id": NUMBER, "colour": REFUSED, "content": REFUSED}).to_string()),
        (Method::POST, "/tools/remember", json!({"caller_id": NUMBER, "content": [REFUSED]}).to_string()),
        (Method::POST, "/v1/users/merge", json!({"from": "zeb@planted.test", "into": REFUSED}).to_string()),
        (Method::GET, "/v1/users/zeb@planted.test?colour=snorkelmoth", String::new()),
        (Method::GET, "/v1/users/snorkelmoth", String::new()),
        (Method::DELETE, "/v1/memories/snorkelmoth", String::new()),
    ] {
        let (status, answer) = world.ask(method, path, &body).await;
        // The agent's tools answer 200 with something speakable; that is to be as silent.
        assert!(!status.is_server_error(), "{path}: {status} {answer}");
        world.problems.push(answer.to_string());
    }
}

#[tokio::test]
async fn what_is_planted_is_found_in_nothing_that_is_declared_encrypted() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("hark_core=trace,hark_server=trace,hark_sqlite=trace,sqlx=debug"))
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // Other threads write too; whoever has a subscriber of its own, in a test beside this one, keeps it.
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets one for all");

    let mut world = World::new().await;
    live(&mut world).await;
    err(&mut world).await;
    world.running.app.engine.receipts.flush().await.expect("kept");
    world.running.app.audit.flush().await.expect("kept");
    world.search_all("data");
    assert!(world.home.path("data").join("memory.db-wal").exists(), "its log was read too");

    // Encryption keys are rotated, and the values sealed anew.
    let file = world.home.path("data").join("keys");
    let old = Keyring::parse(&fs::read_to_string(&file).expect("a keyring")).expect("a keyring");
    fs::write(&file, &*old.rotated(&SystemEntropy).to_text()).expect("writable");
    let mut world = world.restart().await;
    let app = &world.running.app;
    let done = reseal(&app.engine, &app.sealed).await.expect("it goes well").expect("something was sealed");
    assert!(done.finished && done.replaced > 10 && done.damaged == 0, "{done:?}");
    let used = uses(&app.sealed).await.expect("counts");
    assert!(used.len() == 1 && used.values().next().expect("one key").len() >= 9, "{used:?}");
    world.search_all("data");

    // It is all there, for who may see it.
    let users = world.get("/v1/users").await.to_string();
    for (told, _) in [SEALED[4], SEALED[6]] {
        assert!(users.contains(told), "{told}: {users}");
    }
    let metrics = world.get("/metrics").await.to_string();
    assert!(metrics.contains("hark_encryption_resealed_total"), "{metrics}");
    let loaded = loaded(&world.home, "data");
    for (into, with_keys) in [("backup", false), ("backup-with-keys", true)] {
        world.home.back_up_loaded(&loaded, into, with_keys).await.expect("a backup");
        world.search_all(into);
    }
    let problems = std::mem::take(&mut world.problems);
    assert!(problems.len() >= 9, "{problems:?}");
    let world = world.restart().await;
    world.search_all("data");
    let World { home, running, .. } = world;
    running.stop().await;
    assert!(holds(&home.path("data").join("memory.db"), REMEMBERED), "what is there is found");

    let log = lines.text();
    assert!(log.contains("conversation ingested") && log.contains("recall"), "the log was captured: {log}");
    let names = SEALED.iter().map(|(planted, _)| *planted);
    for planted in names.chain([REFUSED, REMEMBERED, KEY, SIGNER]) {
        for (place, text) in
            [("the log", &log), ("metrics", &metrics)].into_iter().chain(problems.iter().map(|p| ("a problem", p)))
        {
            let found = text.to_lowercase().find(&planted.to_lowercase());
            let around = found.map(|at| text[at.saturating_sub(300)..].chars().take(600).collect::<String>());
            assert_eq!(around, None, "{planted} is in {place}");
        }
    }
}
