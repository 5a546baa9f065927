//! Two nodes over the same stores, each with callers of its own in memory: what one writes the other tells, or no longer
//! tells, at its next question.

use crate::evidence::{after, learn};
use crate::world::{NUMBER, World};
use hark_core::Speaker::{self, Agent, User};
use hark_core::ingest::{MemoryPatch, NewMemory};
use hark_core::recall::RecallConfig;
use hark_core::testkit::Outcome;
use hark_core::{Consent, ErrorKind, Hit, Item, Mode, Origin, RecallQuery, Scope};

const FRIDAY: &[(Speaker, &str)] =
    &[(Agent, "Hello, how can I help?"), (User, "I prefer delivery on Friday, by the blue gate."), (Agent, "Noted.")];
const REX: &[(Speaker, &str)] =
    &[(Agent, "Hello again."), (User, "I have a dog called Rex, who sleeps in the blue kennel."), (Agent, "Lovely.")];
const VIOLIN: &[(Speaker, &str)] =
    &[(Agent, "Hello again."), (User, "My violin is in the blue case, it needs gut strings."), (Agent, "I see.")];

/// Everything that is told of the caller, memories and turns.
async fn told(node: &World, scope: &Scope) -> String {
    let mut all = Vec::new();
    for text in ["delivery by the blue gate", "the dog in the blue kennel", "the violin in the blue case"] {
        let hits = node.recall.ask(scope, &RecallQuery { limit: 50, ..RecallQuery::new(text) }).await.unwrap().hits;
        all.extend(hits.into_iter().map(|hit| match hit.item {
            Item::Memory(memory) => memory.content,
            Item::Turn(span) => span.script(),
        }));
    }
    all.join("\n")
}

/// Two nodes that both hold what a caller of these calls has said.
async fn both(calls: &[(&str, &[(Speaker, &str)])]) -> (World, World, Scope) {
    let (one, scope) = after(calls, RecallConfig::default()).await;
    let two = one.beside();
    for node in [&one, &two] {
        node.recall.warm(&scope).await.unwrap();
        told(node, &scope).await;
    }
    (one, two, scope)
}

#[tokio::test(start_paused = true)]
async fn what_one_node_adds_corrects_and_forgets_the_other_tells_and_no_longer_tells() {
    let (one, two, scope) = both(&[("conv_1", FRIDAY)]).await;
    let cat = NewMemory::new("Owns a blue cat called Tom", Origin::Api);
    let added = one.ingest.add(&scope, vec![cat]).await.unwrap().remove(0);
    // By its vector: no word of the question is in it.
    let found = async |text: &str| {
        let answer = two.recall.ask(&scope, &RecallQuery::new(text)).await.unwrap();
        assert_eq!(answer.mode, Mode::Hybrid);
        answer.hits.iter().filter_map(Hit::memory).any(|memory| memory.id == added.id)
    };
    assert!(found("Owns a blue cat called Tom").await);

    let patch = MemoryPatch { content: Some("Owns a red parrot called Ada".to_owned()), ..MemoryPatch::default() };
    one.ingest.update(&scope, &added.id, patch).await.unwrap().unwrap();
    let says = told_by(&two, &scope, "Owns a red parrot called Ada").await;
    assert!(says.contains("parrot") && !says.contains("Tom"), "{says}");
    one.ingest.forget(&scope, std::slice::from_ref(&added.id)).await.unwrap();
    assert!(!found("Owns a red parrot called Ada").await);
}

