//! A `hark` process on a throw-away data folder, and what one says to it.

use hark_core::Secret;
use hark_server::elevenlabs::signature::sign;
use serde_json::{Value, json};
use std::env;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::{Instant, interval, timeout_at};

pub const KEY: &str = "test-key-0123456789";
pub const SECRET: &str = "wsec_test";

/// Everything waited for must come within this, however loaded the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

/// A data folder with a port of its own; processes come and go.
#[derive(Debug)]
pub struct Home {
    pub folder: tempfile::TempDir,
    pub port: u16,
    /// What is configured beside that, which counts more.
    pub settings: Vec<(String, String)>,
    client: reqwest::Client,
}

impl Home {
    pub fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        // One process, several tests: whoever comes first installs it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).no_proxy().build().expect("a client");
        Self { folder: tempfile::tempdir().expect("a folder"), port, settings: Vec::new(), client }
    }

    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// The command with everything configured through the environment; `HARK_TEST_PROGRAM` names another program.
    pub fn command(&self) -> Command {
        let program = env::var_os("HARK_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_hark").into());
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("HARK_SERVER__BIND", format!("127.0.0.1:{}", self.port))
            .env("HARK_SERVER__DATA_DIR", self.folder.path().join("data"))
            .env("HARK_AUTH__API_KEYS", format!("[\"{KEY}\"]"))
            .env("HARK_ELEVENLABS__WEBHOOK_SECRETS", format!("[\"{SECRET}\"]"))
            .env("HARK_WORKER__LEASE_SECS", "5")
            // Load is put on it by one address with one key.
            .env("HARK_LIMITS__TOOLS_PER_MINUTE", "0")
            .env("HARK_LIMITS__WEBHOOKS_PER_MINUTE", "0")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Starts a server; answers once it is ready. Its deadlines are those of a machine that has other things to do: what
    /// they mean is tested on paused time.
    pub async fn serve(&self) -> Running {
        self.serve_by(self.patient("serve")).await
    }

    /// The same, without a worker in it.
    pub async fn serve_alone(&self) -> Running {
        let mut command = self.patient("serve");
        command.arg("--no-worker");
        self.serve_by(command).await
    }

    fn patient(&self, what: &str) -> Command {
        let mut command = self.command();
        for deadline in [
            "HARK_RECALL__BUDGET_MS",
            "HARK_RECALL__INITIATION_BUDGET_MS",
            "HARK_ELEVENLABS__TOOL_DEADLINE_MS",
            "HARK_RESILIENCE__INTERACTIVE_TIMEOUT_MS",
        ] {
            command.env(deadline, "20000");
        }
        command.arg(what);
        command
    }

    /// Starts a worker, of which nobody hears when it is ready.
    pub fn work(&self) -> Running {
        let mut command = self.patient("worker");
        Running(command.spawn().expect("the binary starts"))
    }

    /// Starts what the command says; answers once it is ready.
    pub async fn serve_by(&self, mut command: Command) -> Running {
        let mut running = Running(command.spawn().expect("the binary starts"));
        self.until("ready", async || {
            let ended = running.0.try_wait().expect("the child can be looked at");
            assert!(ended.is_none(), "the server ended by itself: {ended:?}; run it by hand to see why");
            self.try_get("/health/ready").await.is_some_and(|(status, _)| status == 200)
        })
        .await;
        running
    }

    /// Asks again and again until `condition` holds.
    pub async fn until(&self, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut pace = interval(Duration::from_millis(20));
        let waited = timeout_at(deadline, async {
            while !condition().await {
                pace.tick().await;
            }
        });
        assert!(waited.await.is_ok(), "waited in vain for: {what}");
    }

    /// Waits as long as it takes, if only something becomes of what waits.
    pub async fn until_idle(&self) {
        let mut waiting = None;
        loop {
            let before = waiting;
            self.until("fewer jobs in the queue", async || {
                let queue = self.get("/v1/queue").await;
                let count = |state: &str| queue[state].as_u64().expect("a number");
                waiting = Some(count("pending") + count("running") + count("retrying"));
                waiting == Some(0) || waiting != before
            })
            .await;
            if waiting == Some(0) {
                return;
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// `None` when nobody answers.
    pub async fn try_get(&self, path: &str) -> Option<(u16, Value)> {
        let answer = self.client.get(self.url(path)).bearer_auth(KEY).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.unwrap_or(Value::Null)))
    }

    /// As it is, for what is not JSON.
    pub async fn try_get_text(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.client.get(self.url(path)).bearer_auth(KEY).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_get(path).await.expect("an answer");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, body) = self.try_post(path, body).await.expect("an answer");
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        body
    }

    /// `None` when there is no whole answer.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let answer = self.client.post(self.url(path)).bearer_auth(KEY).json(body).send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.ok()?))
    }

    /// `None` when there is no whole answer.
    pub async fn try_delete(&self, path: &str) -> Option<(u16, Value)> {
        let answer = self.client.delete(self.url(path)).bearer_auth(KEY).send().await.ok()?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.ok()?;
        Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// One delivery of a signed event; `None` when it was not acknowledged.
    pub async fn deliver(&self, event: &Value) -> Option<String> {
        let (status, body) = self.try_deliver(event).await?;
        if status != 200 {
            return None;
        }
        body["status"].as_str().map(str::to_owned)
    }

    /// `None` when there is no whole answer.
    pub async fn try_deliver(&self, event: &Value) -> Option<(u16, Value)> {
        let body = serde_json::to_vec(event).expect("JSON");
        let header = sign(&Secret::new(SECRET), unix_now(), &body);
        let request = self.client.post(self.url("/webhooks/post-call")).header("elevenlabs-signature", header);
        let answer = request.header("content-type", "application/json").body(body).send().await.ok()?;
        Some((answer.status().as_u16(), answer.json().await.ok()?))
    }

    pub async fn ask(&self, user: &str, query: &str) -> Value {
        self.post("/tools/memory-query", &json!({ "query": query, "user_id": user, "limit": 5 })).await
    }
}

/// Killed, not stopped, when it goes out of scope.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// `kill -9`; answers when it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // A process that is gone already is what is wanted.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

#[expect(clippy::disallowed_methods, reason = "signs for a real process, which reads the real clock")]
fn unix_now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// A finished call of one caller, in the platform's shape.
pub fn call(conversation: &str, number: &str, said: &[&str]) -> Value {
    let mut transcript = vec![json!({ "role": "agent", "message": "Hello, how can I help?", "time_in_call_secs": 0 })];
    for (i, words) in said.iter().enumerate() {
        transcript.push(json!({ "role": "user", "message": words, "time_in_call_secs": 4 + 10 * i }));
        transcript.push(json!({ "role": "agent", "message": "I see.", "time_in_call_secs": 9 + 10 * i }));
    }
    json!({
        "type": "post_call_transcription",
        "event_timestamp": 1_795_341_724,
        "data": {
            "agent_id": "agent_test",
            "conversation_id": conversation,
            "status": "done",
            "transcript": transcript,
            "metadata": {
                "start_time_unix_secs": 1_795_341_600,
                "call_duration_secs": 60,
                "phone_call": { "type": "twilio", "direction": "inbound", "external_number": number, "agent_number": "+14155550199" }
            },
            "conversation_initiation_client_data": { "dynamic_variables": {} }
        }
    })
}
