//! A secret that is told in a call is in nothing that is made of it.

use crate::world::{NUMBER, World};
use async_trait::async_trait;
use hark_core::Speaker::{Agent, User};
use hark_core::ai::Extractor;
use hark_core::engine::Engine;
use hark_core::ingest::{Ingest, IngestConfig, MemoryPatch, NewMemory, open_transcript};
use hark_core::recall::{CallerCache, Recall, RecallConfig};
use hark_core::receipts::Note;
use hark_core::redact::{RedactionConfig, Redactor};
use hark_core::store::MemoryFilter;
use hark_core::{
    Candidate, Clock, ConversationId, Memory, MemoryKind, Origin, PageRequest, RecallQuery, ReceiptKind, Result, Scope,
    Speaker, Transcript,
};
use std::sync::{Arc, Mutex};

const PAID: &[(Speaker, &str)] = &[
    (Agent, "Could I take the card number, the first eight digits?"),
    (User, "Four five three two, double one oh four."),
    (Agent, "Four five three two, one one oh four. And the rest?"),
    (User, "7788 1128, and I live in Wolfenbüttel."),
    (Agent, "And the password on your account?"),
    (User, "It's marzipan."),
    (User, "I prefer deliveries in the morning, and my order number is 881442."),
];

/// As they were said, and as they would be written.
const SECRETS: [&str; 6] = ["five three two", "one oh four", "45321104", "4532", "7788", "marzipan"];

fn silent(text: &str) {
    for secret in SECRETS {
        assert!(!text.to_lowercase().contains(secret), "{secret} was told: {text}");
    }
}

