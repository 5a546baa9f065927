//! What is of concern is found and counted; what a person decides stands.

use crate::world::{NUMBER, World};
use async_trait::async_trait;
use chrono::Duration;
use hark_core::ai::Extractor;
use hark_core::engine::Engine;
use hark_core::ingest::{Ingest, IngestConfig, NewMemory, open_label};
use hark_core::quality::{Concern, Quality};
use hark_core::recall::CallerCache;
use hark_core::receipts::Note;
use hark_core::store::MemoryFilter;
use hark_core::testkit::fixtures::{memory, tenant};
use hark_core::{
    Candidate, Clock, Conflict, ConflictId, ConflictState, Conversation, ConversationState, JudgedBy, Memory, MemoryId,
    MemoryKind, Origin, PageRequest, Provenance, Reason, ReceiptKind, Result, Returned, Scope, Sector, Speaker,
    Transcript, Verdict,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const SAID: &[(Speaker, &str)] = &[
    (Speaker::User, "When does my parcel come?"),
    (Speaker::Agent, "You prefer deliveries on Friday morning at the back door."),
    (Speaker::User, "Good. My boiler hums."),
];

fn of_call(id: &str, content: &str) -> Memory {
    let provenance = Provenance { origin: Origin::Extracted, conversation_id: Some("conv_1".into()), turns: vec![0] };
    Memory { provenance, ..memory(id, content) }
}

/// One caller with something of every concern.
async fn doubtful() -> (World, Scope) {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let mut call = world.call("conv_1", SAID);
    call.transcript.as_mut().unwrap().turns[1].after_recall = true;
    world.ingest.call(&tenant(), call).await.unwrap();
    let learnt = world.engine.memory.list_memories(&scope, &MemoryFilter::default(), &PageRequest::first(99)).await;
    let learnt: Vec<MemoryId> = learnt.unwrap().items.into_iter().map(|m| m.id).collect();
    world.engine.memory.delete_memories(&scope, &learnt).await.unwrap();
    let day = Duration::days(1);
    let at = world.clock.now();
    let promise =
        Memory { kind: MemoryKind::Promise, occurred_at: at + day, ..memory("mem_6", "Agent promised a call") };
    let memories = [
        memory("mem_1", "Prefers deliveries on Friday morning at the back door"),
        Memory { learnt_at: at + day, ..memory("mem_2", "Lives in Rostock with two old cats") },
        Memory { learnt_at: at + day * 2, ..memory("mem_3", "lives in Rostock, with two old cats") },
        Memory { salience: 0.29, ..memory("mem_4", "Was in a hurry") },
        of_call("mem_5", "Prefers deliveries on Friday mornings at the back door"),
        promise,
        memory("mem_7", "Is a vegetarian"),
        memory("mem_8", "Orders a steak every week"),
        of_call("mem_9", "Has a boiler that hums"),
    ];
    world.engine.memory.put_memories(&scope, &memories).await.unwrap();
    let (old, new) = (MemoryId::new("mem_7"), MemoryId::new("mem_8"));
    let open = Conflict {
        id: ConflictId::between(&old, &new),
        caller: scope.caller.clone(),
        old,
        new,
        verdict: Verdict::Unsure,
        reason: Reason::TooLittleSaid,
        confidence: 0.4,
        judged_by: JudgedBy::Rules,
        state: ConflictState::Open,
        resolution: None,
        changes: Vec::new(),
        created_at: at,
        resolved_at: None,
    };
    assert!(world.engine.memory.settle_conflict(&scope, None, &open, &[]).await.unwrap());
    told(&world, &scope, "mem_1").await;
    world.clock.advance(day * 3);
    (world, scope)
}

/// The memory was given to the agent in the call.
async fn told(world: &World, scope: &Scope, id: &str) {
    let mut note = Note::new(ReceiptKind::Query, world.clock.now());
    note.caller = Some(scope.caller.clone());
    note.conversation = Some("conv_1".into());
    let memory = Some(MemoryId::new(id));
    note.items = vec![Returned { memory, conversation: None, turns: vec![], score: None, via: None, parts: None }];
    world.engine.receipts.note(&scope.tenant, note);
    world.engine.receipts.flush().await.unwrap();
}

async fn queue(world: &World) -> BTreeMap<String, Vec<Concern>> {
    let page = Quality::new(world.engine.clone()).queue(&tenant(), &PageRequest::first(50)).await.unwrap();
    assert_eq!(page.next_cursor, None);
    page.items.into_iter().map(|(_, finding)| (finding.memory.id.to_string(), finding.concerns)).collect()
}

fn expected(all: &[(&str, Concern)]) -> BTreeMap<String, Vec<Concern>> {
    all.iter().map(|(id, concern)| ((*id).to_owned(), vec![*concern])).collect()
}

#[tokio::test]
async fn every_concern_is_found_counted_and_waits_for_a_person() {
    let (world, _) = doubtful().await;
    let found = queue(&world).await;
    let mut all = expected(&[
        ("mem_3", Concern::Duplicate),
        ("mem_4", Concern::Stale),
        ("mem_6", Concern::Stale),
        ("mem_7", Concern::Contradicted),
        ("mem_8", Concern::Contradicted),
    ]);
    // Learnt again what was recited: nearly the same words, and the agent's.
    all.insert("mem_5".to_owned(), vec![Concern::Duplicate, Concern::Echo]);
    assert_eq!(found, all);

    let audit = Quality::new(world.engine.clone()).audit(&tenant(), 1_000, 2).await.unwrap();
    assert_eq!((audit.sampled, audit.of, audit.callers, audit.reviewed, audit.unreadable), (9, 9, 1, 0, 0));
    let never = audit.never_recalled.unwrap();
    assert_eq!((never.count, never.samples.len()), (8, 2));
    let counts: Vec<u64> = Concern::ALL.iter().map(|concern| audit.concerns[concern].count).collect();
    assert_eq!(counts, [2, 2, 2, 1, 0, 0]);

    let some = Quality::new(world.engine.clone()).audit(&tenant(), 4, 9).await.unwrap();
    assert_eq!((some.sampled, some.of), (4, 9), "it says that it is a sample");
}

#[tokio::test]
async fn without_receipts_the_transcript_tells_echoes_and_a_call_that_cannot_be_opened_is_counted() {
    let (world, scope) = doubtful().await;
    world.engine.memory.prune_receipts(world.clock.now()).await.unwrap();
    assert!(queue(&world).await["mem_5"].contains(&Concern::Echo));
    told(&world, &scope, "mem_9").await;
    assert!(!queue(&world).await["mem_5"].contains(&Concern::Echo), "something else was recalled");

    let broken = world.engine.memory.conversation(&tenant(), &"conv_1".into()).await.unwrap().unwrap();
    let sealed = hark_core::crypt::Sealed::from_bytes(vec![1, 2, 3]);
    let broken = Conversation { transcript: Some(sealed), ..broken };
    world.engine.memory.save_conversation(&tenant(), &broken).await.unwrap();
    let audit = Quality::new(world.engine.clone()).audit(&tenant(), 1_000, 2).await.unwrap();
    assert_eq!((audit.unreadable, audit.concerns[&Concern::Echo].count), (1, 0));
}

#[tokio::test]
async fn the_queue_is_read_page_by_page_and_neither_omits_nor_repeats() {
    let (world, _) = doubtful().await;
    for n in 0..3 {
        let scope = world.scope_of(&format!("+1415555020{n}")).await;
        let faded =
            |k: usize| Memory { salience: 0.1, ..memory(&format!("mem_x{n}{k}"), &format!("Said it {k} times")) };
        world.engine.memory.put_memories(&scope, &[faded(1), faded(2), faded(3)]).await.unwrap();
    }
    let whole = queue(&world).await;
    let quality = Quality::new(world.engine.clone());
    for limit in [1, 2, 5, 100] {
        let (mut ids, mut request) = (Vec::new(), PageRequest::first(limit));
        loop {
            let page = quality.queue(&tenant(), &request).await.unwrap();
            assert!(page.items.len() <= limit);
            ids.extend(page.items.into_iter().map(|(_, finding)| finding.memory.id.to_string()));
            let Some(next) = page.next_cursor else { break };
            request.cursor = Some(next);
        }
        ids.sort();
        assert_eq!(ids, whole.keys().cloned().collect::<Vec<_>>(), "{limit} at a time");
    }
    let bad = PageRequest { limit: 1, cursor: Some("nonsense".to_owned()) };
    assert_eq!(quality.queue(&tenant(), &bad).await.unwrap_err().kind(), hark_core::ErrorKind::Invalid);
}

#[tokio::test]
async fn what_was_accepted_or_edited_leaves_the_queue_and_what_was_released_can_be_read() {
    let (world, scope) = doubtful().await;
    let accepted = world.ingest.accept(&scope, &"mem_4".into(), false).await.unwrap().unwrap();
    assert_eq!(accepted.content, "Was in a hurry");
    let edited = world.ingest.edit(&scope, &"mem_7".into(), " Eats no fish ".to_owned(), true).await.unwrap().unwrap();
    assert_eq!((edited.content.as_str(), edited.corrected_at), ("Eats no fish", Some(world.clock.now())));
    let found = queue(&world).await;
    assert!(!found.contains_key("mem_4") && !found.contains_key("mem_7"), "{found:?}");
    assert!(world.ingest.accept(&scope, &"mem_none".into(), false).await.unwrap().is_none());
    assert!(world.ingest.reject(&scope, &"mem_none".into(), false).await.unwrap().is_none());
    assert!(world.ingest.edit(&scope, &"mem_8".into(), " ".to_owned(), false).await.is_err());

    let labels = world.engine.memory.labels(&tenant(), &PageRequest::first(9)).await.unwrap().items;
    assert_eq!(labels.len(), 1);
    let label = open_label(&world.engine, &tenant(), &labels[0]).unwrap().unwrap();
    assert_eq!((label.content.as_str(), label.sector), ("Eats no fish", Sector::Semantic));
    let kept = world.engine.memory.reviews(&scope).await.unwrap();
    assert!(kept.iter().any(|review| review.memory.as_str() == "mem_4" && review.words.is_none()), "{kept:?}");
}

/// Says each time something else of the same call.
#[derive(Debug)]
struct Saying(&'static [&'static str]);

