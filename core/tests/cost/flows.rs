//! Both flows with an embedder that costs money.

use super::paid::{Disk, Paid, ask, settle};
use chrono::Duration as Span;
use hark_core::ai::Embedder;
use hark_core::ai::by_rules::{RuleClassifier, RuleExtractor};
use hark_core::cost::{Account, CostConfig, CostFilter, CostGroup, Meter, charged_to};
use hark_core::engine::Engine;
use hark_core::ingest::{Call, Ingest, IngestConfig, NewMemory, Outcome};
use hark_core::layer::{CachedEmbedder, EmbeddingCacheConfig, EmbeddingTiers, MeteredEmbedder, Profiles};
use hark_core::people::Claim;
use hark_core::ram::{RamJobQueue, RamKeywordStore, RamMemoryStore, RamVectorStore};
use hark_core::recall::{CallerCache, Recall, RecallConfig};
use hark_core::store::{EmbeddingCache, MemoryStore};
use hark_core::testkit::fixtures::{recorder, scopes, start, tenant, transcript, vault};
use hark_core::testkit::{MockClock, Outcome as TestOutcome, Script, SeededEntropy};
use hark_core::{ErrorKind, IdentityKind, IndexState, Mode, Origin, RecallQuery, Scope, Speaker};
use std::sync::Arc;

struct World {
    paid: Arc<Paid>,
    clock: Arc<MockClock>,
    disk: Arc<Disk>,
    engine: Engine,
    ingest: Ingest,
    recall: Recall,
}

