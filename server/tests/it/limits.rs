//! Rates, load and lateness: who is told to wait, and what is never refused.

use super::harness::{Answer, Harness, KEY, call, ringing};
use super::switches::{Fault, Part};
use axum::body::Body;
use axum::http::{Method, Request};
use chrono::Duration;
use hark_core::Secret;
use hark_core::limit::{Quota, RateLimiter};
use hark_core::ram::RamRateLimiter;
use hark_server::elevenlabs::sign;
use hark_server::middleware::client::Peer;
use hark_server::middleware::limits::LimitSettings;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration as Span;

const PROXY: &str = "10.0.0.1";

fn limited(change: impl FnOnce(&mut LimitSettings)) -> Harness {
    Harness::with(|settings| {
        settings.limits = LimitSettings::default();
        settings.http.trusted_proxies = vec!["10.0.0.0/8".parse().expect("well-formed")];
        change(&mut settings.limits);
    })
}

/// Where a request comes from, and what it says of that.
#[derive(Clone, Copy)]
struct From<'a>(&'a str, &'a str);

impl Harness {
    async fn from(&self, from: From<'_>, key: &str, path: &str, body: Value) -> Answer {
        let mut request = Request::post(path).header("authorization", format!("Bearer {key}"));
        if !from.1.is_empty() {
            request = request.header("x-forwarded-for", from.1);
        }
        let mut request = request.body(Body::from(body.to_string())).expect("well-formed");
        request.extensions_mut().insert(Peer(from.0.parse().expect("well-formed")));
        self.send(request).await
    }

    async fn ask_from(&self, from: From<'_>, key: &str) -> Answer {
        self.from(from, key, "/tools/memory-query", json!({"query": "tea", "user_id": "crm-7"})).await
    }
}

fn rates(answer: &Answer) -> [u64; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
        .map(|name| answer.headers[name].to_str().expect("well-formed").parse().expect("well-formed"))
}

/// Whoever plays `roles.limits` counts for all of them.
#[tokio::test]
async fn servers_that_share_their_rates_refuse_together() {
    let rates: Arc<dyn RateLimiter> = Arc::new(RamRateLimiter::default());
    let [one, two, alone] = [Some(rates.clone()), Some(rates), None].map(|rates| {
        limited(|limits| limits.tools = Some(Quota { per_minute: 60, burst: 2 })).changed(|app| app.with_rates(rates))
    });
    let ask =
        async |hark: &Harness| hark.post("/tools/memory-query", json!({"query": "tea", "user_id": "crm-7"})).await;
    assert_eq!(rates_left(&[ask(&one).await, ask(&two).await, ask(&alone).await]), [1, 0, 1]);
    for hark in [&one, &two] {
        ask(hark).await.is_problem(429, "rate_limited");
    }
    assert_eq!(ask(&alone).await.status.as_u16(), 200);
}

fn rates_left(answers: &[Answer]) -> Vec<u64> {
    answers.iter().map(|answer| rates(answer)[1]).collect()
}

