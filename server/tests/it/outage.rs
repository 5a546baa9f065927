//! The embedder is away for a while: nobody waits, nothing is lost, everybody can see it. On paused time.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use super::harness::{Harness, call, contents};
use super::switches::{Fault, Part};
use axum::body::Body;
use axum::http::Request;
use chrono::Duration as Span;
use hark_core::layer::BreakerState;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

const BUDGET_AND_SLACK: Duration = Duration::from_millis(400 + 50);

fn question() -> Value {
    json!({"query": "parcel", "caller_id": "+4930111111"})
}

/// A caller of whom something is known.
async fn known() -> Harness {
    let hark = Harness::default();
    hark.learn(&call("conv_1", "+4930111111", &["The parcel never arrived."])).await;
    hark
}

/// Asks, and asserts that the answer was there in time.
async fn ask(hark: &Harness) -> (Value, Duration) {
    let begun = Instant::now();
    let answer = hark.ask(question()).await;
    assert!(begun.elapsed() <= BUDGET_AND_SLACK, "{:?}: {answer}", begun.elapsed());
    (answer, begun.elapsed())
}

async fn ready(hark: &Harness) -> Value {
    hark.send(Request::get("/health/ready").body(Body::empty()).unwrap()).await.json
}

async fn queue(hark: &Harness) -> Value {
    hark.get("/v1/queue").await.json
}

fn breaker(hark: &Harness) -> BreakerState {
    hark.app.breaker("letters").unwrap().snapshot().state
}