#[async_trait]
impl Extractor for Saying {
    async fn extract(&self, _: &Transcript) -> Result<Vec<Candidate>> {
        let candidate = |content: &&str| Candidate {
            content: (*content).to_owned(),
            kind: MemoryKind::Fact,
            sector: Some(Sector::Semantic),
            salience: Some(0.7),
            occurred_at: None,
            turns: vec![0],
            slot: None,
            confidence: 0.5,
        };
        Ok(self.0.iter().map(candidate).collect())
    }
}

fn reading(engine: &Engine, says: &'static [&'static str]) -> Ingest {
    let engine = Engine { extractor: Arc::new(Saying(says)), ..engine.clone() };
    Ingest::new(engine, Arc::new(CallerCache::new(8)), IngestConfig::default())
}

async fn contents(world: &World, scope: &Scope) -> Vec<String> {
    let all = world.engine.memory.list_memories(scope, &MemoryFilter::default(), &PageRequest::first(99)).await;
    let mut all: Vec<String> = all.unwrap().items.into_iter().map(|m| m.content).collect();
    all.sort();
    all
}

#[tokio::test]
async fn what_was_rejected_does_not_come_back_from_that_call_but_may_from_another() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let ingest = reading(&world.engine, &["Owns a yacht in Rostock harbour", "Has a boiler that hums"]);
    let call = |id: &str| world.call(id, SAID);
    ingest.call(&tenant(), call("conv_1")).await.unwrap();
    assert_eq!(queue(&world).await.len(), 2, "the extractor was not sure of either");
    let yacht = MemoryId::derived(&tenant(), &"conv_1".into(), 0);
    assert_eq!(ingest.reject(&scope, &yacht, false).await.unwrap(), Some(1));
    assert_eq!(contents(&world, &scope).await, ["Has a boiler that hums"]);

    // The walk broke off before the end, and is taken up again.
    let open = world.engine.memory.conversation(&tenant(), &"conv_1".into()).await.unwrap().unwrap();
    let open = Conversation { state: ConversationState::Learning, ..open };
    world.engine.memory.save_conversation(&tenant(), &open).await.unwrap();
    ingest.call(&tenant(), call("conv_1")).await.unwrap();
    assert_eq!(contents(&world, &scope).await, ["Has a boiler that hums"]);

    // The caller says it in another call: that is news.
    ingest.call(&tenant(), call("conv_2")).await.unwrap();
    assert!(contents(&world, &scope).await.contains(&"Owns a yacht in Rostock harbour".to_owned()));
}

