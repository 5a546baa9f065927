//! Accepting events, enqueueing jobs.

use super::{all, keys, lease_at, leased, only};
use crate::store::{Accepted, JobQueue, JobState, NewEvent, NewJob, Settled};
use crate::testkit::fixtures::{after, event, failure, job, sealed, start, tenant};
use crate::testkit::suite::{Must, race};
use crate::{EventId, JobId, TenantId};
use std::sync::Arc;

/// "Keeps an event and enqueues its job."
pub async fn an_accepted_event_is_kept_with_its_job(queue: Arc<dyn JobQueue>) {
    let (raw, work) = (event("evt_1"), job("ingest", "evt_1"));
    assert_eq!(queue.event(&raw.tenant, &raw.id).await.must(), None);
    assert_eq!(queue.accept(&raw, &work).await.must(), Accepted::New);
    assert_eq!(queue.event(&raw.tenant, &raw.id).await.must(), Some(raw));
    let waiting = only(&*queue, &work.tenant).await;
    assert_eq!((waiting.id, waiting.state, waiting.payload), (work.id(), JobState::Pending, work.payload));
    assert_eq!(keys(&lease_at(&*queue, "t", 5, after(60), start()).await), ["evt_1"]);
}

/// "Only if no event of that id is kept"; "nothing was written".
pub async fn a_second_delivery_is_a_duplicate_and_writes_nothing(queue: Arc<dyn JobQueue>) {
    let raw = event("evt_1");
    queue.accept(&raw, &job("ingest", "evt_1")).await.must();
    let again = NewEvent { body: sealed("other"), received_at: after(9), ..raw.clone() };
    assert_eq!(queue.accept(&again, &job("ingest", "another key")).await.must(), Accepted::Duplicate);
    assert_eq!(queue.event(&raw.tenant, &raw.id).await.must(), Some(raw));
    assert_eq!(only(&*queue, &tenant()).await.key, "evt_1");
}

/// The event decides, not the job: learnt once is enough.
pub async fn a_duplicate_is_one_even_after_its_job_is_done(queue: Arc<dyn JobQueue>) {
    let (raw, work) = (event("evt_1"), job("ingest", "evt_1"));
    queue.accept(&raw, &work).await.must();
    let lease = lease_at(&*queue, "t", 1, after(60), start()).await.remove(0);
    queue.complete(&lease, &[], after(1)).await.must();
    assert_eq!(queue.accept(&raw, &work).await.must(), Accepted::Duplicate);
    assert_eq!(all(&*queue, &tenant()).await, []);
}

/// "Whether a delivery was the first": exactly one of many is.
pub async fn racing_deliveries_make_one_event_and_one_job(queue: Arc<dyn JobQueue>) {
    let answers = race(16, |_| {
        let queue = Arc::clone(&queue);
        async move { queue.accept(&event("evt_1"), &job("ingest", "evt_1")).await.must() }
    })
    .await;
    assert_eq!(answers.iter().filter(|a| **a == Accepted::New).count(), 1);
    assert_eq!(all(&*queue, &tenant()).await.len(), 1);
}

/// An event is looked up inside its tenant.
pub async fn events_of_two_tenants_with_one_id_are_two(queue: Arc<dyn JobQueue>) {
    let other = TenantId::new("other");
    let (mine, theirs) = (event("evt_1"), NewEvent { tenant: other.clone(), body: sealed("theirs"), ..event("evt_1") });
    queue.accept(&mine, &job("ingest", "evt_1")).await.must();
    assert_eq!(queue.event(&other, &mine.id).await.must(), None);
    let work = NewJob { tenant: other.clone(), ..job("ingest", "evt_1") };
    assert_eq!(queue.accept(&theirs, &work).await.must(), Accepted::New);
    assert_eq!(queue.event(&mine.tenant, &mine.id).await.must(), Some(mine));
    assert_eq!(queue.event(&other, &theirs.id).await.must(), Some(theirs));
}

