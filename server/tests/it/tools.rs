//! The agent's tools: lenient towards a language model, and an answer whatever breaks.

use super::harness::{Harness, KEY, call, contents, ringing};
use super::switches::{Fault, Part};
use axum::body::Body;
use axum::http::{Method, Request};
use chrono::Duration;
use serde_json::{Value, json};

const QUERY: &str = "/tools/memory-query";

/// A caller of whom three things are known.
async fn known() -> Harness {
    let hark = Harness::default();
    hark.post("/webhooks/conversation-initiation", ringing("conv_1", "+4930111111")).await;
    hark.learn(&call(
        "conv_1",
        "+4930111111",
        &["The parcel never arrived.", "I live in Rostock.", "Blue is my colour."],
    ))
    .await;
    hark
}

#[tokio::test]
async fn every_way_to_know_the_caller_leads_to_the_same_memory() {
    let hark = known().await;
    let ringing = hark.post("/webhooks/conversation-initiation", ringing("conv_2", "+4930111111")).await.json;
    let token = ringing["dynamic_variables"]["secret__memory_token"].as_str().unwrap();
    let user = ringing["user_id"].as_str().unwrap();
    for who in [
        json!({"conversation_id": "conv_2"}),
        json!({"user_id": user}),
        json!({"caller_id": "4930111111"}),
        json!({"memory_token": token}),
        json!({"parameters": {"user_id": user}, "tool_name": "memory_query"}),
        json!({"user_id": null, "caller_id": "", "conversation_id": "conv_1"}),
    ] {
        let mut body = json!({"query": "parcel"});
        body.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        let answer = hark.ask(body).await;
        assert_eq!(answer["user_id"], user, "{who}");
        assert_eq!(contents(&answer["memories"])[0], "The parcel never arrived.", "{who}");
    }
    let by_header = Request::post(QUERY).header("authorization", format!("Bearer {KEY}"));
    let by_header = by_header.header("x-memory-token", token).body(Body::from(r#"{"query":"parcel"}"#)).unwrap();
    assert_eq!(hark.send(by_header).await.json["user_id"], user);
}

#[tokio::test]
async fn an_answer_has_every_field_and_score_parts_only_when_asked() {
    let hark = known().await;
    let answer = hark.ask(json!({"query": "parcel", "conversation_id": "conv_1", "limit": "1", "agent_id": 7})).await;
    assert_eq!((&answer["mode"], &answer["degraded"]), (&json!("hybrid"), &json!(false)));
    assert_eq!(answer["degraded_reason"], Value::Null);
    assert!(answer["took_ms"].is_u64());
    assert!(answer["summary"].as_str().unwrap().contains("parcel"));
    let memory = &answer["memories"][0];
    assert_eq!(answer["memories"].as_array().unwrap().len(), 1);
    assert!(memory["id"].as_str().unwrap().starts_with("mem_"));
    assert_eq!(memory["source"], json!({"conversation_id": "conv_1", "turns": [1]}));
    assert_eq!(
        (&memory["sector"], &memory["via"], &memory["evidence"]),
        (&json!("episodic"), &json!("direct"), &Value::Null)
    );
    assert_eq!((memory.get("score_parts"), &memory["metadata"]), (None, &json!({})));
    for name in ["score", "salience"] {
        assert!((0.0..=1.0).contains(&memory[name].as_f64().unwrap()), "{name}");
    }
    let explained = hark.ask(json!({"query": "parcel", "conversation_id": "conv_1", "explain": "true"})).await;
    for part in ["similarity", "keyword", "salience", "recency", "link"] {
        assert!(explained["memories"][0]["score_parts"][part].is_number(), "{part}");
    }
}

#[tokio::test]
async fn what_the_conversation_is_bound_to_outranks_what_is_said_about_the_user() {
    let hark = known().await;
    hark.post("/v1/memories", json!({"user_id": "victim", "content": "The parcel of the victim is gold."})).await;
    let answer = hark.ask(json!({"query": "parcel", "conversation_id": "conv_1", "user_id": "victim"})).await;
    assert_eq!(contents(&answer["memories"])[0], "The parcel never arrived.");
    assert!(!answer.to_string().contains("gold"));
    assert!(hark.get("/metrics").await.text.contains("hark_identity_mismatch_total"));
}

#[tokio::test]
async fn a_token_binds_the_conversation_outranks_a_user_id_and_expires() {
    let hark = known().await;
    let session = hark.post("/v1/sessions", json!({"user_id": "crm-7"})).await.json;
    let token = session["dynamic_variables"]["secret__memory_token"].clone();
    hark.post("/v1/memories", json!({"user_id": "crm-7", "content": "The parcel is at the neighbour."})).await;
    let body =
        json!({"query": "parcel", "conversation_id": "conv_web", "memory_token": token, "user_id": "usr_forged"});
    assert_eq!(contents(&hark.ask(body).await["memories"]), ["The parcel is at the neighbour."]);
    let bound = hark.ask(json!({"query": "parcel", "conversation_id": "conv_web"})).await;
    assert_eq!(bound["user_id"], session["user_id"]);
    hark.later(Duration::hours(4));
    for token in [token, json!("<REDACTED>"), json!("v1.00.00")] {
        let stale = hark.ask(json!({"query": "parcel", "memory_token": token})).await;
        assert_eq!((&stale["user_id"], contents(&stale["memories"]).len()), (&Value::Null, 0));
    }
}

#[tokio::test]
async fn nobody_nothing_and_senseless_questions_have_a_speakable_answer() {
    let hark = known().await;
    let huge = "parcel ".repeat(15_000);
    for body in [
        json!({"query": "parcel"}),
        json!({"query": "parcel", "user_id": "stranger"}),
        json!({"query": "parcel", "conversation_id": "conv_unseen", "caller_id": "anonymous"}),
        json!({"query": "", "conversation_id": "conv_1"}),
        json!({"query": null, "conversation_id": "conv_1"}),
        json!({"query": "🎉🎉", "conversation_id": "conv_1"}),
        json!({"query": "?!…", "conversation_id": "conv_1"}),
    ] {
        let answer = hark.ask(body.clone()).await;
        assert_eq!(answer["memories"], json!([]), "{body}");
        assert!(answer["summary"].as_str().unwrap().len() > 10, "{body}");
        assert_eq!(answer["degraded"], false, "{body}");
    }
    let answer = hark.ask(json!({"search_query": huge, "conversation_id": "conv_1"})).await;
    assert_eq!(contents(&answer["memories"])[0], "The parcel never arrived.");
}

#[tokio::test]
async fn limits_are_brought_into_bounds_and_misuse_is_named() {
    let hark = known().await;
    for (limit, most) in [(json!(0), 1), (json!(10_000), 3), (json!("2"), 2), (json!("many"), 3), (json!(-1), 1)] {
        let answer = hark
            .ask(json!({"query": "the parcel in Rostock is blue", "conversation_id": "conv_1", "limit": limit}))
            .await;
        assert!((1..=most).contains(&contents(&answer["memories"]).len()), "{limit}: {answer}");
    }
    let misuse = [
        (json!({"query": "x", "sector": "facts"}), "invalid_sector", "sector"),
        (json!({"query": "x", "sector_type": "facts"}), "invalid_sector", "sector"),
        (json!({"query": "x", "as_of": "last week"}), "invalid_field", "as_of"),
        (json!({"conversation_id": "conv_1"}), "missing_field", "query"),
    ];
    for (body, code, field) in misuse {
        assert_eq!(hark.post(QUERY, body).await.is_problem(422, code).json["field"], field);
    }
    for body in ["", "[]", "parcel", "{\"query\":", &"[".repeat(100_000)] {
        hark.raw(Method::POST, QUERY, body.to_owned()).await.is_problem(400, "invalid_json");
    }
    hark.raw(Method::POST, QUERY, "x".repeat(300 << 10)).await.is_problem(413, "too_large");
}

#[tokio::test]
async fn only_the_sector_asked_for_is_searched_and_the_past_is_the_past() {
    let hark = known().await;
    hark.later(Duration::days(2));
    hark.post("/v1/memories", json!({"user_id": "crm-7", "content": "The parcel is lost."})).await;
    let none = hark.ask(json!({"query": "parcel", "conversation_id": "conv_1", "sector": "emotional"})).await;
    assert_eq!(none["memories"], json!([]));
    let ask = |as_of: &str| json!({"query": "parcel", "user_id": "crm-7", "as_of": as_of});
    assert_eq!(hark.ask(ask("2026-11-23")).await["memories"], json!([]));
    assert_eq!(contents(&hark.ask(ask("2026-11-24")).await["memories"]), ["The parcel is lost."]);
}

#[tokio::test(start_paused = true)]
async fn what_breaks_is_never_an_error_for_a_caller_on_the_line() {
    let hark = known().await;
    let body = json!({"query": "parcel", "conversation_id": "conv_1"});
    hark.switches.set(Part::Embedder, Fault::Down);
    let words = hark.ask(body.clone()).await;
    assert_eq!((&words["mode"], &words["degraded"]), (&json!("keyword"), &json!(true)));
    assert!(words["degraded_reason"].is_string());
    assert_eq!(contents(&words["memories"])[0], "The parcel never arrived.");
    for fault in [Fault::Down, Fault::Hangs, Fault::Panics] {
        hark.switches.set(Part::Truth, fault);
        let answer = hark.ask(body.clone()).await;
        assert_eq!(answer["summary"], "memory is unavailable right now", "{fault:?}");
        assert_eq!((&answer["memories"], &answer["degraded"]), (&json!([]), &json!(true)));
        let remembered = hark.post("/tools/remember", json!({"content": "x y", "conversation_id": "conv_1"})).await;
        assert_eq!((remembered.status.as_u16(), &remembered.json["status"]), (200, &json!("unavailable")), "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_remembered_during_the_call_is_found_in_the_next_turn() {
    let hark = known().await;
    let body = json!({"content": "Wants to be called Sam.", "conversation_id": "conv_1", "sector": "semantic"});
    let remembered = hark.post("/tools/remember", body).await.json;
    assert_eq!(remembered["status"], "remembered");
    let answer = hark.ask(json!({"query": "called Sam", "conversation_id": "conv_1", "limit": 1})).await;
    assert_eq!(answer["memories"][0]["id"], remembered["id"]);
    assert_eq!(answer["user_id"], remembered["user_id"]);

    let nobody = hark.post("/tools/remember", json!({"content": "Wants to be called Sam."})).await;
    assert_eq!((nobody.status.as_u16(), &nobody.json["status"]), (200, &json!("ignored")));
    let stranger = hark.post("/tools/remember", json!({"content": "Likes tea.", "user_id": "web-1"})).await.json;
    assert_eq!(stranger["user_id"], hark.get("/v1/users/web-1").await.json["id"]);
    for empty in [json!({}), json!({"content": " "}), json!({"content": null})] {
        hark.post("/tools/remember", empty).await.is_problem(422, "missing_field");
    }
    hark.post("/tools/remember", json!({"content": "x", "user_id": "web-1", "sector": "y"}))
        .await
        .is_problem(422, "invalid_sector");
}