#[tokio::test]
async fn a_key_that_asks_too_often_waits_and_is_told_how_long() {
    let hark = limited(|_| {});
    let body = json!({"query": "tea", "user_id": "crm-7"});
    for left in (0..100).rev() {
        let answer = hark.post("/tools/memory-query", body.clone()).await;
        assert_eq!((answer.status.as_u16(), rates(&answer)[1]), (200, left));
    }
    let refused = hark.post("/tools/memory-query", body.clone()).await;
    refused.is_problem(429, "rate_limited");
    assert_eq!((refused.headers["retry-after"].to_str().unwrap(), rates(&refused)), ("1", [100, 0, 60]));
    hark.post("/tools/remember", json!({"content": "Likes tea.", "user_id": "crm-7"}))
        .await
        .is_problem(429, "rate_limited");
    // Another key, and another group of routes, have their own.
    let other = hark.key(json!({"scopes": ["tool"]})).await.1;
    assert_eq!(hark.with_key(&other, Method::POST, "/tools/memory-query", body.to_string()).await.status.as_u16(), 200);
    assert_eq!(
        hark.post("/webhooks/conversation-initiation", ringing("conv_1", "+4930111111")).await.status.as_u16(),
        200
    );
    assert_eq!(hark.get("/v1/users").await.status.as_u16(), 200);
    hark.later(Duration::milliseconds(600));
    assert_eq!(hark.post("/tools/memory-query", body.clone()).await.status.as_u16(), 200);
    hark.post("/tools/memory-query", body).await.is_problem(429, "rate_limited");
    let metrics = hark.get("/metrics").await.text;
    assert!(metrics.contains(r#"hark_limited_total{routes="tools",reason="key"}"#), "{metrics}");
}

#[tokio::test]
async fn an_address_is_limited_whatever_keys_it_has_and_whatever_it_says_of_itself() {
    let hark = limited(|limits| limits.tools = Some(Quota { per_minute: 60, burst: 3 }));
    let keys = [hark.key(json!({"scopes": ["tool"]})).await.1, hark.key(json!({"scopes": ["tool"]})).await.1];
    let stranger = "203.0.113.9";
    for (key, forged) in [(&keys[0], ""), (&keys[1], "198.51.100.1"), (&keys[0], "198.51.100.2, 10.0.0.9")] {
        assert_eq!(hark.ask_from(From(stranger, forged), key).await.status.as_u16(), 200);
    }
    let refused = hark.ask_from(From(stranger, "198.51.100.3"), &keys[1]).await;
    refused.is_problem(429, "rate_limited");
    assert!(!hark.get("/metrics").await.text.contains(stranger));
    // From behind a proxy of ours the same client is the same, and the others are others.
    hark.ask_from(From(PROXY, "198.51.100.4, 203.0.113.9"), &keys[1]).await.is_problem(429, "rate_limited");
    hark.ask_from(From(PROXY, "203.0.113.9, 10.0.0.2"), &keys[1]).await.is_problem(429, "rate_limited");
    assert_eq!(hark.ask_from(From(PROXY, "203.0.113.10"), &keys[1]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn who_tries_keys_is_stopped_and_who_holds_a_real_one_behind_the_same_address_is_not() {
    let hark = limited(|limits| limits.auth_failures = Some(Quota { per_minute: 60, burst: 5 }));
    let long = hark.key(json!({"scopes": ["tool"]})).await.1;
    let here = From("203.0.113.9", "");
    for n in 0..5 {
        hark.ask_from(here, &format!("hk_guess_{n}")).await.is_problem(401, "key_unknown");
    }
    let stopped = hark.ask_from(here, "hk_guess_5").await;
    stopped.is_problem(429, "too_many_failures");
    assert_eq!(stopped.headers["retry-after"], "1");
    // Guessed at last: it must not be told.
    hark.ask_from(here, KEY).await.is_problem(429, "too_many_failures");
    assert_eq!(hark.ask_from(here, &long).await.status.as_u16(), 200);
    assert_eq!(hark.ask_from(From("203.0.113.10", ""), KEY).await.status.as_u16(), 200);
    hark.later(Duration::seconds(1));
    assert_eq!(hark.ask_from(here, KEY).await.status.as_u16(), 200);
}

/// Once the key is right, a call that begins hears 200 with every variable, whatever the limits say.
#[tokio::test]
async fn a_call_too_many_begins_all_the_same_and_is_told_nothing() {
    let hark = limited(|limits| limits.webhooks = Some(Quota { per_minute: 60, burst: 2 }));
    hark.learn(&call("conv_0", "+4930111111", &["The parcel never arrived."])).await;
    hark.later(Duration::minutes(1));
    let rings = |n: usize| ringing(&format!("conv_{n}"), "+4930111111");
    for n in 1..=2 {
        let begun = hark.post("/webhooks/conversation-initiation", rings(n)).await;
        assert_eq!(begun.status.as_u16(), 200);
        assert_eq!(begun.json["dynamic_variables"]["memory_is_returning"], true);
    }
    let neutral = hark.post("/webhooks/conversation-initiation", ringing("conv_9", "nobody")).await;
    let beyond = hark.post("/webhooks/conversation-initiation", rings(3)).await;
    assert_eq!((beyond.status.as_u16(), rates(&beyond)[1]), (200, 0));
    assert_eq!((&beyond.json["dynamic_variables"]["memory_user_id"], &beyond.json), (&json!(""), &neutral.json));
    let path = "/webhooks/conversation-initiation";
    let wrong = hark.with_key("wrong", Method::POST, path, rings(4).to_string()).await;
    assert_eq!(wrong.status.as_u16(), 401, "the key is looked at first");
    let metrics = hark.get("/metrics").await.text;
    for line in [r#"hark_limited_total{routes="webhooks",reason="key"}"#, r#"hark_initiation_total{result="unserved"}"#]
    {
        assert!(metrics.contains(line), "{metrics}");
    }
    // The call itself is not lost for it: the tool finds the caller, and what is said is learnt.
    let hit = hark.ask(json!({"query": "parcel", "conversation_id": "conv_3", "caller_id": "+4930111111"})).await;
    assert_eq!(hit["memories"].as_array().unwrap().len(), 1, "{hit}");
}

#[tokio::test]
async fn a_signed_event_is_kept_however_many_come() {
    let hark = limited(|limits| limits.webhooks = Some(Quota { per_minute: 60, burst: 3 }));
    for n in 0..10 {
        let delivered = hark.deliver(&call(&format!("conv_{n}"), "+4930111111", &["Hello."])).await;
        assert_eq!((delivered.status.as_u16(), &delivered.json["status"]), (200, &json!("accepted")));
        assert_eq!(rates(&delivered)[1], 2_u64.saturating_sub(n));
    }
    assert_eq!(hark.get("/v1/queue").await.json["pending"], 10);
    let metrics = hark.get("/metrics").await.text;
    assert!(metrics.contains(r#"hark_limited_total{routes="events",reason="event_kept"}"#), "{metrics}");
}

#[tokio::test]
async fn where_events_may_be_refused_they_are_accepted_when_they_come_again() {
    let hark = limited(|limits| {
        limits.webhooks = Some(Quota { per_minute: 60, burst: 2 });
        limits.refuse_events = true;
    });
    let events: Vec<Value> = (0..4).map(|n| call(&format!("conv_{n}"), "+4930111111", &["Hello."])).collect();
    let mut waiting = Vec::new();
    for event in &events {
        let answer = hark.deliver(event).await;
        if answer.status.as_u16() == 429 {
            assert_eq!(answer.is_problem(429, "rate_limited").headers["retry-after"], "1");
            waiting.push(event);
        }
    }
    assert_eq!(waiting.len(), 2);
    hark.later(Duration::seconds(30));
    for event in waiting {
        assert_eq!(hark.deliver(event).await.json["status"], "accepted");
    }
    assert_eq!(hark.get("/v1/queue").await.json["pending"], 4);
}

#[tokio::test]
async fn wrong_signatures_are_limited_and_a_right_one_from_there_is_not() {
    let hark = limited(|limits| limits.auth_failures = Some(Quota { per_minute: 60, burst: 3 }));
    let body = call("conv_1", "+4930111111", &["Hello."]).to_string().into_bytes();
    let deliver = async |secret: &str| {
        let signature = sign(&Secret::new(secret), hark_core::Clock::now(&*hark.clock).timestamp(), &body);
        let request = Request::post("/webhooks/post-call").header("ElevenLabs-Signature", signature);
        let mut request = request.body(Body::from(body.clone())).unwrap();
        request.extensions_mut().insert(Peer("203.0.113.9".parse().unwrap()));
        hark.send(request).await
    };
    for _ in 0..3 {
        deliver("wsec_wrong").await.is_problem(401, "signature_mismatch");
    }
    deliver("wsec_wrong").await.is_problem(429, "too_many_failures");
    assert_eq!(deliver(super::harness::SECRET).await.json["status"], "accepted");
}

#[tokio::test(start_paused = true)]
async fn what_can_be_asked_again_is_shed_and_an_event_and_an_operator_are_not() {
    let hark = limited(|limits| {
        limits.concurrent_calls = 1;
        limits.concurrent_requests = 1;
    });
    hark.switches.set(Part::Truth, Fault::Slow(Span::from_millis(300)));
    let question = json!({"query": "tea", "caller_id": "+4930111111"});
    let ended = call("conv_2", "+4930111111", &["Hello."]);
    let (first, second, begun, event) = tokio::join!(
        hark.post("/tools/memory-query", question.clone()),
        hark.post("/tools/memory-query", question.clone()),
        hark.post("/webhooks/conversation-initiation", ringing("conv_1", "+4930111111")),
        hark.deliver(&ended),
    );
    assert_eq!((first.status.as_u16(), event.status.as_u16()), (200, 200), "{}", event.text);
    second.is_problem(503, "overloaded");
    assert_eq!(second.headers["retry-after"], "1");
    // A call that begins has no second try.
    let told = &begun.json["dynamic_variables"];
    assert_eq!((begun.status.as_u16(), &told["memory_user_id"]), (200, &json!("")), "{}", begun.text);
    for name in ["user_name", "context", "greeting", "is_returning", "call_count", "last_call"] {
        assert!(!told[format!("memory_{name}")].is_null(), "{name}: {}", begun.text);
    }
    assert_eq!(told["secret__memory_token"], "");
    let path = "/webhooks/conversation-initiation";
    let (_, stranger) = tokio::join!(
        hark.post("/tools/memory-query", question.clone()),
        hark.with_key("wrong", Method::POST, path, ringing("conv_3", "+4930111111").to_string()),
    );
    assert_eq!(stranger.status.as_u16(), 401);
    let (first, second, admin) =
        tokio::join!(hark.get("/v1/users"), hark.get("/v1/conversations"), hark.get("/v1/keys"));
    assert_eq!((first.status.as_u16(), admin.status.as_u16()), (200, 200), "{}", admin.text);
    second.is_problem(503, "overloaded");
    // Places are given back, also by who was given up or broke.
    hark.switches.set(Part::Truth, Fault::Panics);
    hark.get("/v1/users").await.is_problem(500, "internal");
    hark.switches.mend(Part::Truth);
    assert_eq!(hark.get("/v1/users").await.status.as_u16(), 200);
    assert_eq!(hark.post("/tools/memory-query", question).await.status.as_u16(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_given_up() {
    let hark = limited(|limits| limits.concurrent_requests = 1);
    hark.switches.set(Part::Truth, Fault::Hangs);
    let late = hark.get("/v1/users").await;
    late.is_problem(503, "timeout");
    hark.switches.mend(Part::Truth);
    assert_eq!(hark.get("/v1/users").await.status.as_u16(), 200, "its place is free");
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_for_its_place_and_one_that_never_arrives_does_not_keep_it() {
    let hark = limited(|limits| limits.concurrent_events = 1);
    let event = call("conv_1", "+4930111111", &["Hello."]);
    let stuck = Body::from_stream(futures::stream::pending::<Result<axum::body::Bytes, std::io::Error>>());
    let request = Request::post("/webhooks/post-call").header("ElevenLabs-Signature", hark.sign(b"", 0));
    let began = tokio::time::Instant::now();
    let later = async {
        let _ = tokio::time::timeout(Span::from_secs(60), std::future::pending::<()>()).await;
        (hark.deliver(&event).await, began.elapsed().as_secs())
    };
    let (stuck, (other, waited)) = tokio::join!(hark.send(request.body(stuck).unwrap()), later);
    stuck.is_problem(408, "too_slow");
    assert_eq!((other.status.as_u16(), waited), (200, 120), "{}", other.text);
}
