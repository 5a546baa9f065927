//! Durable work: retried with patience, buried in the end, and let start over by a person.

use super::harness::{Harness, call};
use super::switches::{Fault, Part};
use chrono::Duration;
use hark_core::backend::Backend;
use hark_core::crypt::{Keyring, Purpose, Vault};
use hark_core::ram::RamBackend;
use hark_core::store::{NewEvent, NewJob};
use hark_core::testkit::fixtures;
use hark_core::{Clock, RecallQuery, Scope, SystemEntropy};
use hark_server::app::WorkerSettings;
use hark_server::worker::Worker;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio_util::sync::CancellationToken;

fn event() -> Value {
    call("conv_1", "+4930111111", &["The parcel never arrived."])
}

async fn queue(hark: &Harness) -> Value {
    hark.get("/v1/queue").await.json
}

#[tokio::test]
async fn a_failing_job_is_tried_five_times_buried_and_redriven() {
    for fault in [Fault::Down, Fault::Panics] {
        let hark = Harness::default();
        hark.switches.set(Part::Extractor, fault);
        hark.deliver(&event()).await;
        for attempt in 1..=5 {
            assert_eq!(hark.work().await, 1, "attempt {attempt}");
            assert_eq!(hark.work().await, 0, "it waits before the next attempt");
            hark.later(Duration::minutes(10));
        }
        assert_eq!(hark.extractor.asked.load(Ordering::SeqCst), 5);
        assert_eq!((&queue(&hark).await["dead"], &queue(&hark).await["retrying"]), (&json!(1), &json!(0)));
        let dead = hark.get("/v1/jobs?state=dead").await.json["items"][0].clone();
        assert_eq!((&dead["name"], &dead["attempts"]), (&json!("ingest_conversation"), &json!(5)));
        let path = format!("/v1/jobs/{}/redrive", dead["id"].as_str().unwrap());

        hark.switches.mend(Part::Extractor);
        assert_eq!(hark.post(&path, Value::Null).await.json["state"], "pending");
        hark.post(&path, Value::Null).await.is_problem(409, "not_dead");
        assert!(hark.work().await >= 1);
        let all = queue(&hark).await;
        assert_eq!(all, json!({"pending": 0, "running": 0, "retrying": 0, "dead": 0, "oldest_pending_secs": 0}));
        assert_eq!(hark.get("/v1/users").await.json["items"][0]["call_count"], 1);
    }
}

#[tokio::test]
async fn waits_grow_between_attempts() {
    let hark = Harness::default();
    hark.switches.set(Part::Extractor, Fault::Down);
    hark.deliver(&event()).await;
    for (too_early, in_time) in [(1, 2), (9, 4), (59, 17), (299, 77)] {
        assert_eq!(hark.work().await, 1);
        hark.later(Duration::seconds(too_early));
        assert_eq!(hark.work().await, 0, "after {too_early} s");
        hark.later(Duration::seconds(in_time));
    }
    assert_eq!(hark.work().await, 1);
    assert_eq!(queue(&hark).await["dead"], 1);
}

#[tokio::test]
async fn while_the_embedder_is_away_words_are_found_and_vectors_come_later() {
    let hark = Harness::default();
    hark.switches.set(Part::Embedder, Fault::Down);
    hark.learn(&event()).await;
    let ask = json!({"query": "parcel", "caller_id": "+4930111111"});
    let degraded = hark.ask(ask.clone()).await;
    assert_eq!((&degraded["mode"], degraded["memories"].as_array().unwrap().len()), (&json!("keyword"), 1));
    assert_eq!(queue(&hark).await["retrying"], 1);
    hark.switches.mend(Part::Embedder);
    hark.later(Duration::minutes(1));
    assert!(hark.work().await >= 1);
    let whole = hark.ask(ask).await;
    assert_eq!((&whole["mode"], &whole["degraded"]), (&json!("hybrid"), &json!(false)));
    assert!(!hark.app.ingest.lag().await.unwrap().is_behind());
}

#[tokio::test]
async fn the_first_question_after_a_call_knows_what_its_turns_mean_unless_nobody_asks_here() {
    for answers in [true, false] {
        let mut hark = Harness::default();
        if !answers {
            hark.app = hark.app.clone().unasked();
            hark.worker = Worker::new(hark.app.clone(), WorkerSettings::default());
        }
        hark.learn(&call("conv_1", "+4930111111", &["The parcel never arrived.", "It rained.", "Fine."])).await;
        let user = hark.get("/v1/users").await.json["items"][0]["id"].as_str().unwrap().to_owned();
        let user = hark.app.people.by_reference(hark.app.default_tenant(), &user).await.unwrap().unwrap();
        let scope = Scope { tenant: hark.app.default_tenant().clone(), caller: user.id };
        let hits = hark.app.recall.ask(&scope, &RecallQuery::new("parcel")).await.unwrap().hits;
        let by_meaning = hits.iter().filter_map(|hit| hit.parts.turn).any(|turn| turn.similarity != 0.0);
        assert_eq!(by_meaning, answers, "{hits:?}");
    }
}

