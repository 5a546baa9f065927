//! What is played and what is printed.

use super::super::client::Client;
use super::super::output::say;
use crate::running::Running;
use hark_core::{Clock, Error, ErrorKind, Result, SystemClock};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The caller; of a range that is kept for fiction.
const CALLER: &str = "+14155550123";
const OUR_LINE: &str = "+14155550199";
const CALL: &str = include_str!("call.json");
const QUESTION: &str = "When does the caller want deliveries?";
/// How long learning one call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays the two calls.
///
/// # Errors
/// What the server refuses, and `Internal` when the second call was not told what the first one said.
pub(super) async fn tell(running: &Running) -> Result<()> {
    let address = running.address.ok_or_else(|| failed("the demo server does not listen"))?;
    let client = Client::new(format!("http://{address}"), running.credentials.first_api_key()?.clone())?;
    say(format_args!("A throw-away server listens on {address}.\n"));

    say("1. A stranger calls. ElevenLabs asks what to tell the agent:");
    let (first, took) = timed(initiate(&client, "conv_demo_1")).await?;
    field("greeting", text(&first, "memory_greeting"));
    field("returning", &first["memory_is_returning"]);
    latency("POST /webhooks/conversation-initiation", took);

    say("\n2. The call is over. ElevenLabs delivers the transcript, signed:");
    let event = call(text(&first, "memory_user_id"))?;
    for turn in event["data"]["transcript"].as_array().into_iter().flatten() {
        field(text(turn, "role"), text(turn, "message"));
    }
    let body = serde_json::to_vec(&event).map_err(|e| failed("the sample call cannot be written").with_source(e))?;
    let secret = running.credentials.first_webhook_secret()?;
    let (answer, took) = timed(client.deliver(secret, SystemClock.now().timestamp(), body)).await?;
    field("answer", text(&answer, "status"));
    latency("POST /webhooks/post-call", took);

    say("\n3. A worker learns from it:");
    let (dead, took) = timed(client.drained(PATIENCE)).await?;
    if dead > 0 {
        return Err(failed("learning from the call failed"));
    }
    let user = text(&first, "memory_user_id");
    let learnt = client.get(&format!("/v1/users/{user}/memories?limit=50")).await?;
    for memory in learnt["items"].as_array().into_iter().flatten() {
        field(text(memory, "sector"), text(memory, "content"));
    }
    latency("from delivery to learnt", took);

    say("\n4. The same number calls again. The agent is told:");
    let (second, took) = timed(initiate(&client, "conv_demo_2")).await?;
    field("greeting", text(&second, "memory_greeting"));
    field("name", text(&second, "memory_user_name"));
    field("context", text(&second, "memory_context"));
    field("returning", &second["memory_is_returning"]);
    latency("POST /webhooks/conversation-initiation", took);

    say("\n5. During the call the agent asks its memory:");
    let question = json!({
        "query": QUESTION, "conversation_id": "conv_demo_2", "caller_id": CALLER, "agent_id": "agent_demo", "limit": 3,
    });
    let (answer, took) = timed(client.post("/tools/memory-query", &question)).await?;
    field("question", QUESTION);
    field("answer", text(&answer, "summary"));
    field("mode", text(&answer, "mode"));
    latency("POST /tools/memory-query", took);

    check(&second, &answer)?;
    say("\nThe second call knew what the first one said.");
    Ok(())
}

async fn initiate(client: &Client, conversation: &str) -> Result<Value> {
    let request = json!({
        "caller_id": CALLER, "called_number": OUR_LINE, "agent_id": "agent_demo",
        "call_sid": "CA00000000000000000000000000000001", "conversation_id": conversation,
    });
    let mut answer = client.post("/webhooks/conversation-initiation", &request).await?;
    Ok(answer["dynamic_variables"].take())
}

/// The sample call, as if it had just taken place.
fn call(user: &str) -> Result<Value> {
    let mut event: Value =
        serde_json::from_str(CALL).map_err(|e| failed("the sample call is not JSON").with_source(e))?;
    let now = SystemClock.now().timestamp();
    event["event_timestamp"] = now.into();
    event["data"]["metadata"]["start_time_unix_secs"] = (now - 60).into();
    event["data"]["conversation_initiation_client_data"]["dynamic_variables"]["memory_user_id"] = user.into();
    Ok(event)
}

/// What the demo claims has to be true.
fn check(second: &Value, answer: &Value) -> Result<()> {
    if second["memory_is_returning"] != true {
        return Err(failed("the second call was not recognised"));
    }
    if text(second, "memory_context").is_empty() {
        return Err(failed("the second call was told nothing"));
    }
    if answer["memories"].as_array().is_none_or(Vec::is_empty) {
        return Err(failed("the question was not answered"));
    }
    Ok(())
}

async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<(T, Duration)> {
    let start = Instant::now();
    let done = work.await?;
    Ok((done, start.elapsed()))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn field(name: &str, value: impl std::fmt::Display) {
    say(format_args!("   {name:<11} {value}"));
}

fn latency(what: &str, took: Duration) {
    say(format_args!("   {:<11} {what}: {:.1} ms", "latency", took.as_secs_f64() * 1000.0));
}

fn failed(what: &str) -> Error {
    Error::new(ErrorKind::Internal, "demo", what)
}
