//! What gives way, what stands once, and what stays side by side.

use super::Caller;
use chrono::Duration;
use hark_core::ingest::{NewMemory, Outcome};
use hark_core::{
    Clock, ConflictState, ConversationId, JudgedBy, MemoryState, Origin, Reason, Resolution, Speaker, Verdict,
    reinforced,
};

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
    let left = reinforced(before.effective_salience(&caller.world.engine.decay.per_day, kept.reinforced_at) as f32);
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
async fn what_is_repeated_for_ever_stands_once_for_ever() {
    let caller = Caller::new().await;
    let first = caller.told("Is allergic to peanuts").await;
    for _ in 0..60 {
        caller.told("Has a peanut allergy").await;
    }
    assert_eq!(caller.active().await, ["Is allergic to peanuts"]);
    let history = caller.world.engine.memory.history(&caller.scope, &first.id).await.unwrap();
    assert_eq!(history.len(), 61, "and every time is kept");
    assert!(history.iter().all(|m| m.id == first.id || m.superseded_by.as_ref() == Some(&first.id)));
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
