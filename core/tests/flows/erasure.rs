//! A person is erased: nothing of theirs is left, whatever breaks, and nothing brings them back.

use crate::world::{NUMBER, World};
use chrono::Duration;
use hark_core::ingest::{Call, NewMemory, Outcome};
use hark_core::people::Claim;
use hark_core::privacy::AfterErasure;
use hark_core::store::{MemoryFilter, Space};
use hark_core::testkit::{Outcome as Step, Script};
use hark_core::{
    Clock, ConversationId, Erased, Erasure, ErrorKind, IdentityKind, Origin, PageRequest, RecallQuery, Scope, Speaker,
    UserId,
};
use std::sync::Arc;

const SAID: &[(Speaker, &str)] = &[
    (Speaker::Agent, "Hello, how can I help?"),
    (Speaker::User, "My name is Sam and I keep bees on the roof."),
    (Speaker::User, "I live at 12 Mill Lane in Leeds."),
];
const OTHERS: &str = "+4930111111";

/// A world in which somebody has called twice, and somebody else once.
async fn populated() -> (World, Scope, Scope) {
    let world = World::new().await;
    for id in ["conv_1", "conv_2"] {
        world.ingest.call(&world.tenant(), world.call(id, SAID)).await.unwrap();
        world.clock.advance(Duration::hours(1));
    }
    let scope = world.scope_of(NUMBER).await;
    let others = Call { claims: vec![Claim::new(IdentityKind::Phone, OTHERS)], ..world.call("conv_other", SAID) };
    world.ingest.call(&world.tenant(), others).await.unwrap();
    let other = world.scope_of(OTHERS).await;
    for scope in [&scope, &other] {
        world.warm(scope).await;
    }
    world.clock.advance(Duration::hours(1));
    (world, scope, other)
}

/// An old call as the platform delivers it again.
fn again(world: &World, id: &str) -> Call {
    Call { started_at: world.clock.now() - Duration::days(1), ..world.call(id, SAID) }
}

async fn memories(world: &World, scope: &Scope) -> usize {
    let all = world.engine.memory.list_memories(scope, &MemoryFilter::default(), &PageRequest::first(999)).await;
    all.unwrap().items.len()
}

async fn vectors(world: &World) -> u64 {
    let space: Space = world.engine.embedder.as_ref().unwrap().background.info().space.clone();
    world.engine.vectors.count(&space).await.unwrap()
}

/// Nothing of the caller's is left, and of everybody else's everything.
async fn is_gone(world: &World, scope: &Scope, other: &Scope) {
    assert_eq!(world.engine.memory.user(scope).await.unwrap(), None);
    assert_eq!(memories(world, scope).await, 0);
    let tenant = world.tenant();
    let calls = world.engine.memory.conversations(&tenant, None, &PageRequest::first(99)).await.unwrap().items;
    assert_eq!(calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["conv_other"]);
    let left = memories(world, other).await as u64;
    assert!(left >= 2);
    assert_eq!((vectors(world).await, world.engine.keywords.count().await.unwrap()), (left, left));
    assert!(!world.recall.ask(other, &RecallQuery::new("bees on the roof")).await.unwrap().hits.is_empty());
    assert!(world.recall.ask(scope, &RecallQuery::new("bees on the roof")).await.unwrap().hits.is_empty());
    let people = world.engine.memory.users(&tenant, &PageRequest::first(99)).await.unwrap().items;
    assert_eq!(people.len(), 1, "nobody came back under another id");
}

async fn ledger(world: &World) -> Vec<Erasure> {
    world.engine.memory.erasures(&world.tenant(), &PageRequest::first(99)).await.unwrap().items
}

/// Fails at the call of that number, once.
fn failing_at(nth: usize, script: &Script) {
    let from = script.calls();
    script.change(move |_, call| if call == from + nth { Step::fail(ErrorKind::Unavailable) } else { Step::Pass });
}

#[tokio::test]
async fn an_erasure_that_breaks_off_anywhere_is_done_by_asking_again_or_by_the_schedule() {
    for part in 0..3 {
        for by_schedule in [false, true] {
            for nth in 0.. {
                let (world, scope, other) = populated().await;
                let script = [&world.memory, &world.vectors, &world.keywords][part];
                failing_at(nth, script);
                let first = world.ingest.erase(&scope).await;
                script.change(|_, _| Step::Pass);
                if let Ok(done) = first {
                    // Beyond the last call there is nothing to break off at.
                    assert!(nth > 0 && done.is_some());
                    break;
                }
                let begun = ledger(&world).await;
                if by_schedule && !begun.is_empty() {
                    // It may be that only the answer was lost.
                    let left = usize::from(begun[0].settled_at.is_none());
                    assert_eq!(world.ingest.settle_erasures(9).await.unwrap(), left, "part {part}, call {nth}");
                } else {
                    world.ingest.erase(&scope).await.unwrap().unwrap();
                }
                is_gone(&world, &scope, &other).await;
                let noted = ledger(&world).await;
                assert_eq!(noted.len(), 1, "part {part}, call {nth}");
                assert!(noted[0].settled_at.is_some());
                assert_eq!((noted[0].erased.conversations, noted[0].erased.identities), (2, 1));
                assert_eq!(world.ingest.erase(&scope).await.unwrap(), Some(noted[0].clone()), "again is the same");
            }
        }
    }
}

