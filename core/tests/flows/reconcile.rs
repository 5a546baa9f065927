//! New memories against old ones, on RAM and fakes: what gives way, what stands once, what waits, and how it is undone.

use crate::world::{NUMBER, World};
use chrono::Duration;
use hark_core::ai::ChatModel;
use hark_core::engine::Engine;
use hark_core::ingest::{
    Decision, Ingest, IngestConfig, JudgeChoice, MemoryPatch, NewMemory, Outcome, ReconcileConfig,
};
use hark_core::job::{JobPayload, ReconcileMemories, SummariseUser};
use hark_core::recall::CallerCache;
use hark_core::store::{ConflictFilter, MemoryFilter};
use hark_core::testkit::{ChatReply, Outcome as Step, ScriptedChat};
use hark_core::{
    Clock, Conflict, ConflictState, ConversationId, Error, ErrorKind, JudgedBy, Memory, MemoryId, MemoryState, Origin,
    PageRequest, Reason, RecallQuery, Resolution, Scope, Speaker, Timestamp, Verdict, reinforced,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A caller, and what is told of them.
struct Caller {
    world: World,
    scope: Scope,
}

impl Caller {
    async fn new() -> Self {
        let world = World::new().await;
        let scope = world.scope_of(NUMBER).await;
        Self { world, scope }
    }

    /// Written by the integrator a day later, and reconciled.
    async fn told(&self, content: &str) -> Memory {
        let memory = self.written(content).await;
        self.reconcile(&[&memory]).await;
        self.now(&memory.id).await
    }

    async fn written(&self, content: &str) -> Memory {
        self.world.clock.advance(Duration::days(1));
        self.world.ingest.add(&self.scope, vec![NewMemory::new(content, Origin::Api)]).await.unwrap().remove(0)
    }

    async fn reconcile(&self, memories: &[&Memory]) {
        let ids: Vec<MemoryId> = memories.iter().map(|m| m.id.clone()).collect();
        self.world.ingest.reconcile(&self.scope, &ids).await.unwrap();
    }

    /// A call that is learnt from and reconciled; answers its memories.
    async fn calls(&self, id: &str, said: &str) -> Vec<MemoryId> {
        self.world.clock.advance(Duration::days(1));
        let call = self.world.call(id, &[(Speaker::Agent, "Hello?"), (Speaker::User, said)]);
        let done = self.world.ingest.call(&self.world.tenant(), call).await.unwrap();
        let Outcome::Learnt { memories } = done.outcome else { panic!("{:?}", done.outcome) };
        assert!(done.follow_ups.iter().any(|job| job.name == ReconcileMemories::NAME) || memories.is_empty());
        self.world.ingest.reconcile(&self.scope, &memories).await.unwrap();
        memories
    }

    async fn now(&self, id: &MemoryId) -> Memory {
        self.world.engine.memory.memories(&self.scope, std::slice::from_ref(id)).await.unwrap().remove(0)
    }

    async fn all(&self) -> Vec<Memory> {
        let page = PageRequest::first(100);
        self.world.engine.memory.list_memories(&self.scope, &MemoryFilter::default(), &page).await.unwrap().items
    }

    async fn active(&self) -> Vec<String> {
        let all = self.all().await.into_iter().filter(|m| m.state == MemoryState::Active);
        let mut contents: Vec<String> = all.map(|m| m.content).collect();
        contents.sort();
        contents
    }

    async fn conflicts(&self) -> Vec<Conflict> {
        let page = PageRequest::first(100);
        let filter = ConflictFilter::default();
        self.world.engine.memory.conflicts(&self.world.tenant(), &filter, &page).await.unwrap().items
    }

    async fn resolve(&self, conflict: &Conflict, decision: Decision) -> Conflict {
        self.world.ingest.resolve(&self.world.tenant(), &conflict.id, decision).await.unwrap().unwrap()
    }

    async fn recalled(&self, question: &str, as_of: Option<Timestamp>) -> Vec<String> {
        let query = RecallQuery { as_of, ..RecallQuery::new(question) };
        let found = self.world.recall.ask(&self.scope, &query).await.unwrap();
        found.hits.into_iter().map(|hit| hit.memory.content).collect()
    }

    /// The same stores with another judge.
    fn judging(&self, chat: Option<Arc<dyn ChatModel>>, config: ReconcileConfig) -> Ingest {
        let engine = Engine { chat, ..self.world.engine.clone() };
        Ingest::new(engine, Arc::new(CallerCache::new(8)), IngestConfig::default()).with_reconcile(config)
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Unavailable, "test", "gone")
}

#[tokio::test]
async fn what_was_corrected_gives_way_is_kept_and_is_found_as_of_then() {
    let caller = Caller::new().await;
    let old = caller.told("Lives in Leeds").await;
    let then = caller.world.clock.now() + Duration::hours(1);
    let new = caller.told("Has moved to York").await;
    let old = caller.now(&old.id).await;
    assert_eq!(
        (old.state, old.superseded_by.as_ref(), old.valid_to),
        (MemoryState::Superseded, Some(&new.id), Some(new.learnt_at))
    );
    assert_eq!(caller.active().await, ["Has moved to York"]);

    assert_eq!(caller.recalled("Lives in Leeds or moved to York", None).await, ["Has moved to York"]);
    assert_eq!(caller.recalled("Lives in Leeds or moved to York", Some(then)).await, ["Lives in Leeds"]);
    let later = new.learnt_at + Duration::days(30);
    assert_eq!(caller.recalled("Lives in Leeds or moved to York", Some(later)).await, ["Has moved to York"]);
    let history = caller.world.engine.memory.history(&caller.scope, &new.id).await.unwrap();
    assert_eq!(history.iter().map(|m| &m.id).collect::<Vec<_>>(), [&old.id, &new.id]);

    let [conflict] = &caller.conflicts().await[..] else { panic!("one") };
    assert_eq!((&conflict.old, &conflict.new), (&old.id, &new.id));
    assert_eq!(
        (conflict.verdict, conflict.reason, conflict.judged_by),
        (Verdict::Update, Reason::NewerValue, JudgedBy::Rules)
    );
    assert_eq!((conflict.state, conflict.resolution), (ConflictState::Resolved, Some(Resolution::Superseded)));
    let told = caller.world.recall.introduce(&caller.scope).await.unwrap();
    assert!(told.context.contains("York") && !told.context.contains("Leeds"), "{}", told.context);
}

#[tokio::test]
async fn what_is_said_in_a_later_call_is_strengthened_once_and_stands_once() {
    let caller = Caller::new().await;
    let first = caller.calls("conv_1", "My email is sam at example dot com.").await;
    let before = caller.now(&first[0]).await;
    let said_twice = "My email is sam at example dot com. As I said, it's sam at example dot com.";
    let second = caller.calls("conv_2", said_twice).await;
    let kept = caller.now(&first[0]).await;
    let left = reinforced(before.effective_salience(kept.reinforced_at) as f32);
    assert_eq!((kept.state, kept.salience), (MemoryState::Active, left));
    assert!(kept.reinforced_at > before.reinforced_at);
    let repeat = caller.now(&second[0]).await;
    assert_eq!((repeat.state, repeat.superseded_by.as_ref()), (MemoryState::Superseded, Some(&kept.id)));
    assert_eq!(repeat.provenance.conversation_id, Some("conv_2".into()), "the evidence of both is kept");

    // Again: told again, the job again, everything again.
    let everything = (caller.all().await, caller.conflicts().await);
    let again = caller.world.call("conv_2", &[(Speaker::User, said_twice)]);
    caller.world.ingest.call(&caller.world.tenant(), again).await.unwrap();
    for ids in [&second, &first, &second] {
        caller.world.clock.advance(Duration::hours(1));
        let done = caller.world.ingest.reconcile(&caller.scope, ids).await.unwrap();
        assert_eq!((done.superseded, done.repeated, done.open), (0, 0, 0));
    }
    assert_eq!((caller.all().await, caller.conflicts().await), everything);
}

#[tokio::test]
async fn one_call_strengthens_a_memory_once_in_how_many_words_it_says_so() {
    let caller = Caller::new().await;
    let kept = caller.told("Is allergic to peanuts").await;
    caller.world.clock.advance(Duration::days(1));
    let new = |content: &str| NewMemory {
        conversation: Some("conv_9".into()),
        ..NewMemory::new(content, Origin::Remembered)
    };
    let both = vec![new("Has a peanut allergy"), new("Has an allergy to peanuts")];
    let repeats = caller.world.ingest.add(&caller.scope, both).await.unwrap();
    caller.reconcile(&[&repeats[0]]).await;
    let once = caller.now(&kept.id).await;
    assert!(once.salience > kept.salience);
    caller.world.clock.advance(Duration::hours(1));
    caller.reconcile(&[&repeats[1]]).await;
    assert_eq!(caller.now(&kept.id).await, once);
    assert_eq!(caller.active().await, ["Is allergic to peanuts"]);
}

#[tokio::test]
async fn look_alikes_and_other_peoples_things_stay_side_by_side() {
    let caller = Caller::new().await;
    let told = [
        "Called about order 1042",
        "Called about order 1043",
        "Lives in Leeds",
        "Mother lives in York",
        "Has a daughter, Freya",
        "Has a daughter, Zoe",
        "Complained that the line was down on Saturday 14 November 2026",
        "Complained that the line was down on Saturday 23 January 2027",
    ];
    for content in told {
        caller.told(content).await;
    }
    let mut expected = told.map(str::to_owned);
    expected.sort();
    assert_eq!(caller.active().await, expected);
    assert_eq!(caller.conflicts().await, []);

    // Another caller's memories are no neighbours.
    let stranger = caller.world.scope_of("+14155550999").await;
    let theirs =
        caller.world.ingest.add(&stranger, vec![NewMemory::new("Has moved to Hull", Origin::Api)]).await.unwrap();
    let done = caller.world.ingest.reconcile(&stranger, &[theirs[0].id.clone()]).await.unwrap();
    assert_eq!(done, Default::default());
}

#[tokio::test]
async fn what_cannot_be_told_waits_for_somebody_who_may_decide_otherwise_later() {
    let caller = Caller::new().await;
    let (old, new) = (caller.told("Name is Ruben Ferrer").await, caller.told("Name is Ines Okafor").await);
    let conflict = caller.conflicts().await.remove(0);
    assert_eq!((conflict.state, conflict.resolution, conflict.resolved_at), (ConflictState::Open, None, None));
    assert_eq!(caller.active().await.len(), 2);
    let error = caller.world.ingest.resolve(&caller.world.tenant(), &conflict.id, Decision::Undo).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Conflict, false));

    for (decision, active) in [
        (Decision::KeepNew, vec!["Name is Ines Okafor"]),
        (Decision::KeepOld, vec!["Name is Ruben Ferrer"]),
        (Decision::KeepBoth, vec!["Name is Ines Okafor", "Name is Ruben Ferrer"]),
        (Decision::KeepOld, vec!["Name is Ruben Ferrer"]),
        (Decision::Undo, vec!["Name is Ines Okafor", "Name is Ruben Ferrer"]),
        (Decision::KeepNew, vec!["Name is Ines Okafor"]),
    ] {
        caller.world.clock.advance(Duration::minutes(1));
        let resolved = caller.resolve(&conflict, decision).await;
        assert_eq!(resolved.judged_by, JudgedBy::Person);
        assert_eq!(caller.active().await, active, "{decision:?}");
        assert_eq!(caller.resolve(&conflict, decision).await, resolved, "twice is the same as once");
    }
    caller.reconcile(&[&new, &old]).await;
    assert_eq!(caller.active().await, ["Name is Ines Okafor"], "a person outranks the judge");
    assert!(
        caller
            .world
            .ingest
            .resolve(&caller.world.tenant(), &"cfl_none".into(), Decision::Undo)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn undoing_brings_both_back_exactly_but_for_what_happened_since() {
    let caller = Caller::new().await;
    let before = caller.told("Is allergic to peanuts").await;
    caller.told("Has a peanut allergy").await;
    let conflict = caller.conflicts().await.remove(0);
    caller.resolve(&conflict, Decision::Undo).await;
    assert_eq!(caller.now(&before.id).await, before, "salience, dates and all");
    assert_eq!(caller.active().await.len(), 2);

    let old = caller.told("Lives in Leeds").await;
    let new = caller.told("Has moved to York").await;
    let conflict = caller.conflicts().await.remove(0);
    // Somebody strengthens the old one meanwhile: that stays.
    caller.world.clock.advance(Duration::days(1));
    let stronger = caller.world.ingest.reinforce(&caller.scope, &old.id).await.unwrap().unwrap();
    caller.resolve(&conflict, Decision::Undo).await;
    let back = caller.now(&old.id).await;
    assert_eq!((back.state, back.valid_to, &back.superseded_by), (MemoryState::Active, None, &None));
    assert_eq!((back.salience, back.reinforced_at), (stronger.salience, stronger.reinforced_at));
    caller.reconcile(&[&old, &new]).await;
    assert_eq!(caller.now(&old.id).await.state, MemoryState::Active, "the pair is not judged again");
}

#[tokio::test]
async fn restoring_takes_the_decision_back() {
    let caller = Caller::new().await;
    let old = caller.told("Lives in Leeds").await;
    let new = caller.told("Has moved to York").await;
    let back = caller.world.ingest.restore(&caller.scope, &old.id).await.unwrap().unwrap();
    assert_eq!((back.state, back.valid_to, back.superseded_by), (MemoryState::Active, None, None));
    assert_eq!(caller.conflicts().await[0].state, ConflictState::Undone);
    caller.reconcile(&[&new]).await;
    assert_eq!(caller.active().await.len(), 2);
}

#[tokio::test]
async fn what_somebody_corrected_by_hand_is_not_overruled() {
    let caller = Caller::new().await;
    let memory = caller.told("Lives in Hull").await;
    let patch = MemoryPatch { content: Some("Lives in Leeds".to_owned()), ..MemoryPatch::default() };
    caller.world.ingest.update(&caller.scope, &memory.id, patch).await.unwrap().unwrap();
    caller.told("Has moved to York").await;
    assert_eq!(caller.active().await, ["Has moved to York", "Lives in Leeds"]);
    let conflict = caller.conflicts().await.remove(0);
    assert_eq!((conflict.verdict, conflict.state), (Verdict::Update, ConflictState::Open));
    caller.resolve(&conflict, Decision::KeepNew).await;
    assert_eq!(caller.active().await, ["Has moved to York"], "but by a person");
}

#[tokio::test]
async fn a_call_told_late_is_older_than_what_was_said_since() {
    let caller = Caller::new().await;
    let started = caller.world.clock.now() - Duration::days(100);
    caller.calls("conv_now", "My email is new at example dot com.").await;
    let late = hark_core::ingest::Call {
        started_at: started,
        ..caller.world.call("conv_late", &[(Speaker::User, "My email is old at example dot com.")])
    };
    let done = caller.world.ingest.call(&caller.world.tenant(), late).await.unwrap();
    let Outcome::Learnt { memories } = done.outcome else { panic!() };
    caller.world.ingest.reconcile(&caller.scope, &memories).await.unwrap();
    assert_eq!(caller.active().await, ["E-mail address is new@example.com"]);
    let old = caller.now(&memories[0]).await;
    assert_eq!(old.valid_to, Some(old.learnt_at), "as far as anybody knew, it was never current");
}

#[tokio::test]
async fn of_two_written_at_once_none_is_the_later() {
    let caller = Caller::new().await;
    let new = ["Lives in Leeds", "Lives in York"].map(|content| NewMemory::new(content, Origin::Api)).to_vec();
    let both = caller.world.ingest.add(&caller.scope, new).await.unwrap();
    caller.reconcile(&[&both[0], &both[1]]).await;
    assert_eq!(caller.active().await.len(), 2);
    assert_eq!(caller.conflicts().await[0].state, ConflictState::Open);
}

#[tokio::test]
async fn what_the_agent_was_told_and_what_was_read_afterwards_stand_once() {
    let caller = Caller::new().await;
    caller.world.clock.advance(Duration::minutes(2));
    let new = NewMemory {
        conversation: Some("conv_1".into()),
        ..NewMemory::new("Email address is sam@example.com", Origin::Remembered)
    };
    let told = caller.world.ingest.add(&caller.scope, vec![new]).await.unwrap().remove(0);
    caller.reconcile(&[&told]).await;
    let read = caller.calls("conv_1", "My email is sam at example dot com.").await;
    assert_eq!(caller.active().await, ["E-mail address is sam@example.com"]);
    let told = caller.now(&told.id).await;
    assert_eq!(told.superseded_by.as_ref(), Some(&read[0]), "the one that knows where it was said stands");
    let kept = caller.now(&read[0]).await;
    assert_eq!(kept.reinforced_at, kept.learnt_at, "one call is no repetition");

    // Told twice during one call, the later counts.
    let new =
        |content| NewMemory { conversation: Some("conv_2".into()), ..NewMemory::new(content, Origin::Remembered) };
    for content in ["Prefers visits in the morning", "Prefers visits in the evening"] {
        caller.world.clock.advance(Duration::seconds(30));
        let told = caller.world.ingest.add(&caller.scope, vec![new(content)]).await.unwrap().remove(0);
        caller.reconcile(&[&told]).await;
    }
    assert_eq!(caller.active().await, ["E-mail address is sam@example.com", "Prefers visits in the evening"]);
}

#[tokio::test]
async fn forgetting_takes_the_repeats_along_and_brings_back_what_had_given_way() {
    let caller = Caller::new().await;
    let kept = caller.told("Is allergic to peanuts").await;
    caller.told("Has a peanut allergy").await;
    assert_eq!(caller.world.ingest.forget(&caller.scope, &[kept.id]).await.unwrap(), 2);
    assert_eq!(caller.all().await, []);

    let old = caller.told("Lives in Leeds").await;
    let new = caller.told("Has moved to York").await;
    assert_eq!(caller.world.ingest.forget(&caller.scope, &[new.id]).await.unwrap(), 1);
    let back = caller.now(&old.id).await;
    assert_eq!((back.state, back.valid_to, back.superseded_by), (MemoryState::Active, None, None));
    assert_eq!(caller.conflicts().await, []);
    assert_eq!(caller.recalled("where do they live, Leeds?", None).await, ["Lives in Leeds"]);

    caller.told("Has moved to Hull").await;
    caller.world.ingest.erase(&caller.scope).await.unwrap();
    assert_eq!(caller.conflicts().await, []);
}

/// Whatever call to the truth fails, at whatever step: the job comes again, and the end is the same.
#[tokio::test]
async fn broken_off_at_any_step_it_ends_the_same() {
    let told = ["Lives in Leeds", "Is allergic to peanuts", "Name is Ruben Ferrer"];
    let new = ["Has moved to York", "Has a peanut allergy", "Name is Ines Okafor"];
    let run = async |fail_at: Option<usize>| {
        let caller = Caller::new().await;
        for content in told {
            caller.told(content).await;
        }
        let mut written = Vec::new();
        for content in new {
            written.push(caller.written(content).await.id);
        }
        let start = caller.world.memory.calls();
        if let Some(step) = fail_at {
            caller.world.memory.change(move |_, call| {
                if call == start + step { Step::fail(ErrorKind::Unavailable) } else { Step::Pass }
            });
        }
        let mut failures = 0;
        while let Err(error) = caller.world.ingest.reconcile(&caller.scope, &written).await {
            assert!(error.is_retriable());
            failures += 1;
            assert!(failures < 3);
        }
        let calls = caller.world.memory.calls() - start;
        let states: Vec<_> = caller
            .all()
            .await
            .into_iter()
            .map(|m| (m.content, m.state, m.salience.to_bits(), m.superseded_by.is_some()))
            .collect();
        let decided: Vec<_> =
            caller.conflicts().await.into_iter().map(|c| (c.verdict, c.state, c.resolution)).collect();
        (states, decided, calls, failures)
    };
    let (states, decided, calls, _) = run(None).await;
    assert_eq!(decided.len(), 3, "{decided:?}");
    let mut broken = 0;
    for step in 0..calls {
        let (after, again, _, failures) = run(Some(step)).await;
        assert_eq!((&after, &again), (&states, &decided), "broken off at call {step}");
        broken += failures;
    }
    assert!(broken >= calls - 2, "{broken} of {calls}: the script does break it off");
}

#[tokio::test]
async fn somebody_elses_change_in_between_is_seen() {
    let caller = Caller::new().await;
    let old = caller.told("Lives in Leeds").await;
    let new = caller.written("Has moved to York").await;
    // Between reading and writing the old one is forgotten.
    let engine = caller.world.engine.clone();
    let (scope, gone) = (caller.scope.clone(), old.id.clone());
    let writing = Arc::new(AtomicBool::new(false));
    let reached = writing.clone();
    caller.world.memory.change(move |method, _| match method {
        "settle_conflict" if !reached.swap(true, Ordering::SeqCst) => Step::Hang,
        _ => Step::Pass,
    });
    let (ingest, whose, id) = (caller.world.ingest.clone(), caller.scope.clone(), new.id.clone());
    let reconciling = tokio::spawn(async move { ingest.reconcile(&whose, &[id]).await });
    while !writing.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    engine.memory.delete_memories(&scope, &[gone]).await.unwrap();
    caller.world.memory.release(1);
    let done = reconciling.await.unwrap().unwrap();
    assert_eq!(done, Default::default());
    assert_eq!(caller.active().await, ["Has moved to York"]);
}

#[tokio::test]
async fn without_vectors_words_find_the_neighbours() {
    let caller = Caller::new().await;
    caller.world.embedder.change(|_, _| Step::fail(ErrorKind::Unavailable));
    caller.told("Phone number is +1 555 0142").await;
    caller.told("New phone number is +1 555 0199").await;
    assert_eq!(caller.active().await, ["New phone number is +1 555 0199"]);
    // With the embedder back the memories are embedded, and reconciled once more with vectors.
    caller.world.embedder.change(|_, _| Step::Pass);
    caller.world.ingest.repair(10).await.unwrap();
    let due = caller
        .world
        .engine
        .jobs
        .list(&caller.world.tenant(), &Default::default(), &PageRequest::first(50))
        .await
        .unwrap();
    assert!(due.items.iter().any(|job| job.name == ReconcileMemories::NAME));
}

#[tokio::test]
async fn switched_off_nothing_is_held_against_anything() {
    let caller = Caller::new().await;
    let off = caller.judging(None, ReconcileConfig { enabled: false, ..ReconcileConfig::default() });
    for content in ["Lives in Leeds", "Has moved to York"] {
        let made = off.add(&caller.scope, vec![NewMemory::new(content, Origin::Api)]).await.unwrap();
        off.reconcile(&caller.scope, &[made[0].id.clone()]).await.unwrap();
    }
    let due = caller
        .world
        .engine
        .jobs
        .list(&caller.world.tenant(), &Default::default(), &PageRequest::first(50))
        .await
        .unwrap();
    assert!(!due.items.iter().any(|job| job.name == ReconcileMemories::NAME));
    assert_eq!(caller.active().await.len(), 2);
}

fn verdict(verdict: &str, confidence: f32) -> String {
    format!(r#"{{"verdict": "{verdict}", "confidence": {confidence}, "reason": "cannot_both_be_true"}}"#)
}

#[tokio::test]
async fn a_model_judges_what_rules_are_not_certain_of_and_nothing_else() {
    let caller = Caller::new().await;
    let chat = Arc::new(ScriptedChat::default());
    let ingest = caller.judging(Some(chat.clone()), ReconcileConfig::default());
    let told = async |content: &str| {
        let memory = caller.written(content).await;
        ingest.reconcile(&caller.scope, &[memory.id]).await.unwrap()
    };
    told("Keeps hens in the garden of the cottage").await;
    told("Keeps hens in the garden of the cottage.").await;
    told("Called about order 1042").await;
    told("Called about order 1043").await;
    assert_eq!(chat.asked().len(), 0, "the same words, other numbers: rules are certain");

    chat.then(Ok(ChatReply::Text(verdict("contradiction", 0.9))));
    let done = told("Gave the hens of the cottage away").await;
    assert_eq!((done.superseded, chat.asked().len()), (1, 1));
    assert!(done.follow_ups.iter().any(|job| job.name == SummariseUser::NAME), "the summary tells current truth");
    let conflict = caller.conflicts().await.remove(0);
    assert_eq!(
        (conflict.judged_by, conflict.reason, conflict.confidence),
        (JudgedBy::Model, Reason::CannotBothBeTrue, 0.9)
    );
}

#[tokio::test]
async fn rules_stand_in_for_a_model_that_fails_or_refuses_and_it_is_noted() {
    for reply in [Err(gone()), Ok(ChatReply::Refusal)] {
        let caller = Caller::new().await;
        let chat = Arc::new(ScriptedChat::default());
        chat.then(reply);
        let ingest = caller.judging(Some(chat.clone()), ReconcileConfig::default());
        caller.written("Lives in Leeds near the river").await;
        let new = caller.written("Lives in York near the river now").await;
        ingest.reconcile(&caller.scope, &[new.id]).await.unwrap();
        let conflict = caller.conflicts().await.remove(0);
        assert_eq!((conflict.judged_by, conflict.resolution), (JudgedBy::StandIn, Some(Resolution::Superseded)));
        assert_eq!(chat.asked().len(), 1);
    }
}

#[tokio::test]
async fn below_the_configured_confidence_both_stay() {
    let caller = Caller::new().await;
    let chat = Arc::new(ScriptedChat::default());
    chat.then(Ok(ChatReply::Text(verdict("update", 0.7))));
    let strict = ReconcileConfig { min_confidence: 0.8, ..ReconcileConfig::default() };
    let ingest = caller.judging(Some(chat), strict);
    caller.written("Keeps hens in the garden").await;
    let new = caller.written("Keeps ducks in the garden").await;
    let done = ingest.reconcile(&caller.scope, &[new.id]).await.unwrap();
    assert_eq!((done.superseded, done.open), (0, 1));
    assert_eq!(caller.active().await.len(), 2);
}

#[tokio::test]
async fn told_to_judge_by_rules_no_model_is_asked() {
    let caller = Caller::new().await;
    let chat = Arc::new(ScriptedChat::default());
    let rules = ReconcileConfig { judge: JudgeChoice::Rules, ..ReconcileConfig::default() };
    let ingest = caller.judging(Some(chat.clone()), rules);
    caller.written("Lives in Leeds").await;
    let new = caller.written("Has moved to York").await;
    ingest.reconcile(&caller.scope, &[new.id]).await.unwrap();
    assert_eq!((chat.asked().len(), caller.conflicts().await[0].judged_by), (0, JudgedBy::Rules));
}

/// "No, I said Tuesday": what one reading of one call found belongs together, unless the caller took the first back.
#[tokio::test]
async fn within_one_call_only_what_was_taken_back_gives_way() {
    for (said, active) in [("No, I said York.", 1), ("And York too.", 2)] {
        let caller = Caller::new().await;
        let turns = [(Speaker::User, "I live in Leeds."), (Speaker::Agent, "In Leeds?"), (Speaker::User, said)];
        caller.world.ingest.call(&caller.world.tenant(), caller.world.call("conv_1", &turns)).await.unwrap();
        caller
            .world
            .ingest
            .forget(&caller.scope, &caller.all().await.into_iter().map(|m| m.id).collect::<Vec<_>>())
            .await
            .unwrap();
        let mut ids = Vec::new();
        for (content, turn) in [("Lives in Leeds", 0), ("Lives in York", 2)] {
            let mut memory = caller.written(content).await;
            memory.provenance.origin = Origin::Extracted;
            memory.provenance.conversation_id = Some(ConversationId::new("conv_1"));
            memory.provenance.turns = vec![turn];
            caller.world.engine.memory.put_memories(&caller.scope, std::slice::from_ref(&memory)).await.unwrap();
            ids.push(memory.id);
        }
        caller.world.ingest.reconcile(&caller.scope, &ids).await.unwrap();
        assert_eq!(caller.active().await.len(), active, "{said}");
        assert!(caller.active().await.contains(&"Lives in York".to_owned()));
    }
}
