//! Calls that no webhook told of are fetched from the platform, once, whatever happens on the way.

use super::fake_elevenlabs::{FakeElevenLabs, KEY as XI, Refusal, conversation};
use super::harness::{Harness, KEY, call};
use axum::http::Method;
use chrono::Duration;
use hark_core::testkit::fixtures::{after, start};
use hark_core::{Clock, ErrorKind, Secret};
use hark_server::missed::{self, Found, LEASE, Missed, MissedSettings};
use serde_json::{Value, json};

const NUMBER: &str = "+4930111111";

/// An application that asks this platform.
fn asking(platform: &FakeElevenLabs, key: &str) -> Harness {
    let settings = MissedSettings {
        base_url: platform.base_url(),
        api_key: Secret::new(key),
        every: std::time::Duration::from_secs(600),
        first_look: std::time::Duration::from_secs(86_400),
        overlap: std::time::Duration::from_secs(10_800),
        at_once: 2,
    };
    Harness::default().with_missed(Missed::new(settings, 64 << 10).expect("an address"))
}

/// A call that was over long ago: it started so many seconds after the clock's start.
fn done(id: &str, secs: i64) -> Value {
    conversation(id, after(secs).timestamp(), "done", NUMBER, &["The parcel never arrived."])
}

async fn poll(hark: &Harness) -> Option<Found> {
    missed::poll(&hark.app, hark.app.missed.as_ref().expect("it asks")).await.expect("the platform answers")
}

/// The next round, when it is time for it.
async fn next_round(hark: &Harness) -> Found {
    hark.later(Duration::seconds(601));
    poll(hark).await.expect("it is time")
}

async fn state(hark: &Harness, id: &str) -> String {
    let answer = hark.get(&format!("/v1/conversations/{id}")).await;
    answer.json["state"].as_str().unwrap_or("unknown").to_owned()
}

/// Requests for single conversations.
fn fetched(platform: &FakeElevenLabs) -> Vec<String> {
    let asked = platform.asked().into_iter();
    let ids = asked.filter_map(|path| path.strip_prefix("/v1/convai/conversations/").map(str::to_owned));
    ids.map(|path| path.trim_end_matches("?format=json").to_owned()).collect()
}

#[tokio::test]
async fn a_missed_call_is_fetched_and_learnt_once_and_its_late_webhook_is_a_duplicate() {
    let platform = FakeElevenLabs::start(100);
    let hark = asking(&platform, XI);
    platform.put(done("conv_1", -3_600));
    let found = poll(&hark).await.unwrap();
    assert_eq!((found.accepted, found.listed, found.finished), (1, 1, true));
    assert!(hark.work().await >= 1);
    assert_eq!(state(&hark, "conv_1").await, "learnt");
    let user = hark.get("/v1/users").await.json["items"][0].clone();
    assert_eq!(user["call_count"], 1);
    let memories = hark.get(&format!("/v1/users/{}/memories", user["id"].as_str().unwrap())).await;
    assert_eq!(memories.contents(), ["The parcel never arrived."]);

    let late = hark.deliver(&call("conv_1", NUMBER, &["The parcel never arrived."])).await;
    assert_eq!(late.json["status"], "duplicate");
    assert_eq!(next_round(&hark).await, Found { known: 1, listed: 1, finished: true, ..Found::default() });
    assert_eq!(hark.work().await, 0);
}

#[tokio::test]
async fn what_a_webhook_has_brought_is_not_fetched() {
    let platform = FakeElevenLabs::start(100);
    let hark = asking(&platform, XI);
    for id in ["conv_1", "conv_2"] {
        platform.put(done(id, -3_600));
        hark.deliver(&call(id, NUMBER, &["The parcel never arrived."])).await;
    }
    assert_eq!(poll(&hark).await.unwrap().known, 2, "they wait in the queue");
    assert!(hark.work().await >= 2);
    assert_eq!(next_round(&hark).await.known, 2, "they are learnt");
    assert_eq!(fetched(&platform), Vec::<String>::new());
}

