//! Answering, on RAM and fakes; the bad days first.

use crate::world::{NUMBER, World};
use chrono::Duration;
use hark_core::ingest::NewMemory;
use hark_core::recall::RecallConfig;
use hark_core::testkit::Outcome as Step;
use hark_core::{Clock, Error, ErrorKind, Link, LinkKind, MemoryState, Mode, Origin, RecallQuery, Scope, Sector, Via};

fn gone() -> Error {
    Error::new(ErrorKind::Unavailable, "test", "gone")
}

async fn teach(world: &World, sentences: &[&str]) -> Scope {
    let scope = world.scope_of(NUMBER).await;
    let new = sentences.iter().map(|s| NewMemory::new(*s, Origin::Api)).collect();
    world.ingest.add(&scope, new).await.unwrap();
    scope
}

#[tokio::test]
async fn when_the_embedder_fails_words_answer_and_say_so() {
    let world = World::new().await;
    let scope = teach(&world, &["Keeps bees on the roof", "Plays the violin"]).await;
    world.embedder.push(Step::Fail(gone()));
    let answer = world.recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap();
    assert_eq!((answer.mode, answer.degraded), (Mode::Keyword, Some("embedding_failed")));
    assert_eq!(answer.hits[0].content(), "Keeps bees on the roof");
    let healed = world.recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap();
    assert_eq!((healed.mode, healed.degraded), (Mode::Hybrid, None));
}

#[tokio::test(start_paused = true)]
async fn when_the_embedder_hangs_words_answer_within_the_budget() {
    let world = World::new().await;
    let scope = teach(&world, &["Keeps bees on the roof"]).await;
    world.embedder.push(Step::Hang);
    let begun = tokio::time::Instant::now();
    let answer = world.recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap();
    assert!(begun.elapsed() <= std::time::Duration::from_millis(RecallConfig::default().budget_ms));
    assert_eq!((answer.mode, answer.degraded), (Mode::Keyword, Some("embedding_late")));
    assert_eq!(answer.hits.len(), 1);
}

#[tokio::test]
async fn when_words_fail_vectors_answer_and_when_both_fail_it_is_an_error() {
    let world = World::new().await;
    let scope = teach(&world, &["Keeps bees on the roof"]).await;
    world.keywords.push(Step::Fail(gone()));
    let answer = world.recall.ask(&scope, &RecallQuery::new("bees on the roof")).await.unwrap();
    assert_eq!((answer.mode, answer.degraded), (Mode::Vector, Some("words_failed")));
    assert_eq!(answer.hits.len(), 1);

    world.keywords.push(Step::Fail(gone()));
    world.embedder.push(Step::Fail(gone()));
    assert!(world.recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap_err().is_retriable());
}

#[tokio::test]
async fn when_vectors_cannot_be_read_words_answer() {
    let world = World::new().await;
    let scope = teach(&world, &["Keeps bees on the roof"]).await;
    world.vectors.push(Step::Fail(gone()));
    let answer = world.recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap();
    assert_eq!((answer.mode, answer.degraded), (Mode::Keyword, Some("vectors_failed")));
}

#[tokio::test]
async fn while_indexes_are_rebuilt_answers_say_that_they_may_lack_something() {
    let world = World::new().await;
    let scope = teach(&world, &["Keeps bees"]).await;
    let guard = world.recall.rebuilding();
    assert_eq!(world.recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap().degraded, Some("rebuilding"));
    drop(guard);
    assert_eq!(world.recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap().degraded, None);
}

#[tokio::test]
async fn questions_without_sense_have_an_answer_too() {
    let world = World::new().await;
    let scope = teach(&world, &["Keeps bees"]).await;
    let stranger = Scope::new("acme", "usr_stranger");
    let long = "bees ".repeat(20_000);
    for text in ["", "   ", "🐝🐝🐝", "AND (title:\"x\"", "' OR 1=1 --", long.as_str()] {
        let answer = world.recall.ask(&scope, &RecallQuery::new(text)).await.unwrap();
        assert!(!answer.summary.is_empty());
        assert!(world.recall.ask(&stranger, &RecallQuery::new(text)).await.unwrap().hits.is_empty());
    }
    for limit in [0, 10_000] {
        let query = RecallQuery { limit, ..RecallQuery::new("bees") };
        assert_eq!(world.recall.ask(&scope, &query).await.unwrap().hits.len(), 1);
    }
}

