//! One vector space serves; another is filled beside it; and what is forgotten meanwhile stays forgotten.

use crate::world::{NUMBER, World};
use hark_core::ai::Embedder;
use hark_core::ingest::{Ingest, IngestConfig, MemoryPatch, NewMemory, NextSpace, SpaceCheck, check_space};
use hark_core::job::{EmbedMemories, JobPayload};
use hark_core::recall::CallerCache;
use hark_core::store::{JobFilter, Space};
use hark_core::testkit::{FakeEmbedder, FlakyEmbedder, Outcome, Script};
use hark_core::{ErrorKind, Mode, Origin, PageRequest, RecallQuery, Scope};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn new(text: &str) -> NewMemory {
    NewMemory::new(text, Origin::Api)
}

fn own_space(world: &World) -> Space {
    world.engine.embedder.as_ref().unwrap().background.info().space.clone()
}

/// The same engine with another embedder beside, whose calls follow the script.
fn with_next(world: &World, script: &Script) -> (Ingest, Space) {
    let other = Arc::new(FakeEmbedder::new(48));
    let space = other.info().space.clone();
    let next = NextSpace::new(Arc::new(FlakyEmbedder::new(other, script.clone())));
    let engine = hark_core::engine::Engine { next: Some(next), ..world.engine.clone() };
    (Ingest::new(engine, Arc::new(CallerCache::new(8)), IngestConfig::default()), space)
}

async fn left_behind(world: &World, spaces: &[&Space]) -> u64 {
    let mut left = world.engine.keywords.count().await.unwrap();
    for space in spaces {
        left += world.engine.vectors.count(space).await.unwrap();
    }
    left
}

#[tokio::test]
async fn the_first_space_is_noted_and_another_is_told_apart_once_there_are_memories() {
    let world = World::new().await;
    assert_eq!(check_space(&world.engine).await.unwrap(), SpaceCheck::Same);
    assert_eq!(world.engine.memory.space().await.unwrap(), Some(own_space(&world)));

    let other = Space { model: "other".to_owned(), dimensions: 3 };
    world.engine.memory.set_space(&other).await.unwrap();
    assert_eq!(check_space(&world.engine).await.unwrap(), SpaceCheck::Same, "nothing to be lost yet");

    let scope = world.scope_of(NUMBER).await;
    world.ingest.add(&scope, vec![new("Likes tea")]).await.unwrap();
    world.engine.memory.set_space(&other).await.unwrap();
    assert_eq!(check_space(&world.engine).await.unwrap(), SpaceCheck::Other(other.clone()));
    assert_eq!(world.engine.memory.space().await.unwrap(), Some(other), "looking changes nothing");

    world.ingest.reindex(true, &|_, _| {}).await.unwrap();
    world.ingest.settle_space().await.unwrap();
    assert_eq!(check_space(&world.engine).await.unwrap(), SpaceCheck::Same);
}

#[tokio::test]
async fn a_rebuild_in_another_space_empties_the_old_one_at_its_end() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    check_space(&world.engine).await.unwrap();
    world.ingest.add(&scope, vec![new("Likes tea"), new("Has a dog")]).await.unwrap();
    let (ingest, next) = with_next(&world, &Script::default());
    ingest.fill_next(&|done, all| assert!(done <= all)).await.unwrap();
    // The next start, with the new embedder as the only one.
    let engine = hark_core::engine::Engine {
        embedder: Some(hark_core::layer::Profiles::same(Arc::new(FakeEmbedder::new(48)))),
        ..world.engine.clone()
    };
    let started = Ingest::new(engine.clone(), Arc::new(CallerCache::new(8)), IngestConfig::default());
    assert_eq!(check_space(&engine).await.unwrap(), SpaceCheck::Same);
    assert!(!started.lag().await.unwrap().is_behind());
    world.engine.memory.set_space(&own_space(&world)).await.unwrap();
    started.settle_space().await.unwrap();
    assert_eq!(world.engine.vectors.count(&own_space(&world)).await.unwrap(), 0);
    assert_eq!(world.engine.vectors.count(&next).await.unwrap(), 2);
}

#[tokio::test]
async fn the_present_space_serves_while_the_next_is_filled_and_followed() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    check_space(&world.engine).await.unwrap();
    world.ingest.add(&scope, vec![new("Likes tea"), new("Has a dog")]).await.unwrap();
    let script = Script::of([Outcome::Hang]);
    let (ingest, next) = with_next(&world, &script);
    let filling = tokio::spawn({
        let ingest = ingest.clone();
        async move { ingest.fill_next(&|_, _| {}).await }
    });
    script.called(1).await;

    // Half-way: answers are whole, a new memory and a correction go to the present space and nobody waits.
    let answer = world.recall.ask(&scope, &RecallQuery::new("tea")).await.unwrap();
    assert_eq!((answer.mode, answer.degraded), (Mode::Hybrid, None));
    let added = ingest.add(&scope, vec![new("Plays the violin")]).await.unwrap().remove(0);
    let patch = MemoryPatch { content: Some("Plays the cello".to_owned()), ..MemoryPatch::default() };
    ingest.update(&scope, &added.id, patch).await.unwrap();
    assert_eq!(world.engine.memory.space().await.unwrap(), Some(own_space(&world)), "not before it is complete");

    script.release(1);
    assert_eq!(filling.await.unwrap().unwrap(), 2);
    assert_eq!(world.engine.vectors.count(&next).await.unwrap(), 3);
    assert_eq!(world.engine.memory.space().await.unwrap(), Some(next.clone()));
    let rows = world.engine.vectors.load(&scope, &next, 10).await.unwrap().unwrap();
    let row = rows.iter().find(|row| row.id == added.id).unwrap();
    let expected = FakeEmbedder::new(48)
        .embed(&["Plays the cello".to_owned()], hark_core::ai::EmbedPurpose::Query)
        .await
        .unwrap()
        .vectors;
    assert_eq!(row.vector, expected[0], "the correction followed");

    // Until the next start both are kept up.
    let following = tokio::spawn({
        let ingest = ingest.clone();
        async move { ingest.follow_next().await }
    });
    let calls = script.calls();
    ingest.add(&scope, vec![new("Moved to Leeds")]).await.unwrap();
    script.called(calls + 1).await;
    while world.engine.vectors.count(&next).await.unwrap() < 4 {
        tokio::task::yield_now().await;
    }
    following.abort();
}

