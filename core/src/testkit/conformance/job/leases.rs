//! The right to work on a job, and how it is lost.

use super::{keys, lease_at, leased, only};
use crate::store::{JobQueue, JobState, Lease, NewJob, Settled};
use crate::testkit::fixtures::{after, failure, job, start, tenant};
use crate::testkit::suite::{Must, race};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Nothing that may run, nothing leased.
pub async fn an_empty_queue_leases_nothing(queue: Arc<dyn JobQueue>) {
    assert_eq!(lease_at(&*queue, "t", 10, after(60), start()).await, []);
}

/// "`attempts` counts this one"; "when it runs out".
pub async fn a_lease_counts_the_attempt_and_says_until_when(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    assert_eq!((lease.job.attempts, lease.job.state, lease.until), (1, JobState::Running, after(60)));
    assert_eq!(only(&*queue, &tenant()).await, lease.job, "the list shows the same");
}

/// "Not before then."
pub async fn a_job_is_not_leased_before_its_time(queue: Arc<dyn JobQueue>) {
    queue.enqueue(&[NewJob { run_at: after(10), ..job("embed", "k") }], start()).await.must();
    assert_eq!(lease_at(&*queue, "t1", 1, after(60), after(9)).await, []);
    assert_eq!(keys(&lease_at(&*queue, "t2", 1, after(60), after(10)).await), ["k"]);
}

/// "Earliest `run_at` first (ties by creation, then id)."
pub async fn the_earliest_run_at_is_leased_first(queue: Arc<dyn JobQueue>) {
    let at = |key: &str, secs| NewJob { run_at: after(secs), ..job("embed", key) };
    queue.enqueue(&[at("late", -1), at("early", -30)], after(-100)).await.must();
    queue.enqueue(&[at("tie second", -20)], after(-40)).await.must();
    queue.enqueue(&[at("tie first", -20)], after(-50)).await.must();
    let mut ties = [at("x", -10), at("y", -10), at("z", -10)];
    queue.enqueue(&ties, after(-60)).await.must();
    ties.sort_by_key(NewJob::id);
    let [x, y, z] = ties.map(|j| j.key);
    let expected = ["early", "tie first", "tie second", &x, &y, &z, "late"];
    let leases = lease_at(&*queue, "t1", 4, after(60), start()).await;
    assert_eq!(keys(&leases), expected[..4]);
    assert_eq!(keys(&lease_at(&*queue, "t2", 9, after(60), start()).await), expected[4..]);
}

/// "Up to `limit` jobs."
pub async fn at_most_so_many_are_leased(queue: Arc<dyn JobQueue>) {
    let jobs: Vec<_> = (0..5).map(|i| job("embed", &i.to_string())).collect();
    queue.enqueue(&jobs, start()).await.must();
    assert_eq!(lease_at(&*queue, "t0", 0, after(60), start()).await, []);
    let mut tokens = BTreeSet::new();
    for (token, limit, count) in [("t1", 2, 2), ("t2", 2, 2), ("t3", 2, 1), ("t4", 2, 0)] {
        let leases = lease_at(&*queue, token, limit, after(60), start()).await;
        assert_eq!(leases.len(), count);
        tokens.extend(leases.into_iter().map(|l| l.token));
    }
    assert_eq!(tokens.len(), 5, "each lease has a token of its own");
}

/// "No two leases of one job are valid at once."
pub async fn a_leased_job_is_not_leased_again_while_the_lease_is_valid(queue: Arc<dyn JobQueue>) {
    leased(&*queue, &job("embed", "k")).await;
    assert_eq!(lease_at(&*queue, "t2", 5, after(120), after(59)).await, []);
}

/// The same, with many workers asking at once.
pub async fn many_leasers_never_share_a_job(queue: Arc<dyn JobQueue>) {
    let jobs: Vec<_> = (0..48).map(|i| job("embed", &i.to_string())).collect();
    queue.enqueue(&jobs, start()).await.must();
    let leases: Vec<Lease> = race(8, |worker| {
        let queue = Arc::clone(&queue);
        async move {
            let mut mine = Vec::new();
            for round in 0.. {
                let token = format!("worker {worker} round {round}");
                let leases = lease_at(&*queue, &token, 3, after(60), start()).await;
                if leases.is_empty() {
                    break;
                }
                mine.extend(leases);
            }
            mine
        }
    })
    .await
    .into_iter()
    .flatten()
    .collect();
    assert_eq!(leases.len(), 48, "every job once");
    assert_eq!(leases.iter().map(|l| &l.job.id).collect::<BTreeSet<_>>().len(), 48, "no job twice");
    assert!(leases.iter().all(|l| l.job.attempts == 1));
}

