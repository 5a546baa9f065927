//! What was said, under and beside what was derived from it.

use crate::world::{NUMBER, World};
use hark_core::Speaker::{Agent, User};
use hark_core::ingest::{Call, NewMemory};
use hark_core::people::Claim;
use hark_core::recall::RecallConfig;
use hark_core::testkit::{FakeEmbedder, Outcome as Step};
use hark_core::{Clock, Hit, IdentityKind, Item, Origin, RecallQuery, Scope, Sector, Speaker, Transcript, Via};

const DOOR: &[(Speaker, &str)] = &[
    (Agent, "Hello, how can I help?"),
    (User, "The courier never finds me, the building is a bit of a maze."),
    (Agent, "Sorry to hear that. And which floor are you on?"),
    (User, "The third, and there is no lift, so the courier has to take the stairs at the back."),
    (Agent, "Thanks, I have told the depot about the stairs."),
];

const VIOLIN: &[(Speaker, &str)] = &[
    (Agent, "Hello again, what can I do for you?"),
    (User, "My violin strings snapped at the concert, do you sell gut strings?"),
    (Agent, "We do, I can send you a set."),
];

pub async fn after(calls: &[(&str, &[(Speaker, &str)])], config: RecallConfig) -> (World, Scope) {
    let world = World::with(config).await;
    for (id, turns) in calls {
        learn(&world, id, turns).await;
        world.clock.advance(chrono::Duration::days(1));
    }
    let scope = world.scope_of(NUMBER).await;
    (world, scope)
}

/// A call of now, with a transcript of now.
pub async fn learn(world: &World, id: &str, turns: &[(Speaker, &str)]) {
    let call = world.call(id, turns);
    let transcript = call.transcript.map(|said| Transcript { started_at: call.started_at, ..said });
    world.ingest.call(&world.tenant(), Call { transcript, ..call }).await.unwrap();
}

pub async fn ask(world: &World, scope: &Scope, query: RecallQuery) -> Vec<Hit> {
    world.recall.ask(scope, &query).await.unwrap().hits
}

fn turn(hits: &[Hit], conversation: &str, turn: u32) -> bool {
    hits.iter().any(|hit| match &hit.item {
        Item::Turn(span) => span.conversation.as_str() == conversation && span.turns().contains(&turn),
        Item::Memory(_) => false,
    })
}

pub fn words(hit: &Hit) -> usize {
    let count = |text: &str| text.split_whitespace().count();
    let item = match &hit.item {
        Item::Memory(memory) => count(&memory.content),
        Item::Turn(span) => count(&span.script()),
    };
    item + hit.evidence.as_ref().map_or(0, |span| count(&span.script()))
}

#[tokio::test]
async fn what_no_memory_says_is_found_where_it_was_said() {
    let (world, scope) = after(&[("conv_1", DOOR), ("conv_2", VIOLIN)], RecallConfig::default()).await;
    let answer = world.recall.ask(&scope, &RecallQuery::new("Does the caller's building have a lift?")).await.unwrap();
    assert!(turn(&answer.hits, "conv_1", 3), "{:?}", answer.hits);
    let best = answer.hits.iter().find(|hit| hit.via == Via::Turn).unwrap();
    let Item::Turn(span) = &best.item else { unreachable!("via turn") };
    assert!(span.script().contains("Caller: The third, and there is no lift"), "{}", span.script());
    assert!((0.0..=1.0).contains(&best.score) && best.parts.turn.is_some());
}

#[tokio::test]
async fn a_reply_is_found_by_the_words_of_its_question_and_shown_with_it() {
    let (world, scope) = after(&[("conv_1", DOOR), ("conv_2", VIOLIN)], RecallConfig::default()).await;
    let hits = ask(&world, &scope, RecallQuery::new("which floor")).await;
    let best = hits.first().and_then(Hit::excerpt).unwrap();
    assert_eq!((best.conversation.as_str(), best.turn), ("conv_1", 3));
    let shown: Vec<u32> = hits.iter().filter_map(Hit::excerpt).flat_map(|span| span.turns()).collect();
    assert_eq!(shown.iter().filter(|turn| **turn == 2).count(), 1, "the question once, beside it or by itself");
}