#[tokio::test]
async fn an_erasure_in_the_middle_of_learning_leaves_nothing_behind() {
    for nth in 0.. {
        let (world, scope, other) = populated().await;
        let world = Arc::new(world);
        let from = world.memory.calls();
        world.memory.change(move |_, call| if call == from + nth { Step::Hang } else { Step::Pass });
        let call = Call { started_at: world.clock.now() - Duration::minutes(1), ..world.call("conv_3", SAID) };
        let learning = tokio::spawn({
            let (world, call) = (world.clone(), call.clone());
            async move { world.ingest.call(&world.tenant(), call).await }
        });
        tokio::select! {
            () = world.memory.called(from + nth + 1) => {}
            () = async { while !learning.is_finished() { tokio::task::yield_now().await } } => {}
        }
        let over = learning.is_finished();
        if over {
            world.memory.change(|_, _| Step::Pass);
        }
        world.clock.advance(Duration::seconds(1));
        world.ingest.erase(&scope).await.unwrap().unwrap();
        world.memory.release(1);
        // A job that fails is done again, as often as it takes.
        let mut learnt = learning.await.unwrap();
        for _ in 0..3 {
            if learnt.is_ok() {
                break;
            }
            learnt = world.ingest.call(&world.tenant(), call.clone()).await;
        }
        learnt.unwrap();
        world.memory.change(|_, _| Step::Pass);
        world.ingest.purge_erased(9).await.unwrap();
        is_gone(&world, &scope, &other).await;
        if over {
            assert!(nth > 10, "learning makes more calls than {nth}");
            return;
        }
    }
}

#[tokio::test]
async fn no_old_event_brings_an_erased_person_back_and_a_new_call_starts_from_nothing() {
    let (world, scope, other) = populated().await;
    world.ingest.erase(&scope).await.unwrap().unwrap();
    let tenant = world.tenant();
    let forged = [
        again(&world, "conv_1"),
        // Also under a name that says nothing, or says that it was just now.
        Call { claims: Vec::new(), ..again(&world, "conv_2") },
        Call { started_at: world.clock.now(), ..world.call("conv_1", SAID) },
        // One that was never delivered before, as a reconciler fetches it.
        again(&world, "conv_missed"),
        Call { transcript: None, ..again(&world, "conv_missed") },
        Call {
            claims: vec![Claim::new(IdentityKind::External, "crm-new"), Claim::new(IdentityKind::Phone, NUMBER)],
            ..again(&world, "conv_named")
        },
    ];
    for call in &forged {
        let done = world.ingest.call(&tenant, call.clone()).await.unwrap();
        assert_eq!(done.outcome, Outcome::Ignored { why: "erased" }, "{}", call.conversation);
        is_gone(&world, &scope, &other).await;
    }

    world.clock.advance(Duration::hours(1));
    let today = world.call("conv_new", &[(Speaker::User, "I moved to York last week.")]);
    world.ingest.call(&tenant, today).await.unwrap();
    let back = world.scope_of(NUMBER).await;
    assert_ne!(back, scope, "a stranger");
    let told = world.recall.ask(&back, &RecallQuery::new("bees Leeds name")).await.unwrap();
    assert!(!told.summary.contains("bees") && !told.summary.contains("Leeds") && !told.summary.contains("Sam"));
    // The past stays out now that they are known again.
    let before = memories(&world, &back).await;
    for call in forged {
        world.ingest.call(&tenant, call).await.unwrap();
    }
    assert_eq!(memories(&world, &back).await, before);
}

#[tokio::test]
async fn somebody_elses_call_from_an_erased_persons_telephone_is_theirs() {
    let (world, scope, _) = populated().await;
    let tenant = world.tenant();
    let friend = world.people.admit_reference(&tenant, "crm-friend").await.unwrap().unwrap();
    world.ingest.erase(&scope).await.unwrap().unwrap();
    let claims = vec![Claim::new(IdentityKind::External, "crm-friend"), Claim::new(IdentityKind::Phone, NUMBER)];
    let call = Call { claims, ..again(&world, "conv_friend") };
    let done = world.ingest.call(&tenant, call).await.unwrap();
    assert_eq!(done.caller.as_ref(), Some(&friend.id));
    let friend = Scope { tenant: tenant.clone(), caller: friend.id };
    let known_by = world.engine.memory.identities(&friend).await.unwrap();
    assert!(known_by.iter().all(|identity| identity.kind == IdentityKind::External), "the number does not come along");
}