/// Somebody writes to a caller all day long, and is faster each time: no attempt is counted, nothing is buried, and once there is
/// a gap everything is decided, each pair once.
#[tokio::test]
async fn a_lost_race_is_no_failure_unless_it_lasts_longer_than_a_race_can() {
    let hark = Harness::default();
    hark.switches.set(Part::Truth, Fault::Outrun);
    for content in ["Lives in Leeds.", "Has moved to York."] {
        let told = hark.post("/v1/memories", json!({"user_id": "crm-1", "content": content})).await;
        assert_eq!(told.status.as_u16(), 201);
        hark.later(Duration::minutes(1));
    }
    let reconciling = async || {
        let jobs = hark.get("/v1/jobs").await.json["items"].clone();
        jobs.as_array().unwrap().iter().filter(|job| job["name"] == "reconcile_memories").cloned().collect::<Vec<_>>()
    };
    for _ in 0..90 {
        hark.work().await;
        hark.later(Duration::minutes(15));
    }
    for job in reconciling().await {
        assert_eq!((&job["state"], &job["attempts"]), (&json!("retrying"), &json!(0)), "{job}");
        assert!(job["last_error"].as_str().unwrap().contains("changed by somebody else"), "{job}");
    }
    assert_eq!(reconciling().await.len(), 2, "either may be the one to decide");
    assert_eq!(hark.get("/v1/conflicts").await.json["items"], json!([]));

    hark.switches.mend(Part::Truth);
    assert!(hark.work().await > 0);
    assert_eq!((reconciling().await, &queue(&hark).await["dead"]), (Vec::new(), &json!(0)));
    let decided = hark.get("/v1/conflicts").await.json["items"].clone();
    assert_eq!((decided.as_array().unwrap().len(), &decided[0]["resolution"]), (1, &json!("superseded")), "{decided}");

    // What loses races for more than a day is no race.
    hark.switches.set(Part::Truth, Fault::Outrun);
    hark.post("/v1/memories", json!({"user_id": "crm-1", "content": "Has moved to Hull."})).await;
    hark.work().await;
    hark.later(Duration::hours(25));
    for _ in 0..5 {
        assert_eq!(queue(&hark).await["dead"], 0);
        hark.work().await;
        hark.later(Duration::minutes(10));
    }
    assert_eq!(queue(&hark).await["dead"], 1);
}

#[tokio::test]
async fn what_no_attempt_can_mend_is_buried_at_once_with_its_reason() {
    let hark = Harness::default();
    let job = |name: &str, payload: Value| NewJob {
        tenant: hark.app.default_tenant().clone(),
        name: name.to_owned(),
        key: payload.to_string(),
        payload,
        run_at: hark.clock.now(),
    };
    let jobs = [
        job("ingest_conversation", json!({"event": 5})),
        job("link_memories", json!("nonsense")),
        job("from_the_future", json!({})),
    ];
    hark.app.engine.jobs.enqueue(&jobs, hark.clock.now()).await.unwrap();
    assert_eq!(hark.work().await, 3);
    let dead = hark.get("/v1/jobs?state=dead").await.json["items"].clone();
    for job in dead.as_array().unwrap() {
        assert_eq!(job["attempts"], 1, "{job}");
        assert!(job["last_error"].as_str().unwrap().len() > 10, "{job}");
    }
    assert_eq!(dead.as_array().unwrap().len(), 3);
    let gone = [job("ingest_conversation", json!({"event_id": "evt_erased"}))];
    hark.app.engine.jobs.enqueue(&gone, hark.clock.now()).await.unwrap();
    assert_eq!(hark.work().await, 1);
    assert_eq!(queue(&hark).await["dead"], 3, "an erased event is nothing to bury");
}

