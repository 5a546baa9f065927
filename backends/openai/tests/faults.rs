//! The bad days: what each becomes, how often is asked, and that no error repeats what people said.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod common;

use common::{open, section};
use hark_core::ai::{AnswerEnd, ChatRequest, EmbedPurpose, Usage};
use hark_core::backend::Backend;
use hark_core::cost::Spend;
use hark_core::{Error, ErrorKind};
use hark_openai::fake::{Behaviour, FakeOpenAi, Route};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

const SAID: &str = "The planted phrase about the blue lamp";

async fn fake(more: Value) -> (FakeOpenAi, Arc<dyn Backend>) {
    let fake = FakeOpenAi::start().await;
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
async fn both_fail(fake: &FakeOpenAi, backend: &Arc<dyn Backend>) -> [Error; 2] {
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
        (Behaviour::refused(401, "invalid_api_key"), ErrorKind::Denied, false, None),
        (Behaviour::status(403), ErrorKind::Denied, false, None),
        (Behaviour::refused(404, "model_not_found"), ErrorKind::Config, false, None),
        (Behaviour::limited(7), ErrorKind::Limited, true, Some(Duration::from_secs(7))),
        (Behaviour::status(429), ErrorKind::Limited, true, None),
        (Behaviour::refused(429, "insufficient_quota"), ErrorKind::Limited, false, None),
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
            if let Behaviour::Status { code: Some(code), .. } = &behaviour {
                assert!(error.context().contains(code), "{error}");
            }
        }
        assert_eq!((fake.requests(Route::Embeddings), fake.requests(Route::Chat)), (1, 1), "{behaviour:?}");
    }
}

#[tokio::test]
async fn advice_is_a_date_by_our_clock_and_holds_for_5xx_too() {
    let (fake, backend) = fake(json!({})).await;
    // Half a minute after the moment at which the test's clock stands.
    let retry_after = Some("Sun, 22 Nov 2026 10:00:30 GMT".to_owned());
    fake.always(Behaviour::Status { status: 503, retry_after, code: None });
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
        assert_eq!((fake.requests(Route::Embeddings), fake.requests(Route::Chat)), (1, 1), "{behaviour:?}");
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
    assert_eq!(fake.requests(Route::Embeddings), 1);
}

#[tokio::test]
async fn a_refusal_is_an_answer_whether_the_model_or_a_filter_says_it() {
    let (fake, backend) = fake(json!({})).await;
    for behaviour in [Behaviour::Refuse, Behaviour::refused(400, "content_filter")] {
        fake.always(behaviour);
        assert_eq!(chat(&backend).await.unwrap(), AnswerEnd::Refused);
    }
    let error = embed(&backend).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "a filter has no word for a vector");
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
    assert_eq!(fake.requests(Route::Embeddings), 1, "nothing is asked twice");
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
    let fake = FakeOpenAi::start().await;
    let backend = open(section(&fake, json!({"base_url": fake.https_url()}))).await.unwrap();
    for error in both_fail(&fake, &backend).await {
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
    }
    assert!(fake.asked().is_empty(), "nothing was sent before the handshake");
}

#[tokio::test]
async fn a_name_nobody_knows_is_unavailable() {
    let backend = open(json!({"base_url": "http://nobody.invalid/v1", "proxy": "none"})).await.unwrap();
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
async fn a_rejected_key_gives_way_to_the_next_and_the_one_that_works_is_kept() {
    let (fake, backend) = fake(json!({"api_keys": ["sk-second", "sk-third"]})).await;
    fake.accept_only(["sk-second", "sk-third"]);
    fake.limit("sk-second", Some(Duration::from_secs(60)));
    assert_eq!(embed(&backend).await.unwrap(), 1);
    let keys = |fake: &FakeOpenAi| fake.asked().into_iter().filter_map(|asked| asked.key).collect::<Vec<_>>();
    assert_eq!(keys(&fake), ["sk-planted", "sk-second", "sk-third"]);
    fake.forget();
    assert_eq!(embed(&backend).await.unwrap(), 1);
    chat(&backend).await.unwrap();
    assert_eq!(keys(&fake), ["sk-third", "sk-third"], "remembered, for both roles");
}

#[tokio::test]
async fn when_every_key_is_rejected_the_soonest_mended_error_goes_up() {
    let (fake, backend) = fake(json!({"api_keys": ["sk-second", "sk-third"]})).await;
    fake.accept_only(["sk-second", "sk-third"]);
    fake.limit("sk-second", Some(Duration::from_secs(60)));
    fake.limit("sk-third", Some(Duration::from_secs(20)));
    let error = embed(&backend).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::Limited, Some(Duration::from_secs(20))));
    quiet(&error);
    assert_eq!(fake.requests(Route::Embeddings), 3, "each key once");
    fake.forget();
    embed(&backend).await.unwrap_err();
    assert_eq!(fake.asked()[0].key.as_deref(), Some("sk-third"));
    assert_eq!(fake.requests(Route::Embeddings), 1, "all rest: only the first to be rested is tried");
}

