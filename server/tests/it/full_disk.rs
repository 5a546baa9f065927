//! Truth and queue are read, but take no writes: the disk is full, or read-only. On paused time.

use super::harness::{Answer, Harness, call, ringing};
use super::switches::{Fault, Part};
use axum::body::Body;
use axum::http::Request;
use chrono::Duration as Span;
use hark_server::app::WorkerSettings;
use hark_server::worker::Worker;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const NUMBER: &str = "+4930111111";

fn fill(hark: &Harness) {
    for part in [Part::Truth, Part::Queue] {
        hark.switches.set(part, Fault::Full);
    }
}

fn make_room(hark: &Harness) {
    for part in [Part::Truth, Part::Queue] {
        hark.switches.mend(part);
    }
}

/// A caller of whom something is known, and a disk that is full.
async fn full() -> Harness {
    let hark = Harness::default();
    hark.learn(&call("conv_1", NUMBER, &["The parcel never arrived."])).await;
    fill(&hark);
    hark
}

#[track_caller]
fn names_the_reason(answer: &Answer) {
    answer.is_problem(503, "unavailable");
    assert_eq!(answer.headers["retry-after"], "5");
    let detail = answer.json["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("disk full") && detail.contains("incidents.md"), "{detail}");
}

async fn queue(hark: &Harness) -> Value {
    hark.get("/v1/queue").await.json
}

#[tokio::test(start_paused = true)]
async fn who_is_known_is_greeted_and_answered_and_what_would_be_written_is_refused_with_the_reason() {
    let hark = full().await;
    let told = hark.post("/webhooks/conversation-initiation", ringing("conv_2", NUMBER)).await;
    assert_eq!(told.status.as_u16(), 200);
    let variables = &told.json["dynamic_variables"];
    assert_eq!(variables["memory_is_returning"], true, "{variables}");
    assert!(variables["memory_context"].as_str().unwrap().contains("parcel"), "{variables}");
    let stranger = hark.post("/webhooks/conversation-initiation", ringing("conv_3", "+4930222222")).await;
    assert_eq!((stranger.status.as_u16(), &stranger.json["dynamic_variables"]["memory_user_id"]), (200, &json!("")));

    let begun = Instant::now();
    let token = variables["secret__memory_token"].as_str().unwrap();
    for who in [json!({"caller_id": NUMBER}), json!({"conversation_id": "conv_2", "memory_token": token})] {
        let mut question = json!({"query": "parcel"});
        question.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        let answer = hark.ask(question).await;
        assert_eq!((&answer["degraded"], answer["memories"].as_array().unwrap().len()), (&json!(false), 1), "{answer}");
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);

    let event = call("conv_2", NUMBER, &["It is here now."]);
    names_the_reason(&hark.deliver(&event).await);
    names_the_reason(&hark.post("/v1/memories", json!({"user_id": "crm-1", "content": "Likes tea."})).await);
    let said = json!({"content": "Wants to be called Sam.", "caller_id": NUMBER});
    assert_eq!(hark.post("/tools/remember", said).await.json["status"], "unavailable");

    make_room(&hark);
    assert_eq!(queue(&hark).await["pending"], 0, "nothing was half kept");
    assert_eq!(hark.deliver(&event).await.json["status"], "accepted");
    assert!(hark.work().await > 0);
    assert_eq!(hark.get("/v1/conversations/conv_2").await.json["state"], "learnt");
    assert_eq!(hark.get("/v1/users").await.json["items"].as_array().unwrap().len(), 1, "no stranger was made");
}

#[tokio::test]
async fn readiness_says_why_and_stays_open_for_what_is_read() {
    let hark = full().await;
    let ready = || hark.send(Request::get("/health/ready").body(Body::empty()).unwrap());
    let unwell = ready().await;
    assert_eq!((unwell.status.as_u16(), &unwell.json["status"]), (200, &json!("degraded")));
    for role in ["memory", "jobs"] {
        let health = &unwell.json["roles"][role];
        assert_eq!((&health["status"], &health["detail"]), (&json!("unwritable"), &json!("disk full")), "{health}");
    }
    make_room(&hark);
    let well = ready().await;
    assert_eq!((&well.json["status"], well.json["roles"]["memory"].get("detail")), (&json!("ready"), None));
}

#[tokio::test]
async fn a_weekend_of_it_costs_no_job_an_attempt() {
    let hark = Harness::default();
    hark.deliver(&call("conv_1", NUMBER, &["The parcel never arrived."])).await;
    hark.switches.set(Part::Truth, Fault::Full);
    for _ in 0..100 {
        hark.work().await;
        hark.later(Span::minutes(30));
    }
    let job = hark.get("/v1/jobs").await.json["items"][0].clone();
    assert_eq!((&job["state"], &job["attempts"]), (&json!("retrying"), &json!(0)), "{job}");
    assert!(job["last_error"].as_str().unwrap().contains("disk full"), "{job}");
    make_room(&hark);
    assert!(hark.work().await > 0);
    assert_eq!(hark.get("/v1/conversations/conv_1").await.json["state"], "learnt");
}

/// The disk fills up while a job runs: what became of it is written as soon as there is room, and it is not done again.
#[tokio::test(start_paused = true)]
async fn what_became_of_a_job_is_written_when_there_is_room_and_nothing_is_begun_before() {
    let hark = Harness::default();
    hark.switches.set(Part::Extractor, Fault::Slow(Duration::from_secs(2)));
    hark.deliver(&call("conv_1", NUMBER, &["The parcel never arrived."])).await;
    let cancel = CancellationToken::new();
    let running = tokio::spawn(Worker::new(hark.app.clone(), WorkerSettings::default()).run(cancel.clone()));
    while hark.extractor.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    hark.switches.set(Part::Queue, Fault::Full);
    while hark.get("/v1/conversations/conv_1").await.json["state"] != "learnt" {
        tokio::time::advance(Duration::from_millis(500)).await;
    }
    tokio::time::advance(Duration::from_secs(20)).await;
    let job = hark.get("/v1/jobs").await.json["items"][0].clone();
    assert_eq!((&job["state"], &job["attempts"]), (&json!("running"), &json!(1)), "{job}");
    hark.switches.mend(Part::Queue);
    while queue(&hark).await["running"] != 0 || queue(&hark).await["pending"] != 0 {
        tokio::time::advance(Duration::from_millis(500)).await;
    }
    assert_eq!(hark.extractor.asked.load(Ordering::SeqCst), 1, "it was done once");
    assert_eq!(hark.get("/v1/users").await.json["items"][0]["call_count"], 1);
    cancel.cancel();
    running.await.unwrap();
}

/// A shutdown does not wait for room either.
#[tokio::test(start_paused = true)]
async fn a_job_that_cannot_be_settled_holds_no_shutdown_beyond_its_limit() {
    let hark = Harness::default();
    hark.deliver(&call("conv_1", NUMBER, &["The parcel never arrived."])).await;
    hark.switches.set(Part::Extractor, Fault::Slow(Duration::from_secs(2)));
    let settings = WorkerSettings::default();
    let drain = settings.drain;
    let cancel = CancellationToken::new();
    let running = tokio::spawn(Worker::new(hark.app.clone(), settings).run(cancel.clone()));
    while hark.extractor.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    fill(&hark);
    cancel.cancel();
    let begun = Instant::now();
    running.await.unwrap();
    assert!(begun.elapsed() <= drain + Duration::from_secs(1), "{:?}", begun.elapsed());
    make_room(&hark);
    hark.switches.mend(Part::Extractor);
    hark.later(Span::minutes(5));
    assert!(hark.work().await > 0, "its lease ran out");
    assert_eq!(hark.get("/v1/conversations/conv_1").await.json["state"], "learnt");
}