/// "Removes kept events; the missing are fine. Answers how many went."
pub async fn deleting_events_counts_and_ignores_the_missing_and_others(queue: Arc<dyn JobQueue>) {
    let ids = ["evt_1", "evt_2", "evt_3"].map(EventId::new);
    for id in &ids {
        queue.accept(&event(id.as_str()), &job("ingest", id.as_str())).await.must();
    }
    let asked = [ids[0].clone(), EventId::new("evt_missing"), ids[2].clone()];
    assert_eq!(queue.delete_events(&TenantId::new("other"), &asked).await.must(), 0);
    assert_eq!(queue.delete_events(&tenant(), &[]).await.must(), 0);
    assert_eq!(queue.delete_events(&tenant(), &asked).await.must(), 2);
    assert_eq!(queue.delete_events(&tenant(), &asked).await.must(), 0);
    assert_eq!(queue.event(&tenant(), &ids[0]).await.must(), None);
    assert!(queue.event(&tenant(), &ids[1]).await.must().is_some());
}

/// "The earliest first (ties by id), at most `limit`; one whose id is the key of a job that waits, runs or is tried again is
/// left out."
pub async fn old_events_are_found_unless_a_job_waits_for_them(queue: Arc<dyn JobQueue>) {
    assert_eq!(queue.event_tenants().await.must(), []);
    for (id, at) in [("evt_done", 3), ("evt_b", 2), ("evt_a", 2), ("evt_young", 9), ("evt_dead", 1), ("evt_waits", 0)] {
        let raw = NewEvent { received_at: after(at), ..event(id) };
        let work = NewJob { key: id.to_owned(), run_at: after(at), ..job("ingest", id) };
        queue.accept(&raw, &work).await.must();
        if id == "evt_waits" {
            continue;
        }
        let lease = lease_at(&*queue, id, 1, after(60), after(at)).await.remove(0);
        assert_eq!(lease.job.key, id);
        match id {
            "evt_dead" => queue.bury(&lease, &failure("hopeless")).await.must(),
            _ => queue.complete(&lease, &[], after(at)).await.must(),
        };
    }
    let elsewhere = TenantId::new("other");
    let theirs = NewEvent { tenant: elsewhere.clone(), ..event("evt_theirs") };
    queue.accept(&theirs, &NewJob { tenant: elsewhere.clone(), ..job("ingest", "another") }).await.must();
    let mut tenants = vec![elsewhere.clone(), tenant()];
    tenants.sort();
    assert_eq!(queue.event_tenants().await.must(), tenants);

    let ids = |ids: &[&str]| ids.iter().map(|id| EventId::new(*id)).collect::<Vec<_>>();
    let old = queue.events_before(&tenant(), after(9), 99).await.must();
    assert_eq!(old, ids(&["evt_dead", "evt_a", "evt_b", "evt_done"]));
    assert_eq!(queue.events_before(&tenant(), after(9), 2).await.must(), ids(&["evt_dead", "evt_a"]));
    assert_eq!(queue.events_before(&tenant(), after(1), 99).await.must(), []);
    assert_eq!(queue.events_before(&elsewhere, after(9), 99).await.must(), ids(&["evt_theirs"]));
    // While it runs, and while it is tried again.
    let leases = lease_at(&*queue, "t", 9, after(60), after(9)).await;
    let lease = leases.into_iter().find(|lease| lease.job.key == "evt_waits").must();
    assert_eq!(queue.events_before(&tenant(), after(9), 99).await.must().len(), 4);
    queue.retry(&lease, after(20), &failure("not now")).await.must();
    assert_eq!(queue.events_before(&tenant(), after(9), 99).await.must().len(), 4);
    let id = JobId::derived(&tenant(), "ingest", "evt_dead");
    assert!(queue.redrive(&tenant(), &id, after(9)).await.must());
    assert_eq!(queue.events_before(&tenant(), after(9), 1).await.must(), ids(&["evt_a"]));
}

