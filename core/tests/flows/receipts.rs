//! Receipts are handed over without waiting, and kept when the store lets them.

use crate::world::{NUMBER, World};
use chrono::Duration;
use hark_core::crypt::Purpose;
use hark_core::ingest::NewMemory;
use hark_core::ram::RamMemoryStore;
use hark_core::receipts::{Note, ReceiptConfig, Recorder};
use hark_core::store::MemoryStore;
use hark_core::testkit::fixtures::{scopes, start, tenant, vault};
use hark_core::testkit::{FlakyMemory, MockClock, Outcome, Script, SeededEntropy};
use hark_core::{
    Clock, ConversationId, ErrorKind, Origin, RecallQuery, Receipt, ReceiptKind, ReceiptWords, Scope, Speaker, TenantId,
};
use std::sync::Arc;

struct Desk {
    store: Arc<RamMemoryStore>,
    script: Script,
    clock: Arc<MockClock>,
    recorder: Arc<Recorder>,
}

impl Desk {
    fn keeping(keep_days: u32) -> Self {
        let (store, script) = (Arc::new(RamMemoryStore::default()), Script::default());
        let clock = Arc::new(MockClock::default());
        let flaky = Arc::new(FlakyMemory::new(store.clone(), script.clone()));
        let entropy = Arc::new(SeededEntropy::new(3));
        let recorder = Recorder::new(ReceiptConfig { keep_days }, flaky, vault(), clock.clone(), entropy);
        Self { store, script, clock, recorder: Arc::new(recorder) }
    }

    fn new() -> Self {
        Self::keeping(90)
    }

    fn note(&self, asked: &str) {
        self.note_of(&tenant(), asked);
    }

    fn note_of(&self, tenant: &TenantId, asked: &str) {
        let words = ReceiptWords { asked: asked.to_owned(), told: "Nothing.".to_owned() };
        let note = Note::new(ReceiptKind::Query, self.clock.now());
        self.recorder.note(tenant, Note { conversation: Some("conv_1".into()), words, ..note });
        self.clock.advance(Duration::seconds(1));
    }

    async fn kept(&self) -> Vec<String> {
        let receipts = self.store.receipts_of(&tenant(), &"conv_1".into()).await.unwrap();
        receipts.iter().map(|receipt| words(receipt).unwrap().asked).collect()
    }
}