#[tokio::test]
async fn a_broken_off_filling_changes_nothing_and_goes_on_later() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    check_space(&world.engine).await.unwrap();
    world.ingest.add(&scope, vec![new("Likes tea"), new("Has a dog")]).await.unwrap();
    let script = Script::of([Outcome::fail(ErrorKind::Unavailable), Outcome::Pass, Outcome::fail(ErrorKind::Timeout)]);
    let (ingest, next) = with_next(&world, &script);
    assert_eq!(ingest.fill_next(&|_, _| {}).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(check_space(&world.engine).await.unwrap(), SpaceCheck::Same);

    // The walk succeeds, what was written meanwhile cannot be followed: not complete, and not forgotten.
    ingest.add(&scope, vec![new("Moved to Leeds")]).await.unwrap();
    assert_eq!(ingest.fill_next(&|_, _| {}).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(world.engine.memory.space().await.unwrap(), Some(own_space(&world)));
    ingest.fill_next(&|_, _| {}).await.unwrap();
    assert_eq!(world.engine.vectors.count(&next).await.unwrap(), 3);
    assert_eq!(world.engine.memory.space().await.unwrap(), Some(next));
}

async fn forgotten_while_embedding(forget: impl AsyncFn(&World, &Scope)) {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    check_space(&world.engine).await.unwrap();
    world.embedder.push(Outcome::Hang);
    let adding = tokio::spawn({
        let (ingest, scope) = (world.ingest.clone(), scope.clone());
        async move { ingest.add(&scope, vec![new("Has gout")]).await }
    });
    world.embedder.called(1).await;
    forget(&world, &scope).await;
    world.embedder.release(1);
    // Whatever it answers: nothing may be left.
    let _ = adding.await.unwrap();
    assert_eq!(left_behind(&world, &[&own_space(&world)]).await, 0);
}

#[tokio::test]
async fn a_caller_erased_while_a_memory_is_embedded_leaves_nothing_behind() {
    forgotten_while_embedding(async |world, scope| {
        world.ingest.erase(scope).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_memory_forgotten_while_it_is_embedded_leaves_nothing_behind() {
    forgotten_while_embedding(async |world, scope| {
        let all = world.engine.memory.pending_memories(10).await.unwrap();
        let ids: Vec<_> = all.into_iter().map(|(_, memory)| memory.id).collect();
        assert_eq!(world.ingest.forget(scope, &ids).await.unwrap(), 1);
    })
    .await;
}

/// The process that was embedding dies after it has written the vector, and before it could have noticed.
#[tokio::test]
async fn a_vector_written_by_the_dying_of_what_was_forgotten_is_taken_out_by_a_job() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    world.embedder.push(Outcome::Hang);
    let adding = tokio::spawn({
        let (ingest, scope) = (world.ingest.clone(), scope.clone());
        async move { ingest.add(&scope, vec![new("Has gout")]).await }
    });
    world.embedder.called(1).await;
    let all = world.engine.memory.pending_memories(10).await.unwrap();
    let ids: Vec<_> = all.into_iter().map(|(_, memory)| memory.id).collect();
    assert_eq!(world.ingest.forget(&scope, &ids).await.unwrap(), 1);
    let dying = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&dying);
    world.memory.change(move |method, _| {
        let last = method == "mark_indexed";
        told.fetch_or(last, Ordering::SeqCst);
        if last { Outcome::Hang } else { Outcome::Pass }
    });
    world.embedder.release(1);
    while !dying.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    adding.abort();
    adding.await.unwrap_err();
    world.memory.change(|_, _| Outcome::Pass);
    assert_eq!(left_behind(&world, &[&own_space(&world)]).await, 1, "or the test shows nothing");

    let jobs = world.engine.jobs.list(&world.tenant(), &JobFilter::default(), &PageRequest::first(9)).await.unwrap();
    let job = jobs.items.into_iter().find(|job| job.name == EmbedMemories::NAME).expect("somebody looks after it");
    let job: EmbedMemories = serde_json::from_value(job.payload).unwrap();
    assert_eq!(job.memory_ids, ids);
    world.ingest.embed(&scope, &job.memory_ids).await.unwrap();
    assert_eq!(left_behind(&world, &[&own_space(&world)]).await, 0);
}

#[tokio::test]
async fn a_caller_erased_during_a_rebuild_leaves_nothing_behind() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    check_space(&world.engine).await.unwrap();
    world.ingest.add(&scope, vec![new("Has gout")]).await.unwrap();
    let script = Script::of([Outcome::Hang]);
    let (ingest, next) = with_next(&world, &script);
    let filling = tokio::spawn(async move { ingest.fill_next(&|_, _| {}).await });
    script.called(1).await;
    world.ingest.erase(&scope).await.unwrap();
    script.release(1);
    filling.await.unwrap().unwrap();
    assert_eq!(left_behind(&world, &[&own_space(&world), &next]).await, 0);
}
