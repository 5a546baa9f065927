//! Learning from calls, on RAM and fakes; the bad days first.

use crate::world::{NUMBER, World};
use hark_core::ingest::{NewMemory, Outcome};
use hark_core::job::{EmbedMemories, JobPayload, LinkMemories};
use hark_core::people::Claim;
use hark_core::store::{MemoryFilter, Space};
use hark_core::testkit::Outcome as Step;
use hark_core::{
    Clock, ConversationId, ConversationState, Error, ErrorKind, IdentityKind, IndexState, Memory, Mode, Origin,
    PageRequest, RecallQuery, Scope, Speaker,
};

const SAID: &[(Speaker, &str)] = &[
    (Speaker::Agent, "Hello, how can I help?"),
    (Speaker::User, "Please move my delivery to Friday, and call me Sam, not Samuel."),
    (Speaker::Agent, "Of course."),
];

fn gone() -> Error {
    Error::new(ErrorKind::Unavailable, "test", "gone")
}

async fn all(world: &World, scope: &Scope) -> Vec<Memory> {
    let page = PageRequest::first(100);
    world.engine.memory.list_memories(scope, &MemoryFilter::default(), &page).await.unwrap().items
}

#[tokio::test]
async fn a_call_is_learnt_once_however_often_it_is_told() {
    let world = World::new().await;
    let first = world.ingest.call(&world.tenant(), world.call("conv_1", SAID)).await.unwrap();
    let Outcome::Learnt { memories } = &first.outcome else { panic!("{first:?}") };
    assert!(memories.len() >= 2);
    let scope = world.scope_of(NUMBER).await;
    let before = all(&world, &scope).await;

    let again = world.ingest.call(&world.tenant(), world.call("conv_1", SAID)).await.unwrap();
    assert_eq!(again.outcome, Outcome::Learnt { memories: vec![] });
    assert!(again.follow_ups.is_empty());
    assert_eq!(all(&world, &scope).await, before);
    let user = world.engine.memory.user(&scope).await.unwrap().unwrap();
    assert_eq!((user.call_count, user.name.as_str()), (1, "Sam"));
}

#[tokio::test]
async fn a_call_of_last_year_is_a_contact_of_last_year() {
    let world = World::new().await;
    let then = world.clock.now() - chrono::Duration::days(365);
    let call = hark_core::ingest::Call { started_at: then, ..world.call("conv_1", SAID) };
    world.ingest.call(&world.tenant(), call).await.unwrap();
    let scope = world.scope_of(NUMBER).await;
    let user = world.engine.memory.user(&scope).await.unwrap().unwrap();
    assert_eq!((user.first_contact, user.last_contact), (then, then));
    assert_eq!(world.recall.introduce(&scope).await.unwrap().last_call, "Saturday 22 November 2025");
}

#[tokio::test]
async fn a_walk_that_broke_off_goes_on_from_the_saved_extraction() {
    let world = World::new().await;
    world.keywords.push(Step::Fail(gone()));
    let broken = world.ingest.call(&world.tenant(), world.call("conv_1", SAID)).await.unwrap_err();
    assert!(broken.is_retriable());
    let scope = world.scope_of(NUMBER).await;
    let pending = all(&world, &scope).await;
    assert!(!pending.is_empty() && pending.iter().all(|m| m.index == IndexState::Pending), "stored before indexed");

    // The second telling says something else; what was saved stands.
    let other = &[(Speaker::User, "My order number is 998877.")];
    let done = world.ingest.call(&world.tenant(), world.call("conv_1", other)).await.unwrap();
    assert!(matches!(done.outcome, Outcome::Learnt { .. }));
    let learnt = all(&world, &scope).await;
    assert_eq!(learnt.iter().map(|m| &m.id).collect::<Vec<_>>(), pending.iter().map(|m| &m.id).collect::<Vec<_>>());
    assert!(learnt.iter().all(|m| m.index == IndexState::Indexed));
    assert!(!learnt.iter().any(|m| m.content.contains("998877")));
}

#[tokio::test]
async fn with_the_embedder_down_a_call_is_learnt_found_by_words_and_embedded_later() {
    let world = World::new().await;
    world.embedder.push(Step::Fail(gone()));
    let learnt = world.ingest.call(&world.tenant(), world.call("conv_1", SAID)).await.unwrap();
    let Outcome::Learnt { memories } = &learnt.outcome else { panic!("{learnt:?}") };
    assert!(learnt.follow_ups.iter().any(|j| j.name == EmbedMemories::NAME));
    assert!(!learnt.follow_ups.iter().any(|j| j.name == LinkMemories::NAME), "no vectors, nothing to link");

    let scope = world.scope_of(NUMBER).await;
    let found = world.recall.ask(&scope, &RecallQuery::new("delivery on friday")).await.unwrap();
    assert!(found.hits[0].content().contains("Friday"));
    assert_eq!(world.engine.memory.pending_memories(10).await.unwrap().len(), memories.len());

    assert_eq!(world.ingest.repair(100).await.unwrap(), memories.len());
    assert!(world.engine.memory.pending_memories(10).await.unwrap().is_empty());
    assert!(!world.ingest.lag().await.unwrap().is_behind());
}