/// Writes down what it is shown, and says all of it again.
#[derive(Debug, Default, Clone)]
struct Parrot(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Extractor for Parrot {
    async fn extract(&self, transcript: &Transcript) -> Result<Vec<Candidate>> {
        let heard: Vec<String> = transcript.turns.iter().map(|turn| turn.text.clone()).collect();
        self.0.lock().unwrap().extend(heard.clone());
        let candidate = |content| Candidate {
            content,
            kind: MemoryKind::Fact,
            sector: None,
            salience: None,
            occurred_at: None,
            turns: vec![1],
            slot: None,
            confidence: 1.0,
        };
        let more = ["Said marzipan", "Said 4532 1104", "Pays with 4532110477881128"];
        Ok(heard.into_iter().chain(more.map(str::to_owned)).map(candidate).collect())
    }
}

/// The world, redacting as told, with an extractor that repeats everything.
async fn with(config: RedactionConfig) -> (World, Parrot) {
    let (world, parrot) = (World::new().await, Parrot::default());
    let engine =
        Engine { extractor: Arc::new(parrot.clone()), redaction: Redactor::new(config), ..world.engine.clone() };
    let cache = Arc::new(CallerCache::new(8));
    let ingest = Ingest::new(engine.clone(), cache.clone(), IngestConfig::default());
    let recall = Recall::new(engine.clone(), cache, RecallConfig::default());
    (World { engine, ingest, recall, ..world }, parrot)
}

async fn learn(world: &World) -> Scope {
    world.ingest.call(&world.tenant(), world.call("conv_1", PAID)).await.unwrap();
    let scope = world.scope_of(NUMBER).await;
    world.ingest.summarise(&scope).await.unwrap();
    scope
}

/// Everything there is of a caller, in words.
async fn everything(world: &World, scope: &Scope) -> String {
    let memory = &world.engine.memory;
    let listed = memory.list_memories(scope, &MemoryFilter::default(), &PageRequest::first(100)).await.unwrap();
    let mut all: Vec<String> = listed.items.iter().map(said).collect();
    let user = memory.user(scope).await.unwrap().unwrap();
    all.extend([user.name, user.summary]);
    for question in ["What is the card number?", "What is the password on the account?", "first eight digits, the rest"]
    {
        let answer = world.recall.ask(scope, &RecallQuery::new(question)).await.unwrap();
        all.push(answer.summary);
        for hit in answer.hits {
            all.extend(hit.memory().map(said));
            all.extend(hit.excerpt().map(hark_core::Excerpt::script));
            all.extend(hit.evidence.as_ref().map(hark_core::Excerpt::script));
        }
    }
    let told = world.recall.introduce(scope).await.unwrap();
    all.extend([told.name, told.context, told.greeting]);
    let conversation = memory.conversation(&scope.tenant, &ConversationId::new("conv_1")).await.unwrap().unwrap();
    let opened = open_transcript(&world.engine, &scope.tenant, &conversation).unwrap().unwrap();
    all.extend(opened.turns.into_iter().map(|turn| turn.text));
    all.join("\n")
}

fn said(memory: &Memory) -> String {
    format!("{} {:?} {:?}", memory.content, memory.slot, memory.speaker)
}

#[tokio::test]
async fn a_card_number_and_a_password_are_in_no_memory_no_evidence_and_no_answer() {
    for (transcripts, models) in [(true, true), (true, false), (false, true), (false, false)] {
        let (world, parrot) = with(RedactionConfig { transcripts, models, ..RedactionConfig::default() }).await;
        let scope = learn(&world).await;
        let all = everything(&world, &scope).await;
        silent(&all);
        for kept in ["[card number]", "[password]", "Wolfenbüttel", "881442"] {
            assert!(all.contains(kept), "{kept} is missing: {all}");
        }
        let heard = parrot.0.lock().unwrap().join("\n");
        assert_eq!(heard.contains("marzipan"), !models, "{heard}");
        assert_eq!(heard.contains("7788"), !models, "{heard}");
    }
}

#[tokio::test]
async fn what_is_written_or_corrected_by_hand_holds_no_secret_either() {
    let (world, _) = with(RedactionConfig::default()).await;
    let scope = world.scope_of(NUMBER).await;
    let new = ["Pays with 4532 1104 7788 1128", "The password is marzipan, order 881442"];
    let new = new.map(|content| NewMemory::new(content, Origin::Api)).to_vec();
    let written = world.ingest.add(&scope, new).await.unwrap();
    assert_eq!(written[0].content, "Pays with [card number]");
    assert_eq!(written[1].content, "The password is [password], order 881442");
    let patch = MemoryPatch { content: Some("PIN is 4532".to_owned()), ..MemoryPatch::default() };
    let changed = world.ingest.update(&scope, &written[0].id, patch).await.unwrap().unwrap();
    assert_eq!(changed.content, "PIN is [PIN]");
    let edited =
        world.ingest.edit(&scope, &written[1].id, "Password: marzipan".to_owned(), true).await.unwrap().unwrap();
    assert_eq!(edited.content, "Password: [password]");
    let written = world.engine.memory.memories(&scope, &[changed.id, edited.id]).await.unwrap();
    written.iter().for_each(|memory| silent(&said(memory)));
}

#[tokio::test]
async fn a_receipt_keeps_neither_what_was_asked_of_a_secret_nor_what_was_told() {
    let (world, _) = with(RedactionConfig::default()).await;
    let scope = learn(&world).await;
    let mut note = Note::new(ReceiptKind::Query, world.clock.now());
    note.caller = Some(scope.caller.clone());
    note.conversation = Some(ConversationId::new("conv_2"));
    note.words.asked = "Is 4532 1104 7788 1128 their card?".to_owned();
    note.words.told = "Their password is marzipan.".to_owned();
    world.engine.receipts.note(&scope.tenant, note);
    world.engine.receipts.flush().await.unwrap();
    let kept = world.engine.memory.receipts_of(&scope.tenant, &ConversationId::new("conv_2")).await.unwrap();
    let words = kept[0].words.as_ref().unwrap();
    let purpose = hark_core::crypt::Purpose::Receipt;
    let opened: hark_core::ReceiptWords =
        world.engine.vault.open_json(&scope.tenant, purpose, kept[0].id.as_str(), words).unwrap();
    assert_eq!(opened.asked, "Is [card number] their card?");
    assert_eq!(opened.told, "Their password is [password].");
}