fn world(config: &CostConfig) -> World {
    let clock = Arc::new(MockClock::default());
    let paid = Paid::new(&Script::default());
    let memory: Arc<dyn MemoryStore> = Arc::new(RamMemoryStore::default());
    let disk = Arc::new(Disk::default());
    let meter = Arc::new(Meter::new(config, tenant(), memory.clone(), clock.clone()));
    let store = Some(disk.clone() as Arc<dyn EmbeddingCache>);
    let tiers = EmbeddingTiers::new(&EmbeddingCacheConfig::default(), store, vault(), clock.clone(), tenant());
    let tiers = Arc::new(tiers);
    let bare = Profiles::same(paid.clone() as Arc<dyn Embedder>);
    let embedder = CachedEmbedder::around(MeteredEmbedder::around(bare, &meter), &tiers);
    let engine = Engine {
        receipts: recorder(memory.clone(), clock.clone()),
        memory,
        jobs: Arc::new(RamJobQueue::default()),
        vectors: Arc::new(RamVectorStore::default()),
        keywords: Arc::new(RamKeywordStore::default()),
        embedder: Some(embedder),
        next: None,
        chat: None,
        stand_in: None,
        embeddings: Some(tiers),
        meter,
        extractor: Arc::new(RuleExtractor),
        classifier: Arc::new(RuleClassifier),
        decay: Default::default(),
        link: Default::default(),
        privacy: Default::default(),
        redaction: Default::default(),
        vault: vault(),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let cache = Arc::new(CallerCache::new(8));
    World {
        paid,
        clock,
        disk,
        ingest: Ingest::new(engine.clone(), cache.clone(), IngestConfig::default()),
        recall: Recall::new(engine.clone(), cache, RecallConfig::default()),
        engine,
    }
}

fn call() -> Call {
    Call {
        conversation: "conv_1".into(),
        agent: Some("agent_1".into()),
        claims: vec![Claim::new(IdentityKind::Phone, "+14155550123")],
        transcript: Some(transcript(&[
            (Speaker::Agent, "How can I help?"),
            (Speaker::User, "I live in Berlin and I am allergic to peanuts."),
        ])),
        started_at: start(),
        duration_secs: Some(60),
        received_at: start(),
        consent: None,
    }
}

impl World {
    /// Learns from a call; answers whose it was.
    async fn learn(&self) -> Scope {
        let learnt = self.ingest.call(&tenant(), call()).await.unwrap();
        assert!(matches!(&learnt.outcome, Outcome::Learnt { memories } if !memories.is_empty()), "{learnt:?}");
        let caller = self.engine.memory.conversation(&tenant(), &"conv_1".into()).await.unwrap().unwrap().caller;
        Scope { tenant: tenant(), caller: caller.unwrap() }
    }

    async fn costs(&self, by: CostGroup) -> Vec<(Option<String>, u64)> {
        settle().await;
        self.engine.meter.flush().await.unwrap();
        let sums = self.engine.memory.costs(&tenant(), &CostFilter::default(), by).await.unwrap();
        sums.into_iter().map(|s| (s.group, s.cost.calls)).collect()
    }
}

fn question(text: &str) -> RecallQuery {
    RecallQuery { text: text.to_owned(), limit: 5, sectors: Vec::new(), as_of: None, include_archived: false }
}

fn some(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[tokio::test]
async fn a_call_is_charged_to_its_conversation_and_agent() {
    let world = world(&CostConfig::default());
    let scope = world.learn().await;
    let calls = world.paid.asked().len() as u64;
    assert!(calls > 0);
    assert!(matches!(&*world.costs(CostGroup::Conversation).await, [(Some(id), _)] if id == "conv_1"));
    assert!(matches!(&*world.costs(CostGroup::Agent).await, [(Some(id), _)] if id == "agent_1"));

    // A question during the call, as the route asks it; and one that nobody says more about.
    let account =
        Account { agent: Some("agent_2".into()), conversation: Some("conv_2".into()), ..Account::of(tenant()) };
    charged_to(account, world.recall.ask(&scope, &question("which town"))).await.unwrap();
    world.recall.ask(&scope, &question("what food")).await.unwrap();
    let by_agent = world.costs(CostGroup::Agent).await;
    assert_eq!(by_agent[0], (None, 1));
    assert_eq!(by_agent[2], (some("agent_2"), 1));
}

#[tokio::test]
async fn a_question_asked_again_and_an_index_built_again_cost_nothing() {
    let world = world(&CostConfig::default());
    let scope = world.learn().await;
    world.recall.ask(&scope, &question("which town")).await.unwrap();
    settle().await;
    let paid = world.paid.asked().len();
    world.recall.ask(&scope, &question("which town")).await.unwrap();
    world.ingest.reindex(true, &|_, _| {}).await.unwrap();
    assert_eq!(world.paid.asked().len(), paid);
    assert_eq!(world.recall.ask(&scope, &question("which town")).await.unwrap().mode, Mode::Hybrid);
}

#[tokio::test]
async fn rebuilding_many_callers_keeps_each_ones_words_under_their_name() {
    let world = world(&CostConfig::default());
    let [one, two, _] = scopes();
    for (scope, text) in [(&one, "Has a dog"), (&two, "Has a cat")] {
        world.engine.memory.ensure_user(&scope.tenant, &[], &scope.caller, start()).await.unwrap();
        world.ingest.add(scope, vec![NewMemory::new(text, Origin::Api)]).await.unwrap();
    }
    settle().await;
    world.disk.inner.prune(0, start()).await.unwrap();
    // Another process: nothing in memory, nothing on disk.
    let tiers = EmbeddingTiers::new(
        &EmbeddingCacheConfig::default(),
        Some(world.disk.clone()),
        vault(),
        world.clock.clone(),
        tenant(),
    );
    let bare = Profiles::same(world.paid.clone() as Arc<dyn Embedder>);
    let embedder = CachedEmbedder::around(bare, &Arc::new(tiers));
    let engine = Engine { embedder: Some(embedder), ..world.engine.clone() };
    let ingest = Ingest::new(engine, Arc::new(CallerCache::new(1)), IngestConfig::default());
    ingest.reindex(false, &|_, _| {}).await.unwrap();
    settle().await;
    assert_eq!(world.disk.inner.erase(&one).await.unwrap(), 1);
    assert_eq!(world.disk.inner.erase(&two).await.unwrap(), 1);
}

#[tokio::test]
async fn with_the_budget_used_up_words_answer_and_memories_wait() {
    let world = world(&CostConfig { daily_stop: Some(0.0), ..CostConfig::default() });
    let scope = world.learn().await;
    let recalled = world.recall.ask(&scope, &question("allergic to peanuts")).await.unwrap();
    assert_eq!((recalled.mode, recalled.degraded.is_some()), (Mode::Keyword, true));
    assert!(!recalled.hits.is_empty());
    let pending = world.engine.memory.pending_memories(10).await.unwrap();
    assert!(!pending.is_empty() && pending.iter().all(|(_, m)| m.index == IndexState::Pending));
    assert_eq!(world.paid.asked().len(), 0);
}

#[tokio::test]
async fn what_waited_is_embedded_when_the_day_is_over() {
    // Enough for one token: the first call goes beyond it.
    let world = world(&CostConfig { daily_stop: Some(0.000_000_02), ..CostConfig::default() });
    let scope = world.learn().await;
    world.ingest.add(&scope, vec![NewMemory::new("Has a dog", Origin::Api)]).await.unwrap();
    assert!(!world.engine.memory.pending_memories(10).await.unwrap().is_empty());
    world.ingest.repair(10).await.unwrap_err();
    world.clock.advance(Span::days(1));
    assert!(world.ingest.repair(10).await.unwrap() > 0);
    assert_eq!(world.engine.memory.pending_memories(10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn an_erased_caller_leaves_sums_and_no_words() {
    let world = world(&CostConfig::default());
    let scope = world.learn().await;
    world.recall.ask(&scope, &question("which town")).await.unwrap();
    settle().await;
    assert!(world.disk.inner.count().await.unwrap() > 1);
    // Not flushed yet: what waits must not bring the name back.
    world.ingest.erase(&scope).await.unwrap();
    assert_eq!(world.disk.inner.count().await.unwrap(), 0);
    let costs = world.costs(CostGroup::Conversation).await;
    assert!(matches!(&*costs, [(None, calls)] if *calls > 1), "{costs:?}");
}

#[tokio::test]
async fn an_erasure_does_not_wait_for_a_cache_that_is_away_and_is_not_clean_before_it_answers() {
    let world = world(&CostConfig::default());
    let scope = world.learn().await;
    settle().await;
    world.disk.script.change(|method, _| match method {
        "erase" => TestOutcome::fail(ErrorKind::Unavailable),
        _ => TestOutcome::Pass,
    });
    let erasure = world.ingest.erase(&scope).await.unwrap().unwrap();
    assert!(erasure.settled_at.is_some() && world.disk.inner.count().await.unwrap() > 0);
    for _ in 0..3 {
        world.clock.advance(Span::minutes(11));
        world.ingest.purge_erased(10).await.unwrap_err();
    }
    let ledger = async || world.engine.memory.erasure(&tenant(), &erasure.id).await.unwrap().unwrap();
    assert_eq!(ledger().await.compacted_at, None);
    world.disk.script.change(|_, _| TestOutcome::Pass);
    world.ingest.purge_erased(10).await.unwrap();
    assert_eq!(world.disk.inner.count().await.unwrap(), 0);
    world.clock.advance(Span::minutes(11));
    assert_eq!(world.ingest.purge_erased(10).await.unwrap(), 1);
    assert!(ledger().await.clean_at.is_some());
}

/// A node that only answers holds what it has paid for, until it looks into the ledger.
#[tokio::test]
async fn what_another_node_erased_is_let_go_and_would_be_paid_for_again() {
    let world = world(&CostConfig::default());
    let scope = world.learn().await;
    let tiers = EmbeddingTiers::new(&EmbeddingCacheConfig::default(), None, vault(), world.clock.clone(), tenant());
    let tiers = Arc::new(tiers);
    let bare = Profiles::same(world.paid.clone() as Arc<dyn Embedder>);
    let embedder = CachedEmbedder::around(bare, &tiers);
    let engine = Engine { embedder: Some(embedder.clone()), embeddings: Some(tiers), ..world.engine.clone() };
    let other = Ingest::new(engine, Arc::new(CallerCache::new(1)), IngestConfig::default());
    let asked = async || {
        ask(&embedder.interactive, &scope, &["which town"]).await.unwrap();
        world.paid.asked().len()
    };
    let paid = asked().await;
    assert_eq!(asked().await, paid, "it is held");
    world.ingest.erase(&scope).await.unwrap();
    assert_eq!(asked().await, paid, "it is held still");
    other.let_go_of_erased(10).await.unwrap();
    assert_eq!(asked().await, paid + 1);
}

#[tokio::test]
async fn a_memory_that_is_embedded_later_is_charged_to_where_it_came_from() {
    let world = world(&CostConfig::default());
    let scope = world.learn().await;
    let before = world.costs(CostGroup::Conversation).await;
    let said = NewMemory { conversation: Some("conv_1".into()), ..NewMemory::new("Has a dog", Origin::Remembered) };
    world
        .ingest
        .add(&scope, vec![said, NewMemory { conversation: None, ..NewMemory::new("Has a cat", Origin::Api) }])
        .await
        .unwrap();
    let other = NewMemory { conversation: Some("conv_1".into()), ..NewMemory::new("Has a bird", Origin::Remembered) };
    world.ingest.add(&scope, vec![other]).await.unwrap();
    let after = world.costs(CostGroup::Conversation).await;
    assert_eq!(before.len() + 1, after.len(), "of two conversations at once: the tenant's");
    assert_eq!(after[1].1, before[0].1 + 1);
    assert!(matches!(&*world.costs(CostGroup::Agent).await, [(None, _), (Some(agent), _)] if agent == "agent_1"));
}
