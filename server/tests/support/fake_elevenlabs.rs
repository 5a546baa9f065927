//! A server on loopback that lists and gives conversations as ElevenLabs does, and misbehaves on request. The official
//! Python package reads it without complaint: `server/tests/elevenlabs/check.py`.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// The key it takes.
pub(crate) const KEY: &str = "xi_test_key";

/// What a request meets instead of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// Requests whose path holds this.
    pub(crate) path: &'static str,
    /// The status.
    pub(crate) status: u16,
    /// Further headers.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A status for the next request whose path holds `path`.
    pub(crate) fn of(path: &'static str, status: u16) -> Self {
        Self { path, status, headers: Vec::new() }
    }

    /// The same with a header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

#[derive(Debug, Default)]
struct Platform {
    conversations: BTreeMap<String, Value>,
    /// Each meets one request.
    refusals: VecDeque<Refusal>,
    /// Paths whose requests are all answered with that status.
    broken: Vec<(String, u16)>,
    /// Path and query of every request.
    asked: Vec<String>,
    page: usize,
}

type Shared = Arc<Mutex<Platform>>;

/// The running fake, on a thread and runtime of its own: a test that pauses its clock does not pause the platform. Dropping
/// it stops it.
#[derive(Debug)]
pub(crate) struct FakeElevenLabs {
    platform: Shared,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

impl FakeElevenLabs {
    /// A platform without conversations, whose pages hold `page` of them at the most.
    pub(crate) fn start(page: usize) -> Self {
        let platform = Shared::default();
        locked(&platform).page = page;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("a bound socket");
        let (stop, stopped) = oneshot::channel();
        let router = router(Arc::clone(&platform));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a socket");
                tokio::select! {
                    _ = axum::serve(listener, router).into_future() => {}
                    _ = stopped => {}
                }
            });
        });
        Self { platform, address, stop: Some(stop) }
    }

    /// Its address.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a conversation, or changes it.
    pub(crate) fn put(&self, conversation: Value) {
        let id = conversation["conversation_id"].as_str().expect("well-formed").to_owned();
        locked(&self.platform).conversations.insert(id, conversation);
    }

    /// Has the next request that fits refused; several wait for one request each.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        locked(&self.platform).refusals.push_back(refusal);
    }

    /// Has every request for paths that hold `path` refused.
    pub(crate) fn break_down(&self, path: &str, status: u16) {
        locked(&self.platform).broken.push((path.to_owned(), status));
    }

    /// Refuses nothing any more.
    pub(crate) fn mend(&self) {
        let mut platform = locked(&self.platform);
        platform.broken.clear();
        platform.refusals.clear();
    }

    /// Path and query of every request since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.platform).asked)
    }
}

impl Drop for FakeElevenLabs {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

fn locked(platform: &Shared) -> MutexGuard<'_, Platform> {
    platform.lock().expect("no panics while held")
}

/// A call in which the caller said this, as `GET /v1/convai/conversations/{id}` gives it.
pub(crate) fn conversation(id: &str, started: i64, status: &str, number: &str, said: &[&str]) -> Value {
    let turn = |role: &str, message: &str, at: usize| {
        json!({"role": role, "message": message, "time_in_call_secs": at,
        "tool_calls": [], "tool_results": [], "interrupted": false})
    };
    let mut transcript = vec![turn("agent", "Hello, how can I help?", 0)];
    transcript.extend(said.iter().enumerate().map(|(i, said)| turn("user", said, 4 * (i + 1))));
    json!({
        "agent_id": "agent_1", "agent_name": "Example support", "conversation_id": id, "status": status, "user_id": null,
        "has_audio": true, "has_user_audio": true, "has_response_audio": true, "has_auxiliary_audio": false,
        "transcript": transcript,
        "metadata": {
            "start_time_unix_secs": started, "accepted_time_unix_secs": started, "call_duration_secs": 95, "cost": 412,
            "termination_reason": "end_call tool was called.", "main_language": "en", "text_only": false,
            "phone_call": {"type": "twilio", "direction": "inbound", "phone_number_id": "phnum_1",
                "agent_number": "+15550100000", "external_number": number, "call_sid": "CA1", "stream_sid": "MZ1"}
        },
        "analysis": null,
        "conversation_initiation_client_data": {"dynamic_variables": {}, "conversation_config_override": {}}
    })
}