#[tokio::test(start_paused = true)]
async fn the_running_worker_takes_what_comes_and_ends_when_told() {
    let hark = Harness::default();
    let cancel = CancellationToken::new();
    let running = tokio::spawn(Worker::new(hark.app.clone(), WorkerSettings::default()).run(cancel.clone()));
    hark.deliver(&event()).await;
    while hark.get("/v1/conversations/conv_1").await.json["state"] != "learnt" {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_end_is_given_back_at_shutdown_as_if_never_started() {
    let hark = Harness::default();
    hark.switches.set(Part::Extractor, Fault::Hangs);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(Worker::new(hark.app.clone(), WorkerSettings::default()).run(cancel.clone()));
    hark.deliver(&event()).await;
    while hark.extractor.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(queue(&hark).await["running"], 1);
    cancel.cancel();
    running.await.unwrap();
    let job = hark.get("/v1/jobs").await.json["items"][0].clone();
    assert_eq!((&job["state"], &job["attempts"]), (&json!("pending"), &json!(0)));
    hark.switches.mend(Part::Extractor);
    assert!(hark.work().await >= 1);
    assert_eq!(hark.get("/v1/conversations/conv_1").await.json["state"], "learnt");
}

/// A process that takes jobs and is killed before it can say what became of them.
async fn killed_with(hark: &Harness, limit: usize, token: &str) -> usize {
    let now = hark.clock.now();
    hark.app.engine.jobs.lease(token, limit, now + Duration::seconds(60), now).await.expect("the queue answers").len()
}

/// A process that is killed again and again takes jobs with it that have done nothing wrong; their failures are counted apart.
#[tokio::test]
async fn processes_that_die_do_not_use_up_what_a_job_may_fail() {
    let hark = Harness::default();
    hark.deliver(&event()).await;
    hark.switches.set(Part::Extractor, Fault::Broken);
    for failure in 1..=4 {
        assert_eq!(killed_with(&hark, 4, &format!("process {failure}")).await, 1);
        hark.later(Duration::seconds(61));
        assert_eq!(hark.work().await, 1, "failure {failure}");
        hark.later(Duration::hours(1));
    }
    let waiting = hark.get("/v1/jobs").await.json["items"][0].clone();
    assert_eq!((&waiting["state"], &waiting["attempts"]), (&json!("retrying"), &json!(8)), "{waiting}");
    hark.switches.mend(Part::Extractor);
    assert!(hark.work().await >= 1);
    assert_eq!(hark.get("/v1/conversations/conv_1").await.json["state"], "learnt");
}

/// What brings the process down never says so: attempts are counted when they begin, and the twenty-first does not.
#[tokio::test]
async fn a_job_that_every_process_dies_on_is_buried_without_being_begun_again() {
    let hark = Harness::default();
    hark.deliver(&event()).await;
    for attempt in 1..=20 {
        assert_eq!(killed_with(&hark, 4, &format!("process {attempt}")).await, 1);
        hark.later(Duration::seconds(61));
    }
    assert_eq!(hark.work().await, 1);
    assert_eq!(hark.extractor.asked.load(Ordering::SeqCst), 0, "it was not begun");
    let dead = hark.get("/v1/jobs?state=dead").await.json["items"][0].clone();
    assert_eq!(dead["failures"][0]["kind"], "internal");
    assert!(dead["last_error"].as_str().unwrap().contains("killed"), "{dead}");

    let path = format!("/v1/jobs/{}/redrive", dead["id"].as_str().unwrap());
    hark.post(&path, Value::Null).await;
    assert!(hark.work().await >= 1, "a person may think otherwise");
    assert_eq!(hark.get("/v1/conversations/conv_1").await.json["state"], "learnt");
}

/// Nothing is begun beside a job whose lease ran out, for as long as a lease lasts.
#[tokio::test(start_paused = true)]
async fn a_lost_job_runs_alone_but_not_for_ever() {
    let hark = Harness::default();
    hark.deliver(&event()).await;
    assert_eq!(killed_with(&hark, 1, "first").await, 1);
    hark.later(Duration::seconds(61));
    for i in 2..=4 {
        hark.deliver(&call(&format!("conv_{i}"), &format!("+493011111{i}"), &["The parcel never arrived."])).await;
    }
    hark.switches.set(Part::Extractor, Fault::Hangs);
    let settings = WorkerSettings::default();
    let lease = settings.lease;
    let cancel = CancellationToken::new();
    let running = tokio::spawn(Worker::new(hark.app.clone(), settings).run(cancel.clone()));
    let asked = || hark.extractor.asked.load(Ordering::SeqCst);
    while asked() == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(asked(), 1, "it may bring everything down");
    tokio::time::advance(lease).await;
    while asked() < 4 {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn the_dead_are_shown_redriven_and_given_up_by_route() {
    let hark = Harness::default();
    hark.switches.set(Part::Extractor, Fault::Down);
    for i in 0..3 {
        hark.deliver(&call(&format!("conv_{i}"), "+4930111111", &["My password is marmalade."])).await;
    }
    for _ in 0..5 {
        hark.work().await;
        hark.later(Duration::minutes(10));
    }
    let dead = hark.get("/v1/jobs?state=dead").await.json["items"].clone();
    let ids: Vec<&str> = dead.as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);

    let shown = hark.get(&format!("/v1/jobs/{}", ids[0])).await;
    assert_eq!(shown.json, dead[0]);
    let failures = shown.json["failures"].as_array().unwrap();
    assert_eq!(failures.iter().map(|f| f["attempt"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(failures.iter().all(|f| f["kind"] == "unavailable" && f["at"].is_string()), "{failures:?}");
    assert!(!shown.text.contains("marmalade") && !shown.text.contains("+4930"), "{}", shown.text);
    hark.get("/v1/jobs/job_missing").await.is_problem(404, "not_found");

    let discard = format!("/v1/jobs/{}/discard", ids[0]);
    for (reason, code) in
        [(json!(""), "invalid_field"), (json!(" \n "), "invalid_field"), (json!("x".repeat(501)), "invalid_field")]
    {
        let refused = hark.post(&discard, json!({"reason": reason})).await;
        assert_eq!(refused.json["field"], "reason");
        refused.is_problem(422, code);
    }
    let given_up = hark.post(&discard, json!({"reason": "a test call"})).await.json;
    assert_eq!((&given_up["state"], &given_up["discarded"]["reason"]), (&json!("discarded"), &json!("a test call")));
    assert_eq!(given_up["discarded"]["by"], "configured");
    hark.post(&discard, json!({"reason": "again"})).await.is_problem(409, "not_dead");
    assert_eq!(hark.get("/v1/jobs?state=discarded").await.json["items"][0]["id"], ids[0]);
    let metrics = hark.get("/metrics").await.text;
    for line in [r#"hark_queue_jobs{state="dead"} 2"#, r#"hark_queue_jobs{state="discarded"} 1"#] {
        assert!(metrics.contains(line), "{metrics}");
    }

    hark.switches.mend(Part::Extractor);
    assert_eq!(hark.post("/v1/jobs/redrive", json!({"name": "summarise_user"})).await.json["redriven"], 0);
    assert_eq!(hark.post("/v1/jobs/redrive", json!({})).await.json["redriven"], 2);
    assert!(hark.work().await >= 2);
    assert_eq!(queue(&hark).await["dead"], 0);
    assert_eq!(hark.get("/v1/users").await.json["items"][0]["call_count"], 2);
}

/// A clock that ran a month ahead and was put right: what was noted meanwhile does not wait for a month.
#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_keeps_no_call_waiting() {
    let hark = Harness::default();
    hark.later(Duration::days(30));
    hark.deliver(&event()).await;
    hark.later(Duration::days(-30));
    assert_eq!(hark.work().await, 0);
    let settings = WorkerSettings::default();
    let repair = settings.repair_every;
    let cancel = CancellationToken::new();
    let running = tokio::spawn(Worker::new(hark.app.clone(), settings).run(cancel.clone()));
    while hark.get("/v1/conversations/conv_1").await.json["state"] != "learnt" {
        tokio::time::advance(repair / 4).await;
    }
    cancel.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_worker_seals_anew_what_an_older_encryption_key_sealed() {
    let hark = Harness::default();
    let old = Keyring::generate(&SystemEntropy);
    let sealing = Vault::new(old.clone(), Arc::new(SystemEntropy));
    let (kept, tenant) = (RamBackend::default(), fixtures::tenant());
    let body = sealing.seal(&tenant, Purpose::Event, "evt_1", b"words").unwrap();
    let event = NewEvent { body, ..fixtures::event("evt_1") };
    kept.jobs().unwrap().accept(&event, &fixtures::job("ingest", "1")).await.unwrap();

    let mut app = hark.app.clone().with_sealed(kept.sealed());
    app.engine.vault = Vault::new(old.rotated(&SystemEntropy), Arc::new(SystemEntropy));
    let active = app.engine.vault.keys().next().unwrap().0.to_owned();
    let settings = WorkerSettings::default();
    let (poll, cancel) = (settings.reseal_poll, CancellationToken::new());
    let working = tokio::spawn(Worker::new(app, settings).run(cancel.clone()));
    // The clock is paused: it runs on as far as the worker's next wish.
    assert!(
        tokio::time::timeout(poll * 3, async {
            while kept.sealed()[1].count_sealed(Purpose::Event, &active).await.unwrap() == 0 {
                tokio::task::yield_now().await;
                tokio::time::advance(std::time::Duration::from_millis(100)).await;
            }
        })
        .await
        .is_ok()
    );
    cancel.cancel();
    working.await.unwrap();
}
