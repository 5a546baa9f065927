//! What fails, hangs and recovers within the whole stack.

use async_trait::async_trait;
use hark_core::ai::{ChatAnswer, ChatModel, ChatRequest, EmbedPurpose, Embedded, Embedder, EmbedderInfo};
use hark_core::cost::Spend;
use hark_core::layer::{self, BREAKER_OPEN, Breaker, BreakerState, ModelHealth, Profiles, Resilience};
use hark_core::store::Space;
use hark_core::testkit::{FakeEmbedder, FlakyEmbedder, Outcome, Script, ScriptedChat, SeededEntropy};
use hark_core::{Entropy, Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, advance, sleep, timeout};

/// An embedder of another system.
#[derive(Debug)]
struct Remote(FlakyEmbedder, EmbedderInfo);

#[async_trait]
impl Embedder for Remote {
    fn info(&self) -> &EmbedderInfo {
        &self.1
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        self.0.embed(texts, purpose).await
    }
}

struct Stack {
    script: Script,
    breaker: Arc<Breaker>,
    embedder: Profiles<dyn Embedder>,
}

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SeededEntropy::new(5))
}

fn stack_of(remote: bool) -> Stack {
    let script = Script::default();
    let info = EmbedderInfo {
        space: Space { model: "remote".to_owned(), dimensions: 64 },
        max_batch: 64,
        link_threshold: 0.8,
        remote,
    };
    let bare = Remote(FlakyEmbedder::new(Arc::new(FakeEmbedder::default()), script.clone()), info);
    let config = Resilience::default();
    let breaker = Breaker::new("test", &config);
    let embedder = layer::embedder("test", Arc::new(bare), &config, &breaker, &entropy());
    Stack { script, breaker, embedder }
}

fn stack() -> Stack {
    stack_of(true)
}

async fn embed(embedder: &Arc<dyn Embedder>) -> Result<()> {
    embedder.embed(&["bees".to_owned()], EmbedPurpose::Query).await.map(|_| ())
}

fn away() -> Error {
    Error::new(ErrorKind::Unavailable, "test", "away")
}

