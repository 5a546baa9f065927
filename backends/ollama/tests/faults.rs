//! The bad days: what each becomes, how often is asked, and that no error repeats what people said.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use common::{open, section};
use hark_core::ai::{AnswerEnd, ChatRequest, EmbedPurpose, Usage};
use hark_core::backend::Backend;
use hark_core::cost::Spend;
use hark_core::{Error, ErrorKind};
use hark_ollama::fake::{Behaviour, FakeOllama, Route};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

const SAID: &str = "The planted phrase about the blue lamp";

async fn fake(more: Value) -> (FakeOllama, Arc<dyn Backend>) {
    let fake = FakeOllama::start().await;
    let backend = open(section(&fake, more)).await.unwrap();
    (fake, backend)
}

async fn embed(backend: &Arc<dyn Backend>) -> Result<usize, Error> {
    let answer = backend.embedder().unwrap().embed(&[SAID.to_owned()], EmbedPurpose::Query).await?;
    Ok(answer.vectors.len())
}

async fn chat(backend: &Arc<dyn Backend>) -> Result<AnswerEnd, Error> {
    let request = ChatRequest {
        spend: Spend::Check,
        system: "Remember.".to_owned(),
        user: SAID.to_owned(),
        schema: None,
        max_tokens: 50,
    };
    Ok(backend.chat().unwrap().chat(&request).await?.end)
}

/// Both roles fail so, with one request each, and say nothing they should not.
async fn both_fail(fake: &FakeOllama, backend: &Arc<dyn Backend>) -> [Error; 2] {
    fake.forget();
    let errors = [embed(backend).await.unwrap_err(), chat(backend).await.unwrap_err()];
    for error in &errors {
        quiet(error);
    }
    errors
}

fn quiet(error: &Error) {
    let shown = format!("{error:?} {error}");
    for secret in ["planted", "blue lamp", "sk-", "Remember"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn every_status_becomes_its_kind_with_one_request() {
    let (fake, backend) = fake(json!({})).await;
    for (behaviour, kind, retriable, after) in [
        (Behaviour::status(400), ErrorKind::Invalid, false, None),
        (Behaviour::status(401), ErrorKind::Denied, false, None),
        (Behaviour::status(403), ErrorKind::Denied, false, None),
        (Behaviour::status(404), ErrorKind::Config, false, None),
        (Behaviour::limited(7), ErrorKind::Limited, true, Some(Duration::from_secs(7))),
        (Behaviour::status(429), ErrorKind::Limited, true, None),
        (Behaviour::status(500), ErrorKind::Unavailable, true, None),
        (Behaviour::status(502), ErrorKind::Unavailable, true, None),
        (Behaviour::status(307), ErrorKind::Config, false, None),
    ] {
        fake.always(behaviour.clone());
        for error in both_fail(&fake, &backend).await {
            assert_eq!(
                (error.kind(), error.is_retriable(), error.retry_after()),
                (kind, retriable, after),
                "{error:?}"
            );
        }
        assert_eq!((fake.requests(Route::Embed), fake.requests(Route::Chat)), (1, 1), "{behaviour:?}");
    }
}

#[tokio::test]
async fn advice_is_a_date_by_our_clock_and_holds_for_5xx_too() {
    let (fake, backend) = fake(json!({})).await;
    // Half a minute after the moment at which the test's clock stands.
    let retry_after = Some("Sun, 22 Nov 2026 10:00:30 GMT".to_owned());
    fake.always(Behaviour::Status { status: 503, retry_after });
    for error in both_fail(&fake, &backend).await {
        assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Unavailable, Some(Duration::from_secs(30))));
    }
}

#[tokio::test]
async fn answers_that_are_none_are_corrupt_and_worth_another_try() {
    let (fake, backend) = fake(json!({})).await;
    for behaviour in [Behaviour::CutStream, Behaviour::TruncatedJson, Behaviour::Garbage] {
        fake.always(behaviour.clone());
        for error in both_fail(&fake, &backend).await {
            assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Corrupt, true), "{behaviour:?} {error:?}");
        }
        assert_eq!((fake.requests(Route::Embed), fake.requests(Route::Chat)), (1, 1), "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_wrong_width_says_what_came_what_was_wanted_and_what_to_do() {
    let (fake, backend) = fake(json!({})).await;
    fake.always(Behaviour::WrongWidth(48));
    let error = embed(&backend).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Corrupt, false));
    for part in ["48", "64", "dimensions = 48", "hark reindex"] {
        assert!(error.context().contains(part), "{error}");
    }
    quiet(&error);
    assert_eq!(fake.requests(Route::Embed), 1);
}

#[tokio::test]
async fn a_refusal_behind_a_proxy_is_an_answer() {
    let (fake, backend) = fake(json!({})).await;
    fake.always(Behaviour::Refuse);
    assert_eq!(chat(&backend).await.unwrap(), AnswerEnd::Refused);
    assert_eq!(embed(&backend).await.unwrap(), 1);
}

