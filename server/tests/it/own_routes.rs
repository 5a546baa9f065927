//! `/v1`: strict, with errors that name the field.

use super::harness::{Harness, call};
use axum::http::Method;
use chrono::Duration;
use serde_json::{Value, json};

async fn memory(hark: &Harness, user_id: &str, content: &str) -> String {
    let made = hark.post("/v1/memories", json!({"user_id": user_id, "content": content})).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    made.json["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_memory_lives_from_writing_to_forgetting() {
    let hark = Harness::default();
    let made = hark
        .post(
            "/v1/memories",
            json!({"user_id": "crm-7", "content": " Prefers mornings. ", "sector": "procedural", "salience": 0.9,
                "occurred_at": "2026-01-31T10:00:00+01:00", "decay_rate": 0, "metadata": {"by": "import"},
                "source": {"conversation_id": "conv_x", "turns": [3, 4]}}),
        )
        .await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let path = format!("/v1/memories/{}", made.json["id"].as_str().unwrap());
    let read = hark.get(&path).await.json;
    assert_eq!(read, made.json);
    assert_eq!(read["content"], "Prefers mornings.");
    assert_eq!(
        (&read["sector"], &read["state"], &read["decay_rate"]),
        (&json!("procedural"), &json!("active"), &json!(0.0))
    );
    assert_eq!(read["occurred_at"], "2026-01-31T09:00:00Z");
    assert_eq!(read["source"], json!({"origin": "api", "conversation_id": "conv_x", "turns": [3, 4]}));
    assert_eq!(read["metadata"], json!({"by": "import"}));

    let patch = json!({"content": "Prefers evenings.", "decay_rate": null, "salience": 0.5});
    let changed = hark.call(Method::PATCH, &path, patch).await.json;
    assert_eq!((&changed["content"], &changed["decay_rate"]), (&json!("Prefers evenings."), &Value::Null));
    assert_eq!((&changed["sector"], &changed["metadata"]), (&read["sector"], &read["metadata"]));
    let found = hark.ask(json!({"query": "evenings", "user_id": "crm-7"})).await;
    assert_eq!(found["memories"][0]["content"], "Prefers evenings.");

    let before = changed["salience"].as_f64().unwrap();
    let stronger = hark.post(&format!("{path}/reinforce"), Value::Null).await.json["salience"].as_f64().unwrap();
    assert!(stronger > before, "{stronger} > {before}");
    assert_eq!(hark.post(&format!("{path}/restore"), Value::Null).await.json["state"], "active");

    assert_eq!(hark.call(Method::DELETE, &path, Value::Null).await.status.as_u16(), 204);
    hark.get(&path).await.is_problem(404, "not_found");
    hark.call(Method::DELETE, &path, Value::Null).await.is_problem(404, "not_found");
    assert_eq!(hark.ask(json!({"query": "evenings", "user_id": "crm-7"})).await["memories"], json!([]));
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_checked_before_anything_is_written() {
    let hark = Harness::default();
    let item = |user: &str, content: String| json!({"user_id": user, "content": content});
    let all: Vec<Value> = (0..1_000).map(|i| item(["a", "b", "c"][i % 3], format!("Fact number {i}."))).collect();
    let made = hark.post("/v1/memories/batch", json!({"memories": all})).await;
    assert_eq!(made.status.as_u16(), 201);
    let contents = made.contents();
    assert!(contents.iter().enumerate().all(|(i, c)| *c == format!("Fact number {i}.")) && contents.len() == 1_000);

    let too_many = vec![item("d", "x".to_owned()); 1_001];
    for memories in [json!([]), json!(too_many)] {
        hark.post("/v1/memories/batch", json!({"memories": memories})).await.is_problem(422, "invalid_field");
    }
    let bad = json!({"memories": [item("d", "Good.".to_owned()), item("e", String::new())]});
    assert_eq!(
        hark.post("/v1/memories/batch", bad).await.is_problem(422, "invalid_field").json["field"],
        "memories[1].content"
    );
    hark.get("/v1/users/d").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn wrong_input_names_the_field_and_repeats_nothing() {
    let hark = Harness::default();
    let base = || json!({"user_id": "crm-7", "content": "Likes tea."});
    for (change, code, field) in [
        (json!({"colour": 1}), "unknown_field", "colour"),
        (json!({"source": {"turn": 1}}), "unknown_field", "source.turn"),
        (json!({"salience": "very secret"}), "invalid_field", "salience"),
        (json!({"salience": 1.5}), "invalid_field", "salience"),
        (json!({"sector": "very secret"}), "invalid_field", "sector"),
        (json!({"occurred_at": "very secret"}), "invalid_field", "occurred_at"),
        (json!({"decay_rate": -1}), "invalid_field", "decay_rate"),
        (json!({"user_id": "  "}), "invalid_field", "user_id"),
        (json!({"content": "x".repeat(4_001)}), "invalid_field", "content"),
        (json!({"content": 5}), "invalid_field", "content"),
        (json!({"metadata": "very secret"}), "invalid_field", "metadata"),
    ] {
        let mut body = base();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = hark.post("/v1/memories", body).await;
        assert_eq!(answer.is_problem(422, code).json["field"], field, "{}", answer.text);
        assert!(!answer.text.contains("very secret"), "{}", answer.text);
    }
    assert_eq!(
        hark.post("/v1/memories", json!({"content": "x"})).await.is_problem(422, "missing_field").json["field"],
        "user_id"
    );
    for body in ["", "{", "Likes tea", "[\"crm-7\", \"Likes tea.\"]", &"[".repeat(100_000)] {
        hark.raw(Method::POST, "/v1/memories", body.to_owned()).await.is_problem(400, "invalid_json");
    }
    hark.raw(Method::POST, "/v1/memories", "x".repeat(9 << 20)).await.is_problem(413, "too_large");
    for path in [
        "/v1/users?limit=0",
        "/v1/users?limit=10000",
        "/v1/users?limit=few",
        "/v1/users?colour=1",
        "/v1/jobs?state=lost",
    ] {
        assert_eq!(hark.get(path).await.status.as_u16(), 422, "{path}");
    }
    hark.get("/v1/nothing").await.is_problem(404, "no_route");
    hark.call(Method::DELETE, "/v1/memories", Value::Null).await.is_problem(405, "wrong_method");
    for path in ["/v1/memories/mem_x", "/v1/memories/mem_x/links", "/v1/users/nobody", "/v1/conversations/conv_x"] {
        hark.get(path).await.is_problem(404, "not_found");
    }
}

#[tokio::test]
async fn links_are_made_seen_from_both_ends_and_removed() {
    let hark = Harness::default();
    let (a, b) = (memory(&hark, "crm-7", "Likes tea.").await, memory(&hark, "crm-7", "Owns a kettle.").await);
    let made = hark.post("/v1/links", json!({"from": a, "to": b, "weight": 0.5})).await;
    assert_eq!((made.status.as_u16(), &made.json["kind"]), (201, &json!("manual")));
    for (from, to) in [(&a, &b), (&b, &a)] {
        let links = hark.get(&format!("/v1/memories/{from}/links")).await.json;
        assert_eq!((&links["items"][0]["to"], &links["items"][0]["weight"]), (&json!(to), &json!(0.5)));
    }
    let other = memory(&hark, "crm-8", "Likes coffee.").await;
    for (body, code) in [
        (json!({"from": a, "to": other}), "invalid_field"),
        (json!({"from": a, "to": a}), "invalid_field"),
        (json!({"from": a, "to": b, "weight": 2}), "invalid_field"),
    ] {
        hark.post("/v1/links", body).await.is_problem(422, code);
    }
    let path = format!("/v1/links/{}", made.json["id"].as_str().unwrap());
    assert_eq!(hark.call(Method::DELETE, &path, Value::Null).await.status.as_u16(), 204);
    hark.call(Method::DELETE, &path, Value::Null).await.is_problem(404, "not_found");
    assert_eq!(hark.get(&format!("/v1/memories/{a}/links")).await.json["items"], json!([]));
}

#[tokio::test]
async fn people_are_listed_page_by_page_described_and_erased() {
    let hark = Harness::default();
    hark.learn(&call("conv_1", "+4930111111", &["The parcel never arrived."])).await;
    for user in ["crm-1", "crm-2"] {
        hark.later(Duration::minutes(1));
        memory(&hark, user, "Likes tea.").await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/users?limit=2".to_owned();
    loop {
        let page = hark.get(&path).await.json;
        seen.extend(page["items"].as_array().unwrap().iter().map(|u| u["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/users?limit=2&cursor={next}");
    }
    assert_eq!(seen.len(), 3);
    let caller = hark.get("/v1/conversations/conv_1").await.json["user_id"].as_str().unwrap().to_owned();
    assert!(seen.contains(&caller));
    let user = hark.get(&format!("/v1/users/{caller}")).await.json;
    assert_eq!(
        (&user["call_count"], &user["sectors"]["episodic"], &user["sectors"]["semantic"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert!(user["summary"].as_str().unwrap().contains("parcel"), "{user}");
    let listed = |query: &str| format!("/v1/users/{caller}/memories{query}");
    assert_eq!(hark.get(&listed("?sector=episodic&state=active")).await.contents(), ["The parcel never arrived."]);
    assert_eq!(hark.get(&listed("?sector=semantic")).await.json["items"], json!([]));

    let receipt = hark.call(Method::DELETE, &format!("/v1/users/{caller}"), Value::Null).await.json;
    assert_eq!((&receipt["memories"], &receipt["conversations"]), (&json!(1), &json!(1)));
    for path in [format!("/v1/users/{caller}"), "/v1/conversations/conv_1".to_owned()] {
        hark.get(&path).await.is_problem(404, "not_found");
    }
    assert_eq!(hark.ask(json!({"query": "parcel", "caller_id": "+4930111111"})).await["memories"], json!([]));
}

#[tokio::test]
async fn a_session_says_what_the_initiation_webhook_would_have_said() {
    let hark = Harness::default();
    memory(&hark, "crm-7", "Likes tea.").await;
    let session = hark.post("/v1/sessions", json!({"user_id": "crm-7"})).await;
    assert_eq!((session.status.as_u16(), &session.json["type"]), (200, &json!("conversation_initiation_client_data")));
    let variables = &session.json["dynamic_variables"];
    assert!(variables["memory_context"].as_str().unwrap().contains("tea"));
    assert_eq!(variables["memory_user_id"], hark.get("/v1/users/crm-7").await.json["id"]);
    hark.post("/v1/sessions", json!({"user_id": ""})).await.is_problem(422, "invalid_field");
    hark.post("/v1/sessions", json!({"user": "x"})).await.is_problem(422, "unknown_field");
}