#[tokio::test]
async fn events_without_a_transcript_have_theirs_fetched_once() {
    let platform = FakeElevenLabs::start(100);
    let hark = asking(&platform, XI);
    let mut bare = call("conv_bare", NUMBER, &[]);
    bare["data"].as_object_mut().unwrap().remove("transcript");
    let otel =
        json!({"type": "post_call_transcription_otel", "data": {"conversation_id": "conv_otel", "agent_id": "a"}});
    for event in [&bare, &otel] {
        assert_eq!(hark.deliver(event).await.json["status"], "accepted");
    }
    hark.work().await;
    for id in ["conv_bare", "conv_otel"] {
        assert_eq!(state(&hark, id).await, "awaiting_transcript");
        platform.put(done(id, -3_600));
    }
    assert_eq!(poll(&hark).await.unwrap().accepted, 2);
    hark.work().await;
    for id in ["conv_bare", "conv_otel"] {
        assert_eq!(state(&hark, id).await, "learnt");
    }
    for event in [&bare, &otel] {
        assert_eq!(hark.deliver(event).await.json["status"], "duplicate");
    }
    assert_eq!(next_round(&hark).await.known, 2);
    assert_eq!(hark.get("/v1/users").await.json["items"][0]["call_count"], 2);
}

#[tokio::test]
async fn the_list_is_read_page_by_page_earliest_first_with_the_key() {
    let platform = FakeElevenLabs::start(3);
    let hark = asking(&platform, XI);
    for i in 0..8 {
        platform.put(done(&format!("conv_{i}"), -9_000 + i * 100));
    }
    let found = poll(&hark).await.unwrap();
    assert_eq!((found.listed, found.accepted, found.finished), (8, 8, true));
    let lists: Vec<_> = platform.asked().into_iter().filter(|path| path.contains('&')).collect();
    let first = after(-86_400).timestamp();
    let all = format!("call_start_after_unix={first}&page_size=100&sort_direction=asc&summary_mode=exclude");
    assert_eq!(lists, ["", "&cursor=at_3", "&cursor=at_6"].map(|c| format!("/v1/convai/conversations?{all}{c}")));

    next_round(&hark).await;
    let since = after(-9_000 + 700 - 10_800).timestamp();
    assert!(platform.asked()[0].contains(&format!("call_start_after_unix={since}&")), "from before the last call seen");
}

#[tokio::test]
async fn what_is_not_over_waits_and_what_nobody_spoke_in_is_left_out() {
    let platform = FakeElevenLabs::start(100);
    let hark = asking(&platform, XI);
    let started = after(-18_000).timestamp();
    for (id, status, said) in [
        ("conv_talking", "in-progress", &["Hello?"][..]),
        ("conv_processing", "processing", &["Hello?"]),
        ("conv_silent", "failed", &[]),
        ("conv_broken_off", "failed", &["The parcel never arrived."]),
        ("conv_nothing", "done", &[]),
    ] {
        platform.put(conversation(id, started, status, NUMBER, said));
    }
    platform.put(done("conv_later", -60));
    let found = poll(&hark).await.unwrap();
    assert_eq!((found.open, found.empty, found.accepted), (2, 2, 2));
    assert_eq!(fetched(&platform), ["conv_broken_off", "conv_nothing", "conv_later"]);

    // Over at last, hours after later calls were seen: it started before the overlap, and is found all the same.
    platform.put(done("conv_talking", -18_000));
    platform.put(done("conv_processing", -18_000));
    let found = next_round(&hark).await;
    assert_eq!((found.accepted, found.open), (2, 0));
}