/// "And those whose lease has run out."
pub async fn an_expired_lease_is_leased_again_and_counts_another_attempt(queue: Arc<dyn JobQueue>) {
    let first = leased(&*queue, &job("embed", "k")).await;
    let mut again = lease_at(&*queue, "t2", 5, after(200), after(61)).await;
    assert_eq!(again.len(), 1);
    let second = again.remove(0);
    assert_eq!((second.job.id, second.job.attempts), (first.job.id, 2));
    assert_ne!(second.token, first.token);
    assert_eq!(lease_at(&*queue, "t3", 5, after(300), after(199)).await, [], "the new lease is as good");
    assert_eq!(lease_at(&*queue, "t4", 5, after(300), after(201)).await[0].job.attempts, 3);
}

/// An expired lease goes to one of those who want it.
pub async fn racing_leasers_share_an_expired_lease_with_nobody(queue: Arc<dyn JobQueue>) {
    leased(&*queue, &job("embed", "k")).await;
    let leases = race(8, |i| {
        let queue = Arc::clone(&queue);
        async move { lease_at(&*queue, &format!("worker {i}"), 3, after(600), after(100)).await }
    })
    .await;
    assert_eq!(leases.into_iter().flatten().count(), 1);
}

/// "Whoever holds an older one has lost the job": "nothing was changed".
pub async fn whoever_lost_the_lease_changes_nothing(queue: Arc<dyn JobQueue>) {
    let old = leased(&*queue, &job("embed", "k")).await;
    let new = lease_at(&*queue, "t2", 1, after(200), after(61)).await.remove(0);
    let before = only(&*queue, &tenant()).await;
    let follow_up = [job("link", "after")];
    assert_eq!(queue.extend(&old, after(900)).await.must(), Settled::Lost);
    assert_eq!(queue.retry(&old, after(62), &failure("late")).await.must(), Settled::Lost);
    assert_eq!(queue.postpone(&old, after(62), &failure("late")).await.must(), Settled::Lost);
    assert_eq!(queue.release(&old).await.must(), Settled::Lost);
    assert_eq!(queue.bury(&old, &failure("late")).await.must(), Settled::Lost);
    assert_eq!(queue.complete(&old, &follow_up, after(62)).await.must(), Settled::Lost);
    assert_eq!(only(&*queue, &tenant()).await, before);
    assert_eq!(lease_at(&*queue, "t3", 5, after(300), after(201)).await.len(), 1, "it was not prolonged either");
    assert_eq!(queue.complete(&new, &[], after(202)).await.must(), Settled::Lost, "now it is lost as well");
}

/// "The lease was lost to somebody else, or the job is gone": not merely late.
pub async fn an_expired_lease_nobody_took_still_settles(queue: Arc<dyn JobQueue>) {
    let late = leased(&*queue, &job("embed", "k")).await;
    assert_eq!(queue.complete(&late, &[], after(900)).await.must(), Settled::Done);
    assert_eq!(lease_at(&*queue, "t2", 5, after(999), after(901)).await, []);
}

/// "Prolongs a lease."
pub async fn an_extended_lease_lasts_longer(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    assert_eq!(queue.extend(&lease, after(300)).await.must(), Settled::Done);
    assert_eq!(lease_at(&*queue, "t2", 5, after(400), after(299)).await, []);
    let taken = lease_at(&*queue, "t3", 5, after(400), after(301)).await;
    assert_eq!(taken[0].job.attempts, 2, "extending is no attempt");
    assert_eq!(queue.extend(&lease, after(900)).await.must(), Settled::Lost);
    queue.complete(&taken[0], &[], after(302)).await.must();
    assert_eq!(queue.extend(&taken[0], after(900)).await.must(), Settled::Lost, "the job is gone");
}