#[tokio::test]
async fn nobody_and_nothing_said_and_nothing_sent_are_kept_and_teach_nothing() {
    let world = World::new().await;
    let mut nobody = world.call("conv_nobody", SAID);
    nobody.claims = vec![Claim::new(IdentityKind::Phone, "anonymous"), Claim::new(IdentityKind::External, " ")];
    let mut unsent = world.call("conv_unsent", SAID);
    unsent.transcript = None;
    let silent = world.call("conv_silent", &[(Speaker::Agent, "Hello?"), (Speaker::User, "…")]);

    let outcome = async |call| world.ingest.call(&world.tenant(), call).await.unwrap().outcome;
    assert_eq!(outcome(nobody).await, Outcome::Ignored { why: "no_identity" });
    assert_eq!(outcome(unsent).await, Outcome::AwaitingTranscript);
    assert_eq!(outcome(silent).await, Outcome::Ignored { why: "no_user_words" });
    assert_eq!(world.engine.memory.count_memories().await.unwrap(), 0);
    let kept = async |id: &str| {
        world.engine.memory.conversation(&world.tenant(), &ConversationId::new(id)).await.unwrap().unwrap()
    };
    assert_eq!(kept("conv_nobody").await.state, ConversationState::Ignored);
    assert!(kept("conv_nobody").await.transcript.is_some(), "the words are kept");
    assert_eq!(kept("conv_unsent").await.state, ConversationState::AwaitingTranscript);

    // The transcript arrives after all.
    let late = world.call("conv_unsent", SAID);
    assert!(matches!(outcome(late).await, Outcome::Learnt { .. }));
}

#[tokio::test]
async fn a_conversation_stays_the_callers_it_was_bound_to() {
    let world = World::new().await;
    let bound = world.scope_of("+4930111111").await;
    let conversation = ConversationId::new("conv_1");
    world.people.bind(&bound, &conversation, None).await.unwrap();
    // The event claims another number; it becomes a way to know the bound caller.
    world.ingest.call(&world.tenant(), world.call("conv_1", SAID)).await.unwrap();
    assert!(!all(&world, &bound).await.is_empty());
    assert_eq!(world.scope_of(NUMBER).await, bound);
}

#[tokio::test]
async fn a_user_id_and_a_number_in_one_call_are_one_caller_from_then_on() {
    let world = World::new().await;
    let mut call = world.call("conv_1", SAID);
    call.claims.insert(0, Claim::new(IdentityKind::External, "usr_of_the_integrator"));
    world.ingest.call(&world.tenant(), call).await.unwrap();
    let by_number = world.scope_of(NUMBER).await;
    let by_id = world.people.by_reference(&world.tenant(), "usr_of_the_integrator").await.unwrap().unwrap();
    assert_eq!(by_number.caller, by_id.id);
    let by_own = world.people.by_reference(&world.tenant(), by_id.id.as_str()).await.unwrap().unwrap();
    assert_eq!(by_own.id, by_id.id);
    assert_eq!(world.people.by_reference(&world.tenant(), "usr_unknown").await.unwrap(), None);
}

#[tokio::test]
async fn bad_memories_are_refused_whole_and_name_the_field() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let good = || NewMemory::new("Likes tea", Origin::Api);
    let cases = [
        (NewMemory::new("  ", Origin::Api), "content"),
        (NewMemory::new("x".repeat(4_001), Origin::Api), "content"),
        (NewMemory { salience: Some(1.5), ..good() }, "salience"),
        (NewMemory { salience: Some(f32::NAN), ..good() }, "salience"),
        (NewMemory { decay_rate: Some(-1.0), ..good() }, "decay_rate"),
    ];
    for (bad, field) in cases {
        let error = world.ingest.add(&scope, vec![good(), bad]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.context().contains(field) && error.context().contains("memory 1"), "{error}");
    }
    assert!(all(&world, &scope).await.is_empty());
}

#[tokio::test]
async fn what_is_added_is_found_and_what_is_forgotten_is_not() {
    let world = World::new().await;
    let (scope, other) = (world.scope_of(NUMBER).await, world.scope_of("+4930111111").await);
    let added = world.ingest.add(&scope, vec![NewMemory::new("Keeps bees on the roof", Origin::Api)]).await.unwrap();
    let ask = async |scope: &Scope| world.recall.ask(scope, &RecallQuery::new("bees on the roof")).await.unwrap().hits;
    assert_eq!(ask(&scope).await[0].memory().unwrap().id, added[0].id);
    assert!(ask(&other).await.is_empty());

    let id = added[0].id.clone();
    assert_eq!(world.ingest.forget(&other, std::slice::from_ref(&id)).await.unwrap(), 0);
    assert_eq!(ask(&scope).await.len(), 1, "another caller forgets nothing of mine");
    assert_eq!(world.ingest.forget(&scope, std::slice::from_ref(&id)).await.unwrap(), 1);
    assert!(ask(&scope).await.is_empty());
}

