//! A person is erased over HTTP: what the receipt says and can prove, and that nothing brings them back.

use super::harness::{Harness, call, ringing};
use super::switches::{Fault, Part};
use axum::http::Method;
use chrono::Duration;
use serde_json::{Value, json};

const NUMBER: &str = "+14155550123";
const SAID: [&str; 2] = ["I keep bees on the roof.", "I live at 12 Mill Lane."];

/// Somebody has called, is known to the integrator too, and an hour has passed.
async fn called(hark: &Harness) -> String {
    hark.learn(&call("conv_1", NUMBER, &SAID)).await;
    let session = hark.post("/v1/sessions", json!({"user_id": "crm-1", "number": NUMBER})).await;
    let user = session.json["dynamic_variables"]["memory_user_id"].as_str().expect("a user").to_owned();
    hark.later(Duration::hours(1));
    user
}

async fn erase(hark: &Harness, id: &str) -> Value {
    let answer = hark.call(Method::DELETE, &format!("/v1/users/{id}"), Value::Null).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    answer.json
}

async fn people(hark: &Harness) -> usize {
    hark.get("/v1/users").await.json["items"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_receipt_counts_names_nobody_and_can_be_checked() {
    let hark = Harness::default();
    let user = called(&hark).await;
    let receipt = erase(&hark, &user).await;
    assert!(receipt["memories"].as_u64() >= Some(2) && receipt["suppressed"] == "past", "{receipt}");
    for (what, count) in [("conversations", 1), ("identities", 2), ("events", 1)] {
        assert_eq!(receipt[what], count, "{what}");
    }
    let text = receipt.to_string();
    for word in [user.as_str(), "crm-1", "4155550123", "bees", "conv_1"] {
        assert!(!text.contains(word), "{word} in {text}");
    }

    let verify = async |receipt: &Value| hark.post("/v1/erasures/verify", receipt.clone()).await.json;
    assert_eq!(verify(&receipt).await, json!({"valid": true, "recorded": true}));
    for (field, other) in [
        ("memories", json!(0)),
        ("person", json!("0".repeat(64))),
        ("person", json!("nobody")),
        ("erased_at", json!("2026-11-22T10:00:00Z")),
        ("suppressed", json!("forever")),
        ("events", json!(7)),
        ("signature", json!("")),
    ] {
        let mut changed = receipt.clone();
        changed[field] = other;
        assert_eq!(verify(&changed).await["valid"], false, "{field}");
    }
    let mut changed = receipt.clone();
    changed["receipt_id"] = json!("ers_another");
    assert_eq!(verify(&changed).await, json!({"valid": false, "recorded": false}));

    // Asked again, by whatever name, it is the same; somebody who never was is not found.
    for id in [user.as_str(), "crm-1"] {
        assert_eq!(erase(&hark, id).await, receipt);
    }
    hark.call(Method::DELETE, "/v1/users/crm-9", Value::Null).await.is_problem(404, "not_found");
    let listed = hark.get("/v1/erasures?limit=1").await.json;
    assert_eq!(listed, json!({"items": [receipt], "next_cursor": null}));
}

#[tokio::test]
async fn what_was_delivered_before_is_not_learnt_again() {
    let hark = Harness::default();
    let user = called(&hark).await;
    erase(&hark, &user).await;
    // The same event, one that was missed, and one without a transcript.
    let mut bare = call("conv_bare", NUMBER, &SAID);
    bare["data"]["transcript"] = Value::Null;
    for event in [call("conv_1", NUMBER, &SAID), call("conv_missed", NUMBER, &SAID), bare] {
        for _ in 0..2 {
            assert_eq!(hark.deliver(&event).await.json["status"], "accepted");
            assert_eq!(hark.work().await, 1);
            assert_eq!(people(&hark).await, 0);
        }
    }
    assert_eq!(hark.get("/v1/conversations").await.json["items"], json!([]));
    assert_eq!(hark.get("/v1/queue").await.json["dead"], 0);
    assert_eq!(hark.ask(json!({"query": "bees", "caller_id": NUMBER})).await["memories"], json!([]));
}

#[tokio::test]
async fn an_import_of_old_data_is_refused_and_says_which() {
    let hark = Harness::default();
    called(&hark).await;
    let old = json!({"user_id": "crm-1", "content": "Keeps bees", "occurred_at": "2026-11-01T10:00:00Z"});
    let undated = json!({"user_id": "crm-1", "content": "Keeps bees"});
    let other = json!({"user_id": "crm-2", "content": "Likes tea"});
    erase(&hark, "crm-1").await;
    for memory in [&old, &undated] {
        let refused = hark.post("/v1/memories", memory.clone()).await;
        refused.is_problem(409, "erased");
        assert_eq!(refused.json["field"], "user_id");
        let batch = json!({"memories": [other, memory]});
        let refused = hark.post("/v1/memories/batch", batch).await;
        refused.is_problem(409, "erased");
        assert_eq!(refused.json["field"], "memories[1].user_id");
    }
    assert_eq!(people(&hark).await, 0, "nothing of a refused batch is written");
    let mut of_call = other.clone();
    of_call["source"] = json!({"conversation_id": "conv_1"});
    hark.post("/v1/memories", of_call).await.is_problem(409, "erased");

    hark.later(Duration::hours(1));
    let now = hark_core::Clock::now(&*hark.clock);
    let new = json!({"user_id": "crm-1", "content": "Moved to York", "occurred_at": now});
    assert_eq!(hark.post("/v1/memories", new).await.status.as_u16(), 201);
    assert_eq!(hark.post("/v1/memories", undated).await.status.as_u16(), 201, "known again");
    hark.post("/v1/memories", old).await.is_problem(409, "erased");
}

#[tokio::test]
async fn a_call_that_goes_on_while_its_caller_is_erased_leaves_nothing() {
    let hark = Harness::default();
    hark.post("/webhooks/conversation-initiation", ringing("conv_live", NUMBER)).await;
    let user = hark.get("/v1/users").await.json["items"][0]["id"].as_str().expect("a user").to_owned();
    hark.later(Duration::seconds(30));
    erase(&hark, &user).await;
    for body in [
        json!({"content": "Likes tea", "conversation_id": "conv_live"}),
        json!({"content": "Likes tea", "conversation_id": "conv_live", "caller_id": NUMBER}),
    ] {
        let answer = hark.post("/tools/remember", body).await.json;
        assert_eq!((&answer["status"], &answer["user_id"]), (&json!("ignored"), &Value::Null));
    }
    let asked = hark.ask(json!({"query": "What about my bees?", "conversation_id": "conv_live"})).await;
    assert_eq!(asked["memories"], json!([]));
    hark.post("/v1/sessions", json!({"user_id": "crm-1", "conversation_id": "conv_live"}))
        .await
        .is_problem(409, "erased");
    let mut ended = call("conv_live", NUMBER, &SAID);
    ended["data"]["metadata"]["start_time_unix_secs"] = json!(hark_core::Clock::now(&*hark.clock).timestamp());
    assert_eq!(hark.deliver(&ended).await.json["status"], "accepted");
    hark.work().await;
    hark.app.engine.receipts.flush().await.expect("the store answers");
    assert_eq!(people(&hark).await, 0);
    let kept = hark.app.engine.memory.receipts_of(hark.app.default_tenant(), &"conv_live".into()).await;
    assert_eq!(kept.expect("the store answers"), [], "nor what was asked");

    // The next call is a stranger's.
    hark.later(Duration::hours(1));
    let ringing = hark.post("/webhooks/conversation-initiation", ringing("conv_next", NUMBER)).await.json;
    assert_eq!(ringing["dynamic_variables"]["memory_is_returning"], false);
    assert_eq!(people(&hark).await, 1);
}

#[tokio::test]
async fn an_erasure_while_a_store_is_away_is_done_by_asking_again() {
    let hark = Harness::default();
    let user = called(&hark).await;
    for part in [Part::Truth, Part::Queue] {
        hark.switches.set(part, Fault::Down);
        let answer = hark.call(Method::DELETE, &format!("/v1/users/{user}"), Value::Null).await;
        assert_eq!(answer.status.as_u16(), 503, "{part:?} {}", answer.text);
        hark.switches.mend(part);
    }
    assert_eq!(people(&hark).await, 0, "the truth was reached the second time");
    let receipt = erase(&hark, &user).await;
    assert_eq!((&receipt["events"], &receipt["conversations"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn receipts_of_one_tenant_prove_nothing_to_another() {
    let hark = Harness::default();
    let user = called(&hark).await;
    let receipt = erase(&hark, &user).await;
    let (_, key) = hark.key(json!({"scopes": ["admin", "read"], "tenant": "other"})).await;
    let verified = hark.with_key(&key, Method::POST, "/v1/erasures/verify", receipt.to_string()).await;
    assert_eq!(verified.json, json!({"valid": false, "recorded": false}));
    let listed = hark.with_key(&key, Method::GET, "/v1/erasures", String::new()).await;
    assert_eq!(listed.json["items"], json!([]));
    let erased = hark.with_key(&key, Method::DELETE, "/v1/users/crm-1", String::new()).await;
    erased.is_problem(404, "not_found");
}
