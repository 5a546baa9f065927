//! `kill -9` at 50 moments while 200 events are delivered with retries: every acknowledged event is learnt
//! exactly once.

use crate::harness::{Home, Running, call};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Notify, Semaphore};

const EVENTS: usize = 200;
const KILLS: usize = 50;

/// Moments are counted in deliveries begun, so that they fall into requests and into the learning that goes on
/// beside them; which ones, a small fixed sequence decides.
#[derive(Debug)]
struct Progress {
    begun: AtomicUsize,
    acknowledged: AtomicUsize,
    moved: Notify,
}

fn event(i: usize) -> Value {
    let order = format!("My order number is {}.", 500_000 + i);
    call(&format!("conv_kill_{i}"), &format!("+1415555{i:04}"), &[&order, "I prefer deliveries in the morning."])
}

/// A multiplicative sequence (Lehmer, 48271): the same moments in every run.
fn next(state: &mut u64) -> u64 {
    *state = *state * 48_271 % 2_147_483_647;
    *state
}

#[tokio::test]
async fn every_acknowledged_event_is_learnt_exactly_once() {
    let home = Home::new();
    let progress = Progress { begun: 0.into(), acknowledged: 0.into(), moved: Notify::new() };
    let up = Semaphore::new(0);

    let lanes = futures::future::join_all((0..4).map(|lane| deliver_all(&home, &progress, &up, lane)));
    let (_server, _) = tokio::join!(kill_again_and_again(&home, &progress, &up), lanes);
    assert_eq!(progress.acknowledged.load(Ordering::SeqCst), EVENTS);
    home.until_idle().await;
    check(&home).await;
}

/// Delivers every fourth event until it is acknowledged, and every tenth of those once more.
async fn deliver_all(home: &Home, progress: &Progress, up: &Semaphore, lane: usize) {
    for i in (lane..EVENTS).step_by(4) {
        loop {
            // Held only to wait for a server that is up; it may die at any time after that.
            drop(up.acquire().await.expect("open"));
            progress.begun.fetch_add(1, Ordering::SeqCst);
            progress.moved.notify_one();
            if home.deliver(&event(i)).await.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        if i % 10 == 0 {
            home.deliver(&event(i)).await;
        }
        progress.acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

async fn kill_again_and_again(home: &Home, progress: &Progress, up: &Semaphore) -> Running {
    let mut state = 20_261_122;
    for _ in 0..KILLS {
        let server = home.serve().await;
        up.add_permits(4);
        let moment = progress.begun.load(Ordering::SeqCst) + (next(&mut state) % 7) as usize;
        while progress.begun.load(Ordering::SeqCst) < moment && progress.acknowledged.load(Ordering::SeqCst) < EVENTS {
            progress.moved.notified().await;
        }
        let permits = up.acquire_many(4).await.expect("open");
        permits.forget();
        server.kill();
    }
    let server = home.serve().await;
    up.add_permits(4);
    server
}

async fn check(home: &Home) {
    let queue = home.get("/v1/queue").await;
    assert_eq!(queue["dead"], 0, "{queue}");
    let mut users = 0;
    let mut path = "/v1/users?limit=100".to_owned();
    loop {
        let page = home.get(&path).await;
        for user in page["items"].as_array().expect("a list") {
            users += 1;
            check_user(home, user).await;
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/users?limit=100&cursor={cursor}");
    }
    assert_eq!(users, EVENTS);
}

async fn check_user(home: &Home, user: &Value) {
    let id = user["id"].as_str().expect("an id");
    assert_eq!(user["call_count"], 1, "{user}");
    let memories = home.get(&format!("/v1/users/{id}/memories?limit=100")).await;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for memory in memories["items"].as_array().expect("a list") {
        *seen.entry(memory["content"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    assert!(seen.values().all(|n| *n == 1), "learnt twice: {seen:?}");
    let orders: Vec<&String> = seen.keys().filter(|c| c.contains("500")).collect();
    assert_eq!(orders.len(), 1, "the order was learnt once: {seen:?}");
    assert!(seen.keys().any(|c| c.to_lowercase().contains("morning")), "the preference was learnt: {seen:?}");
    let answer = home.ask(id, "what is the order number").await;
    assert_eq!(answer["mode"], "hybrid", "{answer}");
    assert_eq!(answer["memories"][0]["content"].as_str(), Some(orders[0].as_str()), "{answer}");
}
