//! Many at once, on connections of their own, as many nodes are.

use crate::place::{Place, Store};
use futures::future::join_all;
use hark_core::ErrorKind::Conflict;
use hark_core::store::{Accepted, Settled};
use hark_core::testkit::fixtures::{after, conversation, erasure, event, job, memory, phone, scopes, start};
use hark_core::{
    Conversation, Link, LinkKind, MemoryId, NewTransfer, PageRequest, Result, Scope, TransferId, TransferKind,
    TransferredBy, UserId,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Barrier;

const MANY: usize = 20;

/// Starts `count` tasks at the same moment and waits for all.
pub(crate) async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let start = Arc::new(Barrier::new(count));
    let running = (0..count).map(|n| {
        let (start, future) = (Arc::clone(&start), task(n));
        tokio::spawn(async move {
            start.wait().await;
            future.await
        })
    });
    join_all(running.collect::<Vec<_>>()).await.into_iter().map(|done| done.expect("no task panics")).collect()
}

/// A store with a connection for each of [`MANY`].
async fn wide(place: &Place) -> Store {
    place.tuned(json!({"max_connections": MANY + 4})).await
}

async fn with_caller(place: &Place) -> (Store, Scope) {
    let (store, [one, ..]) = (wide(place).await, scopes());
    store.memory().ensure_user(&one.tenant, &[], &one.caller, start()).await.expect("the caller is made");
    (store, one)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_ask_for_one_number_one_makes_the_caller_and_all_get_it() {
    let place = Place::new();
    let (store, [one, ..]) = (wide(&place).await, scopes());
    for round in 0..5 {
        let numbers =
            [phone(&one.tenant, &format!("+1415555000{round}")), phone(&one.tenant, &format!("+1415555100{round}"))];
        let found = at_once(MANY, |n| {
            let (memory, tenant) = (store.memory(), one.tenant.clone());
            // One order or the other, so that locks taken in the order asked would make a ring.
            let mut numbers = numbers.to_vec();
            numbers.rotate_left(n % 2);
            async move { memory.ensure_user(&tenant, &numbers, &UserId::new(format!("usr_{round}_{n}")), start()).await }
        })
        .await;
        let found: Vec<_> = found.into_iter().map(|found| found.unwrap()).collect();
        assert_eq!(found.iter().filter(|resolved| resolved.created).count(), 1);
        assert_eq!(found.iter().map(|resolved| &resolved.user.id).collect::<BTreeSet<_>>().len(), 1);
    }
    let users = store.memory().users(&one.tenant, &PageRequest::first(100)).await.unwrap().items;
    assert_eq!(users.len(), 5, "nobody is left over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_deliveries_of_one_event_one_is_new_and_has_a_job() {
    let place = Place::new();
    let store = wide(&place).await;
    let answers = at_once(MANY, |_| {
        let jobs = store.jobs();
        async move { jobs.accept(&event("evt_1"), &job("ingest", "1")).await.unwrap() }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| **answer == Accepted::New).count(), 1);
    assert_eq!(store.jobs().stats(None, start()).await.unwrap().pending, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_job_is_leased_twice_by_eight_workers_of_two_processes() {
    const JOBS: usize = 400;
    let place = Place::new();
    let stores = [wide(&place).await, wide(&place).await];
    let all: Vec<_> = (0..JOBS).map(|i| job("ingest", &i.to_string())).collect();
    stores[0].jobs().enqueue(&all, start()).await.unwrap();
    let done = at_once(8, |worker| {
        let queue = stores[worker % 2].jobs();
        async move {
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
        }
    })
    .await;
    let done: Vec<_> = done.into_iter().flatten().collect();
    assert_eq!(done.len(), JOBS);
    assert_eq!(done.into_iter().collect::<BTreeSet<_>>().len(), JOBS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn follow_ups_that_many_enqueue_in_different_orders_are_there_once() {
    let place = Place::new();
    let store = wide(&place).await;
    let answers = at_once(MANY, |n| {
        let (queue, mut all) = (store.jobs(), (0..50).map(|i| job("link", &i.to_string())).collect::<Vec<_>>());
        all.rotate_left(n);
        async move { queue.enqueue(&all, start()).await }
    })
    .await;
    answers.into_iter().for_each(|answer| answer.unwrap());
    assert_eq!(store.jobs().stats(None, start()).await.unwrap().pending, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_revision_is_lost_among_many_who_write_to_one_caller() {
    let place = Place::new();
    let (store, one) = with_caller(&place).await;
    let mine = |n: usize| [0, 1].map(|i| memory(&format!("mem_{n}_{i}"), "Likes tea"));
    at_once(MANY, |n| {
        let (store, one, mine) = (store.memory(), one.clone(), mine(n));
        async move { store.put_memories(&one, &mine).await.unwrap() }
    })
    .await;
    assert_eq!(store.memory().user(&one).await.unwrap().unwrap().revision, MANY as u64);
    // Everything that locks, at once, on rows that hang together: nothing waits in a ring, nothing is lost.
    at_once(MANY, |n| {
        let (store, one, [a, b]) = (store.memory(), one.clone(), mine(n));
        let neighbour = MemoryId::new(format!("mem_{}_0", (n + 1) % MANY));
        async move {
            let link = Link::new(a.id.clone(), neighbour, 0.5, LinkKind::Similar, start());
            store.put_links(&one, &[link]).await.unwrap();
            store.mark_indexed(&one, &[a.id, b.id.clone()]).await.unwrap();
            assert_eq!(store.delete_memories(&one, &[b.id]).await.unwrap(), 1);
        }
    })
    .await;
    assert_eq!(store.memory().user(&one).await.unwrap().unwrap().revision, 4 * MANY as u64);
    assert_eq!(store.memory().count_memories().await.unwrap(), MANY as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_many_finish_is_counted_once() {
    let place = Place::new();
    let (store, one) = with_caller(&place).await;
    let call = Conversation { caller: Some(one.caller.clone()), ..conversation("conv_1") };
    at_once(MANY, |_| {
        let (store, one, call) = (store.memory(), one.clone(), call.clone());
        async move {
            store.save_conversation(&one.tenant, &call).await.unwrap();
            store.finish_conversation(&one, &call.id, after(60)).await.unwrap();
        }
    })
    .await;
    assert_eq!(store.memory().user(&one).await.unwrap().unwrap().call_count, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_writes_for_a_caller_who_is_being_erased_is_refused_or_erased_too() {
    let place = Place::new();
    let (store, [one, ..]) = (wide(&place).await, scopes());
    for round in 0..10 {
        let scope = Scope::new(one.tenant.clone(), format!("usr_e{round}"));
        let number = phone(&one.tenant, &format!("+1415555200{round}"));
        store.memory().ensure_user(&scope.tenant, std::slice::from_ref(&number), &scope.caller, start()).await.unwrap();
        let late = format!("{round}");
        at_once(MANY, |n| {
            let (store, scope, number) = (store.memory(), scope.clone(), number.clone());
            let id = format!("{late}_{n}");
            async move {
                let written: Result<()> = match n % 5 {
                    0 => store.erase_user(&scope, &erasure(&scope)).await.map(drop),
                    1 => store.put_memories(&scope, &[memory(&format!("mem_{id}"), "Likes tea")]).await,
                    2 => {
                        let call = Conversation { caller: Some(scope.caller.clone()), ..conversation(&id) };
                        store.save_conversation(&scope.tenant, &call).await.map(drop)
                    }
                    3 => store.bind_conversation(&scope, &id.as_str().into(), None, start()).await.map(drop),
                    _ => store.join_identities(&scope, &[number]).await,
                };
                if let Err(error) = written {
                    let expected = [Conflict, hark_core::ErrorKind::NotFound];
                    assert!(expected.contains(&error.kind()), "{n}: {error:?}");
                }
            }
        })
        .await;
        assert_eq!(store.memory().user(&scope).await.unwrap(), None);
        assert_eq!(store.memory().identities(&scope).await.unwrap(), []);
        // What is from the time of the erasure is from a new beginning; what is from before stays out.
        let error = store.memory().ensure_user(&scope.tenant, &[number], &scope.caller, after(-1)).await.unwrap_err();
        assert!(error.is_lost_race(), "what was erased stays out: {error:?}");
    }
    assert_eq!(store.memory().count_memories().await.unwrap(), 0);
    let calls = store.memory().conversations(&one.tenant, None, &PageRequest::first(500)).await.unwrap().items;
    assert_eq!(calls, []);
}

fn merge(id: &str, from: &Scope, into: &Scope) -> NewTransfer {
    let (id, by) = (TransferId::new(id), TransferredBy::Person);
    let (from, into) = (from.caller.clone(), into.caller.clone());
    NewTransfer { id, kind: TransferKind::Merge, from, into, conversations: Vec::new(), by }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_merge_and_its_opposite_one_happens_and_nothing_is_lost() {
    let place = Place::new();
    let (store, [one, two, _]) = (wide(&place).await, scopes());
    for (n, scope) in [&one, &two].into_iter().enumerate() {
        store.memory().ensure_user(&scope.tenant, &[], &scope.caller, start()).await.unwrap();
        store.memory().put_memories(scope, &[memory(&format!("mem_{n}"), "Likes tea")]).await.unwrap();
    }
    let done = at_once(MANY, |n| {
        let (store, id) = (store.memory(), format!("trf_{n}"));
        let new = if n % 2 == 0 { merge(&id, &one, &two) } else { merge(&id, &two, &one) };
        let tenant = one.tenant.clone();
        async move { store.transfer(&tenant, &new, after(1)).await }
    })
    .await;
    let done: Vec<_> = done.into_iter().filter_map(Result::ok).collect();
    assert_eq!(done.len(), 1);
    let left = Scope { tenant: one.tenant.clone(), caller: done[0].into.clone() };
    let ids = ["mem_0".into(), "mem_1".into()];
    assert_eq!(store.memory().memories(&left, &ids).await.unwrap().len(), 2);
    let undone = at_once(MANY, |_| {
        let (store, tenant, id) = (store.memory(), one.tenant.clone(), done[0].id.clone());
        async move { store.undo_transfer(&tenant, &id, after(2)).await.unwrap().unwrap() }
    })
    .await;
    assert!(undone.iter().all(|transfer| transfer == &undone[0]), "undone once, and told to all");
    for (scope, id) in [&one, &two].into_iter().zip(ids) {
        assert_eq!(store.memory().memories(scope, &[id]).await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_walk_meets_what_was_numbered_before_and_committed_behind_it() {
    let place = Place::new();
    let (store, one) = with_caller(&place).await;
    let writers = at_once(MANY, |n| {
        let (store, one) = (store.memory(), one.clone());
        async move {
            let mut met = BTreeSet::new();
            if n > 0 {
                for i in 0..10 {
                    store.put_memories(&one, &[memory(&format!("mem_{n}_{i}"), "Likes tea")]).await.unwrap();
                }
                return met;
            }
            let mut request = PageRequest::first(7);
            // To the end of what is there once all have written.
            while met.len() < 10 * (MANY - 1) {
                let page = store.scan_memories(&request).await.unwrap();
                met.extend(page.items.into_iter().map(|(_, memory)| memory.id));
                if let Some(cursor) = page.next_cursor {
                    request.cursor = Some(cursor);
                } else if store.count_memories().await.unwrap() == 10 * (MANY as u64 - 1) {
                    let rest =
                        store.scan_memories(&PageRequest { limit: 500, cursor: request.cursor.clone() }).await.unwrap();
                    met.extend(rest.items.into_iter().map(|(_, memory)| memory.id));
                    break;
                }
            }
            met
        }
    })
    .await;
    assert_eq!(writers[0].len(), 10 * (MANY - 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_take_a_lease_one_has_it() {
    let place = Place::new();
    let store = wide(&place).await;
    for round in 0..5 {
        let taken = at_once(MANY, |n| {
            let store = store.memory();
            let (name, holder) = (format!("sweep_{round}"), format!("h{n}"));
            async move { store.take_lease(&name, &holder, after(60), start(), after(9_999)).await.unwrap() }
        })
        .await;
        assert_eq!(taken.iter().flatten().count(), 1);
    }
}
