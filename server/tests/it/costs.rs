//! What models cost, as whoever pays sees it.

use super::harness::{Answer, Harness, KEY, call};
use super::switches::{Fault, Part};
use axum::body::Body;
use axum::http::Request;
use chrono::Duration;
use hark_core::cost::CostConfig;
use serde_json::{Value, json};

const MODEL: &str = "text-embedding-3-small";
const NUMBER: &str = "+14155550123";

async fn costs(hark: &Harness, query: &str) -> Value {
    let answer = hark.get(&format!("/v1/costs{query}")).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    answer.json
}

/// A call of two sentences of three words each, and a question of two words.
async fn paying(cost: &CostConfig) -> Harness {
    let hark = Harness::paying(MODEL, cost);
    hark.learn(&call("conv_1", NUMBER, &["I like tea", "I have cats"])).await;
    hark
}

async fn ask(hark: &Harness, query: &str) -> Value {
    hark.ask(json!({"query": query, "caller_id": NUMBER, "conversation_id": "conv_2", "agent_id": "agent_2"})).await
}

#[tokio::test]
async fn what_was_spent_is_told_by_day_agent_purpose_model_and_conversation() {
    let hark = paying(&CostConfig::default()).await;
    assert_eq!(ask(&hark, "which drink").await["degraded"], false);
    let embedding = json!({"calls": 2, "input_tokens": 8, "output_tokens": 0, "cost": 0.000_000_16, "unpriced": false});
    let grouped = |name: Value, calls: u64, tokens: u64, cost: f64| {
        json!({"group": name, "calls": calls, "input_tokens": tokens, "output_tokens": 0, "cost": cost,
            "unpriced": false})
    };
    let all = |name: &str| json!([grouped(json!(name), 2, 8, 0.000_000_16)]);
    let two = |first: &str, second: &str| {
        json!([grouped(json!(first), 1, 6, 0.000_000_12), grouped(json!(second), 1, 2, 0.000_000_04)])
    };
    for (by, items) in [
        ("day", all("2026-11-22")),
        ("spend", all("embedding")),
        ("model", all(MODEL)),
        ("agent", two("agent_1", "agent_2")),
        ("conversation", two("conv_1", "conv_2")),
    ] {
        let told = costs(&hark, &format!("?group_by={by}")).await;
        assert_eq!((&told["group_by"], &told["items"], &told["total"]), (&json!(by), &items, &embedding), "{told}");
        assert_eq!((&told["currency"], &told["left_out"]), (&json!("USD"), &json!(0)));
        assert_eq!((&told["from"], &told["to"]), (&json!("2026-11-01"), &json!("2026-11-22")));
    }
    assert_eq!(costs(&hark, "").await["group_by"], "day");

    let conversation = hark.get("/v1/conversations/conv_1").await.json;
    assert_eq!(conversation["costs"]["currency"], "USD");
    assert_eq!(conversation["costs"]["by_spend"], json!([grouped(json!("embedding"), 1, 6, 0.000_000_12)]));
    assert_eq!(conversation["costs"]["total"]["cost"], 0.000_000_12);
}

#[tokio::test]
async fn days_are_chosen_and_both_ends_count() {
    let hark = paying(&CostConfig::default()).await;
    hark.later(Duration::days(1));
    ask(&hark, "which drink").await;
    for (query, calls) in [
        ("?from=2026-11-22&to=2026-11-23", 2),
        ("?from=2026-11-23&to=2026-11-23", 1),
        ("?to=2026-11-22", 1),
        ("?from=2026-11-24&to=2026-11-24", 0),
        ("?from=2025-11-24", 2),
    ] {
        assert_eq!(costs(&hark, query).await["total"]["calls"], calls, "{query}");
    }
}

#[tokio::test]
async fn bad_questions_name_the_field() {
    let hark = Harness::default();
    for (query, code, field) in [
        ("?from=yesterday", "invalid_field", "from"),
        ("?to=2026-13-01", "invalid_field", "to"),
        ("?to=%2B262142-01-01", "invalid_field", "to"),
        ("?from=2026-11-23&to=2026-11-22", "invalid_field", "from"),
        ("?from=2024-11-22&to=2026-11-22", "invalid_field", "from"),
        ("?group_by=caller", "invalid_field", "group_by"),
        ("?until=2026-11-22", "unknown_field", "until"),
    ] {
        let answer: Answer = hark.get(&format!("/v1/costs{query}")).await;
        answer.is_problem(422, code);
        assert_eq!(answer.json["field"], field, "{query}: {}", answer.text);
    }
    let without_key = Request::get("/v1/costs").body(Body::empty()).unwrap();
    hark.send(without_key).await.is_problem(401, "key_missing");
}

