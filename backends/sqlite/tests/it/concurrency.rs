//! Several at once, and those who leave half-way.

use crate::place::{Place, verdict};
use hark_core::store::{Accepted, NewJob, Settled};
use hark_core::testkit::fixtures::{after, conversation, erasure, event, job, memory, phone, scopes, start};
use hark_core::{Conversation, ConversationState, ErrorKind, Identity, Link, LinkKind};
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

/// Lets a future run up to its `pauses`-th pause and drops it there; `None` if it did not get to its end.
async fn up_to<F: Future>(pauses: usize, future: F) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), pauses);
    poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accept_that_is_dropped_half_way_leaves_both_or_neither_and_a_working_store() {
    let place = Place::new();
    let store = place.migrated().await;
    let jobs = store.jobs();
    let (mut finished, mut dropped) = (0, 0);
    for pauses in 0..40 {
        let (event, job) = (event(&format!("evt_{pauses}")), job("ingest", &pauses.to_string()));
        match up_to(pauses, jobs.accept(&event, &job)).await {
            Some(answer) => {
                finished += 1;
                assert_eq!(answer.unwrap(), Accepted::New);
            }
            None => dropped += 1,
        }
        // Goes by the same connection, so it comes after whatever the dropped one left to be done.
        jobs.enqueue(&[NewJob { run_at: after(9_999), ..self::job("later", &pauses.to_string()) }], start())
            .await
            .unwrap();
        let kept = jobs.event(&event.tenant, &event.id).await.unwrap().is_some();
        let leases = jobs.lease(&format!("t{pauses}"), 10, after(60), start()).await.unwrap();
        assert_eq!(leases.len(), usize::from(kept), "after {pauses} pauses");
        for lease in leases {
            assert_eq!(jobs.complete(&lease, &[], start()).await.unwrap(), Settled::Done);
        }
        let again = jobs.accept(&event, &job).await.unwrap();
        assert_eq!(again == Accepted::Duplicate, kept, "after {pauses} pauses");
        for lease in jobs.lease(&format!("u{pauses}"), 10, after(60), start()).await.unwrap() {
            jobs.complete(&lease, &[], start()).await.unwrap();
        }
    }
    assert!(dropped > 2 && finished > 2, "{dropped} dropped, {finished} finished");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_never_lease_the_same_job() {
    const JOBS: usize = 200;
    let place = Place::new();
    let stores = [place.migrated().await, place.migrated().await];
    let all: Vec<_> = (0..JOBS).map(|i| job("ingest", &i.to_string())).collect();
    stores[0].jobs().enqueue(&all, start()).await.unwrap();
    let workers: Vec<_> = (0..6)
        .map(|worker| {
            let queue = stores[worker % 2].jobs();
            tokio::spawn(async move {
                let mut done = Vec::new();
                for round in 0.. {
                    let leases = queue.lease(&format!("w{worker}.{round}"), 7, after(60), start()).await.unwrap();
                    if leases.is_empty() {
                        break;
                    }
                    for lease in leases {
                        assert_eq!(lease.job.attempts, 1);
                        assert_eq!(queue.complete(&lease, &[], start()).await.unwrap(), Settled::Done);
                        done.push(lease.job.id);
                    }
                }
                done
            })
        })
        .collect();
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await.unwrap());
    }
    assert_eq!(done.len(), JOBS);
    assert_eq!(done.into_iter().collect::<BTreeSet<_>>().len(), JOBS);
}

#[tokio::test]
async fn everybody_who_waits_hears_of_a_job_and_so_does_the_next_to_come() {
    let place = Place::new();
    let store = place.migrated().await;
    let queue = store.jobs();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(queue.wait())).collect();
    for wait in &mut waiting {
        assert!(up_to(0, wait.as_mut()).await.is_none(), "nothing has come yet");
    }
    queue.accept(&event("evt_1"), &job("ingest", "1")).await.unwrap();
    waiting.push(Box::pin(queue.wait()));
    for wait in waiting {
        timeout(Duration::from_secs(10), wait).await.expect("it was woken");
    }
    let quiet = queue.wait();
    assert!(up_to(0, quiet).await.is_none());
}