/// Nothing is remembered of what was deleted.
pub async fn a_deleted_event_may_be_delivered_again(queue: Arc<dyn JobQueue>) {
    let (raw, work) = (event("evt_1"), job("ingest", "evt_1"));
    queue.accept(&raw, &work).await.must();
    let lease = lease_at(&*queue, "t", 1, after(60), start()).await.remove(0);
    queue.complete(&lease, &[], after(1)).await.must();
    queue.delete_events(&raw.tenant, std::slice::from_ref(&raw.id)).await.must();
    assert_eq!(queue.accept(&raw, &work).await.must(), Accepted::New);
    assert_eq!(all(&*queue, &tenant()).await.len(), 1);
}

/// "Enqueues jobs."
pub async fn an_enqueued_job_waits_with_all_it_was_given(queue: Arc<dyn JobQueue>) {
    let payload = serde_json::json!({ "ids": ["a'", "👩"], "n": 1.5, "none": null, "deep": { "": [[]] } });
    let work = NewJob { payload, run_at: after(-30), ..job("embed", "k") };
    queue.enqueue(std::slice::from_ref(&work), start()).await.must();
    let waiting = only(&*queue, &work.tenant).await;
    assert_eq!(waiting.id, work.id());
    assert_eq!((waiting.tenant, waiting.name, waiting.key), (work.tenant, work.name, work.key));
    assert_eq!((waiting.payload, waiting.run_at), (work.payload, work.run_at));
    assert_eq!((waiting.state, waiting.attempts, waiting.last_error), (JobState::Pending, 0, None));
    assert_eq!(waiting.created_at, start());
}

fn changed(key: &str) -> NewJob {
    NewJob { payload: serde_json::json!("changed"), run_at: after(-500), ..job("embed", key) }
}

/// "One whose key is already waiting … is left as it is."
pub async fn a_waiting_job_is_left_as_it_is(queue: Arc<dyn JobQueue>) {
    queue.enqueue(&[job("embed", "k")], start()).await.must();
    let before = only(&*queue, &tenant()).await;
    queue.enqueue(&[changed("k"), job("embed", "new")], after(9)).await.must();
    let jobs = all(&*queue, &tenant()).await;
    assert_eq!(jobs.len(), 2, "the others of the call are enqueued");
    assert!(jobs.contains(&before));
}

/// "One whose key is already … running is left as it is."
pub async fn a_running_job_is_left_as_it_is(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    queue.enqueue(&[changed("k")], after(1)).await.must();
    let running = only(&*queue, &tenant()).await;
    assert_eq!((running.state, running.payload), (JobState::Running, lease.job.payload.clone()));
    assert_eq!(lease_at(&*queue, "t2", 5, after(60), after(1)).await, []);
    assert_eq!(queue.complete(&lease, &[], after(2)).await.must(), Settled::Done);
    assert_eq!(all(&*queue, &tenant()).await, []);
}

/// A job that waits for its next attempt waits too.
pub async fn a_retrying_job_is_left_as_it_is(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    queue.retry(&lease, after(100), &failure("down")).await.must();
    let before = only(&*queue, &tenant()).await;
    queue.enqueue(&[changed("k")], after(1)).await.must();
    assert_eq!(only(&*queue, &tenant()).await, before);
}

/// "A dead one is left dead."
pub async fn a_dead_job_is_left_dead(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    queue.bury(&lease, &failure("hopeless")).await.must();
    let before = only(&*queue, &tenant()).await;
    queue.enqueue(&[changed("k")], after(1)).await.must();
    assert_eq!(queue.accept(&event("evt_1"), &job("embed", "k")).await.must(), Accepted::New);
    assert_eq!(only(&*queue, &tenant()).await, before);
    assert_eq!(lease_at(&*queue, "t2", 5, after(600), after(500)).await, []);
}

