//! What is dead, what is known of it, and what a person does with it.

use super::{all, keys, lease_at, leased, only};
use crate::store::{Discard, FAILURES_KEPT, Failure, Job, JobFilter, JobQueue, JobState, NewJob, PastFailure, Settled};
use crate::testkit::fixtures::{after, failure, job, start, tenant};
use crate::testkit::suite::{Must, walk};
use crate::{ErrorKind, JobId, TenantId};
use std::sync::Arc;

fn given_up(secs: i64, reason: &str) -> Discard {
    Discard { at: after(secs), by: "key_1".to_owned(), reason: reason.to_owned() }
}

async fn buried(queue: &dyn JobQueue, work: &NewJob) -> JobId {
    let lease = leased(queue, work).await;
    assert_eq!(queue.bury(&lease, &failure("hopeless")).await.must(), Settled::Done);
    lease.job.id
}

/// "A tenant's job of that id", in whatever state; nobody else's.
pub async fn a_job_is_found_by_its_tenant_only(queue: Arc<dyn JobQueue>) {
    assert_eq!(queue.find(&tenant(), &JobId::new("job_missing")).await.must(), None);
    let id = buried(&*queue, &job("embed", "k")).await;
    let listed = only(&*queue, &tenant()).await;
    assert_eq!(queue.find(&tenant(), &id).await.must(), Some(listed));
    assert_eq!(queue.find(&TenantId::new("other"), &id).await.must(), None);
}

/// "The last attempts that came to nothing, postponed ones among them, oldest first": when, which one, what kind; and no
/// text but the last.
pub async fn failures_are_kept_with_time_attempt_and_kind(queue: Arc<dyn JobQueue>) {
    let fails = |secs, kind, text: &str| Failure { at: after(secs), kind, text: text.to_owned() };
    let lease = leased(&*queue, &job("embed", "k")).await;
    queue.retry(&lease, after(10), &fails(1, ErrorKind::Timeout, "too slow")).await.must();
    let lease = lease_at(&*queue, "t2", 1, after(60), after(10)).await.remove(0);
    queue.postpone(&lease, after(20), &fails(11, ErrorKind::Limited, "no money")).await.must();
    let lease = lease_at(&*queue, "t3", 1, after(60), after(20)).await.remove(0);
    queue.bury(&lease, &fails(21, ErrorKind::Corrupt, "nonsense")).await.must();
    let dead = only(&*queue, &tenant()).await;
    let past = |secs, attempt, kind: ErrorKind| PastFailure { at: after(secs), attempt, kind: kind.name().to_owned() };
    let expected = [past(1, 1, ErrorKind::Timeout), past(11, 2, ErrorKind::Limited), past(21, 2, ErrorKind::Corrupt)];
    assert_eq!(dead.failures, expected);
    assert_eq!(dead.last_error.as_deref(), Some("nonsense"));
    assert!(queue.redrive(&tenant(), &dead.id, after(30)).await.must());
    let again = only(&*queue, &tenant()).await;
    assert_eq!((again.failures.as_slice(), again.last_error), (&expected[..], dead.last_error), "they stay known");
}

/// "`FAILURES_KEPT` at the most": an outage of days leaves no row that grows for days.
pub async fn only_the_last_failures_are_kept(queue: Arc<dyn JobQueue>) {
    let mut lease = leased(&*queue, &job("embed", "k")).await;
    for round in 1..=15 {
        let away = Failure { at: after(round * 30), ..failure("model away") };
        queue.postpone(&lease, after(round * 30), &away).await.must();
        lease = lease_at(&*queue, &format!("t{round}"), 1, after(round * 30 + 20), after(round * 30)).await.remove(0);
    }
    let times: Vec<_> = lease.job.failures.iter().map(|failure| failure.at).collect();
    let last = 15 - FAILURES_KEPT as i64 + 1;
    assert_eq!(times, (last..=15).map(|round| after(round * 30)).collect::<Vec<_>>());
}

/// "Gives a dead job up: it stays, with who, when and why, and is never run."
pub async fn a_discarded_job_stays_with_the_reason_and_runs_no_more(queue: Arc<dyn JobQueue>) {
    let id = buried(&*queue, &job("embed", "k")).await;
    let before = only(&*queue, &tenant()).await;
    assert!(queue.discard(&tenant(), &id, &given_up(100, "a test call")).await.must());
    let kept = only(&*queue, &tenant()).await;
    let expected = Job { state: JobState::Discarded, discard: Some(given_up(100, "a test call")), ..before };
    assert_eq!(kept, expected);
    assert_eq!(lease_at(&*queue, "t2", 5, after(99_999), after(99_998)).await, []);
    let only_those = JobFilter { state: Some(JobState::Discarded), name: None };
    assert_eq!(walk(1, async |page| queue.list(&tenant(), &only_those, &page).await).await, [expected]);
    let stats = queue.stats(Some(&tenant()), after(200)).await.must();
    assert_eq!((stats.discarded, stats.dead, stats.pending), (1, 0, 0));
}

