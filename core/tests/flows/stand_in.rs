//! The extractor is away: calls wait, then the stand-in reads them, then they are read again.

use crate::world::{NUMBER, World};
use async_trait::async_trait;
use chrono::Duration;
use hark_core::ai::Extractor;
use hark_core::ai::by_rules::RuleExtractor;
use hark_core::cost;
use hark_core::engine::Engine;
use hark_core::ingest::{Ingest, IngestConfig, NewMemory, Outcome};
use hark_core::job::{ExtractAgain, JobPayload, ReconcileMemories};
use hark_core::recall::CallerCache;
use hark_core::store::{MemoryFilter, NewJob};
use hark_core::testkit::{Outcome as Step, Script};
use hark_core::{
    Candidate, Clock, ConversationId, Error, ErrorKind, Memory, MemoryId, MemoryKind, MemoryState, Origin, PageRequest,
    Result, Scope, Sector, Speaker, Transcript,
};
use std::sync::Arc;

const SAID: &[(Speaker, &str)] = &[
    (Speaker::User, "Please move my delivery to Friday, and call me Sam, not Samuel."),
    (Speaker::Agent, "Of course."),
    (Speaker::User, "The thing with the boiler is that it hums at night."),
];

/// A model that notices the boiler and the delivery, when the script lets it.
#[derive(Debug)]
struct Model(Script);

#[async_trait]
impl Extractor for Model {
    async fn extract(&self, _: &Transcript) -> Result<Vec<Candidate>> {
        self.0.step("extract").await?;
        let candidate = |content: &str, turn| Candidate {
            content: content.to_owned(),
            kind: MemoryKind::Fact,
            sector: Some(Sector::Semantic),
            salience: Some(0.7),
            occurred_at: None,
            turns: vec![turn],
            slot: None,
            confidence: 0.9,
        };
        Ok(vec![
            candidate("Asked to move the delivery to Friday 27 November 2026", 0),
            candidate("Has a boiler that hums at night", 2),
        ])
    }
}

struct Away {
    world: World,
    ingest: Ingest,
    model: Script,
    scope: Scope,
}

impl Away {
    async fn new(stand_in: bool) -> Self {
        let world = World::new().await;
        let model = Script::failing(ErrorKind::Unavailable);
        let engine = Engine {
            extractor: Arc::new(Model(model.clone())),
            stand_in: stand_in.then(|| Arc::new(RuleExtractor) as Arc<dyn Extractor>),
            ..world.engine.clone()
        };
        let ingest = Ingest::new(engine, Arc::new(CallerCache::new(8)), IngestConfig::default());
        let scope = world.scope_of(NUMBER).await;
        Self { world, ingest, model, scope }
    }

    async fn tell(&self, received: chrono::DateTime<chrono::Utc>) -> Result<Vec<NewJob>> {
        let call = hark_core::ingest::Call { received_at: received, ..self.world.call("conv_1", SAID) };
        Ok(self.ingest.call(&self.world.tenant(), call).await?.follow_ups)
    }

    async fn again(&self) -> Result<usize> {
        let done = self.ingest.extract_again(&self.world.tenant(), &ConversationId::new("conv_1")).await?;
        let Outcome::Learnt { memories } = done.outcome else { panic!("{:?}", done.outcome) };
        Ok(memories.len())
    }

    async fn contents(&self) -> Vec<String> {
        let mut contents: Vec<String> = self.all().await.into_iter().map(|m| m.content).collect();
        contents.sort();
        contents
    }

    async fn all(&self) -> Vec<Memory> {
        let page = PageRequest::first(100);
        self.world.engine.memory.list_memories(&self.scope, &MemoryFilter::default(), &page).await.unwrap().items
    }
}

fn has_second_pass(jobs: &[NewJob]) -> bool {
    jobs.iter().any(|job| job.name == ExtractAgain::NAME)
}

