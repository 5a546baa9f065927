//! A Hark on stores in memory.

use crate::Outcome;
use crate::set::Caller;
use hark_core::ai::by_rules::{RuleClassifier, RuleExtractor};
use hark_core::backend::{OpenContext, Registry};
use hark_core::cost::{CostConfig, Meter};
use hark_core::engine::Engine;
use hark_core::ingest::{Call, Ingest, IngestConfig, NewMemory};
use hark_core::layer::Profiles;
use hark_core::people::{Claim, People};
use hark_core::recall::{CallerCache, Recall, RecallConfig};
use hark_core::testkit::SeededEntropy;
use hark_core::testkit::fixtures::{recorder, tenant, vault};
use hark_core::{Clock, ConversationId, Hit, IdentityKind, Origin, RecallQuery, Scope, SystemClock, Transcript, Turn};
use hark_local::{BUILTIN, register};
use serde_json::json;
use std::sync::Arc;

pub(crate) struct World {
    people: People,
    ingest: Ingest,
    recall: Recall,
}

impl World {
    pub(crate) async fn open(embedder: bool, config: RecallConfig) -> Outcome<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy = Arc::new(SeededEntropy::new(1));
        let context =
            OpenContext { data_dir: std::env::temp_dir(), clock: clock.clone(), entropy: entropy.clone(), vault: None };
        let mut registry = Registry::new();
        register(&mut registry);
        let ram = registry.open("ram", json!({}), &context).await?;
        let embedder = match embedder {
            true => registry.open("local", json!({"model": BUILTIN}), &context).await?.embedder(),
            false => None,
        };
        let memory = ram.memory().ok_or("no memory")?;
        let engine = Engine {
            memory: memory.clone(),
            jobs: ram.jobs().ok_or("no jobs")?,
            vectors: ram.vectors().ok_or("no vectors")?,
            keywords: ram.keywords().ok_or("no keywords")?,
            embedder: embedder.map(Profiles::same),
            next: None,
            chat: None,
            stand_in: None,
            embeddings: None,
            meter: Arc::new(Meter::new(&CostConfig::default(), tenant(), memory.clone(), clock.clone())),
            receipts: recorder(memory, clock.clone()),
            extractor: Arc::new(RuleExtractor),
            classifier: Arc::new(RuleClassifier),
            decay: Default::default(),
            link: Default::default(),
            privacy: Default::default(),
            redaction: Default::default(),
            vault: vault(),
            clock,
            entropy,
        };
        let cache = Arc::new(CallerCache::new(256));
        Ok(Self {
            people: People::new(engine.clone()),
            ingest: Ingest::new(engine.clone(), cache.clone(), IngestConfig::default()),
            recall: Recall::new(engine, cache, RecallConfig { budget_ms: 60_000, ..config }),
        })
    }

    pub(crate) async fn learn(&self, caller: &Caller) -> Outcome {
        for call in &caller.calls {
            let turns = call.turns.iter().map(|said| Turn {
                speaker: said.speaker,
                text: said.text.clone(),
                at_secs: 0,
                after_recall: false,
                tools: Vec::new(),
            });
            let transcript = Transcript {
                started_at: call.started_at,
                turns: turns.collect(),
                caller_name: Some(caller.name.clone()),
                agent_name: Some(caller.agent.clone()),
                ..Transcript::default()
            };
            let call = Call {
                conversation: ConversationId::new(call.id.clone()),
                agent: None,
                claims: vec![Claim::new(IdentityKind::External, caller.caller.clone())],
                transcript: Some(transcript),
                started_at: call.started_at,
                duration_secs: None,
                received_at: call.started_at,
                consent: None,
            };
            self.ingest.call(&tenant(), call).await?;
        }
        let scope = self.scope(&caller.caller).await?;
        self.recall.warm(&scope).await?;
        self.recall.embed_turns(&scope).await;
        Ok(())
    }

    /// Memories as an integrator writes them.
    pub(crate) async fn remember(&self, caller: &str, memories: &[&str]) -> Outcome {
        let user = self.people.admit_reference(&tenant(), caller).await?.ok_or("a caller needs an id")?;
        let scope = Scope { tenant: tenant(), caller: user.id };
        let new = memories.iter().map(|content| NewMemory::new(*content, Origin::Api)).collect();
        self.ingest.add(&scope, new).await?;
        Ok(())
    }

    async fn scope(&self, caller: &str) -> Outcome<Scope> {
        let user = self.people.by_reference(&tenant(), caller).await?.ok_or("unknown caller")?;
        Ok(Scope { tenant: tenant(), caller: user.id })
    }

    pub(crate) async fn ask(&self, caller: &str, question: &str, limit: usize) -> Outcome<Vec<Hit>> {
        let scope = self.scope(caller).await?;
        let query = RecallQuery { limit, ..RecallQuery::new(question) };
        Ok(self.recall.ask(&scope, &query).await?.hits)
    }
}
