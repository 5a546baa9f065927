//! The initiation webhook: after the key it never answers anything but 200, and always every variable.

use super::harness::{Answer, Harness, KEY, call, ringing};
use super::switches::{Fault, Part};
use axum::body::Body;
use axum::http::{Method, Request};
use futures::StreamExt;
use futures::stream::pending;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const PATH: &str = "/webhooks/conversation-initiation";

/// Asserts the full set, of the types the platform takes, and gives it back.
#[track_caller]
fn variables(answer: &Answer) -> Value {
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert_eq!(answer.json["type"], "conversation_initiation_client_data");
    let variables = answer.json["dynamic_variables"].clone();
    for (name, fits) in [
        ("memory_user_id", Value::is_string as fn(&Value) -> bool),
        ("memory_user_name", Value::is_string),
        ("memory_context", Value::is_string),
        ("memory_greeting", Value::is_string),
        ("memory_is_returning", Value::is_boolean),
        ("memory_call_count", Value::is_number),
        ("memory_last_call", Value::is_string),
        ("secret__memory_token", Value::is_string),
        ("plan", Value::is_string),
    ] {
        assert!(fits(&variables[name]), "{name}: {variables}");
    }
    assert_ne!(variables["memory_greeting"], "");
    assert_eq!(variables.get("broken"), None, "no lists: the platform refuses them along with the call");
    assert!(variables.as_object().expect("an object").keys().all(|name| !name.starts_with("system__")));
    variables
}

fn is_neutral(answer: &Answer) {
    let variables = variables(answer);
    assert_eq!(answer.json.get("user_id"), None);
    for (name, value) in [
        ("memory_user_id", json!("")),
        ("memory_context", json!("")),
        ("memory_is_returning", json!(false)),
        ("memory_call_count", json!(0)),
        ("secret__memory_token", json!("")),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_stranger_becomes_a_guest_and_is_known_the_next_time() {
    let hark = Harness::default();
    let first = hark.post(PATH, ringing("conv_1", "+4930111111")).await;
    let told = variables(&first);
    assert_eq!((&told["memory_is_returning"], &told["memory_call_count"]), (&json!(false), &json!(0)));
    assert!(told["memory_user_id"].as_str().unwrap().starts_with("usr_"));
    assert_eq!(first.json["user_id"], told["memory_user_id"]);

    hark.learn(&call("conv_1", "+4930111111", &["My parcel never arrived."])).await;
    let second = variables(&hark.post(PATH, ringing("conv_2", "4930111111")).await);
    assert_eq!(second["memory_user_id"], told["memory_user_id"]);
    assert_eq!((&second["memory_is_returning"], &second["memory_call_count"]), (&json!(true), &json!(1)));
    assert!(second["memory_context"].as_str().unwrap().contains("parcel"), "{second}");
    assert!(!second["memory_last_call"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn on_an_outbound_call_the_human_is_the_one_who_is_called() {
    let hark = Harness::default();
    let inbound = variables(&hark.post(PATH, ringing("conv_1", "+4930111111")).await);
    let outbound = json!({"caller_id": "+15550100000", "called_number": "+4930111111", "conversation_id": "conv_2"});
    assert_eq!(variables(&hark.post(PATH, outbound).await)["memory_user_id"], inbound["memory_user_id"]);
}

#[tokio::test]
async fn whatever_comes_the_answer_is_200_with_neutral_values() {
    let hark = Harness::default();
    for body in ["", "not json", "[]", "null", "{\"caller_id\":", "{\"caller_id\":{}}", "{\"caller_id\":\"anonymous\"}"]
    {
        is_neutral(&hark.raw(Method::POST, PATH, body.to_owned()).await);
    }
    is_neutral(&hark.raw(Method::POST, PATH, "x".repeat(300 << 10)).await);
    is_neutral(&hark.raw(Method::POST, PATH, "[".repeat(100_000)).await);
}

#[tokio::test(start_paused = true)]
async fn a_failing_hanging_or_broken_store_costs_the_memory_never_the_call() {
    for fault in [Fault::Down, Fault::Hangs, Fault::Panics] {
        let hark = Harness::default();
        hark.switches.set(Part::Truth, fault);
        let begun = Instant::now();
        is_neutral(&hark.post(PATH, ringing("conv_1", "+4930111111")).await);
        assert!(begun.elapsed() <= Duration::from_millis(1_050), "{fault:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_costs_the_memory_never_the_call() {
    let hark = Harness::default();
    let endless = Body::from_stream(futures::stream::once(async { Ok::<_, std::io::Error>("{") }).chain(pending()));
    let request = Request::post(PATH).header("authorization", format!("Bearer {KEY}")).body(endless).unwrap();
    let begun = Instant::now();
    is_neutral(&hark.send(request).await);
    assert!(begun.elapsed() <= Duration::from_millis(1_050), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn it_never_waits_for_a_model() {
    let hark = Harness::default();
    hark.learn(&call("conv_1", "+4930111111", &["My parcel never arrived."])).await;
    for fault in [Fault::Down, Fault::Hangs, Fault::Panics] {
        hark.switches.set(Part::Embedder, fault);
        let begun = Instant::now();
        let told = variables(&hark.post(PATH, ringing("conv_2", "+4930111111")).await);
        assert!(told["memory_context"].as_str().unwrap().contains("parcel"), "{fault:?}");
        assert_eq!(begun.elapsed(), Duration::ZERO, "{fault:?}");
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_told() {
    let hark = Harness::default();
    let request = |header: Option<&str>| {
        let mut request = Request::post(PATH);
        if let Some(value) = header {
            request = request.header("authorization", value);
        }
        request.body(Body::from("{}")).unwrap()
    };
    hark.send(request(None)).await.is_problem(401, "key_missing");
    hark.send(request(Some("Basic hk_test_key"))).await.is_problem(401, "key_missing");
    hark.send(request(Some("Bearer"))).await.is_problem(401, "key_missing");
    hark.send(request(Some("Bearer hk_wrong"))).await.is_problem(401, "key_unknown");
    hark.send(request(Some("Bearer hk_test_ke"))).await.is_problem(401, "key_unknown");
    for right in ["Bearer hk_test_key", "bearer hk_other", "BEARER  hk_other "] {
        assert_eq!(hark.send(request(Some(right))).await.status.as_u16(), 200, "{right}");
    }
}