/// "At most one job that is not finished with this key."
pub async fn a_finished_job_may_be_enqueued_again(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    queue.complete(&lease, &[], after(1)).await.must();
    queue.enqueue(&[changed("k")], after(2)).await.must();
    let again = only(&*queue, &tenant()).await;
    assert_eq!((again.attempts, again.payload), (0, serde_json::json!("changed")));
}

/// "Within a tenant and name."
pub async fn one_key_is_another_job_in_another_tenant_or_name(queue: Arc<dyn JobQueue>) {
    let other = NewJob { tenant: TenantId::new("other"), ..job("embed", "k") };
    queue.enqueue(&[job("embed", "k"), job("link", "k"), other], start()).await.must();
    assert_eq!(all(&*queue, &tenant()).await.len(), 2);
    assert_eq!(all(&*queue, &TenantId::new("other")).await.len(), 1);
    assert_eq!(lease_at(&*queue, "t", 9, after(60), start()).await.len(), 3);
}

/// A call that names one key twice enqueues it once.
pub async fn one_key_twice_in_one_call_is_one_job(queue: Arc<dyn JobQueue>) {
    queue.enqueue(&[job("embed", "k"), changed("k")], start()).await.must();
    assert_eq!(only(&*queue, &tenant()).await.payload, job("embed", "k").payload);
}

/// "There is at most one job that is not finished with this key": however many ask at once.
pub async fn racing_enqueues_of_one_key_make_one_job(queue: Arc<dyn JobQueue>) {
    race(12, |i| {
        let queue = Arc::clone(&queue);
        async move { queue.enqueue(&[job("embed", "k"), job("embed", &format!("own {i}"))], start()).await.must() }
    })
    .await;
    let jobs = all(&*queue, &tenant()).await;
    assert_eq!(jobs.iter().filter(|j| j.key == "k").count(), 1);
    assert_eq!(jobs.len(), 13);
}

/// Empty input is no work, and no error.
pub async fn nothing_to_enqueue_is_fine(queue: Arc<dyn JobQueue>) {
    queue.enqueue(&[], start()).await.must();
    assert_eq!(all(&*queue, &tenant()).await, []);
}

/// "Whose key is one of these or begins with one of them and a colon", of that tenant, and nobody works on.
pub async fn jobs_are_forgotten_by_their_keys_unless_somebody_works_on_them(queue: Arc<dyn JobQueue>) {
    let other = NewJob { tenant: TenantId::new("other"), ..job("embed", "usr_1") };
    let jobs = [
        job("embed", "usr_1"),
        job("link", "usr_1:mem_1:2"),
        job("embed", "usr_12"),
        job("embed", "usr_%:x"),
        job("embed", "xusr_1:y"),
        other,
    ];
    let dead = leased(&*queue, &job("link", "usr_1:dead")).await;
    queue.bury(&dead, &failure("hopeless")).await.must();
    let running = leased(&*queue, &job("link", "usr_1:running")).await;
    queue.enqueue(&jobs, start()).await.must();
    let gone = ["usr_1", "usr_", "conv_1", ""].map(str::to_owned);
    assert_eq!(queue.forget_jobs(&tenant(), &gone).await.must(), 3);
    assert_eq!(queue.forget_jobs(&tenant(), &gone).await.must(), 0, "again is nothing");
    assert_eq!(queue.forget_jobs(&tenant(), &[]).await.must(), 0);
    let mut left: Vec<String> = all(&*queue, &tenant()).await.into_iter().map(|job| job.key).collect();
    left.sort();
    assert_eq!(left, ["usr_%:x", "usr_12", "usr_1:running", "xusr_1:y"]);
    assert_eq!(queue.complete(&running, &[], start()).await.must(), Settled::Done);
    assert_eq!(all(&*queue, &TenantId::new("other")).await.len(), 1);
    queue.purge().await.must();
    assert_eq!(all(&*queue, &tenant()).await.len(), 3, "purging takes away nothing that is there");
}
