//! Nodes that wake each other.

use crate::place::Place;
use hark_core::store::{Accepted, JobQueue, Settled};
use hark_core::testkit::fixtures::{event, job, start};
use serde_json::json;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(500);

/// Waits until the bell rings. It wakes who waits and the next to come; that one is waited out too, so that the next wait is
/// for the next ring.
async fn woken(queue: &dyn JobQueue, why: &str) {
    timeout(LONG, queue.wait()).await.expect(why);
    timeout(SHORT, queue.wait()).await.ok();
}

/// Whether it is over already.
async fn is_over(wait: &mut Pin<Box<impl Future<Output = ()>>>) -> bool {
    poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_ready())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_another_node_wakes_and_ones_own_does_not_ring_twice() {
    let place = Place::new();
    let (here, there) = (place.migrated().await.jobs(), place.migrated().await.jobs());
    // Who begins to listen is woken once, for what may have come before.
    woken(&*here, "it listens").await;
    for round in 0..3 {
        let key = round.to_string();
        match round {
            0 => there.enqueue(&[job("link", &key)], start()).await.unwrap(),
            1 => assert_eq!(there.accept(&event("evt_1"), &job("ingest", &key)).await.unwrap(), Accepted::New),
            _ => {
                let lease = there.lease("t", 1, start(), start()).await.unwrap().remove(0);
                let settled = there.complete(&lease, &[job("summary", &key)], start()).await.unwrap();
                assert_eq!(settled, Settled::Done);
            }
        }
        woken(&*here, "another node's job wakes").await;
    }
    let third = place.migrated().await.jobs();
    woken(&*third, "it listens").await;
    here.enqueue(&[job("own", "1")], start()).await.unwrap();
    woken(&*here, "one's own job wakes at once").await;
    let mut quiet = Box::pin(here.wait());
    assert!(!is_over(&mut quiet).await);
    woken(&*third, "the others hear of it").await;
    assert!(!is_over(&mut quiet).await, "one's own bell is passed over when it comes back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_deployments_in_one_database_do_not_wake_each_other() {
    let (one, other) = (Place::new(), Place::new());
    let (here, there) = (one.migrated().await.jobs(), other.migrated().await.jobs());
    woken(&*here, "it listens").await;
    woken(&*there, "it listens").await;
    let mut quiet = Box::pin(here.wait());
    assert!(!is_over(&mut quiet).await);
    // A third node of the other deployment rings, and the second has heard it. It lives on until then: its bell ends with it.
    let third = other.migrated().await.jobs();
    third.enqueue(&[job("link", "1")], start()).await.unwrap();
    woken(&*there, "its own deployment's job wakes").await;
    assert!(!is_over(&mut quiet).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_whose_connection_is_ended_listens_again_and_looks_for_what_it_missed() {
    let place = Place::new();
    let (here, there) = (place.migrated().await.jobs(), place.migrated().await.jobs());
    woken(&*here, "it listens").await;
    place.end_connections().await;
    woken(&*here, "woken for what may have been missed").await;
    there.enqueue(&[job("link", "1")], start()).await.unwrap();
    woken(&*here, "it listens again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_who_waits_hears_of_a_job_and_so_does_the_next_to_come() {
    let place = Place::new();
    let store = place.tuned(json!({})).await;
    let queue = store.jobs();
    woken(&*queue, "it listens").await;
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(queue.wait())).collect();
    for wait in &mut waiting {
        assert!(!is_over(wait).await, "nothing has come yet");
    }
    queue.accept(&event("evt_1"), &job("ingest", "1")).await.unwrap();
    waiting.push(Box::pin(queue.wait()));
    for wait in waiting {
        timeout(LONG, wait).await.expect("it was woken");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_store_lets_go_of_every_connection_its_listener_s_too() {
    let place = Place::new();
    let store = place.migrated().await;
    timeout(LONG, store.jobs().wait()).await.expect("it listens");
    store.0.close().await.unwrap();
    let gone = pin!(place.no_connections());
    timeout(LONG, gone).await.expect("the server has seen all of them go");
}
