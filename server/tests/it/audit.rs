//! Who has done what is on record, and names nobody.

use super::harness::{Harness, call, ringing};
use super::switches::{Fault, Part};
use axum::http::Method;
use serde_json::{Value, json};

const NUMBER: &str = "+14155550123";

async fn log(hark: &Harness, query: &str) -> Vec<Value> {
    hark.get(&format!("/v1/audit{query}")).await.json["items"].as_array().expect("a list").clone()
}

fn told(entries: &[Value]) -> Vec<(String, String)> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let mut told: Vec<_> = entries.iter().map(|entry| (text(entry, "action"), text(entry, "route"))).collect();
    told.sort();
    told
}

#[tokio::test]
async fn everything_about_a_person_is_on_record_by_key_and_hash() {
    let hark = Harness::default();
    let (key_id, key) = hark.key(json!({"scopes": ["read", "tool"]})).await;
    hark.post("/webhooks/conversation-initiation", ringing("conv_1", NUMBER)).await;
    hark.learn(&call("conv_1", NUMBER, &["I keep bees on the roof."])).await;
    let user = hark.get("/v1/users").await.json["items"][0]["id"].as_str().expect("a user").to_owned();
    let asked = json!({"query": "bees", "user_id": user});
    hark.with_key(&key, Method::POST, "/tools/memory-query", asked.to_string()).await;
    hark.with_key(&key, Method::GET, &format!("/v1/users/{user}"), String::new()).await;
    let made = hark.post("/v1/memories", json!({"user_id": user, "content": "Likes tea"})).await.json;
    hark.call(Method::PATCH, &format!("/v1/memories/{}", made["id"].as_str().unwrap()), json!({"salience": 0.9})).await;
    hark.get(&format!("/v1/users/{user}/export")).await;
    let receipt = hark.call(Method::DELETE, &format!("/v1/users/{user}"), Value::Null).await.json;

    let of_person = log(&hark, &format!("?user_id={user}")).await;
    assert_eq!(
        told(&of_person),
        [
            ("change", "PATCH /v1/memories/{id}"),
            ("change", "POST /v1/memories"),
            ("erase", "DELETE /v1/users/{id}"),
            ("export", "GET /v1/users/{id}/export"),
            ("read", "GET /v1/users/{id}"),
            ("recall", "POST /tools/memory-query"),
            ("recall", "POST /webhooks/conversation-initiation"),
        ]
        .map(|(action, route)| (action.to_owned(), route.to_owned()))
    );
    for entry in &of_person {
        let status = if entry["route"] == "POST /v1/memories" { 201 } else { 200 };
        assert_eq!((&entry["person"], &entry["status"]), (&receipt["person"], &json!(status)), "{entry}");
    }
    let person = receipt["person"].as_str().expect("a hash");
    assert_eq!(log(&hark, &format!("?person={person}")).await.len(), of_person.len());
    let by_key = log(&hark, &format!("?actor={key_id}")).await;
    assert_eq!(told(&by_key).len(), 2);
    assert_eq!(log(&hark, "?action=erase").await.len(), 1);
    let keys = log(&hark, "?action=key").await;
    assert_eq!((keys.len(), &keys[0]["actor"], &keys[0]["object"]), (1, &json!("configured"), &json!(key_id)));
    let all = hark.get("/v1/audit?limit=1000").await.text;
    for hidden in [user.as_str(), "4155550123", "bees", "tea", "conv_1", key.as_str()] {
        assert!(!all.contains(hidden), "{hidden} in {all}");
    }
    hark.get("/v1/audit?person=x").await.is_problem(422, "invalid_field");
    hark.get(&format!("/v1/audit?person={person}&user_id={user}")).await.is_problem(422, "invalid_field");
    hark.with_key(&key, Method::GET, "/v1/audit", String::new()).await.is_problem(403, "scope_missing");
}

#[tokio::test]
async fn sessions_and_tools_are_on_record_and_wrong_ids_are_not_repeated() {
    let hark = Harness::default();
    hark.post("/v1/sessions", json!({"user_id": "crm-1"})).await;
    hark.post("/tools/remember", json!({"content": "Likes tea", "user_id": "crm-1"})).await;
    hark.post("/tools/memory-query", json!({"query": "tea", "user_id": "crm-1"})).await;
    hark.get("/v1/memories/mem_0123456789abcdef").await.is_problem(404, "not_found");
    let (key_id, _) = hark.key(json!({"scopes": ["read"]})).await;
    hark.call(Method::DELETE, &format!("/v1/keys/{key_id}"), Value::Null).await;

    let expected =
        [("change", "POST /tools/remember"), ("recall", "POST /tools/memory-query"), ("recall", "POST /v1/sessions")];
    assert_eq!(
        told(&log(&hark, "?user_id=crm-1").await),
        expected.map(|(action, route)| (action.to_owned(), route.to_owned()))
    );
    let keys = log(&hark, "?action=key").await;
    let routes: Vec<_> = told(&keys).into_iter().map(|(_, route)| route).collect();
    assert_eq!(routes, ["DELETE /v1/keys/{id}", "POST /v1/keys"]);
    assert!(keys.iter().all(|entry| entry["object"] == key_id), "{keys:?}");
    let missed = log(&hark, "?action=read").await;
    let missed = missed.iter().find(|entry| entry["route"] == "GET /v1/memories/{id}").expect("it was tried");
    assert_eq!((&missed["status"], &missed["object"], &missed["person"]), (&json!(404), &Value::Null, &Value::Null));
}

#[tokio::test]
async fn what_cannot_be_recorded_at_once_is_recorded_later() {
    let hark = Harness::default();
    hark.post("/v1/memories", json!({"user_id": "crm-1", "content": "Likes tea"})).await;
    hark.app.audit.flush().await.expect("the store answers");
    hark.switches.set(Part::Truth, Fault::Down);
    hark.get("/v1/users/crm-1").await.is_problem(503, "unavailable");
    assert!(hark.app.audit.flush().await.is_err());
    hark.switches.mend(Part::Truth);
    let reads = log(&hark, "?action=read").await;
    assert_eq!(reads.iter().filter(|entry| entry["status"] == 503).count(), 1, "{reads:?}");
    assert_eq!(log(&hark, "?action=change").await.len(), 1);
}
