//! What was archived: when it is heard, and what brings it back.

use crate::reconcile::Caller;
use crate::world::World;
use chrono::Duration;
use hark_core::decay::{DecayConfig, sweep};
use hark_core::engine::Engine;
use hark_core::ingest::{Decision, MemoryPatch, NewMemory};
use hark_core::{Clock, Memory, MemoryState, Origin, RecallQuery, Recalled, Resolution, Speaker, Standing, reinforced};

/// Put away, as the sweep does after half a year.
async fn archived(caller: &Caller, content: &str) -> Memory {
    let new = NewMemory { salience: Some(0.4), ..NewMemory::new(content, Origin::Api) };
    let memory = caller.world.ingest.add(&caller.scope, vec![new]).await.unwrap().remove(0);
    caller.world.clock.advance(Duration::days(200));
    swept(&caller.world).await;
    let memory = caller.now(&memory.id).await;
    assert_eq!(memory.state, MemoryState::Archived);
    memory
}

async fn swept(world: &World) {
    let decay = DecayConfig { every_secs: 0, ..DecayConfig::default() };
    sweep(&Engine { decay, ..world.engine.clone() }).await.unwrap().unwrap();
}

async fn ask(caller: &Caller, question: &str, include_archived: bool) -> Recalled {
    let query = RecallQuery { include_archived, ..RecallQuery::new(question) };
    caller.world.recall.ask(&caller.scope, &query).await.unwrap()
}

#[tokio::test]
async fn it_answers_when_asked_for_or_when_nothing_else_does_and_then_the_answer_says_so() {
    let caller = Caller::new().await;
    archived(&caller, "Kept bees in Leeds").await;
    let alone = ask(&caller, "bees", false).await;
    assert!(alone.from_archive && alone.hits.len() == 1);
    assert!(alone.summary.starts_with("From long ago, and perhaps no longer so: Kept bees"), "{}", alone.summary);
    let wanted = ask(&caller, "bees", true).await;
    assert!(!wanted.from_archive && wanted.hits.len() == 1 && wanted.summary.starts_with("Kept bees"));

    caller.written("Sells honey of own bees").await;
    let current = ask(&caller, "bees", false).await;
    assert!(!current.from_archive);
    assert_eq!(current.hits.iter().map(|hit| hit.content()).collect::<Vec<_>>(), ["Sells honey of own bees"]);
    assert_eq!(ask(&caller, "bees", true).await.hits.len(), 2);
    let told = caller.world.recall.introduce(&caller.scope).await.unwrap();
    assert!(!told.context.contains("Leeds"), "{}", told.context);
}

#[tokio::test]
async fn what_was_reinforced_or_restored_is_current_and_stays_so() {
    for restore in [false, true] {
        let caller = Caller::new().await;
        let old = archived(&caller, "Kept bees in Leeds").await;
        let (ingest, now) = (&caller.world.ingest, caller.world.clock.now());
        let left = old.effective_salience(&Default::default(), now) as f32;
        let back = match restore {
            true => ingest.restore(&caller.scope, &old.id).await.unwrap().unwrap(),
            false => ingest.reinforce(&caller.scope, &old.id).await.unwrap().unwrap(),
        };
        assert_eq!((back.state, back.salience, back.reinforced_at), (MemoryState::Active, reinforced(left), now));
        assert_eq!(caller.now(&old.id).await, back);
        swept(&caller.world).await;
        caller.world.clock.advance(Duration::days(180));
        swept(&caller.world).await;
        assert_eq!(caller.now(&old.id).await.state, MemoryState::Active, "not put away again at once");
        caller.world.clock.advance(Duration::days(1));
        swept(&caller.world).await;
        assert_eq!(caller.now(&old.id).await.state, MemoryState::Archived, "but in half a year");
    }
}

#[tokio::test]
async fn restoring_what_is_current_changes_nothing() {
    let caller = Caller::new().await;
    let told = caller.told("Keeps bees").await;
    caller.world.clock.advance(Duration::days(9));
    assert_eq!(caller.world.ingest.restore(&caller.scope, &told.id).await.unwrap(), Some(told.clone()));
    assert_eq!(caller.now(&told.id).await, told);
    assert_eq!(caller.world.ingest.restore(&caller.scope, &"mem_missing".into()).await.unwrap(), None);
}

#[tokio::test]
async fn a_correction_by_hand_brings_it_back_where_it_would_no_longer_be_archived() {
    let caller = Caller::new().await;
    let old = archived(&caller, "Kept bees in Leeds").await;
    let update = async |patch| caller.world.ingest.update(&caller.scope, &old.id, patch).await.unwrap().unwrap();
    let sentence = MemoryPatch { content: Some("Kept bees in York".into()), ..MemoryPatch::default() };
    assert_eq!(update(sentence).await.state, MemoryState::Archived);
    let more = MemoryPatch { salience: Some(0.5), ..MemoryPatch::default() };
    assert_eq!(update(more).await.state, MemoryState::Archived, "of 0.5 too little is left");
    let never = MemoryPatch { decay_rate: Some(Some(0.0)), ..MemoryPatch::default() };
    let back = update(never).await;
    assert_eq!((back.state, back.salience), (MemoryState::Active, 0.5));
    caller.world.clock.advance(Duration::days(9_999));
    swept(&caller.world).await;
    assert_eq!(caller.now(&old.id).await.state, MemoryState::Active);
}

