//! What is older than it is kept goes by the schedule, and the routes tell nothing of it before.

use super::harness::{Harness, call};
use super::switches::{Fault, Part};
use chrono::{DateTime, Duration};
use hark_core::privacy::{Period, RetentionConfig, held_by_a_leap};
use hark_server::app::WorkerSettings;
use hark_server::worker::Worker;
use serde_json::json;
use tokio_util::sync::CancellationToken;

const NUMBER: &str = "+14155550123";
const SAID: &[&str] = &["I keep bees on the roof.", "The ladder is made of ash wood."];

#[tokio::test(start_paused = true)]
async fn the_schedule_removes_what_is_too_old_and_says_so_without_naming_anybody() {
    let hark = Harness::retaining(RetentionConfig { transcripts_days: Period::Days(30), ..RetentionConfig::default() });
    let event = call("conv_1", NUMBER, SAID);
    hark.clock.set(DateTime::from_timestamp(1_795_341_730, 0).unwrap());
    hark.learn(&event).await;
    let user = hark.get("/v1/users").await.json["items"][0]["id"].as_str().unwrap().to_owned();
    let memories = async || hark.get(&format!("/v1/users/{user}/memories")).await.contents().len();
    let known = memories().await;
    assert!(known > 0);
    let export = async || hark.get(&format!("/v1/users/{user}/export")).await.json;
    assert!(export().await["conversations"][0]["transcript"].is_object());

    let cancel = CancellationToken::new();
    let worker = tokio::spawn(Worker::new(hark.app.clone(), WorkerSettings::default()).run(cancel.clone()));
    hark.later(Duration::days(31));
    // Not removed yet, and told to nobody all the same.
    assert!(export().await["conversations"][0]["transcript"].is_null());
    let answer = hark.ask(json!({"query": "what is the ladder made of", "user_id": user})).await;
    let turns =
        answer["memories"].as_array().unwrap().iter().filter(|hit| hit["via"] == "turn" || !hit["evidence"].is_null());
    assert_eq!(turns.count(), 0, "{answer}");
    let never = std::future::pending::<()>();
    tokio::time::timeout(std::time::Duration::from_secs(61), never).await.unwrap_err();
    let kept = hark.app.engine.memory.conversation(hark.app.default_tenant(), &"conv_1".into()).await.unwrap().unwrap();
    assert!(kept.transcript.is_none() && kept.extraction.is_none());
    cancel.cancel();
    worker.await.unwrap();

    // Delivered again, it is taken as new, and nothing comes of it.
    assert_eq!(hark.deliver(&event).await.json["status"], "accepted");
    hark.work().await;
    assert_eq!(memories().await, known);
    assert_eq!(hark.get(&format!("/v1/users/{user}")).await.json["call_count"], 1);

    let log = hark.get("/v1/audit?actor=schedule").await.json["items"].clone();
    assert_eq!(log.as_array().map(Vec::len), Some(1), "{log}");
    let line = &log[0];
    assert_eq!(
        (&line["route"], &line["action"], &line["object"]),
        (&json!("retention"), &json!("change"), &json!("transcripts=30 events=30"),)
    );
    let metrics = hark.get("/metrics").await.text;
    let counted: Vec<&str> = metrics.lines().filter(|line| line.starts_with("hark_expired_total{")).collect();
    for kind in ["transcripts", "events"] {
        assert!(
            counted.iter().any(|line| line.starts_with(&format!("hark_expired_total{{kind=\"{kind}\"}}"))),
            "{counted:?}"
        );
    }
}

/// The schedule's own minute, and its hour.
async fn pass(time: std::time::Duration) {
    tokio::time::timeout(time, std::future::pending::<()>()).await.expect_err("it never comes");
}

#[tokio::test(start_paused = true)]
async fn a_clock_a_year_ahead_removes_nothing_until_it_has_stood_for_a_day() {
    let (minute, hours) = (std::time::Duration::from_secs(61), std::time::Duration::from_secs(7_300));
    let hark = Harness::retaining(RetentionConfig { transcripts_days: Period::Days(30), ..RetentionConfig::default() });
    hark.clock.set(DateTime::from_timestamp(1_795_341_730, 0).unwrap());
    hark.learn(&call("conv_1", NUMBER, SAID)).await;
    hark.post("/webhooks/conversation-initiation", super::harness::ringing("conv_1", NUMBER)).await;
    let user = hark.get("/v1/users").await.json["items"][0]["id"].as_str().unwrap().to_owned();
    let tenant = hark.app.default_tenant().clone();
    let kept = async || {
        let call = hark.app.engine.memory.conversation(&tenant, &"conv_1".into()).await.unwrap().unwrap();
        let memories = hark.get(&format!("/v1/users/{user}/memories")).await.contents().len();
        (call.transcript.is_some(), memories > 0)
    };
    let leapt = async || {
        let metrics = hark.get("/metrics").await.text;
        metrics.lines().any(|line| line.starts_with("hark_clock_leapt 1"))
    };
    let cancel = CancellationToken::new();
    let worker = tokio::spawn(Worker::new(hark.app.clone(), WorkerSettings::default()).run(cancel.clone()));
    pass(minute).await;
    assert!(!leapt().await);

    hark.later(Duration::days(365));
    pass(hours).await;
    assert!(leapt().await);
    hark.later(Duration::days(-365));
    pass(hours).await;
    assert_eq!((kept().await, leapt().await), ((true, true), false));
    let receipts = hark.get("/v1/conversations/conv_1").await.json["receipts"].clone();
    assert_eq!(receipts.as_array().map(Vec::len), Some(1), "{receipts}");

    // Ahead for good, or the server was away for so long: after a day it is believed.
    hark.later(Duration::days(60));
    pass(minute).await;
    assert_eq!((kept().await, leapt().await), ((true, true), true));
    hark.later(Duration::hours(24));
    pass(minute).await;
    assert_eq!((kept().await, leapt().await), ((false, true), false));
    cancel.cancel();
    worker.await.unwrap();
}

/// A call that is being learnt from when the clock leaps is not taken for one that is over.
#[tokio::test]
async fn what_is_being_learnt_while_the_clock_leaps_is_learnt() {
    let hark = Harness::retaining(RetentionConfig { transcripts_days: Period::Days(30), ..RetentionConfig::default() });
    hark.clock.set(DateTime::from_timestamp(1_795_341_730, 0).unwrap());
    held_by_a_leap(&hark.app.engine).await.unwrap();
    hark.switches.set(Part::Extractor, Fault::Down);
    hark.deliver(&call("conv_1", NUMBER, SAID)).await;
    hark.work().await;
    assert_eq!(hark.get("/v1/conversations/conv_1").await.json["state"], "learning");
    hark.switches.mend(Part::Extractor);
    hark.later(Duration::days(365));
    hark.work().await;
    assert_eq!(hark.get("/v1/conversations/conv_1").await.json["state"], "learnt");
}