#[tokio::test]
async fn turns_side_by_side_take_one_place_and_leave_the_other_to_the_next() {
    // Nothing else is said in this call: what it shows of it is found, not added where there was room.
    let depot: &[(Speaker, &str)] = &[
        (Agent, "The courier comes from the depot beside the station, so the parcel may be late."),
        (User, "The courier comes from the blue depot, on the far side of the river."),
    ];
    let config = RecallConfig { min_turn_score: 0.0, ..RecallConfig::default() };
    let (world, scope) = after(&[("conv_1", depot), ("conv_2", VIOLIN)], config).await;
    let query = RecallQuery::new("depot of the courier, and gut strings for the concert");
    let hits = ask(&world, &scope, RecallQuery { limit: 10, ..query.clone() }).await;
    let shown: Vec<_> =
        hits.iter().filter_map(Hit::excerpt).filter(|span| span.conversation.as_str() == "conv_1").collect();
    assert_eq!(shown.iter().map(|span| span.turns()).collect::<Vec<_>>(), [[0, 1]], "{hits:#?}");
    assert!(shown[0].script().starts_with("Agent: The courier"), "in the order of the call");
    let two = ask(&world, &scope, RecallQuery { limit: 2, ..query }).await;
    assert!(two.len() == 2 && turn(&two, "conv_1", 1) && turn(&two, "conv_2", 1), "{two:#?}");
}

#[tokio::test]
async fn a_memory_is_shown_with_the_words_it_comes_from_and_they_are_not_shown_twice() {
    let said = "My email is sam@example.com. The blue gate on the left is the one to ring at, because the dog \
        sleeps behind the other one.";
    let turns: &[(Speaker, &str)] = &[(Agent, "Hello, how can I help?"), (User, said), (Agent, "Noted.")];
    let (world, scope) = after(&[("conv_1", turns), ("conv_2", VIOLIN)], RecallConfig::default()).await;
    let hits = ask(&world, &scope, RecallQuery::new("What is the caller's email?")).await;
    let memory = hits.iter().find(|hit| hit.memory().is_some() && hit.content().contains("sam@example.com"));
    let memory = memory.unwrap_or_else(|| panic!("{hits:#?}"));
    let evidence = memory.evidence.as_ref().unwrap();
    assert_eq!((evidence.turn, evidence.speaker), (1, User));
    assert!(evidence.text.contains("blue gate"));
    let shown = hits.iter().filter_map(Hit::excerpt).flat_map(|span| span.turns()).filter(|turn| *turn == 1);
    assert_eq!(shown.count(), 1, "said once is enough");
}

#[tokio::test]
async fn an_answer_keeps_to_its_words_and_gives_one_item_at_least() {
    for most in [0, 20, 60, 200] {
        let config = RecallConfig { answer_words: most, ..RecallConfig::default() };
        let (world, scope) = after(&[("conv_1", DOOR), ("conv_2", VIOLIN)], config).await;
        let hits = ask(&world, &scope, RecallQuery::new("courier stairs lift floor strings concert")).await;
        let used: usize = hits.iter().map(words).sum();
        assert!(!hits.is_empty() && (used <= most || hits.len() == 1), "{most}: {used} words in {} items", hits.len());
    }
}

#[tokio::test]
async fn nobody_hears_what_another_caller_said_nor_what_was_forgotten() {
    let (world, scope) = after(&[("conv_1", DOOR)], RecallConfig::default()).await;
    let other = Call {
        claims: vec![Claim::new(IdentityKind::Phone, "+14155550199")],
        ..world.call("conv_9", &[(User, "My lift is broken, the courier took the stairs."), (Agent, "Oh dear.")])
    };
    world.ingest.call(&world.tenant(), other).await.unwrap();
    let stranger = world.scope_of("+14155550199").await;
    let query = RecallQuery::new("lift stairs courier");
    assert!(!turn(&ask(&world, &scope, query.clone()).await, "conv_9", 0));
    let theirs = ask(&world, &stranger, query.clone()).await;
    assert!(theirs.iter().all(|hit| hit.excerpt().is_none_or(|span| span.conversation.as_str() == "conv_9")));
    world.ingest.erase(&scope).await.unwrap();
    assert!(ask(&world, &scope, query).await.is_empty());
}

#[tokio::test]
async fn turns_are_of_no_sector_and_of_their_time() {
    let (world, scope) = after(&[("conv_1", DOOR), ("conv_2", VIOLIN)], RecallConfig::default()).await;
    let query = RecallQuery::new("gut strings for the violin");
    assert!(turn(&ask(&world, &scope, query.clone()).await, "conv_2", 1));
    let sector = RecallQuery { sectors: vec![Sector::Semantic], ..query.clone() };
    assert!(ask(&world, &scope, sector).await.iter().all(|hit| hit.via != Via::Turn));
    let before = RecallQuery { as_of: Some(world.clock.now() - chrono::Duration::hours(36)), ..query };
    assert!(!turn(&ask(&world, &scope, before).await, "conv_2", 1));
}

#[tokio::test]
async fn a_new_call_is_found_at_once_and_evidence_can_be_switched_off() {
    let (world, scope) = after(&[("conv_1", DOOR)], RecallConfig::default()).await;
    let query = RecallQuery::new("gut strings for the violin");
    assert!(!turn(&ask(&world, &scope, query.clone()).await, "conv_2", 1));
    world.ingest.call(&world.tenant(), world.call("conv_2", VIOLIN)).await.unwrap();
    assert!(turn(&ask(&world, &scope, query.clone()).await, "conv_2", 1));

    let off = RecallConfig { evidence: false, ..RecallConfig::default() };
    let (world, scope) = after(&[("conv_1", DOOR), ("conv_2", VIOLIN)], off).await;
    let hits = ask(&world, &scope, query).await;
    assert!(hits.iter().all(|hit| hit.excerpt().is_none()));
}