#[tokio::test]
async fn whoever_is_erased_for_ever_is_nobody_from_then_on() {
    let (mut world, scope, _) = populated().await;
    world.engine.privacy.after_erasure = AfterErasure::Forever;
    let ingest = hark_core::ingest::Ingest::new(
        world.engine.clone(),
        Arc::new(hark_core::recall::CallerCache::new(8)),
        Default::default(),
    );
    assert!(ingest.erase(&scope).await.unwrap().unwrap().forever);
    world.clock.advance(Duration::days(400));
    let number = [Claim::new(IdentityKind::Phone, NUMBER)];
    assert_eq!(world.people.admit(&world.tenant(), None, &number).await.unwrap(), None);
    let done = world.ingest.call(&world.tenant(), world.call("conv_new", SAID)).await.unwrap();
    assert_eq!(done.outcome, Outcome::Ignored { why: "erased" });
}

#[tokio::test]
async fn an_import_of_old_data_is_told_apart_from_what_is_new() {
    let world = World::new().await;
    let tenant = world.tenant();
    let user = world.people.admit_reference(&tenant, "crm-1").await.unwrap().unwrap();
    let scope = Scope { tenant: tenant.clone(), caller: user.id.clone() };
    let undated = NewMemory::new("Likes tea", Origin::Api);
    world.ingest.add(&scope, vec![undated.clone()]).await.unwrap();
    let old = NewMemory { occurred_at: Some(world.clock.now()), ..undated.clone() };
    world.clock.advance(Duration::hours(1));
    world.ingest.erase(&scope).await.unwrap().unwrap();
    let new = NewMemory { occurred_at: Some(world.clock.now()), ..undated.clone() };
    let batch = [new.clone(), undated.clone(), old.clone()];
    let first = async |name: &str, of: &[NewMemory]| world.people.first_erased(&tenant, name, of).await.unwrap();
    for name in ["crm-1", user.id.as_str(), " crm-1 "] {
        assert_eq!(first(name, &batch).await, Some(1), "nobody has called since");
        assert_eq!(first(name, std::slice::from_ref(&old)).await, Some(0));
        assert_eq!(first(name, std::slice::from_ref(&new)).await, None);
    }
    assert_eq!(first("crm-2", &batch).await, None);
    // Known again, they may be written about; what is from before still not.
    let back = world.people.admit_reference(&tenant, "crm-1").await.unwrap().unwrap();
    assert_ne!(back.id, user.id);
    for name in ["crm-1", back.id.as_str()] {
        assert_eq!(first(name, &batch).await, Some(2), "{name}");
    }
}

#[tokio::test]
async fn a_restored_backup_gives_nobody_back() {
    let (world, scope, other) = populated().await;
    // The ledger is carried over; the backup is from before it.
    let done = Erasure {
        id: "ers_later".into(),
        person: world.engine.vault.person(&scope.tenant, &scope.caller),
        erased_at: world.clock.now(),
        forever: false,
        erased: Erased::default(),
        events: 0,
        jobs: 0,
        settled_at: Some(world.clock.now()),
        compacted_at: None,
        clean_at: None,
        work: None,
    };
    let vault = &world.engine.vault;
    let keys = [
        vault.suppressed_user(&scope.tenant, &scope.caller),
        vault.suppressed_user(&scope.tenant, &UserId::new("usr_another")),
        vault.suppressed_conversation(&scope.tenant, &ConversationId::new("conv_1")),
    ];
    world.engine.memory.note_erasure(&scope.tenant, &done, &keys).await.unwrap();
    assert_eq!(world.ingest.erase_returned().await.unwrap(), 1);
    is_gone(&world, &scope, &other).await;
    assert_eq!(world.ingest.erase_returned().await.unwrap(), 0);
}

#[tokio::test]
async fn files_are_clean_after_two_rounds_ten_minutes_apart() {
    let (world, scope, _) = populated().await;
    assert_eq!(world.ingest.purge_erased(9).await.unwrap(), 0);
    world.ingest.erase(&scope).await.unwrap().unwrap();
    for (minutes, clean) in [(1, 0), (9, 0), (1, 1), (10, 0)] {
        world.clock.advance(Duration::minutes(minutes));
        assert_eq!(world.ingest.purge_erased(9).await.unwrap(), clean, "after {minutes} more minutes");
    }
    let done = ledger(&world).await.remove(0);
    assert!(done.clean_at.is_some() && done.work.is_none(), "nothing is kept that could name anybody");
    // A store that cannot be rewritten now is tried again.
    let other = world.scope_of(OTHERS).await;
    world.ingest.erase(&other).await.unwrap().unwrap();
    for script in [&world.vectors, &world.keywords] {
        script.change(|method, _| if method == "purge" { Step::fail(ErrorKind::Unavailable) } else { Step::Pass });
        world.ingest.purge_erased(9).await.unwrap_err();
        script.change(|_, _| Step::Pass);
        world.clock.advance(Duration::minutes(11));
    }
    assert_eq!(world.ingest.purge_erased(9).await.unwrap(), 0, "the first round that went through");
    world.clock.advance(Duration::minutes(10));
    assert_eq!(world.ingest.purge_erased(9).await.unwrap(), 1);
}