#[tokio::test]
async fn a_late_write_does_not_bring_an_erased_caller_back() {
    let place = Place::new();
    let store = place.migrated().await.memory();
    let [one, ..] = scopes();
    store.ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    store.erase_user(&one, &erasure(&one)).await.unwrap();
    let late = Conversation { caller: Some(one.caller.clone()), ..conversation("conv_1") };
    for error in [
        store.put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap_err(),
        store.save_conversation(&one.tenant, &late).await.unwrap_err(),
        store.bind_conversation(&one, &late.id, None, start()).await.unwrap_err(),
    ] {
        assert_eq!(verdict(&error), (ErrorKind::Conflict, false), "{error:?}");
    }
    assert_eq!(store.user(&one).await.unwrap(), None);
    assert_eq!(store.count_memories().await.unwrap(), 0);
    assert_eq!(store.conversation(&one.tenant, &late.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_re_run_does_not_count_the_call_again() {
    let place = Place::new();
    let store = place.migrated().await.memory();
    let [one, ..] = scopes();
    store.ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    let learning = Conversation { caller: Some(one.caller.clone()), ..conversation("conv_1") };
    for _ in 0..2 {
        store.save_conversation(&one.tenant, &learning).await.unwrap();
        store.finish_conversation(&one, &learning.id, after(60)).await.unwrap();
        let state = store.conversation(&one.tenant, &learning.id).await.unwrap().unwrap().state;
        assert_eq!(state, ConversationState::Learnt);
    }
    assert_eq!(store.user(&one).await.unwrap().unwrap().call_count, 1);
}

#[tokio::test]
async fn numbers_that_are_none_are_refused_and_nothing_is_written() {
    let place = Place::new();
    let store = place.migrated().await.memory();
    let [one, ..] = scopes();
    store.ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    let good = memory("mem_1", "Likes tea");
    for bad in [
        hark_core::Memory { salience: f32::NAN, ..memory("mem_2", "x") },
        hark_core::Memory { decay_rate: Some(f64::INFINITY), ..memory("mem_2", "x") },
    ] {
        let error = store.put_memories(&one, &[good.clone(), bad]).await.unwrap_err();
        assert_eq!(verdict(&error), (ErrorKind::Invalid, false), "{error:?}");
    }
    assert_eq!(store.count_memories().await.unwrap(), 0);
    assert_eq!(store.user(&one).await.unwrap().unwrap().revision, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_what_was_written_before_they_began() {
    let place = Place::new();
    let store = place.migrated().await.memory();
    let [one, ..] = scopes();
    store.ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    for i in 0..50 {
        let id = format!("mem_{i}");
        store.put_memories(&one, &[memory(&id, "Likes tea")]).await.unwrap();
        let store = Arc::clone(&store);
        let scope = one.clone();
        let found = tokio::spawn(async move { store.memories(&scope, &[id.as_str().into()]).await }).await.unwrap();
        assert_eq!(found.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn identities_join_a_known_caller_only_and_take_nothing_from_others() {
    let place = Place::new();
    let store = place.migrated().await.memory();
    let [one, two, _] = scopes();
    let numbers = ["+14155550001", "+14155550002", "+14155550003"].map(|number| phone(&one.tenant, number));
    store.ensure_user(&one.tenant, &numbers[..1], &one.caller, start()).await.unwrap();
    let error = store.join_identities(&two, &numbers).await.unwrap_err();
    assert_eq!(verdict(&error), (ErrorKind::NotFound, false), "{error:?}");
    assert_eq!(store.find_user(&one.tenant, &numbers[1..]).await.unwrap(), None, "nothing was joined");

    store.ensure_user(&two.tenant, &numbers[1..2], &two.caller, start()).await.unwrap();
    for _ in 0..2 {
        store.join_identities(&two, &numbers).await.unwrap();
        let hashes = |known: &[Identity]| known.iter().map(|identity| identity.hash).collect::<Vec<_>>();
        assert_eq!(hashes(&store.identities(&one).await.unwrap()), hashes(&numbers[..1]));
        assert_eq!(hashes(&store.identities(&two).await.unwrap()), hashes(&numbers[1..]));
    }
}

#[tokio::test]
async fn a_memory_is_not_linked_to_itself() {
    let place = Place::new();
    let store = place.migrated().await.memory();
    let [one, ..] = scopes();
    store.ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    let tea = memory("mem_1", "Likes tea");
    store.put_memories(&one, std::slice::from_ref(&tea)).await.unwrap();
    let link = Link::new(tea.id.clone(), tea.id.clone(), 1.0, LinkKind::Manual, start());
    store.put_links(&one, &[link]).await.unwrap();
    assert_eq!(store.links(&one, &[tea.id]).await.unwrap(), []);
}
