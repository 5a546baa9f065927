//! Memories reconciled on a real file: what was decided outlives the process, and an undo finds everything again.

use crate::place::Place;
use hark_core::ai::by_rules::{RuleClassifier, RuleExtractor};
use hark_core::cost::{CostConfig, Meter};
use hark_core::engine::Engine;
use hark_core::ingest::{Decision, Ingest, IngestConfig, NewMemory};
use hark_core::layer::Profiles;
use hark_core::ram::{RamKeywordStore, RamVectorStore};
use hark_core::recall::CallerCache;
use hark_core::store::ConflictFilter;
use hark_core::testkit::fixtures::{recorder, scopes, start, tenant, vault};
use hark_core::testkit::{FakeEmbedder, FlakyMemory, MockClock, Outcome, Script, SeededEntropy};
use hark_core::{Conflict, ConflictState, ErrorKind, Memory, MemoryId, MemoryState, Origin, PageRequest, Scope};
use std::sync::Arc;

/// A process on the file: what it holds in memory goes with it.
pub(crate) struct Process {
    ingest: Ingest,
    pub(crate) engine: Engine,
    pub(crate) scope: Scope,
    clock: Arc<MockClock>,
    pub(crate) script: Script,
}

impl Process {
    pub(crate) async fn start(place: &Place, clock: &Arc<MockClock>, seed: u64) -> Self {
        let store = place.migrated().await;
        let (script, [scope, ..]) = (Script::default(), scopes());
        let memory = Arc::new(FlakyMemory::new(store.memory(), script.clone()));
        store.memory().ensure_user(&scope.tenant, &[], &scope.caller, start()).await.expect("it answers");
        let engine = Engine {
            meter: Arc::new(Meter::new(&CostConfig::default(), tenant(), store.memory(), clock.clone())),
            receipts: recorder(store.memory(), clock.clone()),
            memory,
            jobs: store.jobs(),
            vectors: Arc::new(RamVectorStore::default()),
            keywords: Arc::new(RamKeywordStore::default()),
            embedder: Some(Profiles::same(Arc::new(FakeEmbedder::default()))),
            next: None,
            chat: None,
            stand_in: None,
            embeddings: None,
            extractor: Arc::new(RuleExtractor),
            classifier: Arc::new(RuleClassifier),
            decay: Default::default(),
            link: Default::default(),
            privacy: Default::default(),
            redaction: Default::default(),
            vault: vault(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(seed)),
        };
        let ingest = Ingest::new(engine.clone(), Arc::new(CallerCache::new(8)), IngestConfig::default());
        ingest.reindex(true, &|_, _| {}).await.expect("it answers");
        Self { ingest, engine, scope, clock: clock.clone(), script }
    }

    async fn written(&self, content: &str) -> Memory {
        self.clock.advance(chrono::Duration::days(1));
        self.ingest.add(&self.scope, vec![NewMemory::new(content, Origin::Api)]).await.expect("it answers").remove(0)
    }

    async fn now(&self, id: &MemoryId) -> Memory {
        self.engine.memory.memories(&self.scope, std::slice::from_ref(id)).await.expect("it answers").remove(0)
    }

    async fn conflicts(&self) -> Vec<Conflict> {
        let page = PageRequest::first(10);
        self.engine
            .memory
            .conflicts(&self.scope.tenant, &ConflictFilter::default(), &page)
            .await
            .expect("it answers")
            .items
    }
}

#[tokio::test]
async fn a_decision_outlives_the_process_and_so_does_its_undoing() {
    let place = Place::new();
    let clock = Arc::new(MockClock::default());
    let process = Process::start(&place, &clock, 1).await;
    let old = process.written("Is allergic to peanuts").await;
    let new = process.written("Has a peanut allergy").await;
    // The transaction fails: nothing of it is there.
    process.script.change(|method, _| match method {
        "settle_conflict" => Outcome::fail(ErrorKind::Unavailable),
        _ => Outcome::Pass,
    });
    assert!(process.ingest.reconcile(&process.scope, std::slice::from_ref(&new.id)).await.unwrap_err().is_retriable());
    assert_eq!(process.conflicts().await, []);
    let before = process.now(&old.id).await;
    drop(process);

    let process = Process::start(&place, &clock, 2).await;
    let done = process.ingest.reconcile(&process.scope, std::slice::from_ref(&new.id)).await.unwrap();
    assert_eq!((done.repeated, done.superseded), (1, 0));
    let (kept, repeat) = (process.now(&old.id).await, process.now(&new.id).await);
    assert!(kept.salience > before.salience);
    assert_eq!((repeat.state, repeat.superseded_by.as_ref()), (MemoryState::Superseded, Some(&old.id)));
    drop(process);

    let process = Process::start(&place, &clock, 3).await;
    clock.advance(chrono::Duration::days(9));
    let again = process.ingest.reconcile(&process.scope, &[new.id.clone(), old.id.clone()]).await.unwrap();
    assert_eq!(again, Default::default());
    let conflict = process.conflicts().await.remove(0);
    let undone = process.ingest.resolve(&process.scope.tenant, &conflict.id, Decision::Undo).await.unwrap().unwrap();
    assert_eq!(undone.state, ConflictState::Undone);
    assert_eq!(process.now(&old.id).await, before, "to the last digit");
    assert_eq!(process.now(&new.id).await.state, MemoryState::Active);
    drop(process);

    let process = Process::start(&place, &clock, 4).await;
    assert_eq!(process.conflicts().await, [undone]);
    assert_eq!(process.ingest.reconcile(&process.scope, &[new.id]).await.unwrap(), Default::default());
}

/// A file of the last version has no successors and no corrections; its rows read as they were.
#[tokio::test]
async fn rows_from_before_are_current_and_never_corrected() {
    let place = Place::new();
    let process = Process::start(&place, &Arc::new(MockClock::default()), 1).await;
    place
        .tamper(
            "INSERT INTO memories (id, tenant, caller, content, sector, kind, salience, occurred_at, learnt_at,
                                   reinforced_at, state, origin, turns, metadata, index_state)
             VALUES ('mem_old', 'acme', 'usr_1', 'Likes tea', 'semantic', 'fact', 0.5, 1, 2, 3, 'active', 'api', '[]',
                     '{}', 'indexed')",
        )
        .await;
    let old = process.now(&"mem_old".into()).await;
    assert_eq!((old.valid_to, old.superseded_by, old.corrected_at), (None, None, None));
    assert_eq!(process.engine.memory.history(&process.scope, &"mem_old".into()).await.unwrap().len(), 1);
}

/// Values nobody wrote are corrupt, and not quoted.
#[tokio::test]
async fn a_conflict_nobody_wrote_is_corrupt() {
    let place = Place::new();
    let process = Process::start(&place, &Arc::new(MockClock::default()), 1).await;
    process.written("Lives in Leeds").await;
    let new = process.written("Has moved to York").await;
    process.ingest.reconcile(&process.scope, &[new.id]).await.unwrap();
    let id = process.conflicts().await[0].id.clone();
    for change in [
        "UPDATE conflicts SET verdict = 'gossip about Sam'",
        "UPDATE conflicts SET verdict = 'update', resolution = 'gossip about Sam'",
        "UPDATE conflicts SET resolution = NULL, changes = '[gossip about Sam'",
    ] {
        place.tamper(change).await;
        let error = process.engine.memory.conflict(&process.scope.tenant, &id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{change}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("Sam"), "{error:?}");
    }
}