#[tokio::test]
async fn a_call_waits_for_its_extractor_until_it_has_waited_long_enough() {
    let away = Away::new(true).await;
    let now = away.world.clock.now();
    assert_eq!(away.tell(now - Duration::seconds(899)).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(away.all().await.is_empty());

    let jobs = away.tell(now - Duration::seconds(900)).await.unwrap();
    assert!(has_second_pass(&jobs));
    let job = jobs.iter().find(|job| job.name == ExtractAgain::NAME).unwrap();
    assert!(job.run_at > now, "not at once: it has just failed");
    let read = away.contents().await;
    assert!(
        read.iter().any(|c| c.contains("Sam")) && read.iter().any(|c| c.contains("Friday 27 November")),
        "{read:?}"
    );
    assert!(!read.iter().any(|c| c.contains("boiler")), "beyond the rules: {read:?}");
}

#[tokio::test]
async fn without_a_stand_in_a_call_waits_for_ever() {
    let away = Away::new(false).await;
    let long_ago = away.world.clock.now() - Duration::days(9);
    assert_eq!(away.tell(long_ago).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn where_waiting_cannot_help_the_stand_in_reads_at_once() {
    let stopped = || Error::new(ErrorKind::Limited, cost::STOPPED, "the budget is spent");
    let refused = || Error::new(ErrorKind::Denied, "chat", "the model refused");
    for error in [stopped(), refused()] {
        let away = Away::new(true).await;
        away.model.push(Step::Fail(error));
        assert!(has_second_pass(&away.tell(away.world.clock.now()).await.unwrap()));
        assert!(!away.all().await.is_empty());
    }
}

#[tokio::test]
async fn the_second_reading_adds_replaces_what_it_repeats_and_keeps_the_rest() {
    let away = Away::new(true).await;
    away.tell(away.world.clock.now() - Duration::hours(1)).await.unwrap();
    let first = away.contents().await;
    assert_eq!(away.again().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(away.contents().await, first, "a failing model changes nothing");

    away.model.change(|_, _| Step::Pass);
    let asked = away.model.calls();
    assert_eq!(away.again().await.unwrap(), 2);
    let second = away.contents().await;
    assert!(second.iter().any(|c| c.contains("boiler")), "{second:?}");
    assert!(second.iter().any(|c| c.contains("Sam")), "only the stand-in noticed: {second:?}");
    let moved = second.iter().filter(|c| c.contains("delivery")).count();
    assert_eq!(moved, 1, "said once: {second:?}");

    // Again, and by a second worker: nothing is asked, paid or written twice.
    assert_eq!(away.again().await.unwrap(), 2);
    assert_eq!(away.contents().await, second);
    assert_eq!(away.model.calls(), asked + 1);
}

#[tokio::test]
async fn what_was_strengthened_since_is_not_taken_away() {
    let away = Away::new(true).await;
    away.tell(away.world.clock.now() - Duration::hours(1)).await.unwrap();
    away.world.clock.advance(Duration::hours(1));
    let kept = away.all().await.into_iter().find(|m| m.content.contains("delivery")).unwrap();
    away.ingest.reinforce(&away.scope, &kept.id).await.unwrap().unwrap();
    away.model.change(|_, _| Step::Pass);
    away.again().await.unwrap();
    assert!(away.all().await.iter().any(|m| m.id == kept.id));
}

/// What the stand-in's memory did to others goes with it, and the second reading does it again.
#[tokio::test]
async fn what_a_replaced_memory_had_superseded_is_superseded_by_the_second_reading() {
    let away = Away::new(true).await;
    let told = "Asked to move the delivery to Thursday 26 November 2026";
    let old = away.ingest.add(&away.scope, vec![NewMemory::new(told, Origin::Api)]).await.unwrap().remove(0);
    away.world.clock.advance(Duration::hours(2));
    away.tell(away.world.clock.now() - Duration::hours(1)).await.unwrap();
    let tenant = away.world.tenant();
    let read = |place| MemoryId::derived(&tenant, &ConversationId::new("conv_1"), place);
    away.ingest.reconcile(&away.scope, &(0..3).map(read).collect::<Vec<_>>()).await.unwrap();
    let now = async || away.all().await.into_iter().find(|m| m.id == old.id).unwrap();
    let first = now().await.superseded_by.unwrap();
    assert!((0..3).any(|place| first == read(place)), "by the stand-in's");

    away.model.change(|_, _| Step::Pass);
    let done = away.ingest.extract_again(&tenant, &ConversationId::new("conv_1")).await.unwrap();
    assert!(done.follow_ups.iter().any(|job| job.name == ReconcileMemories::NAME));
    assert_eq!(
        (now().await.state, now().await.superseded_by),
        (MemoryState::Active, None),
        "nothing points to the gone"
    );
    let Outcome::Learnt { memories } = done.outcome else { panic!() };
    away.ingest.reconcile(&away.scope, &memories).await.unwrap();
    assert_eq!(now().await.superseded_by, Some(read(10_000)));

    // Once more: what stands is not written over.
    let everything = away.all().await;
    away.ingest.extract_again(&tenant, &ConversationId::new("conv_1")).await.unwrap();
    away.ingest.reconcile(&away.scope, &memories).await.unwrap();
    let index = |all: Vec<Memory>| all.into_iter().map(|m| (m.id, m.state, m.superseded_by)).collect::<Vec<_>>();
    assert_eq!(index(away.all().await), index(everything));
}

#[tokio::test]
async fn a_call_that_is_gone_or_was_read_by_the_extractor_is_left_alone() {
    let away = Away::new(true).await;
    away.model.change(|_, _| Step::Pass);
    assert_eq!(away.again().await.unwrap(), 0);
    let jobs = away.tell(away.world.clock.now()).await.unwrap();
    assert!(!has_second_pass(&jobs));
    let (before, asked) = (away.contents().await, away.model.calls());
    assert_eq!(away.again().await.unwrap(), 0);
    assert_eq!((away.contents().await, away.model.calls()), (before, asked));

    let away = Away::new(true).await;
    away.tell(away.world.clock.now() - Duration::hours(1)).await.unwrap();
    away.ingest.erase(&away.scope).await.unwrap();
    away.model.change(|_, _| Step::Pass);
    assert_eq!(away.again().await.unwrap(), 0);
    assert!(away.all().await.is_empty(), "the forgotten are not brought back");
}