/// Opens the breaker by five refusals of interactive calls.
async fn open(stack: &Stack) {
    stack.script.change(|_, _| Outcome::Fail(away()));
    for _ in 0..5 {
        embed(&stack.embedder.interactive).await.unwrap_err();
    }
    assert_eq!(stack.breaker.snapshot().state, BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_who_come_when_it_is_half_open_one_gets_through() {
    let stack = stack();
    open(&stack).await;
    advance(Duration::from_secs(5)).await;
    stack.script.change(|_, _| Outcome::Hang);
    let before = stack.script.calls();
    let profiles = [stack.embedder.interactive.clone(), stack.embedder.background.clone()];
    let racing: Vec<_> = (0..100)
        .map(|i| {
            let embedder = profiles[i % 2].clone();
            tokio::spawn(async move { embed(&embedder).await })
        })
        .collect();
    stack.script.called(before + 1).await;
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stack.script.calls(), before + 1, "one probe");
    assert_eq!(racing.iter().filter(|task| task.is_finished()).count(), 99, "the others do not wait for it");
    stack.script.release(1);
    let mut passed = 0;
    for task in racing {
        match task.await.unwrap() {
            Ok(()) => passed += 1,
            Err(error) => assert_eq!(error.operation(), BREAKER_OPEN),
        }
    }
    assert_eq!((passed, stack.breaker.snapshot().state), (1, BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_caller_gives_up_leaves_its_place_to_the_next() {
    let stack = stack();
    open(&stack).await;
    advance(Duration::from_secs(5)).await;
    stack.script.change(|_, _| Outcome::Hang);
    let probe = timeout(Duration::from_millis(50), embed(&stack.embedder.interactive)).await;
    assert!(probe.is_err());
    stack.script.change(|_, _| Outcome::Pass);
    embed(&stack.embedder.interactive).await.unwrap();
    assert_eq!(stack.breaker.snapshot().health, ModelHealth::Healthy);
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_opens_the_breaker_whether_callers_wait_for_the_timeout_or_not() {
    for patience in [320, 5_000] {
        let stack = stack();
        stack.script.change(|_, _| Outcome::Hang);
        for call in 0..5 {
            let begun = Instant::now();
            let waited = timeout(Duration::from_millis(patience), embed(&stack.embedder.interactive)).await;
            if let Ok(outcome) = waited {
                let error = outcome.unwrap_err();
                assert_eq!((error.kind(), error.operation()), (ErrorKind::Timeout, "embedder.timeout"));
                assert!(error.is_model_away());
            }
            assert_eq!(begun.elapsed(), Duration::from_millis(patience.min(900)), "call {call}");
        }
        let begun = Instant::now();
        assert_eq!(embed(&stack.embedder.interactive).await.unwrap_err().operation(), BREAKER_OPEN);
        assert_eq!((begun.elapsed(), stack.script.calls()), (Duration::ZERO, 5));
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_background_it_is_tried_again_with_growing_waits_on_the_phone_it_is_not() {
    let stack = stack();
    stack.script.push(Outcome::Fail(away()));
    embed(&stack.embedder.interactive).await.unwrap_err();
    assert_eq!(stack.script.calls(), 1);

    stack.script.push(Outcome::Fail(away()));
    stack.script.push(Outcome::Fail(away()));
    let begun = Instant::now();
    embed(&stack.embedder.background).await.unwrap();
    let waited = begun.elapsed();
    assert_eq!(stack.script.calls(), 4);
    assert!(waited >= Duration::from_millis(750) && waited <= Duration::from_millis(1_502), "{waited:?}");
    assert_eq!(stack.breaker.snapshot().consecutive_failures, 0);
}

#[tokio::test(start_paused = true)]
async fn attempts_end_are_counted_one_by_one_and_stop_when_the_breaker_opens() {
    let stack = stack();
    stack.script.change(|_, _| Outcome::Fail(away()));
    assert_eq!(embed(&stack.embedder.background).await.unwrap_err().operation(), "test");
    assert_eq!((stack.script.calls(), stack.breaker.snapshot().consecutive_failures), (3, 3));
    let begun = Instant::now();
    assert_eq!(embed(&stack.embedder.background).await.unwrap_err().operation(), BREAKER_OPEN);
    assert_eq!(stack.script.calls(), 5, "the fifth failure opened it, the sixth attempt was not made");
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits for it to close");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_mended_by_asking_again_is_not_asked_again_and_neither_is_a_local_model() {
    let stack = stack();
    for kind in [ErrorKind::Invalid, ErrorKind::Denied, ErrorKind::Corrupt] {
        let before = stack.script.calls();
        stack.script.push(Outcome::fail(kind));
        assert_eq!(embed(&stack.embedder.background).await.unwrap_err().kind(), kind);
        assert_eq!(stack.script.calls(), before + 1, "{kind:?}");
    }
    let local = stack_of(false);
    local.script.push(Outcome::Fail(away()));
    embed(&local.embedder.background).await.unwrap_err();
    assert_eq!(local.script.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_by_whoever_can_and_holds_off_everybody_else() {
    let stack = stack();
    let limited = |secs| Error::new(ErrorKind::Limited, "test", "slow").with_retry_after(Duration::from_secs(secs));
    stack.script.push(Outcome::Fail(limited(7)));
    let patient = tokio::spawn({
        let embedder = stack.embedder.background.clone();
        async move {
            let begun = Instant::now();
            embed(&embedder).await.map(|()| begun.elapsed())
        }
    });
    stack.script.called(1).await;
    sleep(Duration::from_secs(2)).await;
    let refused = embed(&stack.embedder.interactive).await.unwrap_err();
    assert_eq!((refused.operation(), refused.retry_after()), (BREAKER_OPEN, Some(Duration::from_secs(5))));
    let waited = patient.await.unwrap().unwrap();
    assert!(waited >= Duration::from_secs(7) && waited <= Duration::from_millis(7_002), "{waited:?}");
    assert_eq!(stack.script.calls(), 2);

    stack.script.push(Outcome::Fail(limited(600)));
    let begun = Instant::now();
    let error = embed(&stack.embedder.background).await.unwrap_err();
    assert_eq!((error.retry_after(), begun.elapsed()), (Some(Duration::from_secs(600)), Duration::ZERO));
    advance(Duration::from_secs(600)).await;
    embed(&stack.embedder.interactive).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hanging_background_call_times_out_with_its_own_patience() {
    let stack = stack_of(false);
    stack.script.push(Outcome::Hang);
    let begun = Instant::now();
    assert_eq!(embed(&stack.embedder.background).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(begun.elapsed(), Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn no_texts_are_no_probe() {
    let stack = stack();
    open(&stack).await;
    advance(Duration::from_secs(5)).await;
    stack.script.change(|_, _| Outcome::Pass);
    assert_eq!(stack.embedder.background.embed(&[], EmbedPurpose::Query).await.unwrap().vectors.len(), 0);
    assert_eq!(stack.breaker.snapshot().state, BreakerState::HalfOpen);
}

/// A chat model that never answers.
#[derive(Debug)]
struct Mute;

#[async_trait]
impl ChatModel for Mute {
    fn model(&self) -> &str {
        "mute"
    }

    async fn chat(&self, _: &ChatRequest) -> Result<ChatAnswer> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn chat_has_the_same_layers_and_shares_the_backend_s_breaker() {
    let stack = stack();
    let request =
        ChatRequest { spend: Spend::Check, system: "s".into(), user: "u".into(), schema: None, max_tokens: 5 };
    let scripted = Arc::new(ScriptedChat::default());
    scripted.then(Err(away()));
    scripted.then(Ok(hark_core::testkit::ChatReply::Text("yes".to_owned())));
    let config = Resilience::default();
    let chat = layer::chat("test", scripted.clone(), &config, &stack.breaker, &entropy());
    assert_eq!(chat.background.chat(&request).await.unwrap().text, "yes");
    assert_eq!((scripted.asked().len(), chat.interactive.model()), (2, "scripted"));

    let mute = layer::chat("test", Arc::new(Mute), &config, &stack.breaker, &entropy());
    let error = mute.interactive.chat(&request).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Timeout, "chat.timeout"));
    open(&stack).await;
    assert_eq!(chat.background.chat(&request).await.unwrap_err().operation(), BREAKER_OPEN);
}
