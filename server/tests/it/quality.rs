//! `/v1/quality` and `/v1/reviews`: what is of concern, and what a person decides.

use super::harness::{Harness, call, contents};
use chrono::Duration;
use serde_json::{Value, json};

/// Two callers: one has said the same twice over, the other nothing of concern.
async fn known() -> Harness {
    let hark = Harness::default();
    for (user, content) in [
        ("crm-1", "Lives in Rostock with two old cats"),
        ("crm-2", "Collects stamps of Portugal"),
        ("crm-1", "lives in Rostock, with two old cats!"),
    ] {
        hark.post("/v1/memories", json!({"user_id": user, "content": content})).await;
        hark.later(Duration::seconds(1));
    }
    hark.ask(json!({"query": "stamps", "user_id": "crm-2"})).await;
    hark
}

async fn waiting(hark: &Harness) -> Vec<Value> {
    hark.get("/v1/reviews").await.json["items"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn the_report_counts_shares_and_names_a_few() {
    let hark = known().await;
    let report = hark.get("/v1/quality?ids=1").await.json;
    assert_eq!((&report["sampled"], &report["of"], &report["users"]), (&json!(3), &json!(3), &json!(2)));
    assert_eq!((&report["never_recalled"]["count"], &report["never_recalled"]["share"]), (&json!(2), &json!(0.6667)));
    assert_eq!(report["never_recalled"]["memory_ids"].as_array().unwrap().len(), 1);
    assert_eq!(report["concerns"]["duplicate"]["count"], 1);
    for clean in ["stale", "contradicted", "echo", "low_confidence"] {
        assert_eq!(report["concerns"][clean], json!({"count": 0, "share": 0.0, "memory_ids": []}), "{clean}");
    }
    assert_eq!(hark.get("/v1/quality?sample=1").await.json["sampled"], 1);
    for bad in ["sample=0", "sample=50001", "ids=-1", "ids=101"] {
        hark.get(&format!("/v1/quality?{bad}")).await.is_problem(422, "invalid_field");
    }
    assert!(!report.to_string().contains("Rostock"), "numbers and ids only");
}

#[tokio::test]
async fn a_decision_takes_a_memory_out_of_the_queue() {
    let hark = known().await;
    let waits = waiting(&hark).await;
    assert_eq!((waits.len(), &waits[0]["reasons"]), (1, &json!(["duplicate"])));
    let path = format!("/v1/reviews/{}", waits[0]["id"].as_str().unwrap());
    for (body, code) in [
        (json!({"decision": "edit"}), "missing_field"),
        (json!({"decision": "edit", "content": " "}), "invalid_field"),
        (json!({"decision": "accept", "content": "x"}), "invalid_field"),
        (json!({"decision": "forget"}), "invalid_field"),
        (json!({"decision": "accept", "labels": true}), "unknown_field"),
    ] {
        hark.post(&path, body).await.is_problem(422, code);
    }
    hark.post("/v1/reviews/mem_none", json!({"decision": "accept"})).await.is_problem(404, "not_found");
    let accepted = hark.post(&path, json!({"decision": "accept"})).await.json;
    assert_eq!((&accepted["decision"], &accepted["forgotten"]), (&json!("accept"), &json!(0)));
    assert_eq!(waiting(&hark).await, Vec::<Value>::new());
    assert_eq!(hark.get("/v1/quality").await.json["reviewed"], 1);
    assert_eq!(hark.get("/v1/reviews/labels").await.json["items"], json!([]), "nothing leaves that was not released");

    let edit = json!({"decision": "edit", "content": "Lives in Rostock with three cats", "label": true});
    let edited = hark.post(&path, edit).await.json;
    assert_eq!(edited["memory"]["content"], "Lives in Rostock with three cats");
    assert!(edited["memory"]["corrected_at"].is_string());
    let labels = hark.get("/v1/reviews/labels").await.json["items"].clone();
    assert_eq!((&labels[0]["text"], &labels[0]["sector"]), (&edited["memory"]["content"], &json!("semantic")));
}

#[tokio::test]
async fn what_is_rejected_is_gone_and_a_repeated_delivery_does_not_bring_it_back() {
    let hark = Harness::default();
    let event = call("conv_1", "+4930111111", &["My yacht is blue.", "The parcel never arrived."]);
    hark.learn(&event).await;
    let learnt = hark.get("/v1/conversations/conv_1").await.json["memories"].clone();
    let yacht = learnt.as_array().unwrap().iter().find(|m| m["content"] == "My yacht is blue.").unwrap();
    let path = format!("/v1/reviews/{}", yacht["id"].as_str().unwrap());
    let rejected = hark.post(&path, json!({"decision": "reject"})).await.json;
    assert_eq!((&rejected["forgotten"], &rejected["memory"]), (&json!(1), &Value::Null));
    hark.deliver(&event).await;
    hark.work().await;
    let left = hark.get("/v1/conversations/conv_1").await.json["memories"].clone();
    assert_eq!(contents(&left), ["The parcel never arrived."]);
    hark.post(&path, json!({"decision": "reject"})).await.is_problem(404, "not_found");
}

#[tokio::test]
async fn several_sectors_may_be_asked_for_and_a_caller_shows_their_shares() {
    let hark = Harness::default();
    for (content, sector) in [
        ("The parcel is blue", "semantic"),
        ("The parcel came on Monday", "episodic"),
        ("Hates every parcel", "emotional"),
        ("Opens a parcel with a knife", "procedural"),
    ] {
        hark.post("/v1/memories", json!({"user_id": "crm-1", "content": content, "sector": sector})).await;
    }
    hark.work().await;
    for (asked, found) in [
        (json!(["semantic", "emotional"]), vec!["Hates every parcel", "The parcel is blue"]),
        (json!("procedural, episodic"), vec!["Opens a parcel with a knife", "The parcel came on Monday"]),
        (json!(["reflective"]), vec![]),
    ] {
        let answer = hark.ask(json!({"query": "the parcel", "user_id": "crm-1", "sectors": asked})).await;
        let mut all = contents(&answer["memories"]);
        all.sort_unstable();
        assert_eq!(all, found, "{asked}");
    }
    let user = hark.get("/v1/users/crm-1").await.json;
    assert_eq!(user["sectors"]["semantic"], 1);
    let shares = json!({"semantic": 0.25, "episodic": 0.25, "emotional": 0.25, "procedural": 0.25, "reflective": 0.0});
    assert_eq!(user["sector_shares"], shares);

    // What was said itself is an event: it answers where events are asked for, and nowhere else.
    hark.learn(&call("conv_1", "+4930111111", &["The parcel never arrived.", "What a parcel!"])).await;
    for (sectors, said) in [(json!(["semantic"]), false), (json!(["semantic", "episodic"]), true)] {
        let answer = hark.ask(json!({"query": "parcel", "conversation_id": "conv_1", "sectors": sectors})).await;
        assert_eq!(answer["memories"].as_array().is_some_and(|all| !all.is_empty()), said, "{answer}");
    }
}