#[tokio::test]
async fn sectors_and_dates_narrow_the_answer() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let bees = |sector| NewMemory { sector: Some(sector), ..NewMemory::new("Bees and more bees", Origin::Api) };
    world.ingest.add(&scope, vec![bees(Sector::Semantic)]).await.unwrap();
    let then = world.clock.now();
    world.clock.advance(Duration::days(3));
    world.ingest.add(&scope, vec![bees(Sector::Episodic)]).await.unwrap();

    let ask = async |query: RecallQuery| world.recall.ask(&scope, &query).await.unwrap().hits;
    let all = RecallQuery::new("bees");
    assert_eq!(ask(all.clone()).await.len(), 2);
    let episodic = ask(RecallQuery { sectors: vec![Sector::Episodic], ..all.clone() }).await;
    assert!(episodic.len() == 1 && episodic[0].memory().unwrap().sector == Sector::Episodic);
    let past = ask(RecallQuery { as_of: Some(then), ..all }).await;
    assert!(past.len() == 1 && past[0].memory().unwrap().sector == Sector::Semantic);
}

#[tokio::test]
async fn archived_memories_answer_when_asked_for_or_when_nothing_else_does() {
    let world = World::new().await;
    let scope = teach(&world, &["Kept bees once", "Keeps bees now"]).await;
    let found = world.recall.ask(&scope, &RecallQuery::new("once")).await.unwrap().hits;
    let mut old = found[0].memory().unwrap().clone();
    assert_eq!(old.content, "Kept bees once");
    old.state = MemoryState::Archived;
    world.engine.memory.put_memories(&scope, &[old.clone()]).await.unwrap();

    let ask = async |text: &str, archived| {
        let query = RecallQuery { include_archived: archived, ..RecallQuery::new(text) };
        world
            .recall
            .ask(&scope, &query)
            .await
            .unwrap()
            .hits
            .into_iter()
            .map(|h| h.content().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ask("bees", false).await, ["Keeps bees now"]);
    assert_eq!(ask("bees", true).await.len(), 2);
    old.state = MemoryState::Superseded;
    world.engine.memory.put_memories(&scope, &[old]).await.unwrap();
    assert_eq!(ask("bees", true).await, ["Keeps bees now"], "only current truth is heard");
}

#[tokio::test]
async fn a_linked_memory_follows_its_parent_and_says_so() {
    let world = World::with(RecallConfig { min_cosine: 0.9, ..RecallConfig::default() }).await;
    let scope = teach(&world, &["Keeps bees on the roof", "Owns a ladder"]).await;
    let found = |text: &'static str| {
        let (recall, scope) = (world.recall.clone(), scope.clone());
        async move { recall.ask(&scope, &RecallQuery::new(text)).await.unwrap().hits }
    };
    let (bees, ladder) = (found("bees").await, found("ladder").await);
    assert!(bees.len() == 1 && ladder.len() == 1);
    let link = Link::new(
        bees[0].memory().unwrap().id.clone(),
        ladder[0].memory().unwrap().id.clone(),
        0.9,
        LinkKind::Manual,
        world.clock.now(),
    );
    world.engine.memory.put_links(&scope, &[link]).await.unwrap();
    let hits = found("bees").await;
    assert_eq!(hits.iter().map(|h| h.via).collect::<Vec<_>>(), [Via::Direct, Via::Link]);
    assert!(hits[1].score < hits[0].score && (hits[1].parts.link - 0.9).abs() < 1e-6);
}

#[tokio::test]
async fn a_stranger_is_introduced_neutrally_and_a_known_caller_by_name() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    assert_eq!(world.recall.introduce(&scope).await.unwrap(), world.recall.neutral());
    world.engine.memory.set_name(&scope, "Sam").await.unwrap();
    teach(&world, &["Prefers the morning"]).await;
    let known = world.recall.introduce(&scope).await.unwrap();
    assert!(known.is_returning && known.greeting.contains("Sam"));
    assert_eq!(known.context, "Prefers the morning.");
}
