//! Of whom does not agree to be remembered nothing is learnt, and no agent is told.

use crate::world::{NUMBER, World};
use chrono::Duration;
use hark_core::ingest::{Call, Ingest, NO_CONSENT, NewMemory, Outcome};
use hark_core::privacy::ConsentRule;
use hark_core::recall::{CallerCache, Recall, RecallConfig};
use hark_core::store::MemoryFilter;
use hark_core::testkit::Outcome as Step;
use hark_core::{
    Consent, Conversation, ConversationId, ConversationState, ErrorKind, Origin, PageRequest, RecallQuery, Scope,
    Speaker,
};
use std::sync::Arc;

const SAID: &[(Speaker, &str)] =
    &[(Speaker::Agent, "Hello, how can I help?"), (Speaker::User, "My name is Sam and I keep bees on the roof.")];

fn saying(world: &World, id: &str, consent: Option<Consent>) -> Call {
    Call { consent, ..world.call(id, SAID) }
}

async fn learn(world: &World, call: Call) -> Outcome {
    world.ingest.call(&world.tenant(), call).await.unwrap().outcome
}

async fn memories(world: &World, scope: &Scope) -> usize {
    let all = world.engine.memory.list_memories(scope, &MemoryFilter::default(), &PageRequest::first(99)).await;
    all.unwrap().items.len()
}

async fn kept(world: &World, id: &str) -> Conversation {
    world.engine.memory.conversation(&world.tenant(), &ConversationId::new(id)).await.unwrap().unwrap()
}

async fn told(world: &World, scope: &Scope) -> (usize, String, bool) {
    let answer = world.recall.ask(scope, &RecallQuery::new("bees on the roof")).await.unwrap();
    let before = world.recall.introduce(scope).await.unwrap();
    assert_eq!(before == world.recall.neutral(), answer.hits.is_empty(), "both or neither");
    (answer.hits.len(), answer.summary, before.is_returning)
}

fn opt_in(world: &mut World) {
    world.engine.privacy.consent = ConsentRule::OptIn;
    let cache = Arc::new(CallerCache::new(8));
    world.ingest = Ingest::new(world.engine.clone(), cache.clone(), Default::default());
    world.recall = Recall::new(world.engine.clone(), cache, RecallConfig::default());
}

const REFUSED: Outcome = Outcome::Ignored { why: "refused" };

#[tokio::test]
async fn a_call_that_says_no_is_not_kept_whenever_it_comes_again() {
    let world = World::new().await;
    for round in 0..3 {
        assert_eq!(learn(&world, saying(&world, "conv_1", Some(Consent::Refused))).await, REFUSED);
        let call = kept(&world, "conv_1").await;
        assert_eq!((call.state, call.transcript, call.extraction), (ConversationState::Refused, None, None));
        let scope = world.scope_of(NUMBER).await;
        assert_eq!(memories(&world, &scope).await, 0);
        // Delivered again, what was said then takes nothing back that was said since.
        let standing = if round < 2 { Consent::Refused } else { Consent::Given };
        assert_eq!(world.engine.memory.user(&scope).await.unwrap().unwrap().consent, standing);
        if round == 1 {
            // What was not to be kept then is not kept later.
            world.ingest.set_consent(&scope, Consent::Given).await.unwrap();
            assert_eq!(learn(&world, saying(&world, "conv_1", None)).await, REFUSED);
        }
    }
}