fn router(platform: Shared) -> Router {
    Router::new()
        .route("/v1/convai/conversations", get(list))
        .route("/v1/convai/conversations/{id}", get(read))
        .with_state(platform)
}

/// What stands in a request's way.
fn refused(platform: &Shared, path: &str, query: &str, headers: &HeaderMap) -> Option<Response> {
    let mut platform = locked(platform);
    platform.asked.push(if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") });
    if let Some(at) = platform.refusals.iter().position(|refusal| path.contains(refusal.path)) {
        let Refusal { status, headers, .. } = platform.refusals.remove(at)?;
        let mut answer = problem(status, "refused");
        for (name, value) in headers {
            answer.headers_mut().insert(name, value.parse().expect("a header"));
        }
        return Some(answer);
    }
    if let Some((_, status)) = platform.broken.iter().find(|(part, _)| path.contains(part.as_str())) {
        return Some(problem(*status, "broken"));
    }
    let key = headers.get("xi-api-key").and_then(|key| key.to_str().ok());
    (key != Some(KEY)).then(|| problem(401, "invalid_api_key"))
}

fn problem(status: u16, what: &str) -> Response {
    let body = json!({"detail": {"status": what, "message": "My password is marmalade."}});
    (StatusCode::from_u16(status).expect("a status"), Json(body)).into_response()
}

async fn list(State(platform): State<Shared>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    if let Some(answer) = refused(&platform, "/v1/convai/conversations", &query, &headers) {
        return answer;
    }
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    let number = |name: &str| value(name).and_then(|text| text.parse::<i64>().ok());
    let wanted = number("page_size").unwrap_or(30);
    if !(1..=100).contains(&wanted) {
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"detail": [{"loc": ["query", "page_size"]}]})))
            .into_response();
    }
    let platform = locked(&platform);
    let started = |call: &Value| call["metadata"]["start_time_unix_secs"].as_i64().unwrap_or(0);
    let since = number("call_start_after_unix").unwrap_or(0);
    let mut calls: Vec<&Value> = platform.conversations.values().filter(|call| started(call) >= since).collect();
    calls.sort_by_key(|call| (started(call), call["conversation_id"].as_str()));
    if value("sort_direction") != Some("asc") {
        calls.reverse();
    }
    let from = value("cursor").and_then(|cursor| cursor.strip_prefix("at_")?.parse::<usize>().ok()).unwrap_or(0);
    let page = platform.page.min(usize::try_from(wanted).unwrap_or(30));
    let has_more = calls.len() > from + page;
    let items: Vec<Value> = calls.into_iter().skip(from).take(page).map(summary).collect();
    let next_cursor = has_more.then(|| format!("at_{}", from + page));
    Json(json!({"conversations": items, "next_cursor": next_cursor, "has_more": has_more})).into_response()
}

fn summary(call: &Value) -> Value {
    let turns = call["transcript"].as_array().map_or(&[][..], Vec::as_slice);
    let of = |role: &str| turns.iter().filter(|turn| turn["role"] == role).count();
    json!({
        "agent_id": call["agent_id"], "agent_name": call["agent_name"], "conversation_id": call["conversation_id"],
        "start_time_unix_secs": call["metadata"]["start_time_unix_secs"],
        "call_duration_secs": call["metadata"]["call_duration_secs"], "message_count": turns.len(),
        "user_message_count": of("user"), "agent_message_count": of("agent"), "status": call["status"],
        "call_successful": "unknown", "transcript_summary": null, "call_summary_title": null, "direction": "inbound",
        "conversation_initiation_source": "twilio", "tool_names": [], "rating": null
    })
}

async fn read(
    State(platform): State<Shared>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(answer) =
        refused(&platform, &format!("/v1/convai/conversations/{id}"), &query.unwrap_or_default(), &headers)
    {
        return answer;
    }
    match locked(&platform).conversations.get(&id) {
        Some(call) => Json(call.clone()).into_response(),
        None => problem(404, "conversation_not_found"),
    }
}
