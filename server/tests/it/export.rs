//! Everything that is known of a person, as one document.

use super::harness::{Harness, call, ringing};
use super::switches::{Fault, Part};
use axum::http::Method;
use serde_json::{Value, json};

const NUMBER: &str = "+14155550123";

/// A person with something of every kind, and another one beside.
async fn known(hark: &Harness) -> String {
    hark.post("/webhooks/conversation-initiation", ringing("conv_1", NUMBER)).await;
    hark.ask(json!({"query": "Where does she live?", "conversation_id": "conv_1"})).await;
    hark.learn(&call("conv_1", NUMBER, &["I keep bees on the roof.", "I live at 12 Mill Lane."])).await;
    let session = hark.post("/v1/sessions", json!({"user_id": "crm-1", "number": NUMBER})).await.json;
    let user = session["dynamic_variables"]["memory_user_id"].as_str().expect("a user").to_owned();
    hark.post("/v1/sessions", json!({"user_id": "crm-old"})).await;
    hark.post("/v1/users/merge", json!({"from": "crm-old", "into": "crm-1"})).await;
    let memories = hark.get(&format!("/v1/users/{user}/memories")).await.json["items"].clone();
    let ids: Vec<&str> = memories.as_array().into_iter().flatten().filter_map(|memory| memory["id"].as_str()).collect();
    hark.post("/v1/links", json!({"from": ids[0], "to": ids[1]})).await;
    hark.post(&format!("/v1/reviews/{}", ids[0]), json!({"decision": "accept", "label": true})).await;
    hark.post("/v1/memories", json!({"user_id": "crm-2", "content": "Likes apricots"})).await;
    user
}

#[tokio::test]
async fn an_export_holds_everything_and_nobody_elses() {
    let hark = Harness::default();
    let user = known(&hark).await;
    let answer = hark.get("/v1/users/crm-1/export").await;
    assert_eq!((answer.status.as_u16(), &answer.json["format"]), (200, &json!("hark-export-1")), "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let told = answer.json;
    assert_eq!((&told["user"]["id"], &told["user"]["call_count"]), (&json!(user), &json!(1)));
    let identities: Vec<_> = told["identities"].as_array().unwrap().iter().map(|i| (&i["kind"], &i["value"])).collect();
    for known in [("phone", NUMBER), ("external", "crm-1"), ("external", "crm-old")] {
        assert!(identities.contains(&(&json!(known.0), &json!(known.1))), "{known:?} in {identities:?}");
    }
    let counts = ["aliases", "memories", "links", "conversations", "receipts", "reviews", "transfers"]
        .map(|list| told[list].as_array().unwrap_or_else(|| panic!("{list}")).len());
    assert_eq!(counts, [1, 2, 1, 1, 2, 1, 1], "{told}");
    assert!(told["conflicts"].is_array());
    let call = &told["conversations"][0];
    assert_eq!(call["transcript"]["turns"][1]["text"], "I keep bees on the roof.");
    assert_eq!(call["receipts"].as_array().unwrap().len(), 2);
    assert_eq!(call["receipts"][1]["question"], "Where does she live?");
    assert_eq!(told["links"][0]["kind"], "manual");
    assert!(told["reviews"][0]["text"].is_string());
    assert!(!told.to_string().contains("apricots"));
    hark.get("/v1/users/crm-9/export").await.is_problem(404, "not_found");
    let (_, key) = hark.key(json!({"scopes": ["read", "write", "tool"]})).await;
    hark.with_key(&key, Method::GET, "/v1/users/crm-1/export", String::new()).await.is_problem(403, "scope_missing");
}

#[tokio::test]
async fn an_export_of_many_pages_is_whole() {
    let hark = Harness::default();
    for batch in 0..2 {
        let memories: Vec<Value> =
            (0..700).map(|n| json!({"user_id": "crm-1", "content": format!("Ordered part {batch}-{n}")})).collect();
        hark.post("/v1/memories/batch", json!({"memories": memories})).await;
    }
    let told = hark.get("/v1/users/crm-1/export").await.json;
    assert_eq!(told["memories"].as_array().expect("a whole document").len(), 1_400);
}

#[tokio::test]
async fn an_export_that_cannot_be_recorded_is_not_given() {
    let hark = Harness::default();
    known(&hark).await;
    hark.switches.set(Part::Truth, Fault::Down);
    let answer = hark.get("/v1/users/crm-1/export").await;
    answer.is_problem(503, "unavailable");
    assert!(!answer.text.contains("bees"));
}
