//! `/v1/conflicts` and the history of a memory: what gave way, why, and how a person decides otherwise.

use super::harness::{Answer, Harness, call, contents, ringing};
use axum::http::Method;
use chrono::{DateTime, Duration};
use hark_core::ai::by_rules::{RuleJudge, Statement};
use hark_core::{Clock, MemoryKind};
use serde_json::{Value, json};

/// Written, a day after the last one, and reconciled.
async fn told(hark: &Harness, user_id: &str, content: &str) -> String {
    hark.later(Duration::days(1));
    let made = hark.post("/v1/memories", json!({"user_id": user_id, "content": content})).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    assert!(hark.work().await > 0);
    made.json["id"].as_str().expect("an id").to_owned()
}

async fn memory(hark: &Harness, id: &str) -> Value {
    hark.get(&format!("/v1/memories/{id}")).await.json
}

async fn resolve(hark: &Harness, id: &str, resolution: &str) -> Answer {
    hark.post(&format!("/v1/conflicts/{id}/resolve"), json!({"resolution": resolution})).await
}

async fn first_conflict(hark: &Harness, query: &str) -> Value {
    hark.get(&format!("/v1/conflicts{query}")).await.json["items"][0].clone()
}

#[tokio::test]
async fn a_wrong_supersession_is_seen_explained_and_undone_in_one_call() {
    let hark = Harness::default();
    let old = told(&hark, "crm-7", "Lives in Leeds.").await;
    let then = hark.clock.now() + Duration::hours(1);
    let new = told(&hark, "crm-7", "Has moved to York.").await;

    let (before, after) = (memory(&hark, &old).await, memory(&hark, &new).await);
    assert_eq!((&before["state"], &before["superseded_by"]), (&json!("superseded"), &json!(new)));
    assert_eq!(before["valid_to"], after["learnt_at"]);
    assert_eq!(
        (&after["state"], &after["valid_to"], &after["superseded_by"]),
        (&json!("active"), &Value::Null, &Value::Null)
    );
    let ask = async |as_of: Value| {
        hark.ask(json!({"query": "Leeds or York?", "user_id": "crm-7", "as_of": as_of})).await["memories"].clone()
    };
    assert_eq!(contents(&ask(Value::Null).await), ["Has moved to York."]);
    assert_eq!(contents(&ask(json!(then)).await), ["Lives in Leeds."]);

    let conflict = first_conflict(&hark, "?state=resolved&user_id=crm-7").await;
    assert_eq!(
        (&conflict["old"]["content"], &conflict["new"]["content"]),
        (&json!("Lives in Leeds."), &json!("Has moved to York."))
    );
    assert_eq!((&conflict["verdict"], &conflict["reason"]), (&json!("update"), &json!("newer_value")));
    assert_eq!((&conflict["judged_by"], &conflict["resolution"]), (&json!("rules"), &json!("superseded")));
    assert!(conflict["confidence"].as_f64().unwrap() >= 0.6);
    let id = conflict["id"].as_str().unwrap();
    for memory in [&old, &new] {
        let history = hark.get(&format!("/v1/memories/{memory}/history")).await.json;
        assert_eq!(contents(&history["items"]), ["Lives in Leeds.", "Has moved to York."]);
        assert_eq!(history["items"][0]["gave_way"]["conflict_id"], conflict["id"]);
        assert_eq!(history["items"][0]["gave_way"]["reason"], "newer_value");
        assert_eq!(history["items"][1]["gave_way"], Value::Null);
    }

    let undone = resolve(&hark, id, "undo").await;
    assert_eq!((undone.status.as_u16(), &undone.json["state"]), (200, &json!("undone")), "{}", undone.text);
    assert_eq!(undone.json["judged_by"], "person");
    let back = memory(&hark, &old).await;
    assert_eq!(
        (&back["state"], &back["valid_to"], &back["superseded_by"]),
        (&json!("active"), &Value::Null, &Value::Null)
    );
    assert_eq!(back["salience"], before["salience"]);
    assert_eq!(contents(&ask(Value::Null).await).len(), 2);
    assert_eq!(resolve(&hark, id, "undo").await.json, undone.json, "twice is the same as once");
    assert!(hark.work().await > 0, "the summary is written anew");
    assert_eq!(hark.get("/v1/conflicts?state=resolved").await.json["items"], json!([]));
    let metrics = hark.get("/metrics").await.text;
    assert!(metrics.contains("hark_conflicts_total{"), "{metrics}");
}

