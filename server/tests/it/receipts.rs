//! "Why did the agent say that?": what it was told before and during a call, at the turn it belongs to.

use super::harness::{Harness, call, ringing};
use super::switches::{Fault, Part};
use axum::http::Method;
use chrono::Duration;
use serde_json::{Value, json};

const NUMBER: &str = "+4930111111";

/// A call in which the agent asks the memory and has something remembered.
fn spoken() -> Value {
    let mut event = call("conv_2", NUMBER, &[]);
    let url = |path: &str| json!({"url": format!("https://hark.example.test{path}?x=1")});
    event["data"]["transcript"] = json!([
        {"role": "agent", "message": "Hello again!", "time_in_call_secs": 0},
        {"role": "user", "message": "Where is my parcel?", "time_in_call_secs": 6},
        {"role": "agent", "message": null, "time_in_call_secs": 8,
            "tool_calls": [{"tool_name": "memory_query", "tool_details": url("/tools/memory-query")}]},
        {"role": "agent", "message": "It never arrived.", "time_in_call_secs": 11},
        {"role": "user", "message": "Call me Sam.", "time_in_call_secs": 20},
        {"role": "agent", "message": "I will, Sam.", "time_in_call_secs": 22,
            "tool_calls": [{"tool_name": "note", "tool_details": url("/tools/remember")}]}
    ]);
    event["data"]["metadata"]["start_time_unix_secs"] = json!(1_795_341_600 + 60);
    event
}

async fn receipts(hark: &Harness, conversation: &str) -> Vec<Value> {
    let detail = hark.get(&format!("/v1/conversations/{conversation}")).await;
    detail.json["receipts"].as_array().unwrap_or_else(|| panic!("{}", detail.text)).clone()
}

fn each<'a>(receipts: &'a [Value], field: &str) -> Vec<&'a Value> {
    receipts.iter().map(|receipt| &receipt[field]).collect()
}

#[tokio::test]
async fn a_call_shows_what_the_agent_was_told_and_why_at_its_turns() {
    let hark = Harness::default();
    hark.learn(&call("conv_1", NUMBER, &["The parcel never arrived."])).await;
    hark.later(Duration::seconds(55));
    let begun = hark.post("/webhooks/conversation-initiation", ringing("conv_2", NUMBER)).await.json;
    hark.later(Duration::seconds(14));
    let answer = hark.ask(json!({"query": "Where is the parcel?", "conversation_id": "conv_2"})).await;
    hark.later(Duration::seconds(12));
    let body = json!({"content": "Wants to be called Sam.", "conversation_id": "conv_2", "agent_id": "agent_1"});
    let remembered = hark.post("/tools/remember", body).await.json;

    // The call goes on: there is no transcript yet.
    let during = receipts(&hark, "conv_2").await;
    assert_eq!(each(&during, "kind"), ["initiation", "query", "remember"]);
    assert_eq!(each(&during, "turn"), [&Value::Null; 3]);

    hark.learn(&spoken()).await;
    let told = receipts(&hark, "conv_2").await;
    assert_eq!(each(&told, "turn"), [0, 2, 5]);
    assert_eq!(each(&told, "user_id"), [&begun["user_id"]; 3]);
    let [start, query, note] = &told[..] else { panic!("{told:?}") };
    let context = begun["dynamic_variables"]["memory_context"].as_str().unwrap();
    assert!(!context.is_empty() && start["told"].as_str().unwrap().ends_with(context), "{start}");
    assert_eq!((&start["question"], start["returned"].as_array().unwrap().len()), (&Value::Null, 1));
    assert_eq!(start["returned"][0]["score"], Value::Null);

    assert_eq!((&query["question"], &query["told"]), (&json!("Where is the parcel?"), &answer["summary"]));
    assert_eq!((&query["mode"], &query["degraded_reason"]), (&json!("hybrid"), &Value::Null));
    assert_eq!(query["at"], "2026-11-22T10:01:09Z");
    let (returned, first) = (&query["returned"][0], &answer["memories"][0]);
    assert_eq!((&returned["memory_id"], &returned["via"]), (&first["id"], &json!("direct")));
    assert!(returned["score_parts"]["keyword"].is_number() && returned["score"].as_f64() > Some(0.0));

    assert_eq!((&note["question"], &note["told"]), (&json!("Wants to be called Sam."), &remembered["summary"]));
    assert_eq!((note["returned"][0]["memory_id"].clone(), &note["mode"]), (remembered["id"].clone(), &Value::Null));
}