#[tokio::test]
async fn a_second_reading_in_other_words_does_not_bring_back_what_was_rejected() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let away =
        Engine { stand_in: Some(Arc::new(Saying(&["Owns a yacht in Rostock harbour"]))), ..world.engine.clone() };
    let away = Engine { extractor: Arc::new(Broken), ..away };
    let first = Ingest::new(away, Arc::new(CallerCache::new(8)), IngestConfig::default());
    first.call(&tenant(), world.call("conv_1", SAID)).await.unwrap();
    assert_eq!(contents(&world, &scope).await, ["Owns a yacht in Rostock harbour"]);
    first.reject(&scope, &MemoryId::derived(&tenant(), &"conv_1".into(), 0), true).await.unwrap();

    let again = reading(&world.engine, &["Owns a big yacht in the harbour of Rostock", "Has a boiler that hums"]);
    again.extract_again(&tenant(), &"conv_1".into()).await.unwrap();
    assert_eq!(contents(&world, &scope).await, ["Has a boiler that hums"]);
    let labels = world.engine.memory.labels(&tenant(), &PageRequest::first(9)).await.unwrap().items;
    let label = open_label(&world.engine, &tenant(), &labels[0]).unwrap().unwrap();
    assert_eq!(label.content, "Owns a yacht in Rostock harbour");
    world.ingest.erase(&scope).await.unwrap();
    assert_eq!(world.engine.memory.labels(&tenant(), &PageRequest::first(9)).await.unwrap().items, []);
}

/// Refuses for good.
#[derive(Debug)]
struct Broken;

#[async_trait]
impl Extractor for Broken {
    async fn extract(&self, _: &Transcript) -> Result<Vec<Candidate>> {
        Err(hark_core::Error::new(hark_core::ErrorKind::Invalid, "test", "refused"))
    }
}

#[tokio::test]
async fn rejecting_one_forgets_what_says_the_same() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let new = |content: &str| NewMemory::new(content, Origin::Api);
    let first = world.ingest.add(&scope, vec![new("Likes tea")]).await.unwrap().remove(0);
    world.clock.advance(Duration::days(1));
    let second = world.ingest.add(&scope, vec![new("Likes tea")]).await.unwrap().remove(0);
    world.ingest.reconcile(&scope, std::slice::from_ref(&second.id)).await.unwrap();
    let standing = world.engine.memory.memories(&scope, &[first.id, second.id]).await.unwrap();
    let current = standing.into_iter().find(|m| m.superseded_by.is_none()).unwrap();
    assert_eq!(world.ingest.reject(&scope, &current.id, false).await.unwrap(), Some(2));
    assert_eq!(world.engine.memory.reviews(&scope).await.unwrap().len(), 2);
}