#[tokio::test]
async fn of_one_who_refused_nothing_is_learnt_told_or_written() {
    let world = World::new().await;
    assert!(matches!(learn(&world, saying(&world, "conv_1", None)).await, Outcome::Learnt { .. }));
    let scope = world.scope_of(NUMBER).await;
    world.warm(&scope).await;
    let before = memories(&world, &scope).await;
    assert!(before > 0 && told(&world, &scope).await.0 > 0);

    world.ingest.set_consent(&scope, Consent::Refused).await.unwrap();
    let nothing = (0, "Nothing is remembered about that.".to_owned(), false);
    assert_eq!(told(&world, &scope).await, nothing);
    world.clock.advance(Duration::hours(1));
    assert_eq!(learn(&world, saying(&world, "conv_2", None)).await, REFUSED);
    // A yes of a call takes no refusal back.
    assert_eq!(learn(&world, saying(&world, "conv_3", Some(Consent::Given))).await, REFUSED);
    let new = vec![NewMemory::new("Likes tea", Origin::Remembered)];
    let refused = world.ingest.add(&scope, new.clone()).await.unwrap_err();
    assert_eq!((refused.kind(), refused.operation()), (ErrorKind::Denied, NO_CONSENT));
    world.warm(&scope).await;
    assert_eq!((memories(&world, &scope).await, told(&world, &scope).await), (before, nothing));

    world.ingest.set_consent(&scope, Consent::Given).await.unwrap();
    assert!(told(&world, &scope).await.0 > 0, "what was there is still there");
    world.ingest.add(&scope, new).await.unwrap();
    assert!(matches!(learn(&world, saying(&world, "conv_4", None)).await, Outcome::Learnt { .. }));
    assert_eq!(learn(&world, saying(&world, "conv_5", Some(Consent::Refused))).await, REFUSED);
}

#[tokio::test]
async fn where_people_opt_in_nobody_is_remembered_before_they_said_so() {
    let mut world = World::new().await;
    opt_in(&mut world);
    assert_eq!(learn(&world, saying(&world, "conv_1", None)).await, REFUSED);
    let scope = world.scope_of(NUMBER).await;
    let new = vec![NewMemory::new("Likes tea", Origin::Api)];
    assert_eq!(world.ingest.add(&scope, new).await.unwrap_err().operation(), NO_CONSENT);
    assert!(matches!(learn(&world, saying(&world, "conv_2", Some(Consent::Given))).await, Outcome::Learnt { .. }));
    assert!(told(&world, &scope).await.0 > 0);
    assert!(matches!(learn(&world, saying(&world, "conv_3", None)).await, Outcome::Learnt { .. }));
}

#[tokio::test]
async fn a_call_of_nobody_that_says_no_is_not_kept_either() {
    let world = World::new().await;
    let call = Call { claims: Vec::new(), ..saying(&world, "conv_1", Some(Consent::Refused)) };
    assert_eq!(learn(&world, call).await, REFUSED);
    assert_eq!(kept(&world, "conv_1").await.transcript, None);
}

#[tokio::test]
async fn a_refusal_heard_while_learning_leaves_neither_transcript_nor_extraction() {
    let world = World::new().await;
    world.memory.change(|method, _| match method {
        "put_memories" => Step::fail(ErrorKind::Unavailable),
        _ => Step::Pass,
    });
    assert!(world.ingest.call(&world.tenant(), saying(&world, "conv_1", None)).await.is_err());
    world.memory.change(|_, _| Step::Pass);
    let begun = kept(&world, "conv_1").await;
    assert!(begun.transcript.is_some() && begun.extraction.is_some());
    let scope = world.scope_of(NUMBER).await;
    world.ingest.set_consent(&scope, Consent::Refused).await.unwrap();
    assert_eq!(learn(&world, saying(&world, "conv_1", None)).await, REFUSED);
    let left = kept(&world, "conv_1").await;
    assert_eq!((left.state, left.transcript), (ConversationState::Refused, None));
    assert_ne!(left.extraction, begun.extraction);
    assert_eq!(memories(&world, &scope).await, 0);
}

#[tokio::test]
async fn nobody_is_told_while_it_cannot_be_read_whether_they_agree() {
    let world = World::new().await;
    learn(&world, saying(&world, "conv_1", None)).await;
    let scope = world.scope_of(NUMBER).await;
    world.memory.change(|method, _| if method == "user" { Step::fail(ErrorKind::Unavailable) } else { Step::Pass });
    assert!(world.recall.ask(&scope, &RecallQuery::new("bees on the roof")).await.is_err());
}
