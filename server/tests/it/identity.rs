//! Who is who, over HTTP: merging, splitting, sessions, tokens, and calls that name nobody.

use super::harness::{Harness, call, contents, ringing};
use axum::http::{Method, StatusCode};
use chrono::Duration;
use serde_json::{Value, json};

const NUMBER: &str = "+14155550123";

/// A caller by number, and one by id, each with something said.
async fn two(hark: &Harness) -> (String, String) {
    hark.learn(&call("conv_1", NUMBER, &["Prefers delivery on Friday"])).await;
    let guest = hark.post("/webhooks/conversation-initiation", ringing("conv_2", NUMBER)).await.json;
    let body = json!({"user_id": "crm-7", "content": "Has a dog called Rex"});
    let known = hark.post("/v1/memories", body).await;
    assert_eq!(known.status, StatusCode::CREATED);
    let id = |answer: &Value| answer["user_id"].as_str().unwrap_or_default().to_owned();
    (id(&guest), id(&known.json))
}

async fn found(hark: &Harness, user: &str, query: &str) -> Vec<String> {
    let answer = hark.ask(json!({"query": query, "user_id": user})).await;
    contents(&answer["memories"]).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn two_users_are_merged_listed_and_parted() {
    let hark = Harness::default();
    let (guest, known) = two(&hark).await;
    let done = hark.post("/v1/users/merge", json!({"from": guest, "into": "crm-7"})).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    assert_eq!((&done.json["from"], &done.json["into"]), (&json!(guest), &json!(known)));
    assert_eq!(
        (&done.json["kind"], &done.json["state"], &done.json["by"]),
        (&json!("merge"), &json!("done"), &json!("person"))
    );
    let again = hark.post("/v1/users/merge", json!({"from": guest, "into": "crm-7"})).await;
    assert_eq!(again.json["id"], done.json["id"], "merging twice answers the same");
    hark.work().await;

    // The old id answers, everywhere.
    for id in [guest.as_str(), known.as_str(), "crm-7"] {
        let user = hark.get(&format!("/v1/users/{id}")).await.json;
        assert_eq!((&user["id"], &user["guest"], &user["aliases"]), (&json!(known), &json!(false), &json!([guest])));
        assert_eq!(found(&hark, id, "delivery").await[0], "Prefers delivery on Friday");
    }
    let called = hark.post("/webhooks/conversation-initiation", ringing("conv_3", NUMBER)).await.json;
    assert_eq!(called["user_id"], json!(known));
    let listed = hark.get("/v1/users/merges?user_id=crm-7").await.json;
    assert_eq!((listed["items"].as_array().unwrap().len(), &listed["items"][0]["id"]), (1, &done.json["id"]));

    let undo = format!("/v1/users/merges/{}/undo", done.json["id"].as_str().unwrap());
    for _ in 0..2 {
        let undone = hark.post(&undo, Value::Null).await;
        assert_eq!((undone.status, &undone.json["state"]), (StatusCode::OK, &json!("undone")), "{}", undone.text);
    }
    hark.work().await;
    assert_eq!(found(&hark, &guest, "delivery").await, ["Prefers delivery on Friday"]);
    assert!(!found(&hark, "crm-7", "delivery").await.contains(&"Prefers delivery on Friday".to_owned()));
    hark.post("/v1/users/merges/trf_none/undo", Value::Null).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn mistakes_in_merging_and_splitting_are_named() {
    let hark = Harness::default();
    let (guest, _) = two(&hark).await;
    let merge = async |from: &str, into: &str| hark.post("/v1/users/merge", json!({"from": from, "into": into})).await;
    merge("crm-7", "crm-7").await.is_problem(422, "invalid_field");
    merge("crm-nobody", "crm-7").await.is_problem(404, "not_found");
    merge(&guest, "usr_nobody").await.is_problem(404, "not_found");
    hark.post("/v1/users/merge", json!({"from": guest})).await.is_problem(422, "missing_field");
    let split = async |body: Value| hark.post("/v1/users/split", body).await;
    split(json!({"user_id": guest, "conversations": []})).await.is_problem(422, "invalid_field");
    split(json!({"user_id": guest, "conversations": ["conv_none"]})).await.is_problem(422, "invalid_field");
    split(json!({"user_id": "crm-none", "conversations": ["conv_1"]})).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn a_call_is_split_off_into_a_guest() {
    let hark = Harness::default();
    let (guest, _) = two(&hark).await;
    let body = json!({"user_id": guest, "conversations": ["conv_1"]});
    let done = hark.post("/v1/users/split", body.clone()).await.json;
    assert_eq!((&done["kind"], &done["memories"]), (&json!("split"), &json!(1)), "{done}");
    assert_eq!(hark.post("/v1/users/split", body).await.json["id"], done["id"]);
    let other = done["into"].as_str().unwrap().to_owned();
    assert_eq!(found(&hark, &other, "delivery").await, ["Prefers delivery on Friday"]);
    assert!(found(&hark, &guest, "delivery").await.is_empty());
    assert_eq!(hark.get("/v1/conversations/conv_1").await.json["user_id"], json!(other));
}

#[tokio::test]
async fn a_line_is_marked_and_renamed_by_hand() {
    let hark = Harness::default();
    let (_, known) = two(&hark).await;
    let path = format!("/v1/users/{known}");
    let changed = hark.call(Method::PATCH, &path, json!({"shared": true, "name": " Sam "})).await;
    assert_eq!(
        (changed.status, &changed.json["shared"], &changed.json["name"]),
        (StatusCode::OK, &json!(true), &json!("Sam"))
    );
    let told = hark.post("/v1/sessions", json!({"user_id": known})).await.json;
    assert_eq!(told["dynamic_variables"]["memory_user_name"], "");
    assert!(!told["dynamic_variables"]["memory_greeting"].as_str().unwrap().contains("Sam"));
    let changed = hark.call(Method::PATCH, &path, json!({"shared": false})).await;
    assert_eq!((&changed.json["shared"], &changed.json["name"]), (&json!(false), &json!("Sam")));
    let told = hark.post("/v1/sessions", json!({"user_id": known})).await.json;
    assert_eq!(told["dynamic_variables"]["memory_user_name"], "Sam");
    hark.call(Method::PATCH, &path, json!({"colour": 1})).await.is_problem(422, "unknown_field");
    hark.call(Method::PATCH, "/v1/users/nobody", json!({"shared": true})).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn a_session_names_a_caller_by_id_or_number_and_binds_its_conversation() {
    let hark = Harness::default();
    let (guest, known) = two(&hark).await;
    let outbound = hark.post("/v1/sessions", json!({"number": "+1 (415) 555-0123", "agent_id": "agent_1"})).await.json;
    assert_eq!(outbound["user_id"], json!(guest));
    let bound = json!({"user_id": "crm-7", "conversation_id": "conv_web", "agent_id": "agent_1"});
    assert_eq!(hark.post("/v1/sessions", bound).await.json["user_id"], json!(known));
    // What a model makes up does not outrank the binding.
    let answer = hark.ask(json!({"query": "dog", "conversation_id": "conv_web", "user_id": guest})).await;
    assert_eq!(answer["user_id"], json!(known));
    let taken = json!({"user_id": guest, "conversation_id": "conv_web"});
    hark.post("/v1/sessions", taken).await.is_problem(409, "conversation_taken");
    hark.post("/v1/sessions", json!({"number": "anonymous"})).await.is_problem(422, "invalid_field");
    hark.post("/v1/sessions", json!({"conversation_id": "conv_9"})).await.is_problem(422, "invalid_field");
    // An id of ours that is nobody's is a mistake, not a new caller.
    let unknown = json!({"user_id": "usr_0123456789abcdef01234567"});
    hark.post("/v1/sessions", unknown).await.is_problem(404, "not_found");
    hark.call(Method::DELETE, &format!("/v1/users/{known}"), Value::Null).await;
    hark.post("/v1/sessions", json!({"user_id": known})).await.is_problem(404, "not_found");
    assert_eq!(hark.post("/v1/sessions", json!({"user_id": "crm-7"})).await.status, StatusCode::OK, "a new caller");
}

#[tokio::test]
async fn a_token_follows_a_merge_and_ends_with_its_time_and_its_caller() {
    let hark = Harness::default();
    let (guest, known) = two(&hark).await;
    let session = hark.post("/v1/sessions", json!({"user_id": guest})).await.json;
    let token = session["dynamic_variables"]["secret__memory_token"].as_str().unwrap().to_owned();
    let asked = async || hark.ask(json!({"query": "dog", "memory_token": token})).await["user_id"].clone();
    assert_eq!(asked().await, json!(guest));
    hark.post("/v1/users/merge", json!({"from": guest, "into": known})).await;
    assert_eq!(asked().await, json!(known));
    hark.call(Method::DELETE, &format!("/v1/users/{known}"), Value::Null).await;
    assert_eq!(asked().await, Value::Null);
    let session = hark.post("/v1/sessions", json!({"user_id": "crm-9"})).await.json;
    let token = session["dynamic_variables"]["secret__memory_token"].as_str().unwrap().to_owned();
    let asked = async || hark.ask(json!({"query": "dog", "memory_token": token})).await["user_id"].clone();
    assert_eq!(asked().await, session["user_id"]);
    hark.later(Duration::hours(4));
    assert_eq!(asked().await, Value::Null);
}

#[tokio::test]
async fn who_cannot_be_named_is_told_so_and_teaches_nobody() {
    let hark = Harness::default();
    let (guest, known) = two(&hark).await;
    let before = hark.get("/v1/users").await.json["items"].as_array().unwrap().len();
    for body in [
        json!({"content": "Has a cat"}),
        json!({"content": "Has a cat", "conversation_id": "conv_unknown", "caller_id": "anonymous"}),
        json!({"content": "Has a cat", "user_id": "usr_0123456789abcdef01234567"}),
    ] {
        let answer = hark.post("/tools/remember", body).await.json;
        assert_eq!(
            (&answer["status"], &answer["id"], &answer["user_id"]),
            (&json!("ignored"), &Value::Null, &Value::Null)
        );
        assert!(answer["summary"].as_str().unwrap().contains("do not know who is calling"));
    }
    hark.learn(&call("conv_dark", "anonymous", &["Has a cat"])).await;
    let dark = hark.get("/v1/conversations/conv_dark").await.json;
    assert_eq!((&dark["state"], &dark["user_id"]), (&json!("ignored"), &Value::Null));
    for user in [&guest, &known] {
        assert!(!hark.get(&format!("/v1/users/{user}/memories")).await.text.contains("cat"));
    }
    assert_eq!(hark.get("/v1/users").await.json["items"].as_array().unwrap().len(), before);
}
