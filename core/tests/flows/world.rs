//! An engine on the in-memory stores, with fakes that can be told to fail.

use hark_core::ai::ChatModel;
use hark_core::ai::by_prompt::{PromptConfig, PromptExtractor};
use hark_core::ai::by_rules::{RuleClassifier, RuleExtractor};
use hark_core::backend::{OpenContext, Registry};
use hark_core::cost::{CostConfig, Meter};
use hark_core::engine::Engine;
use hark_core::ingest::{Call, Ingest, IngestConfig};
use hark_core::layer::Profiles;
use hark_core::people::{Claim, People};
use hark_core::privacy::PrivacyConfig;
use hark_core::recall::{CallerCache, Recall, RecallConfig};
use hark_core::testkit::fixtures::{recorder, tenant, transcript, vault};
use hark_core::testkit::{
    FakeEmbedder, FlakyEmbedder, FlakyKeywords, FlakyMemory, FlakyVectors, MockClock, Script, SeededEntropy,
};
use hark_core::{Clock, ConversationId, IdentityKind, Scope, Speaker, TenantId};
use std::sync::Arc;

pub const NUMBER: &str = "+14155550123";

/// The flows on RAM, and the scripts by which their parts fail.
pub struct World {
    pub engine: Engine,
    pub clock: Arc<MockClock>,
    pub people: People,
    pub ingest: Ingest,
    pub recall: Recall,
    pub cache: Arc<CallerCache>,
    pub memory: Script,
    pub embedder: Script,
    pub vectors: Script,
    pub keywords: Script,
}

struct Scripts {
    memory: Script,
    embedder: Script,
    vectors: Script,
    keywords: Script,
}

impl World {
    pub async fn new() -> Self {
        Self::with(RecallConfig::default()).await
    }

    pub async fn with(config: RecallConfig) -> Self {
        let clock = Arc::new(MockClock::default());
        let entropy = Arc::new(SeededEntropy::new(1));
        let context =
            OpenContext { data_dir: std::env::temp_dir(), clock: clock.clone(), entropy: entropy.clone(), vault: None };
        let ram = Registry::new().open("ram", serde_json::json!({}), &context).await.unwrap();
        let (memory, embedder, vectors, keywords) =
            (Script::default(), Script::default(), Script::default(), Script::default());
        let engine = Engine {
            memory: Arc::new(FlakyMemory::new(ram.memory().unwrap(), memory.clone())),
            jobs: ram.jobs().unwrap(),
            vectors: Arc::new(FlakyVectors::new(ram.vectors().unwrap(), vectors.clone())),
            keywords: Arc::new(FlakyKeywords::new(ram.keywords().unwrap(), keywords.clone())),
            embedder: Some(Profiles::same(Arc::new(FlakyEmbedder::new(
                Arc::new(FakeEmbedder::default()),
                embedder.clone(),
            )))),
            next: None,
            chat: None,
            stand_in: None,
            embeddings: None,
            meter: Arc::new(Meter::new(&CostConfig::default(), tenant(), ram.memory().unwrap(), clock.clone())),
            receipts: recorder(ram.memory().unwrap(), clock.clone()),
            extractor: Arc::new(RuleExtractor),
            classifier: Arc::new(RuleClassifier),
            decay: Default::default(),
            link: Default::default(),
            privacy: Default::default(),
            redaction: Default::default(),
            vault: vault(),
            clock: clock.clone(),
            entropy,
        };
        Self::over(engine, clock, config, Scripts { memory, embedder, vectors, keywords })
    }

    /// The same with a chat model, which also reads the calls.
    pub async fn with_chat(chat: Arc<dyn ChatModel>) -> Self {
        let plain = Self::new().await;
        let extractor = Arc::new(PromptExtractor::new(chat.clone(), PromptConfig::default()));
        let engine = Engine { chat: Some(chat), extractor, ..plain.engine };
        let scripts = Scripts {
            memory: plain.memory,
            embedder: plain.embedder,
            vectors: plain.vectors,
            keywords: plain.keywords,
        };
        Self::over(engine, plain.clock, RecallConfig::default(), scripts)
    }

    /// The same world with other rules of privacy, over the same stores: as after a restart.
    pub fn with_privacy(self, privacy: PrivacyConfig) -> Self {
        let engine = Engine { privacy, ..self.engine };
        let scripts =
            Scripts { memory: self.memory, embedder: self.embedder, vectors: self.vectors, keywords: self.keywords };
        Self::over(engine, self.clock, RecallConfig::default(), scripts)
    }

    /// The same world with another embedder, over the same stores: as after a restart.
    pub fn with_embedder(&self, embedder: FakeEmbedder) -> Self {
        let embedder = FlakyEmbedder::new(Arc::new(embedder), self.embedder.clone());
        self.again(Engine { embedder: Some(Profiles::same(Arc::new(embedder))), ..self.engine.clone() })
    }

    /// Another node over the same stores, with caches of its own.
    pub fn beside(&self) -> Self {
        self.again(self.engine.clone())
    }

    fn again(&self, engine: Engine) -> Self {
        let scripts = Scripts {
            memory: self.memory.clone(),
            embedder: self.embedder.clone(),
            vectors: self.vectors.clone(),
            keywords: self.keywords.clone(),
        };
        Self::over(engine, self.clock.clone(), RecallConfig::default(), scripts)
    }

    fn over(engine: Engine, clock: Arc<MockClock>, config: RecallConfig, scripts: Scripts) -> Self {
        let Scripts { memory, embedder, vectors, keywords } = scripts;
        let cache = Arc::new(CallerCache::new(8));
        Self {
            people: People::new(engine.clone()),
            ingest: Ingest::new(engine.clone(), cache.clone(), IngestConfig::default()),
            recall: Recall::new(engine.clone(), cache.clone(), config),
            cache,
            engine,
            clock,
            memory,
            embedder,
            vectors,
            keywords,
        }
    }

    pub fn tenant(&self) -> TenantId {
        tenant()
    }

    /// A finished call from [`NUMBER`].
    pub fn call(&self, id: &str, turns: &[(Speaker, &str)]) -> Call {
        Call {
            conversation: ConversationId::new(id),
            agent: None,
            claims: vec![Claim::new(IdentityKind::Phone, NUMBER)],
            transcript: Some(transcript(turns)),
            started_at: self.clock.now(),
            duration_secs: Some(60),
            received_at: self.clock.now(),
            consent: None,
        }
    }

    /// All of a caller's in memory, as when they call.
    pub async fn warm(&self, scope: &Scope) {
        self.recall.warm(scope).await.unwrap();
        self.recall.embed_turns(scope).await;
    }

    /// The scope of whoever calls from that number.
    pub async fn scope_of(&self, number: &str) -> Scope {
        let claims = [Claim::new(IdentityKind::Phone, number)];
        let user = self.people.admit(&self.tenant(), None, &claims).await.unwrap().unwrap();
        Scope { tenant: self.tenant(), caller: user.id }
    }
}