#[tokio::test]
async fn a_used_up_budget_leaves_words_and_loses_nothing() {
    // Enough for the call, not for a question after it.
    let hark =
        paying(&CostConfig { daily_warn: Some(0.0), daily_stop: Some(0.000_000_12), ..CostConfig::default() }).await;
    let answer = ask(&hark, "like tea").await;
    assert_eq!((&answer["mode"], &answer["degraded"]), (&json!("keyword"), &json!(true)));
    assert!(answer["summary"].as_str().unwrap().contains("tea"), "{answer}");
    let body = json!({"content": "Likes milk too", "caller_id": NUMBER});
    assert_eq!(hark.post("/tools/remember", body).await.json["status"], "remembered");
    let budgets = costs(&hark, "").await["budgets"].clone();
    let day = json!({"period": "day", "spent": 0.000_000_12, "warn": 0.0, "stop": 0.000_000_12, "state": "stopped"});
    assert_eq!(budgets[0], day);
    assert_eq!((&budgets[1]["period"], &budgets[1]["state"]), (&json!("month"), &json!("ok")));
    assert!(hark.get("/metrics").await.text.contains("hark_cost_budget_ratio{period=\"day\"} 1\n"));

    hark.later(Duration::days(1));
    hark.work().await;
    assert_eq!(hark.app.engine.memory.pending_memories(9).await.unwrap(), [], "embedded when it may be paid again");
    assert_eq!(ask(&hark, "like tea").await["mode"], "hybrid");
}

#[tokio::test]
async fn costs_wait_for_a_truth_that_is_away_and_are_counted_once() {
    let hark = paying(&CostConfig::default()).await;
    hark.switches.set(Part::Truth, Fault::Down);
    hark.get("/v1/costs").await.is_problem(503, "unavailable");
    hark.app.engine.meter.flush().await.unwrap_err();
    hark.switches.mend(Part::Truth);
    for _ in 0..2 {
        assert_eq!(costs(&hark, "").await["total"]["calls"], 1);
    }
}

#[tokio::test]
async fn a_model_without_a_price_says_so() {
    let hark = Harness::paying("somebodys-model", &CostConfig { daily_stop: Some(0.0), ..CostConfig::default() });
    hark.learn(&call("conv_1", NUMBER, &["I like tea"])).await;
    assert_eq!(ask(&hark, "which drink").await["mode"], "hybrid", "what costs nothing is not stopped");
    let told = costs(&hark, "?group_by=model").await;
    assert_eq!((&told["items"][0]["unpriced"], &told["items"][0]["cost"]), (&json!(true), &json!(0.0)));
    assert_eq!(told["total"]["input_tokens"], 5);
}

#[tokio::test]
async fn a_local_model_costs_nothing() {
    let hark = Harness::default();
    hark.learn(&call("conv_1", NUMBER, &["I like tea"])).await;
    let told = costs(&hark, "").await;
    assert_eq!((&told["items"], &told["total"]["calls"]), (&json!([]), &json!(0)));
    assert_eq!(hark.get("/v1/conversations/conv_1").await.json["costs"]["by_spend"], json!([]));
}

#[tokio::test]
async fn the_metrics_count_tokens_money_and_what_was_remembered() {
    let hark = paying(&CostConfig::default()).await;
    for _ in 0..2 {
        ask(&hark, "which drink").await;
    }
    let metrics = hark.get("/metrics").await.text;
    for line in [
        format!("hark_model_tokens_total{{model=\"{MODEL}\",spend=\"embedding\",direction=\"input\"}} 8\n"),
        format!("hark_model_tokens_total{{model=\"{MODEL}\",spend=\"embedding\",direction=\"output\"}} 0\n"),
        format!("hark_model_cost_total{{model=\"{MODEL}\",spend=\"embedding\"}} 0.00000016\n"),
        "hark_embedding_cache_total{result=\"miss\"} 3\n".to_owned(),
        "hark_embedding_cache_total{result=\"memory\"} 1\n".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line} not in {metrics}");
    }
    for hidden in ["conv_1", "agent_1", "tea", NUMBER, KEY] {
        assert!(!metrics.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn an_erased_callers_conversations_are_no_longer_named() {
    let hark = paying(&CostConfig::default()).await;
    let user = hark.get("/v1/users").await.json["items"][0]["id"].as_str().unwrap().to_owned();
    let erased = hark.call(axum::http::Method::DELETE, &format!("/v1/users/{user}"), Value::Null).await;
    assert_eq!(erased.status.as_u16(), 200, "{}", erased.text);
    let told = costs(&hark, "?group_by=conversation").await;
    assert_eq!((&told["items"][0]["group"], &told["total"]["calls"]), (&Value::Null, &json!(1)));
    assert_eq!(told["items"].as_array().unwrap().len(), 1);
}