#[tokio::test]
async fn a_platform_that_wants_to_be_left_alone_is() {
    for (header, value) in [
        ("retry-after", "5000".to_owned()),
        ("retry-after-ms", "5000000".to_owned()),
        ("retry-after", (start() + Duration::seconds(5_000)).to_rfc2822()),
        ("x-ratelimit-reset", (start().timestamp() + 5_000).to_string()),
    ] {
        let platform = FakeElevenLabs::start(2);
        let hark = asking(&platform, XI);
        for i in 0..5 {
            platform.put(done(&format!("conv_{i}"), -3_600 + i));
        }
        platform.refuse(Refusal::of("/conv_3", 429).with(header, value));
        let error = missed::poll(&hark.app, hark.app.missed.as_ref().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_after().map(|d| d.as_secs())), (ErrorKind::Limited, Some(5_000)));
        assert!(hark.work().await >= 3, "what was fetched until then is learnt");
        platform.asked();
        hark.later(Duration::seconds(4_999));
        assert_eq!((poll(&hark).await, platform.asked().len()), (None, 0));
        hark.later(Duration::seconds(1));
        let found = poll(&hark).await.unwrap();
        assert_eq!((found.accepted, found.known), (2, 3));
    }
}

#[tokio::test]
async fn one_that_cannot_be_fetched_blocks_nobody_and_is_given_up_in_the_end() {
    for status in [500, 422] {
        let platform = FakeElevenLabs::start(100);
        let hark = asking(&platform, XI);
        for i in 0..5 {
            platform.put(done(&format!("conv_{i}"), -3_600 + i));
        }
        platform.break_down("/conv_1", status);
        let found = poll(&hark).await.unwrap();
        assert_eq!((found.accepted, found.failed, found.finished), (4, 1, true));
        for _ in 0..3 {
            assert_eq!(next_round(&hark).await.failed, 1, "it is tried again");
        }
        assert_eq!(next_round(&hark).await.failed, 1);
        platform.asked();
        assert_eq!(next_round(&hark).await.given_up, 1);
        assert_eq!(fetched(&platform), Vec::<String>::new());

        platform.mend();
        let by_hand = json!({"since": after(-86_400)});
        let found = hark.post("/v1/elevenlabs/reconcile", by_hand).await.json;
        assert_eq!((&found["accepted"], &found["given_up"]), (&json!(1), &json!(0)), "a person asks for it");
    }
}

#[tokio::test]
async fn an_outage_ends_the_round_and_rests_grow_until_it_is_over() {
    let platform = FakeElevenLabs::start(100);
    let hark = asking(&platform, XI);
    for i in 0..50 {
        platform.put(done(&format!("conv_{i}"), -3_600 + i));
    }
    platform.break_down("/conversations", 503);
    for rest in [30, 60, 120] {
        let error = missed::poll(&hark.app, hark.app.missed.as_ref().unwrap()).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true));
        hark.later(Duration::seconds(rest - 1));
        assert_eq!(poll(&hark).await, None, "{rest}");
        hark.later(Duration::seconds(1));
    }
    platform.mend();
    platform.break_down("/conversations/", 500);
    platform.asked();
    missed::poll(&hark.app, hark.app.missed.as_ref().unwrap()).await.unwrap_err();
    assert!(platform.asked().len() < 22, "it stops");
    platform.mend();
    hark.later(Duration::hours(1));
    assert_eq!(poll(&hark).await.unwrap().accepted, 50);
}

