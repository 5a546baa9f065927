//! New memories against old ones, on RAM and fakes: what gives way, what stands once, what waits, and how it is undone.

mod decisions;
mod effects;
mod faults;
mod judges;

use crate::world::{NUMBER, World};
use chrono::Duration;
use hark_core::ai::ChatModel;
use hark_core::engine::Engine;
use hark_core::ingest::{Decision, Ingest, IngestConfig, NewMemory, Outcome, ReconcileConfig};
use hark_core::job::{JobPayload, ReconcileMemories};
use hark_core::recall::CallerCache;
use hark_core::store::{ConflictFilter, MemoryFilter};
use hark_core::{Conflict, Memory, MemoryId, MemoryState, Origin, PageRequest, RecallQuery, Scope, Speaker, Timestamp};
use std::sync::Arc;

/// A caller, and what is told of them.
pub struct Caller {
    pub world: World,
    pub scope: Scope,
}

impl Caller {
    pub async fn new() -> Self {
        let world = World::new().await;
        let scope = world.scope_of(NUMBER).await;
        Self { world, scope }
    }

    /// Written by the integrator a day later, and reconciled.
    pub async fn told(&self, content: &str) -> Memory {
        let memory = self.written(content).await;
        self.reconcile(&[&memory]).await;
        self.now(&memory.id).await
    }

    pub async fn written(&self, content: &str) -> Memory {
        self.world.clock.advance(Duration::days(1));
        self.world.ingest.add(&self.scope, vec![NewMemory::new(content, Origin::Api)]).await.unwrap().remove(0)
    }

    pub async fn reconcile(&self, memories: &[&Memory]) {
        let ids: Vec<MemoryId> = memories.iter().map(|m| m.id.clone()).collect();
        self.world.ingest.reconcile(&self.scope, &ids).await.unwrap();
    }

    /// A call that is learnt from and reconciled; answers its memories.
    pub async fn calls(&self, id: &str, said: &str) -> Vec<MemoryId> {
        self.world.clock.advance(Duration::days(1));
        let call = self.world.call(id, &[(Speaker::Agent, "Hello?"), (Speaker::User, said)]);
        let done = self.world.ingest.call(&self.world.tenant(), call).await.unwrap();
        let Outcome::Learnt { memories } = done.outcome else { panic!("{:?}", done.outcome) };
        assert!(done.follow_ups.iter().any(|job| job.name == ReconcileMemories::NAME) || memories.is_empty());
        self.world.ingest.reconcile(&self.scope, &memories).await.unwrap();
        memories
    }

    pub async fn now(&self, id: &MemoryId) -> Memory {
        self.world.engine.memory.memories(&self.scope, std::slice::from_ref(id)).await.unwrap().remove(0)
    }

    pub async fn all(&self) -> Vec<Memory> {
        let page = PageRequest::first(100);
        self.world.engine.memory.list_memories(&self.scope, &MemoryFilter::default(), &page).await.unwrap().items
    }

    pub async fn active(&self) -> Vec<String> {
        let all = self.all().await.into_iter().filter(|m| m.state == MemoryState::Active);
        let mut contents: Vec<String> = all.map(|m| m.content).collect();
        contents.sort();
        contents
    }

    pub async fn conflicts(&self) -> Vec<Conflict> {
        let page = PageRequest::first(100);
        let filter = ConflictFilter::default();
        self.world.engine.memory.conflicts(&self.world.tenant(), &filter, &page).await.unwrap().items
    }

    pub async fn resolve(&self, conflict: &Conflict, decision: Decision) -> Conflict {
        self.world.ingest.resolve(&self.world.tenant(), &conflict.id, decision).await.unwrap().unwrap()
    }

    pub async fn recalled(&self, question: &str, as_of: Option<Timestamp>) -> Vec<String> {
        let query = RecallQuery { as_of, ..RecallQuery::new(question) };
        let found = self.world.recall.ask(&self.scope, &query).await.unwrap();
        found.hits.into_iter().filter_map(|hit| hit.memory().map(|memory| memory.content.clone())).collect()
    }

    /// The same stores with another judge.
    pub fn judging(&self, chat: Option<Arc<dyn ChatModel>>, config: ReconcileConfig) -> Ingest {
        let engine = Engine { chat, ..self.world.engine.clone() };
        Ingest::new(engine, Arc::new(CallerCache::new(8)), IngestConfig::default()).with_reconcile(config)
    }
}