#[tokio::test]
async fn what_was_written_by_hand_stands_beside_what_was_said() {
    let (world, scope) = after(&[("conv_1", DOOR), ("conv_2", VIOLIN)], RecallConfig::default()).await;
    world.ingest.add(&scope, vec![NewMemory::new("Keeps bees on the roof", Origin::Api)]).await.unwrap();
    let hits = ask(&world, &scope, RecallQuery::new("Does the caller keep bees?")).await;
    assert_eq!(hits[0].content(), "Keeps bees on the roof");
    assert_eq!(hits[0].via, Via::Direct);
}

#[tokio::test]
async fn what_is_no_longer_true_is_not_read_out_from_the_call_it_was_said_in() {
    let old: &[(Speaker, &str)] = &[
        (Agent, "Hello, how can I help?"),
        (User, "My email is sam@example.com."),
        (Agent, "Noted, and I have sent the catalogue of garden umbrellas to you by post."),
    ];
    let new: &[(Speaker, &str)] = &[(Agent, "Hello, how can I help?"), (User, "My email is carter@example.org now.")];
    let (world, scope) = after(&[("conv_1", old), ("conv_2", new)], RecallConfig::default()).await;
    let filter = hark_core::store::MemoryFilter::default();
    let page = hark_core::PageRequest::first(50);
    let all = world.engine.memory.list_memories(&scope, &filter, &page).await.unwrap().items;
    let emails: Vec<_> = all.iter().filter(|m| m.content.contains('@')).map(|m| m.id.clone()).collect();
    assert_eq!(emails.len(), 2, "{all:?}");
    let query = RecallQuery::new("What is the caller's email?");
    let said = |hits: &[Hit]| hits.iter().any(|hit| format!("{hit:?}").contains("sam@example.com"));
    assert!(said(&ask(&world, &scope, query.clone()).await), "both are true until they are compared");

    let newest = all.iter().find(|m| m.content.contains("carter")).map(|m| m.id.clone()).unwrap();
    let done = world.ingest.reconcile(&scope, &[newest]).await.unwrap();
    assert_eq!(done.superseded, 1);
    let hits = ask(&world, &scope, query.clone()).await;
    assert!(!said(&hits) && hits[0].content().contains("carter@example.org"), "{hits:#?}");
    let beside = ask(&world, &scope, RecallQuery::new("catalogue of garden umbrellas")).await;
    assert!(turn(&beside, "conv_1", 2) && !said(&beside), "nor beside what is still true: {beside:#?}");
    let past = RecallQuery { as_of: Some(world.clock.now() - chrono::Duration::hours(36)), ..query };
    assert!(said(&ask(&world, &scope, past).await));
}

#[tokio::test]
async fn who_is_warmed_waits_for_no_model_and_turns_wait_in_a_bounded_number() {
    let world = World::new().await;
    let mut callers = Vec::new();
    for number in 0..66 {
        let number = format!("+1415555{number:04}");
        let claims = vec![Claim::new(IdentityKind::Phone, &number)];
        let call = Call { claims, ..world.call(&format!("conv_{number}"), VIOLIN) };
        world.ingest.call(&world.tenant(), call).await.unwrap();
        callers.push(world.scope_of(&number).await);
    }
    world.embedder.change(|_, _| Step::Hang);
    let before = world.embedder.calls();
    for scope in &callers {
        world.recall.warm(scope).await.unwrap();
    }
    world.embedder.called(before + 1).await;
    world.embedder.change(|_, _| Step::Pass);
    world.embedder.release(1);
    // Two batches each of 64 callers. Those of the last two were not waited for, so they are made when somebody wants them.
    world.embedder.called(before + 128).await;
    for (caller, calls) in [(0, 0), (63, 0), (64, 2), (64, 0), (65, 2)] {
        let before = world.embedder.calls();
        world.recall.embed_turns(&callers[caller]).await;
        assert_eq!(world.embedder.calls(), before + calls, "caller {caller}");
    }
}

#[tokio::test]
async fn what_was_said_is_not_sent_out_turn_by_turn() {
    let (world, scope) = after(&[("conv_1", VIOLIN)], RecallConfig::default()).await;
    for (embedder, sent) in [(FakeEmbedder::default().remote(), 0), (FakeEmbedder::default(), 2)] {
        let world = world.with_embedder(embedder);
        let before = world.embedder.calls();
        world.warm(&scope).await;
        assert_eq!(world.embedder.calls(), before + sent);
    }
}