#[tokio::test]
async fn a_stopped_server_is_unavailable_and_a_restarted_one_answers() {
    let (fake, backend) = fake(json!({})).await;
    assert_eq!(embed(&backend).await.unwrap(), 1);
    fake.stop().await;
    for error in both_fail(&fake, &backend).await {
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
    }
    assert_eq!(backend.health().await.unwrap_err().kind(), ErrorKind::Unavailable);
    fake.restart();
    assert_eq!(embed(&backend).await.unwrap(), 1);
    backend.health().await.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_unavailable() {
    let (fake, backend) = fake(json!({})).await;
    fake.always(Behaviour::Hang);
    let asking = tokio::spawn({
        let backend = Arc::clone(&backend);
        async move { embed(&backend).await }
    });
    fake.hanging(1).await;
    fake.stop().await;
    let error = asking.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
    assert_eq!(fake.requests(Route::Embed), 1, "nothing is asked twice");
}

#[tokio::test]
async fn a_server_that_hangs_is_left_at_the_last_resort() {
    let (fake, backend) = fake(json!({"request_timeout_secs": 30})).await;
    fake.always(Behaviour::Hang);
    for role in ["embedder", "chat"] {
        let asking = tokio::spawn({
            let backend = Arc::clone(&backend);
            async move { if role == "chat" { chat(&backend).await.map(drop) } else { embed(&backend).await.map(drop) } }
        });
        fake.hanging(1).await;
        // From here on nothing but the timer can happen.
        tokio::time::pause();
        let error = asking.await.unwrap().unwrap_err();
        tokio::time::resume();
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Timeout, true), "{error:?}");
        quiet(&error);
        fake.release();
    }
}

#[tokio::test]
async fn a_latecomer_is_answered_when_it_is_released() {
    let (fake, backend) = fake(json!({})).await;
    fake.next(Behaviour::Hang);
    let asking = tokio::spawn(async move { embed(&backend).await });
    fake.hanging(1).await;
    fake.release();
    assert_eq!(asking.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn no_tls_handshake_is_unavailable() {
    let fake = FakeOllama::start().await;
    let backend = open(section(&fake, json!({"base_url": fake.https_url()}))).await.unwrap();
    for error in both_fail(&fake, &backend).await {
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
    }
    assert!(fake.asked().is_empty(), "nothing was sent before the handshake");
}

#[tokio::test]
async fn a_name_nobody_knows_is_unavailable() {
    let backend = open(json!({"base_url": "http://nobody.invalid", "proxy": "none"})).await.unwrap();
    let error = embed(&backend).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
}

#[tokio::test]
async fn a_proxy_that_is_gone_is_unavailable_and_its_password_is_not_told() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://me:sk-planted@{}", free.local_addr().unwrap());
    drop(free);
    let (fake, backend) = fake(json!({"proxy": proxy})).await;
    let error = embed(&backend).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    quiet(&error);
    assert!(fake.asked().is_empty(), "what a proxy is set for does not go around it");
}

#[tokio::test]
async fn what_is_configured_is_what_is_sent() {
    let more = json!({"send_dimensions": true, "query_prefix": "query: ", "keep_alive": "10m"});
    let (fake, backend) = fake(more).await;
    let embedder = backend.embedder().unwrap();
    let texts = ["tea".to_owned(), String::new()];
    let usage = embedder.embed(&texts, EmbedPurpose::Query).await.unwrap().usage;
    assert_eq!(usage, Usage { input_tokens: 4, output_tokens: 0 }, "as the server counted: words");
    let asked = fake.asked().remove(0);
    assert_eq!(asked.target, "/api/embed");
    assert_eq!(asked.headers.get("authorization").map(String::as_str), Some("Bearer sk-planted"));
    let body = json!({
        "model": "fake", "input": ["query: tea", "query: empty"], "truncate": true, "keep_alive": "10m",
        "dimensions": 64
    });
    assert_eq!(asked.body, body);
}

#[tokio::test]
async fn health_asks_for_the_version() {
    let (fake, backend) = fake(json!({})).await;
    backend.health().await.unwrap();
    assert_eq!((fake.requests(Route::Version), fake.asked().len()), (1, 1));
    fake.next(Behaviour::status(404));
    let error = backend.health().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.context().contains("base_url"), "{error}");
}

#[tokio::test]
async fn a_role_can_be_switched_off_and_says_by_which_key() {
    use hark_core::backend::Role;
    let fake = FakeOllama::start().await;
    let backend = open(section(&fake, json!({"chat_model": ""}))).await.unwrap();
    assert!(backend.embedder().is_some() && backend.chat().is_none());
    assert!(backend.why_not(Role::Chat).unwrap().contains("chat_model"));
    let backend = open(section(&fake, json!({"embedding_model": ""}))).await.unwrap();
    assert!(backend.embedder().is_none() && backend.chat().is_some());
    assert!(backend.why_not(Role::Embedder).unwrap().contains("embedding_model"));
}

#[tokio::test]
async fn after_closing_nothing_is_sent() {
    let (fake, backend) = fake(json!({})).await;
    backend.close().await.unwrap();
    backend.close().await.unwrap();
    for error in both_fail(&fake, &backend).await {
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, false));
    }
    assert!(fake.asked().is_empty());
}