fn words(receipt: &Receipt) -> Option<ReceiptWords> {
    let sealed = receipt.words.as_ref()?;
    Some(vault().open_json(&tenant(), Purpose::Receipt, receipt.id.as_str(), sealed).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_hanging_store_holds_nobody_up_and_everything_is_kept_once_it_answers() {
    let desk = Desk::new();
    desk.note("first");
    desk.script.push(Outcome::Hang);
    let asker = tokio::spawn({
        let recorder = desk.recorder.clone();
        async move { recorder.flush().await }
    });
    while desk.script.calls() == 0 {
        tokio::task::yield_now().await;
    }
    // Handing over does not wait for the write under way; nor does the write end with whoever asked for it.
    desk.note("second");
    asker.abort();
    desk.script.release(1);
    desk.recorder.flush().await.unwrap();
    assert_eq!(desk.kept().await, ["first", "second"]);
}

#[tokio::test]
async fn what_a_failing_store_does_not_take_is_kept_by_the_next_flush_in_order() {
    let desk = Desk::new();
    desk.note("first");
    desk.note("second");
    desk.script.push(Outcome::fail(ErrorKind::Unavailable));
    let error = desk.recorder.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(desk.kept().await, Vec::<String>::new());
    desk.note("third");
    desk.recorder.flush().await.unwrap();
    assert_eq!(desk.kept().await, ["first", "second", "third"]);
}

#[tokio::test]
async fn what_is_refused_for_good_stands_in_nobodys_way() {
    let desk = Desk::new();
    desk.note_of(&TenantId::new("aaa"), "refused");
    desk.note("kept");
    desk.script.push(Outcome::fail(ErrorKind::Invalid));
    assert_eq!(desk.recorder.flush().await.unwrap_err().kind(), ErrorKind::Invalid);
    desk.recorder.flush().await.unwrap();
    assert_eq!(desk.kept().await, ["kept"]);
    assert_eq!(desk.store.receipts_of(&TenantId::new("aaa"), &"conv_1".into()).await.unwrap(), []);
}

#[tokio::test]
async fn a_full_queue_loses_the_newest_and_keeps_the_rest() {
    let desk = Desk::new();
    for n in 0..10_003 {
        desk.note(&n.to_string());
    }
    desk.recorder.flush().await.unwrap();
    let kept = desk.kept().await;
    assert_eq!((kept.len(), kept.last().map(String::as_str)), (10_000, Some("9999")));
    desk.note("there is room again");
    desk.recorder.flush().await.unwrap();
    assert_eq!(desk.kept().await.len(), 10_001);
}

#[tokio::test]
async fn receipts_are_kept_for_their_days_and_for_none() {
    let desk = Desk::keeping(2);
    desk.note("old");
    desk.recorder.flush().await.unwrap();
    desk.clock.advance(Duration::days(1));
    desk.note("new");
    desk.recorder.flush().await.unwrap();
    assert_eq!(desk.recorder.prune().await.unwrap(), 0);
    desk.clock.advance(Duration::days(1));
    assert_eq!(desk.recorder.prune().await.unwrap(), 1);
    assert_eq!(desk.kept().await, ["new"]);

    let none = Desk::keeping(0);
    none.note("never");
    none.recorder.flush().await.unwrap();
    assert_eq!((none.kept().await.len(), none.recorder.keeps()), (0, false));
    assert_eq!(none.recorder.prune().await.unwrap(), 0);
}

#[tokio::test]
async fn what_names_nobody_and_no_call_is_not_taken_and_a_long_question_is_cut() {
    let desk = Desk::new();
    desk.recorder.note(&tenant(), Note::new(ReceiptKind::Query, start()));
    desk.note(&"é".repeat(9_000));
    desk.recorder.flush().await.unwrap();
    assert_eq!(desk.script.calls(), 2, "one look at the ledger of erasures, one write");
    assert_eq!(desk.kept().await, ["é".repeat(4_000)]);
    let note = Note {
        words: ReceiptWords { asked: "my secret".into(), ..Default::default() },
        ..Note::new(ReceiptKind::Query, start())
    };
    assert!(!format!("{note:?}").contains("secret"));
}

async fn asked(world: &World, scope: &Scope, question: &str, conversation: Option<&str>) {
    let recalled = world.recall.ask(scope, &RecallQuery::new(question)).await.unwrap();
    let note = Note {
        caller: Some(scope.caller.clone()),
        conversation: conversation.map(Into::into),
        ..Note::new(ReceiptKind::Query, world.clock.now())
    };
    world.engine.receipts.note(&scope.tenant, note.with_answer(&recalled));
}

async fn receipts(world: &World, conversation: &str) -> Vec<Receipt> {
    world.engine.receipts.flush().await.unwrap();
    world.engine.memory.receipts_of(&world.tenant(), &ConversationId::new(conversation)).await.unwrap()
}

#[tokio::test]
async fn what_was_asked_without_a_conversation_finds_its_call() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let sam = NewMemory::new("Prefers tea to coffee", Origin::Api);
    let tea = world.ingest.add(&scope, vec![sam]).await.unwrap().remove(0);
    asked(&world, &scope, "tea", None).await;
    world.clock.advance(Duration::minutes(30));
    let told = world.recall.introduce(&scope).await.unwrap();
    let begun = Note { caller: Some(scope.caller.clone()), ..Note::new(ReceiptKind::Initiation, world.clock.now()) };
    world.engine.receipts.note(&scope.tenant, begun.with_introduction(&told));
    world.clock.advance(Duration::seconds(20));
    let call = world.call("conv_1", &[(Speaker::User, "Which tea do I like?")]);
    world.clock.advance(Duration::seconds(30));
    asked(&world, &scope, "tea", None).await;
    world.clock.advance(Duration::minutes(5));
    world.ingest.call(&world.tenant(), call).await.unwrap();

    let found = receipts(&world, "conv_1").await;
    assert_eq!(found.iter().map(|r| r.kind).collect::<Vec<_>>(), [ReceiptKind::Initiation, ReceiptKind::Query]);
    assert!(found.iter().all(|r| r.items[0].memory.as_ref() == Some(&tea.id)), "{found:?}");
    assert!(words(&found[0]).unwrap().told.contains("Prefers tea to coffee"));
    assert_eq!((found[0].items[0].score, found[1].items[0].parts.is_some()), (None, true));
    let recalls = world.engine.memory.recalls(&scope, &[tea.id]).await.unwrap();
    assert_eq!(recalls[0].1.count, 3, "also the one of half an hour before, which is no call's");
}

#[tokio::test]
async fn forgetting_takes_the_words_of_what_was_told_and_recall_changes_no_memory() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let new = ["Prefers tea to coffee", "Lives in Rostock"].map(|content| NewMemory::new(content, Origin::Api));
    let memories = world.ingest.add(&scope, new.into()).await.unwrap();
    let before = world.engine.memory.user(&scope).await.unwrap();
    asked(&world, &scope, "tea", Some("conv_1")).await;
    asked(&world, &scope, "Rostock", Some("conv_1")).await;
    world.engine.receipts.flush().await.unwrap();
    assert_eq!(world.engine.memory.user(&scope).await.unwrap(), before);
    let ids: Vec<_> = memories.iter().map(|m| m.id.clone()).collect();
    let now = world.engine.memory.memories(&scope, &ids).await.unwrap();
    assert!(now.iter().zip(&memories).all(|(a, b)| (a.salience, a.reinforced_at) == (b.salience, b.reinforced_at)));

    // One that still waits to be kept is reached too.
    asked(&world, &scope, "tea", Some("conv_1")).await;
    world.ingest.forget(&scope, &ids[..1]).await.unwrap();
    for receipt in receipts(&world, "conv_1").await {
        let tells = receipt.items.iter().any(|item| item.memory.as_ref() == Some(&ids[0]));
        assert_eq!(receipt.words.is_none(), tells, "{receipt:?}");
    }
}

#[tokio::test]
async fn an_erased_caller_leaves_no_receipt_not_even_one_that_waited() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    asked(&world, &scope, "tea", Some("conv_1")).await;
    world.ingest.erase(&scope).await.unwrap();
    assert_eq!(receipts(&world, "conv_1").await, []);
    let note = Note { conversation: Some("conv_1".into()), ..Note::new(ReceiptKind::Query, start()) };
    world.engine.receipts.note(&tenant(), Note { caller: Some(scope.caller.clone()), ..note });
    assert_eq!(receipts(&world, "conv_1").await, [], "a late one brings nobody back");
    assert_ne!(scopes()[0], scope);
}
