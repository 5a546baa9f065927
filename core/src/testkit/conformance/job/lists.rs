//! Looking at the queue, and waiting for it.

use super::{lease_at, leased, only};
use crate::TenantId;
use crate::store::{Job, JobFilter, JobQueue, JobState, NewJob, QueueStats};
use crate::testkit::fixtures::{after, event, failure, job, start, tenant};
use crate::testkit::suite::{Must, walk};
use crate::{PageRequest, Timestamp};
use std::sync::Arc;
use std::time::Duration;

fn keys(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|j| j.key.as_str()).collect()
}

/// "A tenant's jobs, newest first."
pub async fn jobs_are_listed_newest_first_of_one_tenant_only(queue: Arc<dyn JobQueue>) {
    // When a job may run has nothing to do with how new it is.
    for (key, created, run) in [("b", 20, 500), ("c", 30, 100), ("a", 10, 900)] {
        queue.enqueue(&[NewJob { run_at: after(run), ..job("embed", key) }], after(created)).await.must();
    }
    let other = NewJob { tenant: TenantId::new("other"), ..job("embed", "z") };
    queue.enqueue(&[other], after(25)).await.must();
    let page = queue.list(&tenant(), &JobFilter::default(), &PageRequest::first(10)).await.must();
    assert_eq!(keys(&page.items), ["c", "b", "a"]);
    assert_eq!(page.next_cursor, None);
    assert_eq!(only(&*queue, &TenantId::new("other")).await.key, "z");
}

/// Leaves one job in each state: `pending`, `running`, `retrying`, `dead`.
async fn one_of_each(queue: &dyn JobQueue) {
    let lease = leased(queue, &job("embed", "dead")).await;
    queue.bury(&lease, &failure("hopeless")).await.must();
    let lease = leased(queue, &job("embed", "retrying")).await;
    queue.retry(&lease, after(500), &failure("down")).await.must();
    leased(queue, &job("link", "running")).await;
    queue.enqueue(&[job("link", "pending")], start()).await.must();
}

/// "Only this state", "only this handler's".
pub async fn listing_narrows_to_state_and_name(queue: Arc<dyn JobQueue>) {
    one_of_each(&*queue).await;
    for state in [JobState::Pending, JobState::Running, JobState::Retrying, JobState::Dead] {
        let filter = JobFilter { state: Some(state), name: None };
        let jobs = walk(1, async |page| queue.list(&tenant(), &filter, &page).await).await;
        assert_eq!(keys(&jobs), [state.name()]);
        assert_eq!(jobs[0].state, state);
    }
    let by_name = JobFilter { state: None, name: Some("link".to_owned()) };
    assert_eq!(walk(1, async |page| queue.list(&tenant(), &by_name, &page).await).await.len(), 2);
    let both = JobFilter { state: Some(JobState::Dead), name: Some("link".to_owned()) };
    assert_eq!(walk(1, async |page| queue.list(&tenant(), &both, &page).await).await, []);
}

/// "Items are neither left out nor repeated": also among jobs of one moment.
pub async fn pages_of_jobs_neither_omit_nor_repeat(queue: Arc<dyn JobQueue>) {
    for i in 0..23 {
        queue.enqueue(&[job("embed", &i.to_string())], after(i / 6)).await.must();
    }
    let filter = JobFilter::default();
    let whole = queue.list(&tenant(), &filter, &PageRequest::first(100)).await.must().items;
    assert_eq!(whole.len(), 23);
    for limit in [1, 4, 23] {
        let walked = walk(limit, async |page| queue.list(&tenant(), &filter, &page).await).await;
        assert_eq!(keys(&walked), keys(&whole), "pages of {limit}");
    }
}

/// "The queue in numbers; of one tenant, if given."
pub async fn the_queue_is_counted_by_state_and_tenant(queue: Arc<dyn JobQueue>) {
    assert_eq!(queue.stats(None, start()).await.must(), QueueStats::default());
    one_of_each(&*queue).await;
    let other = TenantId::new("other");
    queue.enqueue(&[NewJob { tenant: other.clone(), ..job("embed", "k") }], start()).await.must();
    let counts = |s: QueueStats| [s.pending, s.running, s.retrying, s.dead];
    assert_eq!(counts(queue.stats(None, start()).await.must()), [2, 1, 1, 1]);
    assert_eq!(counts(queue.stats(Some(&tenant()), start()).await.must()), [1, 1, 1, 1]);
    assert_eq!(counts(queue.stats(Some(&other), start()).await.must()), [1, 0, 0, 0]);
    let nobody = TenantId::new("nobody");
    assert_eq!(queue.stats(Some(&nobody), start()).await.must(), QueueStats::default());
}

async fn oldest(queue: &dyn JobQueue, tenant: Option<&TenantId>, now: Timestamp) -> u64 {
    queue.stats(tenant, now).await.must().oldest_pending_secs
}

/// "Age of the oldest job that could run now, in seconds; 0 when there is none."
pub async fn the_oldest_job_that_could_run_has_an_age(queue: Arc<dyn JobQueue>) {
    let at = |key: &str, secs| NewJob { run_at: after(secs), ..job("embed", key) };
    queue.enqueue(&[at("future", 1_000)], start()).await.must();
    assert_eq!(oldest(&*queue, None, after(50)).await, 0, "what waits for its time is not late");
    queue.enqueue(&[at("old", 10)], after(10)).await.must();
    queue.enqueue(&[at("new", 40)], after(40)).await.must();
    assert_eq!(oldest(&*queue, None, after(50)).await, 40);
    assert_eq!(oldest(&*queue, Some(&tenant()), after(50)).await, 40);
    assert_eq!(oldest(&*queue, Some(&TenantId::new("other")), after(50)).await, 0);
    lease_at(&*queue, "t1", 1, after(500), after(50)).await;
    assert_eq!(oldest(&*queue, None, after(60)).await, 20, "what is leased does not wait");
    lease_at(&*queue, "t2", 1, after(500), after(60)).await;
    assert_eq!(oldest(&*queue, None, after(70)).await, 0);
}

async fn wakes(queue: &dyn JobQueue, what: &str) {
    let waited = tokio::time::timeout(Duration::from_secs(10), queue.wait()).await;
    assert!(waited.is_ok(), "{what} did not wake");
}

/// "Since the last call": a job that came before somebody waited is not slept over.
pub async fn a_job_enqueued_before_waiting_wakes_at_once(queue: Arc<dyn JobQueue>) {
    for round in 0..3 {
        queue.enqueue(&[job("embed", &round.to_string())], start()).await.must();
        wakes(&*queue, "an earlier job").await;
    }
}

/// "Waits until a job may have been enqueued in this process."
pub async fn a_job_enqueued_while_waiting_wakes(queue: Arc<dyn JobQueue>) {
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { wakes(&*queue, "a job that came meanwhile").await }
    });
    tokio::task::yield_now().await;
    queue.enqueue(&[job("embed", "k")], start()).await.must();
    waiting.await.expect("the waiter is woken");
}

/// However a job comes into the queue, it wakes.
pub async fn every_way_of_enqueueing_wakes(queue: Arc<dyn JobQueue>) {
    queue.accept(&event("evt_1"), &job("ingest", "evt_1")).await.must();
    wakes(&*queue, "an accepted event").await;
    let lease = lease_at(&*queue, "t1", 1, after(60), start()).await.remove(0);
    queue.complete(&lease, &[job("link", "k")], after(1)).await.must();
    wakes(&*queue, "what follows").await;
}

/// "Whether the queue answers."
pub async fn the_queue_answers(queue: Arc<dyn JobQueue>) {
    queue.ping().await.must();
}