#[tokio::test]
async fn a_call_that_repeats_it_brings_it_back_and_undoing_puts_it_away_again() {
    let caller = Caller::new().await;
    let old = archived(&caller, "Is allergic to peanuts").await;
    let new = caller.told("Has a peanut allergy").await;
    let back = caller.now(&old.id).await;
    assert_eq!((back.state, new.state), (MemoryState::Active, MemoryState::Superseded));
    assert!(back.salience > old.effective_salience(&Default::default(), back.reinforced_at) as f32);
    let [conflict] = &caller.conflicts().await[..] else { panic!("one") };
    assert_eq!(conflict.resolution, Some(Resolution::Reinforced));
    caller.resolve(conflict, Decision::Undo).await;
    assert_eq!(Standing::of(&caller.now(&old.id).await), Standing::of(&old));
    assert_eq!(caller.now(&new.id).await.state, MemoryState::Active);
}

#[tokio::test]
async fn a_call_that_corrects_it_takes_its_place() {
    let caller = Caller::new().await;
    let old = archived(&caller, "Lives in Leeds").await;
    let new = caller.told("Has moved to York").await;
    let old = caller.now(&old.id).await;
    assert_eq!((old.state, old.superseded_by), (MemoryState::Superseded, Some(new.id)));
    let all = ask(&caller, "Lives in Leeds or moved to York", true).await;
    assert_eq!(all.hits.iter().map(|hit| hit.content()).collect::<Vec<_>>(), ["Has moved to York"]);
}

const NOTHING: [&str; 0] = [];

/// A caller whose agent reads a memory out in a later call; what was learnt from it.
async fn read_out(caller: &Caller, call: &str, reply: &str) -> Vec<String> {
    caller.world.clock.advance(Duration::days(1));
    let said = [
        (Speaker::Agent, "Good to hear from you. You are allergic to peanuts, is that still right?"),
        (Speaker::User, reply),
        (Speaker::Agent, "Thank you."),
    ];
    let before: Vec<String> = caller.all().await.into_iter().map(|memory| memory.content).collect();
    let told = caller.world.call(call, &said);
    for _ in 0..2 {
        caller.world.ingest.call(&caller.world.tenant(), told.clone()).await.unwrap();
    }
    let after = caller.all().await.into_iter().map(|memory| memory.content);
    after.filter(|content| !before.contains(content)).collect()
}

#[tokio::test]
async fn what_the_agent_read_out_and_the_caller_affirmed_is_strengthened_once_and_not_learnt_again() {
    let caller = Caller::new().await;
    let old = archived(&caller, "Is allergic to peanuts").await;
    let other = caller.told("Lives in Leeds").await;
    assert_eq!(read_out(&caller, "conv_no", "No, not any more.").await, NOTHING);
    assert_eq!(caller.now(&old.id).await, old);

    assert_eq!(read_out(&caller, "conv_yes", "Yes, that's right.").await, NOTHING, "an echo is not learnt");
    let back = caller.now(&old.id).await;
    let at = caller.world.clock.now();
    let left = old.effective_salience(&Default::default(), at) as f32;
    assert_eq!((back.state, back.salience, back.reinforced_at), (MemoryState::Active, reinforced(left), at));
    assert_eq!(caller.now(&other.id).await, other, "nothing else was said");

    assert_eq!(read_out(&caller, "conv_again", "Correct.").await, NOTHING);
    assert!(caller.now(&old.id).await.salience > back.salience * 0.99, "another call counts anew");
}

#[tokio::test]
async fn a_walk_that_breaks_off_after_confirming_confirms_once() {
    use hark_core::ErrorKind;
    use hark_core::testkit::Outcome as Step;
    let caller = Caller::new().await;
    let known = caller.told("Is allergic to peanuts").await;
    caller.world.clock.advance(Duration::days(1));
    let said = [(Speaker::Agent, "You're allergic to peanuts, correct?"), (Speaker::User, "Yes.")];
    let call = caller.world.call("conv_1", &said);
    let fails = |method: &str| {
        let method = method.to_owned();
        caller.world.memory.change(
            move |called, _| {
                if called == method { Step::fail(ErrorKind::Unavailable) } else { Step::Pass }
            },
        );
    };
    fails("finish_conversation");
    caller.world.ingest.call(&caller.world.tenant(), call.clone()).await.unwrap_err();
    let once = caller.now(&known.id).await;
    assert!(once.salience > known.salience * 0.99 && once.reinforced_at > known.reinforced_at);
    fails("");
    caller.world.clock.advance(Duration::hours(2));
    caller.world.ingest.call(&caller.world.tenant(), call).await.unwrap();
    assert_eq!(caller.now(&known.id).await, once);
}

#[tokio::test]
async fn a_call_told_late_confirms_nothing_that_was_told_since() {
    let caller = Caller::new().await;
    let before = caller.world.clock.now() - Duration::days(30);
    let known = caller.told("Is allergic to peanuts").await;
    let said = [(Speaker::Agent, "You're allergic to peanuts, correct?"), (Speaker::User, "Yes.")];
    let late = hark_core::ingest::Call { started_at: before, ..caller.world.call("conv_late", &said) };
    caller.world.ingest.call(&caller.world.tenant(), late).await.unwrap();
    assert_eq!(caller.now(&known.id).await, known);
}