#[tokio::test]
async fn erasing_a_caller_leaves_nothing_and_touches_nobody_else() {
    let world = World::new().await;
    world.ingest.call(&world.tenant(), world.call("conv_1", SAID)).await.unwrap();
    let scope = world.scope_of(NUMBER).await;
    let other = world.scope_of("+4930111111").await;
    world.ingest.add(&other, vec![NewMemory::new("Keeps bees", Origin::Api)]).await.unwrap();

    let done = world.ingest.erase(&scope).await.unwrap().unwrap();
    let erased = done.erased;
    assert!(erased.memories >= 2 && erased.conversations == 1 && erased.identities == 1);
    assert_eq!(world.ingest.erase(&scope).await.unwrap(), Some(done), "again is the same");
    assert_eq!(world.engine.memory.user(&scope).await.unwrap(), None);
    let space = Space { ..world.engine.embedder.as_ref().unwrap().background.info().space.clone() };
    assert_eq!(world.engine.vectors.count(&space).await.unwrap(), 1);
    assert_eq!(world.engine.keywords.count().await.unwrap(), 1);
    assert_ne!(world.scope_of(NUMBER).await, scope, "the number is a stranger's again");
}

#[tokio::test]
async fn a_reindex_from_nothing_finds_everything_again() {
    let world = World::new().await;
    world.ingest.call(&world.tenant(), world.call("conv_1", SAID)).await.unwrap();
    let scope = world.scope_of(NUMBER).await;
    let before = world.recall.ask(&scope, &RecallQuery::new("delivery on friday")).await.unwrap().hits;
    world.engine.keywords.clear().await.unwrap();
    let space = world.engine.embedder.as_ref().unwrap().background.info().space.clone();
    world.engine.vectors.clear(&space).await.unwrap();
    let lag = world.ingest.lag().await.unwrap();
    assert!(lag.is_behind());
    assert_eq!(world.ingest.lost().await.unwrap(), Some(lag));

    let count = world.ingest.reindex(true, &|done, all| assert!(done <= all)).await.unwrap();
    assert_eq!(count, world.engine.memory.count_memories().await.unwrap());
    let after = world.recall.ask(&scope, &RecallQuery::new("delivery on friday")).await.unwrap();
    assert_eq!(after.mode, Mode::Hybrid);
    assert_eq!(after.hits, before);
}

#[tokio::test]
async fn alike_memories_are_linked_both_ways_once() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let new = |text: &str| NewMemory::new(text, Origin::Api);
    let added = world
        .ingest
        .add(
            &scope,
            vec![new("Ordered blue garden chairs"), new("Ordered blue garden chairs again"), new("Plays the violin")],
        )
        .await
        .unwrap();
    let ids: Vec<_> = added.iter().map(|m| m.id.clone()).collect();
    assert_eq!(world.ingest.link(&scope, &ids).await.unwrap(), 1);
    assert_eq!(world.ingest.link(&scope, &ids).await.unwrap(), 1, "again is the same");
    let links = world.engine.memory.links(&scope, &ids).await.unwrap();
    assert_eq!(links.len(), 1);
    assert!(links[0].other(&ids[0]) == Some(&ids[1]) && links[0].other(&ids[1]) == Some(&ids[0]));
}

#[tokio::test]
async fn correcting_strengthening_and_restoring_keep_what_they_should() {
    use hark_core::ingest::MemoryPatch;
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let new = NewMemory { salience: Some(0.4), ..NewMemory::new("Lives in Leeds", Origin::Api) };
    let id = world.ingest.add(&scope, vec![new]).await.unwrap()[0].id.clone();

    let patch = MemoryPatch { content: Some("Lives in York".into()), ..MemoryPatch::default() };
    let corrected = world.ingest.update(&scope, &id, patch).await.unwrap().unwrap();
    assert_eq!((corrected.content.as_str(), corrected.salience), ("Lives in York", 0.4));
    let found = world.recall.ask(&scope, &RecallQuery::new("Leeds")).await.unwrap().hits;
    assert!(found.iter().all(|h| !h.content().contains("Leeds")));

    let stronger = world.ingest.reinforce(&scope, &id).await.unwrap().unwrap();
    assert!((stronger.salience - 0.49).abs() < 1e-3, "{}", stronger.salience);
    let empty = MemoryPatch { content: Some(String::new()), ..MemoryPatch::default() };
    assert_eq!(world.ingest.update(&scope, &id, empty).await.unwrap_err().kind(), ErrorKind::Invalid);
    let missing = "mem_missing".into();
    assert_eq!(world.ingest.reinforce(&scope, &missing).await.unwrap(), None);
}