#[tokio::test]
async fn answers_that_make_no_sense_are_told_without_their_words() {
    let platform = FakeElevenLabs::start(100);
    let hark = asking(&platform, "xi_wrong");
    let answer = hark.post("/v1/elevenlabs/reconcile", json!({})).await;
    answer.is_problem(424, "platform");
    assert!(answer.text.contains("elevenlabs.reconcile.api_key"), "{}", answer.text);
    assert!(!answer.text.contains("marmalade") && !answer.text.contains("xi_wrong"), "{}", answer.text);

    let hark = asking(&platform, XI);
    platform.put(done("conv_1", -3_600));
    let mut large = done("conv_3", -3_600);
    large["metadata"]["noise"] = json!("x".repeat(70 << 10));
    platform.put(large);
    let found = poll(&hark).await.unwrap();
    assert_eq!((found.accepted, found.failed), (1, 1), "what is larger than an event may be is not read");
    let metrics = hark.get("/metrics").await.text;
    assert!(metrics.contains(r#"hark_missed_conversations_total{result="accepted"} 1"#), "{metrics}");
    assert!(!metrics.contains("conv_1"));
}

/// What was kept is known, whether it was noted or not; and a dead process's lease runs out.
#[tokio::test]
async fn a_kill_between_keeping_and_noting_doubles_and_loses_nothing() {
    let platform = FakeElevenLabs::start(2);
    let hark = asking(&platform, XI);
    for i in 0..5 {
        platform.put(done(&format!("conv_{i}"), -3_600 + i));
    }
    platform.refuse(Refusal::of("/conv_4", 429));
    missed::poll(&hark.app, hark.app.missed.as_ref().unwrap()).await.unwrap_err();
    let memory = &hark.app.engine.memory;
    let now = hark.clock.now();
    assert!(
        memory
            .take_lease(LEASE, "killed", now + Duration::minutes(10), now, now + Duration::hours(1))
            .await
            .unwrap()
            .is_some()
    );
    assert!(memory.keep_lease(LEASE, "killed", now + Duration::minutes(10), None).await.unwrap(), "nothing was noted");

    assert_eq!(poll(&hark).await, None, "somebody seems to be at it");
    let by_hand = hark.post("/v1/elevenlabs/reconcile", json!({})).await;
    by_hand.is_problem(409, "conflict");
    let found = next_round(&hark).await;
    assert_eq!((found.known, found.accepted), (4, 1));
    hark.work().await;
    assert_eq!(hark.get("/v1/users").await.json["items"][0]["call_count"], 5);
}

#[tokio::test]
async fn clocks_that_jump_hide_no_call() {
    let platform = FakeElevenLabs::start(100);
    let hark = asking(&platform, XI);
    platform.put(done("conv_1", -3_600));
    assert_eq!(poll(&hark).await.unwrap().accepted, 1);

    // A month ahead, as after a suspended machine: the list is read from the last call seen on.
    hark.later(Duration::days(30));
    platform.put(done("conv_2", 86_400));
    assert_eq!(poll(&hark).await.unwrap().accepted, 1);

    // And back: what was noted in the future keeps nobody from looking, and nothing from being seen.
    hark.later(Duration::days(-30));
    platform.put(done("conv_3", 60));
    assert_eq!(poll(&hark).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn the_lag_is_a_metric_from_the_first_round_on() {
    let platform = FakeElevenLabs::start(100);
    let hark = asking(&platform, XI);
    assert!(!hark.get("/metrics").await.text.contains("hark_missed_lag_seconds"));
    poll(&hark).await.unwrap();
    hark.later(Duration::seconds(1_500));
    platform.break_down("/conversations", 503);
    missed::poll(&hark.app, hark.app.missed.as_ref().unwrap()).await.unwrap_err();
    let metrics = hark.get("/metrics").await.text;
    assert!(metrics.contains("hark_missed_lag_seconds 1500"), "a round that fails is none: {metrics}");
}

#[tokio::test]
async fn by_hand_it_looks_at_once_and_as_far_back_as_told() {
    let platform = FakeElevenLabs::start(2);
    let hark = asking(&platform, XI);
    for i in 1..=5 {
        platform.put(done(&format!("conv_{i}"), -10 * 86_400 + i));
    }
    assert_eq!(poll(&hark).await.unwrap().listed, 0, "longer ago than the first look goes");
    let found = hark.post("/v1/elevenlabs/reconcile", json!({"since": after(-11 * 86_400)})).await.json;
    assert_eq!((&found["accepted"], &found["finished"]), (&json!(5), &json!(true)));
    hark.post("/v1/elevenlabs/reconcile", json!({"since": "yesterday"})).await.is_problem(422, "invalid_field");

    let without = Harness::default();
    without.post("/v1/elevenlabs/reconcile", json!({})).await.is_problem(501, "unsupported");
    let (_, key) = without.key(json!({"scopes": ["admin"], "tenant": "acme"})).await;
    let refused = without.with_key(&key, Method::POST, "/v1/elevenlabs/reconcile", "{}".to_owned()).await;
    refused.is_problem(403, "deployment_only");
    assert_ne!(key, KEY);
}