#[tokio::test]
async fn a_problem_that_is_not_the_keys_is_not_tried_with_another() {
    let (fake, backend) = fake(json!({"api_keys": ["sk-second"]})).await;
    fake.always(Behaviour::status(500));
    both_fail(&fake, &backend).await;
    assert_eq!((fake.requests(Route::Embeddings), fake.requests(Route::Chat)), (1, 1));
}

#[tokio::test]
async fn what_is_configured_is_what_is_sent() {
    let (fake, backend) = fake(json!({
        "key_header": "api-key", "organisation": "org-1", "project": "proj-1", "headers": {"X-Team": "memory"},
        "query": {"api-version": "2024-10-21"}, "send_dimensions": true, "query_prefix": "query: "
    }))
    .await;
    let embedder = backend.embedder().unwrap();
    let texts = ["tea".to_owned(), String::new()];
    let usage = embedder.embed(&texts, EmbedPurpose::Query).await.unwrap().usage;
    assert_eq!(usage, Usage { input_tokens: 4, output_tokens: 0 }, "as the server counted: words");
    let asked = fake.asked().remove(0);
    assert_eq!(asked.target, "/v1/embeddings?api-version=2024-10-21");
    let header = |name: &str| asked.headers.get(name).map(String::as_str);
    assert_eq!((header("api-key"), header("authorization")), (Some("sk-planted"), None));
    assert_eq!((header("openai-organization"), header("openai-project")), (Some("org-1"), Some("proj-1")));
    assert_eq!(header("x-team"), Some("memory"));
    assert_eq!(asked.body, json!({"model": "fake", "input": ["query: tea", "query: empty"], "dimensions": 64}));
}

#[tokio::test]
async fn what_one_request_cannot_hold_goes_in_several_and_stays_in_order() {
    let (fake, backend) = fake(json!({})).await;
    let embedder = backend.embedder().unwrap();
    let texts: Vec<_> = (0..40).map(|n| format!("number{n} ").repeat(1_000)).collect();
    let vectors = embedder.embed(&texts, EmbedPurpose::Query).await.unwrap().vectors;
    assert_eq!((vectors.len(), fake.requests(Route::Embeddings)), (40, 2));
    let alone = embedder.embed(&texts[39..], EmbedPurpose::Query).await.unwrap().vectors;
    assert_eq!(alone[0], vectors[39]);
}

#[tokio::test]
async fn health_costs_nothing_where_it_can_and_little_where_it_cannot() {
    let (fake, backend) = fake(json!({})).await;
    backend.health().await.unwrap();
    assert_eq!((fake.requests(Route::Models), fake.asked().len()), (1, 1));
    fake.next(Behaviour::status(404));
    backend.health().await.unwrap();
    assert_eq!(fake.embedded_texts(), ["hello"]);
    fake.always(Behaviour::status(401));
    assert_eq!(backend.health().await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn a_role_can_be_switched_off_and_says_by_which_key() {
    use hark_core::backend::Role;
    let fake = FakeOpenAi::start().await;
    let backend = open(section(&fake, json!({"chat_model": ""}))).await.unwrap();
    assert!(backend.embedder().is_some() && backend.chat().is_none());
    assert!(backend.why_not(Role::Chat).unwrap().contains("chat_model"));
    let backend = open(section(&fake, json!({"embedding_model": ""}))).await.unwrap();
    assert!(backend.embedder().is_none() && backend.chat().is_some());
    assert!(backend.why_not(Role::Embedder).unwrap().contains("embedding_model"));
    fake.next(Behaviour::status(404));
    backend.health().await.unwrap();
    assert_eq!(fake.requests(Route::Chat), 1, "without an embedder, chat says whether it answers");
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
