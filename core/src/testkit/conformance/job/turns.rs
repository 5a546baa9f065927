//! Whose job is next.

use super::{keys, lease_at, leased};
use crate::store::{JobQueue, NewJob};
use crate::testkit::SeededEntropy;
use crate::testkit::fixtures::{after, failure, job, start};
use crate::testkit::suite::Must;
use crate::{Entropy, JobId, TenantId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A job of that tenant, `<tenant> <number>`.
fn of(tenant: &str, number: i64) -> NewJob {
    NewJob { tenant: TenantId::new(tenant), ..job("embed", &format!("{tenant} {number}")) }
}

/// So many of one tenant, each a second after the one before.
async fn flood(queue: &dyn JobQueue, tenant: &str, count: i64) {
    let jobs: Vec<_> = (0..count).map(|i| NewJob { run_at: after(i - count), ..of(tenant, i) }).collect();
    queue.enqueue(&jobs, start()).await.must();
}

/// "Each tenant whose jobs may run is served one of them in its turn", however many another one has, and had earlier.
pub async fn tenants_take_turns(queue: Arc<dyn JobQueue>) {
    flood(&*queue, "a", 40).await;
    flood(&*queue, "b", 3).await;
    queue.enqueue(&[of("c", 0)], start()).await.must();
    let mut order = Vec::new();
    for i in 0..8 {
        let leases = lease_at(&*queue, &format!("t{i}"), 1, after(60), start()).await;
        order.extend(leases.into_iter().map(|lease| lease.job.key));
    }
    assert_eq!(order, ["a 0", "b 0", "c 0", "a 1", "b 1", "a 2", "b 2", "a 3"]);
}

/// The same within one call; and "the next call goes on where this one stopped".
pub async fn one_call_serves_turn_by_turn_and_the_next_goes_on(queue: Arc<dyn JobQueue>) {
    flood(&*queue, "b", 40).await;
    flood(&*queue, "a", 2).await;
    flood(&*queue, "c", 2).await;
    assert_eq!(keys(&lease_at(&*queue, "t1", 2, after(60), start()).await), ["a 0", "b 0"]);
    assert_eq!(keys(&lease_at(&*queue, "t2", 2, after(60), start()).await), ["c 0", "a 1"]);
    assert_eq!(keys(&lease_at(&*queue, "t3", 4, after(60), start()).await), ["b 1", "c 1", "b 2", "b 3"]);
    queue.enqueue(&[of("a", 9)], start()).await.must();
    assert_eq!(keys(&lease_at(&*queue, "t4", 1, after(60), start()).await), ["a 9"], "b was served last");
}

/// "Jobs that may run": who has only some for later, or none any more, has no turn.
pub async fn whose_jobs_wait_for_their_time_is_passed_over(queue: Arc<dyn JobQueue>) {
    flood(&*queue, "c", 5).await;
    let later = NewJob { run_at: after(100), ..of("b", 0) };
    queue.enqueue(&[later, of("a", 0)], start()).await.must();
    assert_eq!(keys(&lease_at(&*queue, "t1", 3, after(900), start()).await), ["a 0", "c 0", "c 1"]);
    assert_eq!(keys(&lease_at(&*queue, "t2", 3, after(900), after(100)).await), ["b 0", "c 2", "c 3"]);
}

/// "A job whose lease has run out comes before all others, the longest lost one first, and alone."
pub async fn lost_jobs_come_first_and_alone(queue: Arc<dyn JobQueue>) {
    flood(&*queue, "a", 3).await;
    let first = lease_at(&*queue, "t1", 1, after(50), start()).await;
    let second = lease_at(&*queue, "t2", 1, after(40), start()).await;
    assert!(!first[0].after_loss && !second[0].after_loss);
    queue.enqueue(&[of("b", 0)], start()).await.must();
    let mut order = Vec::new();
    for i in 0..3 {
        let leases = lease_at(&*queue, &format!("again {i}"), 9, after(900), after(50)).await;
        order.push(leases.into_iter().map(|lease| (lease.job.key, lease.after_loss)).collect::<Vec<_>>());
    }
    let lost = |key: &str| vec![(key.to_owned(), true)];
    let waiting = vec![("b 0".to_owned(), false), ("a 2".to_owned(), false)];
    assert_eq!(order, [lost("a 1"), lost("a 0"), waiting]);
}

/// A job that was settled in time, whatever became of it, was not lost.
pub async fn what_was_given_back_was_not_lost(queue: Arc<dyn JobQueue>) {
    let released = leased(&*queue, &job("embed", "released")).await;
    queue.release(&released).await.must();
    let retried = lease_at(&*queue, "t1", 1, after(60), start()).await.remove(0);
    assert!(!retried.after_loss);
    queue.retry(&retried, after(5), &failure("down")).await.must();
    assert!(!lease_at(&*queue, "t2", 1, after(900), after(500)).await[0].after_loss);
}

/// What may run, as the test knows it.
#[derive(Default)]
struct Model {
    waiting: BTreeMap<String, BTreeSet<(Timestamp, Timestamp, JobId)>>,
    /// By who waits: how often each other one was served meanwhile.
    overtaken: BTreeMap<String, BTreeMap<String, u32>>,
}

impl Model {
    fn due(&self, now: Timestamp) -> BTreeMap<String, usize> {
        let due = self
            .waiting
            .iter()
            .map(|(tenant, jobs)| (tenant.clone(), jobs.iter().filter(|(run_at, ..)| *run_at <= now).count()));
        due.filter(|(_, count)| *count > 0).collect()
    }

    fn served(&mut self, tenant: &str, id: &JobId, now: Timestamp) {
        let jobs = self.waiting.get_mut(tenant).must();
        let first = jobs.pop_first().must();
        assert_eq!(&first.2, id, "within a tenant the earliest comes first");
        assert!(first.0 <= now, "nothing comes before its time");
        let due = self.due(now);
        self.overtaken.retain(|waiting, _| due.contains_key(waiting) && waiting != tenant);
        for waiting in due.into_keys().filter(|waiting| waiting != tenant) {
            let times = self.overtaken.entry(waiting).or_default().entry(tenant.to_owned()).or_default();
            *times += 1;
            assert!(*times <= 1, "{tenant} was served twice while another waited");
        }
    }
}

/// "While a tenant waits, every other one is served once at the most", and no place stays free that somebody could use:
/// through many turns of many kinds.
pub async fn nobody_is_overtaken_twice(queue: Arc<dyn JobQueue>) {
    const TENANTS: [&str; 6] = ["a", "aa", "b", "é", "z", "日本"];
    for seed in 0..6_i64 {
        let chance = SeededEntropy::new(seed.unsigned_abs());
        let pick = |count: usize| (chance.unit() * count as f64) as usize % count;
        let mut model = Model::default();
        let mut now = after(seed * 100_000);
        let mut number = seed * 100_000;
        for step in 0..150 {
            now += chrono::Duration::seconds(1);
            // One of them floods the queue.
            let tenant = if pick(3) > 0 { TENANTS[0] } else { TENANTS[pick(TENANTS.len())] };
            let new: Vec<_> = (0..pick(5))
                .map(|_| {
                    number += 1;
                    let late = if pick(4) == 0 { 20 } else { 0 };
                    NewJob { run_at: now + chrono::Duration::seconds(late), ..of(tenant, number) }
                })
                .collect();
            queue.enqueue(&new, now).await.must();
            let waiting = model.waiting.entry(tenant.to_owned()).or_default();
            waiting.extend(new.iter().map(|job| (job.run_at, now, job.id())));
            let limit = pick(4);
            let expected = limit.min(model.due(now).values().sum());
            let leases =
                lease_at(&*queue, &format!("{seed} {step}"), limit, now + chrono::Duration::hours(9), now).await;
            assert_eq!(leases.len(), expected, "no place stays free");
            for lease in leases {
                model.served(lease.job.tenant.as_str(), &lease.job.id, now);
                queue.complete(&lease, &[], now).await.must();
            }
        }
        let rest =
            lease_at(&*queue, &format!("rest {seed}"), 10_000, now + chrono::Duration::hours(9), after(900_000)).await;
        for lease in rest {
            queue.complete(&lease, &[], now).await.must();
        }
    }
}
