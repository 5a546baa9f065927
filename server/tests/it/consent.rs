//! Whether a caller agrees to be remembered, over HTTP.

use super::harness::{Harness, call, ringing};
use axum::http::Method;
use chrono::Duration;
use serde_json::{Value, json};

const NUMBER: &str = "+14155550123";

/// A call that says whether its caller agrees.
fn saying(conversation: &str, consent: Value) -> Value {
    let mut event = call(conversation, NUMBER, &["I keep bees on the roof."]);
    event["data"]["conversation_initiation_client_data"] = json!({"dynamic_variables": {"memory_consent": consent}});
    event
}

async fn the_user(hark: &Harness) -> Value {
    hark.get("/v1/users").await.json["items"][0].clone()
}

#[tokio::test]
async fn a_call_that_says_no_leaves_that_there_was_one_and_no_word() {
    let hark = Harness::default();
    hark.learn(&saying("conv_1", json!("refused"))).await;
    let user = the_user(&hark).await;
    assert_eq!((&user["consent"], &user["call_count"]), (&json!("refused"), &json!(0)));
    let kept = hark.get("/v1/conversations/conv_1").await.json;
    assert_eq!(kept["state"], "refused");
    let exported = hark.get(&format!("/v1/users/{}/export", user["id"].as_str().unwrap())).await.text;
    assert!(!kept.to_string().contains("bees") && !exported.contains("bees"), "{kept} {exported}");
}

/// Whoever changes it, and once however often a call is told of.
#[tokio::test]
async fn every_change_of_consent_is_on_record() {
    let hark = Harness::default();
    for _ in 0..2 {
        hark.learn(&saying("conv_1", json!("refused"))).await;
    }
    let id = the_user(&hark).await["id"].as_str().unwrap().to_owned();
    for change in [json!({"consent": "given"}), json!({"shared": false})] {
        hark.later(Duration::minutes(1));
        hark.call(Method::PATCH, &format!("/v1/users/{id}"), change).await;
    }
    hark.app.audit.flush().await.unwrap();
    let log = hark.get(&format!("/v1/audit?user_id={id}&action=change")).await.json["items"].clone();
    let lines: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|line| [&line["actor"], &line["route"], &line["object"]].map(Value::clone))
        .collect();
    let patched = json!("PATCH /v1/users/{id}");
    assert_eq!(
        lines,
        [
            [json!("configured"), patched.clone(), Value::Null],
            [json!("configured"), patched, json!("consent=given")],
            [json!("call"), json!("consent"), json!("consent=refused")],
        ],
        "{log}"
    );
}

#[tokio::test]
async fn one_who_refused_is_a_stranger_to_every_agent_until_they_agree() {
    let hark = Harness::default();
    hark.learn(&saying("conv_1", Value::Null)).await;
    let id = the_user(&hark).await["id"].as_str().expect("a user").to_owned();
    let path = format!("/v1/users/{id}");
    let changed = hark.call(Method::PATCH, &path, json!({"consent": "refused"})).await;
    assert_eq!((changed.status.as_u16(), &changed.json["consent"]), (200, &json!("refused")), "{}", changed.text);
    hark.call(Method::PATCH, &path, json!({"consent": "perhaps"})).await.is_problem(422, "invalid_field");

    let begun = hark.post("/webhooks/conversation-initiation", ringing("conv_2", NUMBER)).await.json;
    let told = &begun["dynamic_variables"];
    assert_eq!(
        (&told["memory_context"], &told["memory_is_returning"], &told["memory_call_count"]),
        (&json!(""), &json!(false), &json!(0))
    );
    let query = json!({"query": "What is on the roof?", "conversation_id": "conv_2"});
    let answer = hark.ask(query.clone()).await;
    assert_eq!(answer["summary"], "Nothing is remembered about that.");
    assert!(!answer.to_string().contains("bees"), "{answer}");
    let remembered = hark.post("/tools/remember", json!({"content": "Likes tea", "conversation_id": "conv_2"})).await;
    assert_eq!((remembered.status.as_u16(), &remembered.json["status"]), (200, &json!("ignored")));
    assert!(remembered.json["summary"].as_str().is_some_and(|text| text.contains("not to remember")));
    let memory = json!({"user_id": id, "content": "Likes tea"});
    hark.post("/v1/memories", memory.clone()).await.is_problem(409, "no_consent");
    let batch = json!({"memories": [{"user_id": "crm-2", "content": "Likes rain"}, memory]});
    let refused = hark.post("/v1/memories/batch", batch).await;
    refused.is_problem(409, "no_consent");
    assert_eq!(refused.json["field"], "memories[1].user_id");
    assert_eq!(hark.get("/v1/users").await.json["items"].as_array().map(Vec::len), Some(1), "nothing was written");

    hark.call(Method::PATCH, &path, json!({"consent": "given"})).await;
    assert!(hark.ask(query).await.to_string().contains("bees"));
    assert_eq!(hark.post("/v1/memories", memory).await.status.as_u16(), 201);
}