async fn told_by(node: &World, scope: &Scope, text: &str) -> String {
    let hits = node.recall.ask(scope, &RecallQuery::new(text)).await.unwrap().hits;
    hits.iter().filter_map(Hit::memory).map(|memory| memory.content.clone()).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_call_that_one_node_learns_the_other_tells_with_its_turns() {
    let (one, two, scope) = both(&[("conv_1", FRIDAY)]).await;
    assert!(!told(&two, &scope).await.contains("kennel"));
    learn(&one, "conv_2", REX).await;
    assert!(told(&two, &scope).await.contains("kennel"));
}

/// As many calls as before: one was split off, another one came, and the node was not asked in between.
#[tokio::test(start_paused = true)]
async fn what_one_node_splits_off_the_other_tells_nobody_else_though_the_calls_are_as_many() {
    let (one, two, scope) = both(&[("conv_1", FRIDAY), ("conv_2", REX)]).await;
    assert!(told(&two, &scope).await.contains("kennel"));
    let split = one.ingest.split(&one.tenant(), scope.caller.as_str(), &["conv_2".into()], None).await.unwrap();
    learn(&one, "conv_3", VIOLIN).await;
    let says = told(&two, &scope).await;
    assert!(!says.contains("kennel") && !says.contains("Rex"), "somebody else's words: {says}");
    assert!(says.contains("Friday") && says.contains("violin"), "{says}");
    let guest = Scope { tenant: two.tenant(), caller: split.into };
    assert!(told(&two, &guest).await.contains("kennel"));

    // And back again, while another one comes.
    one.ingest.undo_transfer(&one.tenant(), &split.id).await.unwrap().unwrap();
    let says = told(&two, &scope).await;
    assert!(says.contains("kennel") && says.contains("violin"), "{says}");
    assert_eq!(told(&two, &guest).await, "");
}

#[tokio::test(start_paused = true)]
async fn of_whom_one_node_erases_the_other_tells_nothing_and_soon_holds_nothing() {
    let (one, two, scope) = both(&[("conv_1", FRIDAY)]).await;
    assert!(told(&two, &scope).await.contains("Friday"));
    one.ingest.erase(&scope).await.unwrap().unwrap();
    assert_eq!(told(&two, &scope).await, "");
    let stranger = two.scope_of(NUMBER).await;
    assert_ne!(stranger, scope);
    assert_eq!(told(&two, &stranger).await, "", "whoever calls from there is a stranger");

    let held = |node: &World| format!("{:?}", node.cache).contains(scope.caller.as_str());
    assert!(held(&two) && !held(&one), "not told, but held");
    two.ingest.let_go_of_erased(10).await.unwrap();
    assert!(!held(&two));
}

#[tokio::test(start_paused = true)]
async fn of_who_refuses_on_one_node_the_other_tells_nothing() {
    let (one, two, scope) = both(&[("conv_1", FRIDAY)]).await;
    one.ingest.set_consent(&scope, Consent::Refused).await.unwrap();
    assert_eq!(told(&two, &scope).await, "");
    one.ingest.set_consent(&scope, Consent::Given).await.unwrap();
    assert!(told(&two, &scope).await.contains("Friday"));
}

/// Its vectors were gone when the other node was asked: that it has none of them in memory must not last.
#[tokio::test(start_paused = true)]
async fn what_one_node_rebuilds_the_other_finds() {
    let (one, two, scope) = both(&[("conv_1", FRIDAY)]).await;
    let space = one.engine.embedder.as_ref().unwrap().background.info().space.clone();
    one.engine.vectors.clear(&space).await.unwrap();
    let third = one.beside();
    // Words would find it too.
    one.keywords
        .change(|method, _| if method == "search" { Outcome::fail(ErrorKind::Unavailable) } else { Outcome::Pass });
    let by_vector = async |node: &World| told_by(node, &scope, "delivery on Friday").await.contains("Friday");
    assert!(!by_vector(&third).await, "there are none");
    one.ingest.reindex(false, &|_, _| {}).await.unwrap();
    for node in [&one, &two, &third] {
        assert!(by_vector(node).await);
    }
}

/// A process that starts compares what is indexed with the truth.
#[tokio::test(start_paused = true)]
async fn what_another_node_is_about_to_index_is_not_lost() {
    let (one, two, scope) = both(&[("conv_1", FRIDAY)]).await;
    one.embedder.change(|_, _| Outcome::fail(ErrorKind::Unavailable));
    one.ingest.add(&scope, vec![NewMemory::new("Owns a grey goose", Origin::Api)]).await.unwrap();
    assert!(two.ingest.lag().await.unwrap().is_behind());
    assert_eq!(two.ingest.lost().await.unwrap(), None);
    let space = two.engine.embedder.as_ref().unwrap().background.info().space.clone();
    two.engine.vectors.clear(&space).await.unwrap();
    assert!(two.ingest.lost().await.unwrap().is_some_and(|lag| lag.vectors == 0), "more than waits");
}
