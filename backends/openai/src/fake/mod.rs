//! A server on loopback that speaks OpenAI's wire format and misbehaves on request: for our tests, the server's
//! and the benchmark. Not a model: its vectors are [`hark_core::testkit::FakeEmbedder`]'s, its answers a script.

mod script;
mod server;
mod wire;

pub use script::{Asked, Behaviour, Route};

use futures::FutureExt;
use hark_core::ai::{AnswerSchema, ChatModel, ChatRequest};
use hark_core::cost::Spend;
use hark_core::testkit::{ChatReply, RuleBackedChat};
use script::{Chance, Script};
use serde_json::json;
use server::Server;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The running fake. It lives on a thread and runtime of its own, so that stopping it ends every connection, and
/// a test that pauses its clock does not pause the provider. Dropping it stops it.
#[derive(Debug)]
pub struct FakeOpenAi {
    script: Arc<Script>,
    address: SocketAddr,
    server: Mutex<Option<Server>>,
}

impl FakeOpenAi {
    /// A fake on a free port that answers everything, with vectors of 64 numbers and the chat answer `{}`.
    ///
    /// # Panics
    /// When loopback has no free port.
    #[expect(clippy::unused_async, reason = "the door stays the same should starting ever have to wait")]
    pub async fn start() -> Self {
        let script = Arc::new(Script::default());
        let server = Server::start((Ipv4Addr::LOCALHOST, 0).into(), wire::router(Arc::clone(&script)));
        let address = server.address();
        Self { script, address, server: Mutex::new(Some(server)) }
    }

    /// What belongs into `base_url`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The same port spoken to as HTTPS, which it does not speak: no handshake succeeds.
    pub fn https_url(&self) -> String {
        format!("https://{}/v1", self.address)
    }

    /// What every request meets from now on, unless something was queued with [`FakeOpenAi::next`].
    pub fn always(&self, behaviour: Behaviour) {
        self.script.with(|state| state.always = behaviour);
    }

    /// What the next request meets that is not spoken for yet. One call, one request, of any route.
    pub fn next(&self, behaviour: Behaviour) {
        self.script.with(|state| state.queue.push_back(behaviour));
    }

    /// So many of a thousand requests get a 503 from now on, by chance from `seed`; the others meet what they would have.
    pub fn fail_by_chance(&self, per_mille: u32, seed: u64) {
        // The generator's state is never 0.
        self.script.with(|state| state.chance = Some(Chance { per_mille, state: seed % 2_147_483_646 + 1 }));
    }

    /// Back to answering everything; hanging requests are answered, and nothing is queued.
    pub fn recover(&self) {
        self.script.with(|state| {
            state.always = Behaviour::Answer;
            state.queue.clear();
            state.chance = None;
        });
        self.release();
    }

    /// Numbers in its vectors from now on.
    pub fn set_width(&self, width: usize) {
        self.script.with(|state| state.width = width);
    }

    /// What every chat request is answered with, unless something was queued with [`FakeOpenAi::then_reply`].
    pub fn reply(&self, reply: ChatReply) {
        self.reply_with(move |_, _| reply.clone());
    }

    /// The same, made from the instructions and the material of the request.
    pub fn reply_with(&self, reply: impl Fn(&str, &str) -> ChatReply + Send + Sync + 'static) {
        self.script.with(|state| state.reply = Arc::new(reply));
    }

    /// Chat requests are answered as a model would that behaves: by rules, but read from the prompt and written as the schema
    /// wants it.
    pub fn reply_by_rules(&self) {
        self.reply_with(by_rules);
    }

    /// What the next chat request is answered with that is not spoken for yet.
    pub fn then_reply(&self, reply: ChatReply) {
        self.script.with(|state| state.replies.push_back(reply));
    }

    /// Only these keys are accepted from now on; the others get a 401. At the start every request is.
    pub fn accept_only<K: Into<String>>(&self, keys: impl IntoIterator<Item = K>) {
        let keys = keys.into_iter().map(Into::into).collect();
        self.script.with(|state| state.accepted = Some(keys));
    }

    /// This key gets a 429 from now on, with the header `Retry-After` if there is something to put into it.
    pub fn limit(&self, key: impl Into<String>, retry_after: Option<Duration>) {
        self.script.with(|state| state.limited.insert(key.into(), retry_after));
    }

    /// How many requests of a route arrived, whatever became of them.
    pub fn requests(&self, route: Route) -> usize {
        self.script.with(|state| state.asked.iter().filter(|asked| asked.route == route).count())
    }

    /// Everything that arrived, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.script.with(|state| state.asked.clone())
    }

    /// The texts that were sent to be embedded, in order.
    pub fn embedded_texts(&self) -> Vec<String> {
        self.asked().iter().flat_map(Asked::texts).collect()
    }

    /// Forgets what arrived so far; answers how much it was.
    pub fn forget(&self) -> usize {
        self.script.with(|state| std::mem::take(&mut state.asked).len())
    }

    /// Waits until so many requests hang.
    pub async fn hanging(&self, requests: usize) {
        self.script.hanging(requests).await;
    }

    /// Answers the requests that hang. Those that come later hang again.
    pub fn release(&self) {
        self.script.release();
    }

    /// Ends every connection and closes the port: connecting is refused when this returns.
    pub async fn stop(&self) {
        let server = self.server.lock().expect("no panics while held").take();
        if let Some(server) = server {
            server.stop().await;
        }
    }

    /// Opens the same port again, with everything as it was. Nothing happens while it runs.
    ///
    /// # Panics
    /// When somebody else took the port.
    pub fn restart(&self) {
        let mut server = self.server.lock().expect("no panics while held");
        if server.is_none() {
            *server = Some(Server::start(self.address, wire::router(Arc::clone(&self.script))));
        }
    }
}

fn by_rules(system: &str, user: &str) -> ChatReply {
    let name = match () {
        () if user.contains("<turns>") => "extraction",
        () if system.contains("out of date") => "standing",
        () if system.contains("both be true today") => "together",
        () if system.contains("compare two memories") => "judgement",
        () => "summary",
    };
    let request = ChatRequest {
        spend: Spend::Check,
        system: system.to_owned(),
        user: user.to_owned(),
        schema: Some(AnswerSchema { name: name.to_owned(), schema: json!({}) }),
        max_tokens: 1000,
    };
    let answer = RuleBackedChat.chat(&request).now_or_never().expect("it waits for nothing");
    answer.map_or(ChatReply::Refusal, |answer| ChatReply::Text(answer.text))
}