/// "`false` when it is not dead or not there; then nothing is changed": nor when it was given up already, or is another's.
pub async fn only_a_dead_job_of_that_tenant_is_discarded(queue: Arc<dyn JobQueue>) {
    let discard = given_up(9, "because");
    let refused = async |tenant: &TenantId, id: &JobId| !queue.discard(tenant, id, &discard).await.must();
    assert!(refused(&tenant(), &JobId::new("job_missing")).await);
    let work = job("embed", "k");
    queue.enqueue(std::slice::from_ref(&work), start()).await.must();
    assert!(refused(&tenant(), &work.id()).await, "pending");
    let lease = lease_at(&*queue, "t1", 1, after(60), start()).await.remove(0);
    assert!(refused(&tenant(), &work.id()).await, "running");
    queue.retry(&lease, after(5), &failure("down")).await.must();
    assert!(refused(&tenant(), &work.id()).await, "retrying");
    let lease = lease_at(&*queue, "t2", 1, after(60), after(5)).await.remove(0);
    queue.bury(&lease, &failure("hopeless")).await.must();
    assert!(refused(&TenantId::new("other"), &work.id()).await, "somebody else's");
    assert_eq!(only(&*queue, &tenant()).await.discard, None);
    assert!(queue.discard(&tenant(), &work.id(), &discard).await.must());
    assert!(!queue.discard(&tenant(), &work.id(), &given_up(99, "another reason")).await.must(), "given up already");
    assert_eq!(only(&*queue, &tenant()).await.discard, Some(discard));
}

/// "Lets a job that … was given up start over"; that it was given up stays known.
pub async fn a_discarded_job_may_be_redriven(queue: Arc<dyn JobQueue>) {
    let id = buried(&*queue, &job("embed", "k")).await;
    queue.discard(&tenant(), &id, &given_up(5, "a mistake")).await.must();
    assert!(queue.redrive(&tenant(), &id, after(10)).await.must());
    let lease = lease_at(&*queue, "t2", 1, after(60), after(10)).await.remove(0);
    assert_eq!((lease.job.attempts, &lease.job.discard), (1, &Some(given_up(5, "a mistake"))));
}

/// "One that was given up is no longer in the way: the new one takes its place and starts over."
pub async fn a_new_job_takes_the_place_of_a_discarded_one(queue: Arc<dyn JobQueue>) {
    let work = job("embed", "k");
    let id = buried(&*queue, &work).await;
    queue.discard(&tenant(), &id, &given_up(5, "the input was wrong")).await.must();
    let new = NewJob { payload: serde_json::json!("better"), run_at: after(20), ..work };
    queue.enqueue(&[new], after(10)).await.must();
    let waiting = only(&*queue, &tenant()).await;
    assert_eq!((waiting.state, waiting.attempts), (JobState::Pending, 0));
    assert_eq!((waiting.run_at, waiting.created_at, waiting.last_error), (after(20), after(10), None));
    assert_eq!((waiting.payload, waiting.failures), (serde_json::json!("better"), Vec::new()));
    assert_eq!(waiting.discard, Some(given_up(5, "the input was wrong")));
}

/// "Lets all of a tenant's dead jobs start over, or all of that name"; "those that were given up stay so."
pub async fn all_dead_jobs_of_a_tenant_or_name_start_over(queue: Arc<dyn JobQueue>) {
    for (name, key) in [("embed", "1"), ("embed", "2"), ("link", "3")] {
        buried(&*queue, &job(name, key)).await;
    }
    let theirs = buried(&*queue, &NewJob { tenant: TenantId::new("other"), ..job("embed", "4") }).await;
    let kept = buried(&*queue, &job("embed", "5")).await;
    queue.discard(&tenant(), &kept, &given_up(5, "a test call")).await.must();
    leased(&*queue, &job("embed", "6")).await;

    assert_eq!(queue.redrive_all(&tenant(), Some("link"), after(10)).await.must(), 1);
    assert_eq!(keys(&lease_at(&*queue, "t1", 9, after(900), after(10)).await), ["3"]);
    assert_eq!(queue.redrive_all(&tenant(), None, after(10)).await.must(), 2);
    assert_eq!(queue.redrive_all(&tenant(), None, after(10)).await.must(), 0);
    let mut again = lease_at(&*queue, "t2", 9, after(900), after(10)).await;
    again.sort_by(|x, y| x.job.key.cmp(&y.job.key));
    assert_eq!(keys(&again), ["1", "2"]);
    assert!(again.iter().all(|lease| lease.job.attempts == 1));
    let state = async |tenant: &TenantId, id| queue.find(tenant, id).await.must().map(|job| job.state);
    assert_eq!(state(&TenantId::new("other"), &theirs).await, Some(JobState::Dead));
    assert_eq!(state(&tenant(), &kept).await, Some(JobState::Discarded));
    assert_eq!(all(&*queue, &tenant()).await.len(), 5);
}
