//! The budget bounds the whole question, whatever hangs, on paused time.

use crate::world::{NUMBER, World};
use hark_core::ingest::NewMemory;
use hark_core::layer::{self, Breaker, Resilience};
use hark_core::recall::{CallerCache, Recall, RecallConfig};
use hark_core::testkit::{Outcome as Step, Script};
use hark_core::{Clock, Error, ErrorKind, Link, LinkKind, Mode, Origin, RecallQuery, Recalled, Result, Scope};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const BUDGET: Duration = Duration::from_millis(400);
const SLACK: Duration = Duration::from_millis(50);

/// A caller with two memories, one of which is only found by its link to the other.
async fn taught() -> (World, Scope) {
    let world = World::with(RecallConfig { min_cosine: 0.6, ..RecallConfig::default() }).await;
    let scope = world.scope_of(NUMBER).await;
    let new = ["Keeps bees on the roof", "Owns a ladder"].map(|s| NewMemory::new(s, Origin::Api));
    let ids: Vec<_> = world.ingest.add(&scope, new.into()).await.unwrap().into_iter().map(|memory| memory.id).collect();
    let link = Link::new(ids[0].clone(), ids[1].clone(), 0.9, LinkKind::Manual, world.clock.now());
    world.engine.memory.put_links(&scope, &[link]).await.unwrap();
    (world, scope)
}

/// Asks, and asserts that the answer, whatever it is, is there in time.
async fn ask(world: &World, scope: &Scope) -> Result<Recalled> {
    let begun = Instant::now();
    let answer = world.recall.ask(scope, &RecallQuery::new("bees on the roof")).await;
    assert!(begun.elapsed() <= BUDGET + SLACK, "{:?}: {answer:?}", begun.elapsed());
    answer
}

/// The `number`-th call of that method hangs, counted from 0 and from now on.
fn hang(script: &Script, method: &'static str, number: usize) {
    let mut seen = 0;
    script.change(move |called, _| {
        let matches = called == method;
        seen += usize::from(matches);
        if matches && seen == number + 1 { Step::Hang } else { Step::Pass }
    });
}

#[tokio::test(start_paused = true)]
async fn whichever_step_hangs_what_is_left_answers_in_time_and_says_so() {
    type Case = (fn(&World) -> &Script, &'static str, usize, Mode, &'static str, usize);
    let cases: [Case; 6] = [
        (|w| &w.embedder, "embed", 0, Mode::Keyword, "embedding_late", 2),
        (|w| &w.keywords, "search", 0, Mode::Vector, "words_late", 2),
        (|w| &w.vectors, "load", 0, Mode::Keyword, "vectors_late", 2),
        (|w| &w.memory, "user", 0, Mode::Keyword, "vectors_late", 2),
        (|w| &w.memory, "links", 0, Mode::Hybrid, "links_late", 1),
        (|w| &w.memory, "memories", 1, Mode::Hybrid, "links_late", 1),
    ];
    for (part, method, number, mode, reason, hits) in cases {
        let (world, scope) = taught().await;
        hang(part(&world), method, number);
        let answer = ask(&world, &scope).await.unwrap();
        assert_eq!((answer.mode, answer.degraded), (mode, Some(reason)), "{method}");
        assert_eq!(answer.hits.len(), hits, "{method}");
        assert_eq!(answer.hits[0].content(), "Keeps bees on the roof");
        let healed = ask(&world, &scope).await.unwrap();
        assert_eq!((healed.mode, healed.degraded, healed.hits.len()), (Mode::Hybrid, None, 2), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_nothing_can_answer_the_error_is_there_in_time() {
    let (world, scope) = taught().await;
    hang(&world.memory, "memories", 0);
    let error = ask(&world, &scope).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Timeout, "recall.rows"));

    let (world, scope) = taught().await;
    hang(&world.embedder, "embed", 0);
    hang(&world.keywords, "search", 0);
    let error = ask(&world, &scope).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Timeout, "recall.words"));
}

#[tokio::test(start_paused = true)]
async fn links_that_cannot_be_read_cost_the_links_not_the_answer() {
    let (world, scope) = taught().await;
    world.memory.change(|method, _| if method == "links" { Step::fail(ErrorKind::Unavailable) } else { Step::Pass });
    let answer = ask(&world, &scope).await.unwrap();
    assert_eq!((answer.degraded, answer.hits.len()), (Some("links_failed"), 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_spent_before_is_not_there_any_more() {
    let (world, scope) = taught().await;
    hang(&world.embedder, "embed", 0);
    let begun = Instant::now();
    let query = RecallQuery::new("bees");
    let answer = world.recall.ask_by(&scope, &query, begun + Duration::from_millis(100)).await.unwrap();
    assert_eq!((answer.degraded, begun.elapsed()), (Some("embedding_late"), Duration::from_millis(80)));
}

#[tokio::test(start_paused = true)]
async fn behind_an_open_breaker_nobody_waits_and_the_answer_says_why() {
    let (world, scope) = taught().await;
    let config = Resilience::default();
    let breaker = Breaker::new("test", &config);
    let mut engine = world.engine.clone();
    let bare = engine.embedder.unwrap().interactive;
    engine.embedder = Some(layer::embedder("test", bare, &config, &breaker, &engine.entropy));
    let recall = Recall::new(engine, Arc::new(CallerCache::new(8)), RecallConfig::default());
    let query = RecallQuery::new("bees");

    let ask = async || {
        let begun = Instant::now();
        (recall.ask(&scope, &query).await.unwrap(), begun.elapsed())
    };
    world.embedder.change(|_, _| Step::Hang);
    for _ in 0..5 {
        let (answer, took) = ask().await;
        assert_eq!((answer.degraded, took), (Some("embedding_late"), BUDGET * 4 / 5));
    }
    let (answer, took) = ask().await;
    assert_eq!((answer.mode, answer.degraded, took), (Mode::Keyword, Some("breaker_open"), Duration::ZERO));
    assert_eq!(answer.hits[0].content(), "Keeps bees on the roof");

    world.embedder.change(|_, _| Step::Pass);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(ask().await.0.degraded, None, "the first question after the pause is the probe");

    let stopped = || Error::new(ErrorKind::Limited, "cost.stopped", "spent");
    world.embedder.change(move |_, _| Step::Fail(stopped()));
    assert_eq!(ask().await.0.degraded, Some("budget_stopped"));
}