/// Lets time pass for the queue and for the breaker.
async fn later(hark: &Harness, secs: u64) {
    hark.later(Span::seconds(secs as i64));
    tokio::time::advance(Duration::from_secs(secs)).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_hangs_a_question_is_answered_within_the_budget() {
    let hark = known().await;
    for (part, reason) in [(Part::Embedder, "embedding_late"), (Part::Truth, "timeout")] {
        hark.switches.set(part, Fault::Hangs);
        let (answer, _) = ask(&hark).await;
        assert_eq!((&answer["mode"], &answer["degraded"]), (&json!("keyword"), &json!(true)), "{part:?}");
        assert_eq!(answer["degraded_reason"], reason);
        hark.switches.mend(part);
        let metrics = hark.get("/metrics").await.text;
        assert!(metrics.contains(&format!("hark_recall_degraded_total{{reason=\"{reason}\"}}")), "{metrics}");
    }
    assert_eq!(ask(&hark).await.0["degraded"], false);
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_is_left_alone_after_five_questions_seen_by_operators_and_found_again() {
    let hark = known().await;
    hark.switches.set(Part::Embedder, Fault::Hangs);
    for _ in 0..5 {
        assert_eq!(ask(&hark).await.0["degraded_reason"], "embedding_late");
    }
    let (answer, took) = ask(&hark).await;
    assert_eq!((&answer["degraded_reason"], took), (&json!("breaker_open"), Duration::ZERO));
    assert_eq!(contents(&answer["memories"]), ["The parcel never arrived."]);

    let checked = hark.embedding.checked.load(Ordering::SeqCst);
    let unwell = ready(&hark).await;
    assert_eq!(unwell["status"], "degraded");
    assert_eq!(
        unwell["roles"]["embedder"],
        json!({"backend": "letters", "kind": "fake", "status": "unavailable", "breaker": "open"})
    );
    assert_eq!(hark.embedding.checked.load(Ordering::SeqCst), checked, "an open breaker is answer enough");
    let backend = hark.get("/v1/backends").await.json["items"][0].clone();
    assert_eq!(
        (&backend["name"], &backend["kind"], &backend["roles"]),
        (&json!("letters"), &json!("fake"), &json!(["embedder"]))
    );
    assert_eq!((&backend["embedding_model"], &backend["embedding_width"]), (&json!("letters"), &json!(32)));
    let state = &backend["breaker"];
    assert_eq!((&state["state"], &state["health"], &state["opened"]), (&json!("open"), &json!("down"), &json!(1)));
    assert_eq!((&state["last_error"], &state["consecutive_failures"]), (&json!("timeout"), &json!(5)));
    assert_eq!(state["next_probe_in_ms"], 5_000);
    let metrics = hark.get("/metrics").await.text;
    assert!(metrics.contains("hark_breaker_state{backend=\"letters\"} 2"), "{metrics}");
    assert!(
        metrics.contains("hark_model_requests_total{backend=\"letters\",part=\"embedder\",outcome=\"breaker_open\"}")
    );

    hark.switches.mend(Part::Embedder);
    assert_eq!(ask(&hark).await.0["degraded_reason"], "breaker_open");
    later(&hark, 5).await;
    assert_eq!(ready(&hark).await["roles"]["embedder"]["breaker"], "half_open");
    assert_eq!(hark.embedding.checked.load(Ordering::SeqCst), checked + 1, "now it may be asked");
    assert_eq!(ask(&hark).await.0["degraded"], false);
    let well = ready(&hark).await;
    assert_eq!((&well["status"], &well["roles"]["embedder"]["status"]), (&json!("ready"), &json!("ok")));
    assert_eq!(hark.embedding.checked.load(Ordering::SeqCst), checked + 1, "a model that has just answered is well");
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_close_a_breaker() {
    let hark = known().await;
    hark.switches.set(Part::Embedder, Fault::Down);
    for _ in 0..5 {
        ask(&hark).await;
    }
    hark.switches.mend(Part::Embedder);
    assert_eq!(breaker(&hark), BreakerState::Open);
    let reset = hark.post("/v1/backends/letters/reset", Value::Null).await;
    assert_eq!((reset.status.as_u16(), &reset.json["state"]), (200, &json!("closed")));
    assert_eq!(ask(&hark).await.0["degraded"], false);
    hark.post("/v1/backends/nobody/reset", Value::Null).await.is_problem(404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_while_the_provider_is_silent_is_found_by_its_words_and_embedded_later() {
    let hark = known().await;
    hark.switches.set(Part::Embedder, Fault::Hangs);
    let begun = Instant::now();
    let body = json!({"content": "Wants to be called Sam.", "conversation_id": "conv_1"});
    let remembered = hark.post("/tools/remember", body).await.json;
    assert_eq!(remembered["status"], "remembered");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let answer = hark.ask(json!({"query": "called Sam", "conversation_id": "conv_1"})).await;
    assert_eq!(contents(&answer["memories"])[0], "Wants to be called Sam.");
    assert!(hark.app.ingest.lag().await.unwrap().is_behind());
    hark.switches.mend(Part::Embedder);
    hark.work().await;
    assert!(!hark.app.ingest.lag().await.unwrap().is_behind());
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_a_day_buries_nothing_and_everything_is_embedded_within_a_minute_after_it() {
    let hark = known().await;
    hark.switches.set(Part::Embedder, Fault::Down);
    hark.deliver(&call("conv_2", "+4930111111", &["The replacement is blue."])).await;
    hark.deliver(&call("conv_3", "+4930111111", &["The invoice is wrong."])).await;
    hark.work().await;
    for _ in 0..288 {
        later(&hark, 300).await;
        hark.work().await;
        assert_eq!(queue(&hark).await["dead"], 0);
    }
    let jobs = hark.get("/v1/jobs?state=retrying").await.json["items"].clone();
    assert_eq!(jobs.as_array().unwrap().len(), 2);
    for job in jobs.as_array().unwrap() {
        assert_eq!((&job["name"], &job["attempts"]), (&json!("embed_memories"), &json!(0)), "{job}");
        assert!(job["last_error"].as_str().unwrap().len() > 10, "{job}");
    }
    let (answer, _) = ask(&hark).await;
    assert_eq!(answer["degraded_reason"], "breaker_open");
    assert_eq!(
        hark.ask(json!({"query": "invoice", "caller_id": "+4930111111"})).await["memories"].as_array().unwrap().len(),
        1
    );

    hark.switches.mend(Part::Embedder);
    // The breaker is open for a minute at the most, and what waits for it comes back a quarter later at the latest.
    later(&hark, 75).await;
    while hark.work().await > 0 {}
    later(&hark, 7).await;
    while hark.work().await > 0 {}
    assert!(!hark.app.ingest.lag().await.unwrap().is_behind());
    assert_eq!(queue(&hark).await["retrying"], 0);
    assert_eq!(ask(&hark).await.0["mode"], "hybrid");
}