#[tokio::test]
async fn what_cannot_be_told_waits_and_a_person_decides() {
    let hark = Harness::default();
    let (old, new) =
        (told(&hark, "crm-7", "Name is Ruben Ferrer").await, told(&hark, "crm-7", "Name is Ines Okafor").await);
    let open = first_conflict(&hark, "?state=open").await;
    assert_eq!((&open["resolution"], &open["resolved_at"]), (&Value::Null, &Value::Null));
    let id = open["id"].as_str().unwrap();
    resolve(&hark, id, "undo").await.is_problem(409, "conflict");
    for (resolution, state_of_old, state_of_new, resolved) in [
        ("keep_new", "superseded", "active", "superseded"),
        ("keep_old", "active", "superseded", "superseded"),
        ("keep_both", "active", "active", "kept_both"),
    ] {
        let answer = resolve(&hark, id, resolution).await;
        assert_eq!(
            (&answer.json["state"], &answer.json["resolution"]),
            (&json!("resolved"), &json!(resolved)),
            "{}",
            answer.text
        );
        let states = (memory(&hark, &old).await["state"].clone(), memory(&hark, &new).await["state"].clone());
        assert_eq!(states, (json!(state_of_old), json!(state_of_new)), "{resolution}");
    }

    resolve(&hark, "cfl_none", "keep_new").await.is_problem(404, "not_found");
    assert_eq!(resolve(&hark, id, "burn").await.is_problem(422, "invalid_field").json["field"], "resolution");
    let path = format!("/v1/conflicts/{id}/resolve");
    hark.post(&path, json!({})).await.is_problem(422, "missing_field");
    hark.post(&path, json!({"resolution": "undo", "why": "x"})).await.is_problem(422, "unknown_field");
    hark.get("/v1/memories/mem_none/history").await.is_problem(404, "not_found");
    hark.get("/v1/conflicts?user_id=nobody").await.is_problem(404, "not_found");
    for query in ["?state=lost", "?limit=0", "?colour=blue", "?cursor=x"] {
        assert_eq!(hark.get(&format!("/v1/conflicts{query}")).await.status.as_u16(), 422, "{query}");
    }
    assert_eq!(hark.get("/v1/conflicts?cursor=x").await.is_problem(422, "invalid").json["field"], "cursor");
}

#[tokio::test]
async fn conflicts_are_paged_latest_first_and_go_with_their_people() {
    let hark = Harness::default();
    for user in ["crm-7", "crm-8"] {
        for content in ["Lives in Leeds.", "Has moved to York.", "Has moved to Hull."] {
            told(&hark, user, content).await;
        }
    }
    let mut met = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = hark.get(&format!("/v1/conflicts?limit=1{cursor}")).await.json;
        met.extend(page["items"].as_array().unwrap().iter().map(|c| c["new"]["content"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let each = [json!("Has moved to Hull."), json!("Has moved to York.")];
    assert_eq!(met, [&each[..], &each[..]].concat());
    assert_eq!(hark.get("/v1/conflicts?user_id=crm-8").await.json["items"].as_array().unwrap().len(), 2);

    let user = first_conflict(&hark, "?user_id=crm-8").await["user_id"].as_str().unwrap().to_owned();
    hark.call(Method::DELETE, &format!("/v1/users/{user}"), Value::Null).await;
    let left = hark.get("/v1/conflicts").await.json;
    assert!(left["items"].as_array().unwrap().iter().all(|c| c["user_id"] != json!(user)), "{left}");
    assert_eq!(left["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn calls_that_are_delivered_again_change_nothing_twice() {
    let hark = Harness::default();
    let number = "+14155550123";
    let calls = [
        call("conv_1", number, &["Lives in Leeds", "Is allergic to peanuts"]),
        call("conv_2", number, &["Has a peanut allergy"]),
    ];
    for event in &calls {
        hark.later(Duration::days(1));
        hark.learn(event).await;
    }
    let user = hark.get("/v1/conversations/conv_1").await.json["user_id"].as_str().unwrap().to_owned();
    let state = async || {
        let memories = hark.get(&format!("/v1/users/{user}/memories")).await.json;
        (memories, hark.get("/v1/conflicts").await.json)
    };
    let before = state().await;
    assert_eq!(before.1["items"][0]["resolution"], "reinforced");
    for event in &calls {
        assert_eq!(hark.deliver(event).await.json["status"], "duplicate");
    }
    hark.work().await;
    assert_eq!(state().await, before);
}

#[tokio::test]
async fn what_was_told_during_the_call_is_not_learnt_twice() {
    let hark = Harness::default();
    let number = "+14155550123";
    hark.post("/webhooks/conversation-initiation", ringing("conv_1", number)).await;
    let said = json!({"content": "Is allergic to peanuts", "conversation_id": "conv_1"});
    assert_eq!(hark.post("/tools/remember", said).await.json["status"], "remembered");
    let found = hark.ask(json!({"query": "peanuts?", "conversation_id": "conv_1"})).await;
    assert_eq!(contents(&found["memories"]), ["Is allergic to peanuts"]);
    hark.work().await;
    hark.learn(&call("conv_1", number, &["Is allergic to peanuts."])).await;
    let found = hark.ask(json!({"query": "peanuts?", "conversation_id": "conv_1"})).await;
    assert_eq!(contents(&found["memories"]), ["Is allergic to peanuts."], "one, with the turn it was said in");
    assert_eq!(found["memories"][0]["source"]["turns"], json!([1]));
}

/// The product's regular expressions know fewer classes of letters than those of core's own tests, where other crates
/// switch more on: every rule has to compile here.
#[test]
fn the_rules_compile_as_the_product_is_built() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/labelled/conflicts.json");
    let pairs: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(pairs.len() >= 120);
    for pair in &pairs {
        let [old, new] = ["old", "new"].map(|end| Statement {
            content: pair[end]["content"].as_str().unwrap(),
            kind: MemoryKind::Fact,
            slot: None,
            about: DateTime::UNIX_EPOCH,
            speaker: None,
        });
        assert!((0.0..=1.0).contains(&RuleJudge.judge(&old, &new).confidence));
        assert!(!RuleJudge.takes_back("Yes, on Friday."));
    }
}
