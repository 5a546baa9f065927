//! What the fake is told to do, and what it was asked.

use hark_core::testkit::ChatReply;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// It is answered.
    #[default]
    Answer,
    /// It is answered after a while of real time.
    Latency(Duration),
    /// It is not answered before [`super::FakeOpenAi::release`].
    Hang,
    /// It gets this status, with an error that quotes the request, as providers do.
    Status {
        /// The HTTP status.
        status: u16,
        /// The value of the header `Retry-After`.
        retry_after: Option<String>,
        /// The error's code and type.
        code: Option<String>,
    },
    /// The headers and half a body arrive, then the connection ends.
    CutStream,
    /// Vectors of so many numbers; chat is answered.
    WrongWidth(usize),
    /// A web page that quotes the request, with status 200.
    Garbage,
    /// The first half of the answer, properly ended.
    TruncatedJson,
    /// Chat is refused by the model; embeddings are answered.
    Refuse,
}

impl Behaviour {
    /// A status without advice or code.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, code: None }
    }

    /// A 429 that asks for so many seconds of patience.
    pub fn limited(seconds: u64) -> Self {
        let code = Some("rate_limit_exceeded".to_owned());
        Self::Status { status: 429, retry_after: Some(seconds.to_string()), code }
    }

    /// A status with a code.
    pub fn refused(status: u16, code: &str) -> Self {
        Self::Status { status, retry_after: None, code: Some(code.to_owned()) }
    }
}

/// Which of the API's doors was knocked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// `POST …/embeddings`
    Embeddings,
    /// `POST …/chat/completions`
    Chat,
    /// `GET …/models`
    Models,
    /// Anything else; a 404.
    Unknown,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its door.
    pub route: Route,
    /// Path and parameters.
    pub target: String,
    /// The headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The key, from `Authorization: Bearer` or `api-key`.
    pub key: Option<String>,
    /// The body, `null` if it is not JSON.
    pub body: Value,
}

impl Asked {
    /// The texts to be embedded.
    pub fn texts(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match (self.route, &self.body["input"]) {
            (Route::Embeddings, Value::Array(texts)) => texts.iter().filter_map(text).collect(),
            (Route::Embeddings, one) => text(one).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// What the message of that role says: `system` or `user`.
    pub fn message(&self, role: &str) -> String {
        let messages = self.body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let said = messages.iter().filter(|message| message["role"] == role).filter_map(|m| m["content"].as_str());
        said.collect::<Vec<_>>().join("\n")
    }
}

impl State {
    /// What the next request meets.
    pub(super) fn meet(&mut self) -> Behaviour {
        if self.chance.as_mut().is_some_and(Chance::fails) {
            return Behaviour::status(503);
        }
        self.queue.pop_front().unwrap_or_else(|| self.always.clone())
    }
}

pub(super) type Reply = Arc<dyn Fn(&str, &str) -> ChatReply + Send + Sync>;

/// How often a request fails for no reason of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chance {
    pub(super) per_mille: u32,
    pub(super) state: u64,
}

impl Chance {
    /// Lehmer's multiplicative sequence (48271, modulo 2^31 - 1).
    fn fails(&mut self) -> bool {
        self.state = self.state * 48_271 % 2_147_483_647;
        self.state % 1_000 < u64::from(self.per_mille)
    }
}

pub(super) struct State {
    pub(super) always: Behaviour,
    pub(super) chance: Option<Chance>,
    pub(super) queue: VecDeque<Behaviour>,
    pub(super) width: usize,
    pub(super) reply: Reply,
    pub(super) replies: VecDeque<ChatReply>,
    pub(super) accepted: Option<Vec<String>>,
    pub(super) limited: BTreeMap<String, Option<Duration>>,
    pub(super) asked: Vec<Asked>,
}

/// Shared by the fake's owner and its server.
pub(super) struct Script {
    state: Mutex<State>,
    hanging: watch::Sender<usize>,
    releases: watch::Sender<u64>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

impl Default for Script {
    fn default() -> Self {
        let state = State {
            always: Behaviour::Answer,
            chance: None,
            queue: VecDeque::new(),
            width: 64,
            reply: Arc::new(|_, _| ChatReply::Text("{}".to_owned())),
            replies: VecDeque::new(),
            accepted: None,
            limited: BTreeMap::new(),
            asked: Vec::new(),
        };
        Self { state: Mutex::new(state), hanging: watch::Sender::new(0), releases: watch::Sender::new(0) }
    }
}

impl Script {
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().expect("no panics while held"))
    }

    /// Waits for [`Script::release`]. Counts as hanging until then, or until the client gives up.
    pub(super) async fn hang(&self) {
        struct Hanging<'a>(&'a watch::Sender<usize>);
        impl Drop for Hanging<'_> {
            fn drop(&mut self) {
                self.0.send_modify(|count| *count -= 1);
            }
        }
        let mut releases = self.releases.subscribe();
        self.hanging.send_modify(|count| *count += 1);
        let _hanging = Hanging(&self.hanging);
        // Cannot fail: the sender lives in `self`.
        let _ = releases.changed().await;
    }

    pub(super) fn release(&self) {
        self.releases.send_modify(|count| *count += 1);
    }

    pub(super) async fn hanging(&self, requests: usize) {
        let _ = self.hanging.subscribe().wait_for(|count| *count >= requests).await;
    }
}