#[tokio::test]
async fn a_session_and_a_question_without_a_conversation_find_their_call() {
    let hark = Harness::default();
    hark.post("/v1/memories", json!({"user_id": "crm-7", "content": "The parcel is at the neighbour."})).await;
    hark.later(Duration::seconds(50));
    hark.post("/v1/sessions", json!({"user_id": "crm-7"})).await;
    hark.later(Duration::seconds(20));
    hark.ask(json!({"query": "parcel", "user_id": "crm-7"})).await;
    hark.later(Duration::minutes(10));
    hark.ask(json!({"query": "parcel", "user_id": "crm-7"})).await;
    let mut event = spoken();
    event["data"]["user_id"] = json!("crm-7");
    event["data"]["metadata"]["phone_call"] = Value::Null;
    hark.learn(&event).await;
    assert_eq!(each(&receipts(&hark, "conv_2").await, "kind"), ["initiation", "query"]);
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_told_as_it_was_and_kept_when_the_truth_is_back() {
    let hark = Harness::default();
    hark.post("/webhooks/conversation-initiation", ringing("conv_1", NUMBER)).await;
    for fault in [Fault::Down, Fault::Hangs] {
        hark.switches.set(Part::Truth, fault);
        let answer = hark.ask(json!({"query": "parcel", "conversation_id": "conv_1"})).await;
        assert_eq!(answer["degraded"], true);
        hark.later(Duration::seconds(1));
        hark.post("/webhooks/conversation-initiation", ringing("conv_1", NUMBER)).await;
        hark.later(Duration::seconds(1));
    }
    hark.switches.mend(Part::Truth);
    let told = receipts(&hark, "conv_1").await;
    assert_eq!(
        each(&told, "degraded_reason"),
        [&Value::Null, &json!("unavailable"), &json!("failed"), &json!("timeout"), &json!("late")]
    );
    assert_eq!(told[1]["told"], "memory is unavailable right now");
    assert_eq!(told[4]["told"], "Hello, how can I help?", "what was told, not what was found out too late");
}

#[tokio::test]
async fn forgetting_takes_the_words_erasing_takes_everything_and_zero_days_keep_nothing() {
    let hark = Harness::default();
    hark.learn(&call("conv_1", NUMBER, &["The parcel never arrived."])).await;
    let answer = hark.ask(json!({"query": "parcel", "conversation_id": "conv_1"})).await;
    let id = answer["memories"][0]["id"].as_str().unwrap();
    hark.call(Method::DELETE, &format!("/v1/memories/{id}"), Value::Null).await;
    let told = receipts(&hark, "conv_1").await;
    assert_eq!((&told[0]["question"], &told[0]["told"]), (&Value::Null, &Value::Null));
    assert_eq!(told[0]["returned"][0]["memory_id"], id);
    let user = answer["user_id"].as_str().unwrap();
    hark.call(Method::DELETE, &format!("/v1/users/{user}"), Value::Null).await;
    hark.get("/v1/conversations/conv_1").await.is_problem(404, "not_found");
    let (tenant, conversation) = (hark.app.default_tenant().clone(), "conv_1".into());
    assert_eq!(hark.app.engine.memory.receipts_of(&tenant, &conversation).await.unwrap(), []);

    let none = Harness::keeping(0);
    none.learn(&call("conv_1", NUMBER, &["The parcel never arrived."])).await;
    none.ask(json!({"query": "parcel", "conversation_id": "conv_1"})).await;
    assert_eq!(receipts(&none, "conv_1").await, Vec::<Value>::new());
    assert_eq!(none.get("/v1/quality").await.json["never_recalled"], Value::Null);
}
