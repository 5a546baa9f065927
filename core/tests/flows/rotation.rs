//! What older encryption keys sealed comes under the one that seals now, whatever fails on the way.

use crate::world::World;
use async_trait::async_trait;
use chrono::Duration;
use hark_core::backend::Backend;
use hark_core::crypt::{Keyring, LEASE, Purpose, Resealing, Vault, reseal, uses};
use hark_core::ram::RamBackend;
use hark_core::store::{JobQueue, NewEvent, Resealed, SealedStore, SealedValue};
use hark_core::testkit::Outcome;
use hark_core::testkit::SeededEntropy;
use hark_core::testkit::fixtures::{event, job, tenant};
use hark_core::{Clock, ErrorKind, EventId, Result};
use std::sync::Arc;

/// So many events that the old key sealed, and a world with the new one.
async fn world(events: usize) -> (World, Vec<Arc<dyn SealedStore>>, [String; 2]) {
    let (world, ram, ids) = beside(events).await;
    (world, ram.sealed(), ids)
}

/// The same, with all of the backend that has the events.
async fn beside(events: usize) -> (World, RamBackend, [String; 2]) {
    let old = Keyring::generate(&SeededEntropy::new(41));
    let new = old.rotated(&SeededEntropy::new(42));
    let ids = [&old, &new].map(|ring| ring.active().id().to_owned());
    let mut world = World::new().await;
    world.engine.vault = Vault::new(new, Arc::new(SeededEntropy::new(43)));
    let ram = RamBackend::default();
    let sealing = Vault::new(old, Arc::new(SeededEntropy::new(44)));
    for n in 0..events {
        let id = format!("evt_{n}");
        let body = sealing.seal(&tenant(), Purpose::Event, &id, b"words").unwrap();
        let accepted = NewEvent { body, ..event(&id) };
        ram.jobs().unwrap().accept(&accepted, &job("ingest", &id)).await.unwrap();
    }
    (world, ram, ids)
}

async fn counts(stores: &[Arc<dyn SealedStore>], ids: &[String; 2]) -> [u64; 2] {
    let used = uses(stores).await.unwrap();
    [0, 1].map(|n| used.get(&ids[n]).map_or(0, |values| values.values().sum()))
}

#[tokio::test]
async fn a_call_that_fails_on_the_way_loses_nothing_and_the_next_goes_on() {
    let (world, stores, ids) = world(20).await;
    // The lease is taken, a batch is done, and then the truth is away.
    for outcome in [Outcome::Pass, Outcome::fail(ErrorKind::Unavailable)] {
        world.memory.push(outcome);
    }
    assert_eq!(reseal(&world.engine, &stores).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let [old, new] = counts(&stores, &ids).await;
    assert!(old > 0 && new > 0 && old + new == 20, "{old} {new}");
    let done = reseal(&world.engine, &stores).await.unwrap().unwrap();
    assert_eq!(done, Resealing { replaced: old, damaged: 0, finished: true });
    assert_eq!(counts(&stores, &ids).await, [0, 20]);
    assert_eq!(reseal(&world.engine, &stores).await.unwrap(), None);
}

#[tokio::test]
async fn one_process_does_it_and_another_goes_on_when_that_one_has_died() {
    let (world, stores, ids) = world(3).await;
    let now = world.clock.now();
    world
        .engine
        .memory
        .take_lease(LEASE, "another", now + Duration::seconds(60), now, now + Duration::hours(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(reseal(&world.engine, &stores).await.unwrap(), None);
    assert_eq!(counts(&stores, &ids).await, [3, 0]);
    world.clock.advance(Duration::seconds(61));
    assert_eq!(reseal(&world.engine, &stores).await.unwrap().unwrap().replaced, 3);
}

/// A queue from which events are removed, as by retention or an erasure, between their being read and replaced.
#[derive(Debug)]
struct Vanishing {
    inner: Arc<dyn SealedStore>,
    jobs: Arc<dyn JobQueue>,
}

#[async_trait]
impl SealedStore for Vanishing {
    async fn sealing_keys(&self) -> Result<Vec<(Purpose, String)>> {
        self.inner.sealing_keys().await
    }
    async fn count_sealed(&self, purpose: Purpose, key: &str) -> Result<u64> {
        self.inner.count_sealed(purpose, key).await
    }
    async fn sealed_by(&self, purpose: Purpose, key: &str, skip: u64, limit: usize) -> Result<Vec<SealedValue>> {
        self.inner.sealed_by(purpose, key, skip, limit).await
    }
    async fn reseal(&self, purpose: Purpose, values: &[Resealed]) -> Result<u64> {
        let gone: Vec<EventId> = values.iter().take(2).map(|value| EventId::new(value.place.clone())).collect();
        assert_eq!(self.jobs.delete_events(&tenant(), &gone).await?, 2);
        self.inner.reseal(purpose, values).await
    }
}

#[tokio::test]
async fn what_goes_between_reading_and_replacing_stays_gone() {
    let (world, ram, ids) = beside(20).await;
    let vanishing = Vanishing { inner: ram.sealed()[1].clone(), jobs: ram.jobs().unwrap() };
    let stores: Vec<Arc<dyn SealedStore>> = vec![Arc::new(vanishing)];
    let (mut calls, mut replaced) = (0, 0);
    while let Some(done) = reseal(&world.engine, &stores).await.unwrap() {
        (calls, replaced) = (calls + 1, replaced + done.replaced);
        assert!(calls < 10, "it comes to an end");
    }
    assert_eq!((counts(&stores, &ids).await, replaced), ([0, replaced], replaced), "nothing came back");
    assert_eq!(replaced, 14, "six went before they could be replaced");
}

#[tokio::test]
async fn what_does_not_open_is_left_and_what_another_process_seals_with_is_not_touched() {
    let (mut world, stores, ids) = world(10).await;
    // Sealed for another place: it opens nowhere.
    let values = stores[1].sealed_by(Purpose::Event, &ids[0], 0, 2).await.unwrap();
    let swapped = Resealed {
        tenant: values[0].tenant.clone(),
        place: values[0].place.clone(),
        standing: values[0].sealed.clone(),
        new: values[1].sealed.clone(),
    };
    assert_eq!(stores[1].reseal(Purpose::Event, &[swapped]).await.unwrap(), 1);
    let done = reseal(&world.engine, &stores).await.unwrap().unwrap();
    assert_eq!(done, Resealing { replaced: 9, damaged: 1, finished: true });
    assert_eq!(counts(&stores, &ids).await, [1, 9]);
    // What is damaged is not read again and again, but what comes later is not forgotten either.
    assert_eq!(reseal(&world.engine, &stores).await.unwrap().unwrap(), Resealing { replaced: 0, ..done });
    assert_eq!(reseal(&world.engine, &stores).await.unwrap(), None);
    world.clock.advance(Duration::minutes(11));
    assert_eq!(reseal(&world.engine, &stores).await.unwrap().unwrap().damaged, 1);

    // A process that has the new key as the next one, or not at all, takes nothing back under the old one.
    let old = Keyring::generate(&SeededEntropy::new(41));
    let (waiting, _) = old.with_next(&SeededEntropy::new(42));
    assert!(waiting.standing().any(|(id, _)| id == ids[1]));
    for behind in [waiting, old] {
        world.engine.vault = Vault::new(behind, Arc::new(SeededEntropy::new(45)));
        assert_eq!(reseal(&world.engine, &stores).await.unwrap(), None);
        assert_eq!(counts(&stores, &ids).await, [1, 9]);
    }
}
