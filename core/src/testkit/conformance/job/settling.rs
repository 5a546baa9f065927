//! What becomes of a leased job.

use super::{all, keys, lease_at, leased, only};
use crate::store::{JobQueue, JobState, NewJob, Settled};
use crate::testkit::fixtures::{ODD_TEXTS, after, failure, job, start, tenant};
use crate::testkit::suite::{Must, race};
use crate::{JobId, TenantId};
use std::sync::Arc;

/// "Ends a job."
pub async fn a_completed_job_is_gone(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    assert_eq!(queue.complete(&lease, &[], after(1)).await.must(), Settled::Done);
    assert_eq!(all(&*queue, &tenant()).await, []);
    assert_eq!(lease_at(&*queue, "t2", 5, after(999), after(900)).await, []);
}

/// "And enqueues what follows": under the same rules as enqueueing.
pub async fn completing_enqueues_what_follows(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("ingest", "k")).await;
    queue.enqueue(&[job("summarise", "waits already")], start()).await.must();
    let changed = NewJob { payload: serde_json::json!("changed"), ..job("summarise", "waits already") };
    let later = NewJob { run_at: after(500), ..job("link", "later") };
    let follow_ups = [job("link", "now"), changed, later];
    assert_eq!(queue.complete(&lease, &follow_ups, after(7)).await.must(), Settled::Done);
    let jobs = all(&*queue, &tenant()).await;
    assert_eq!(jobs.len(), 3);
    let of = |key: &str| jobs.iter().find(|j| j.key == key).must();
    assert_eq!((of("now").created_at, of("now").state, of("now").attempts), (after(7), JobState::Pending, 0));
    assert_eq!(of("waits already").payload, job("summarise", "waits already").payload);
    assert_eq!(of("later").run_at, after(500));
}

/// "Both or neither."
pub async fn completing_a_lost_job_enqueues_nothing(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("ingest", "k")).await;
    queue.complete(&lease, &[], after(1)).await.must();
    assert_eq!(queue.complete(&lease, &[job("link", "k")], after(2)).await.must(), Settled::Lost);
    assert_eq!(all(&*queue, &tenant()).await, []);
}

/// A job that ends frees its key first, so it may follow upon itself.
pub async fn what_follows_may_be_the_same_job_again(queue: Arc<dyn JobQueue>) {
    let work = job("ingest", "k");
    let lease = leased(&*queue, &work).await;
    let again = NewJob { run_at: after(30), ..work };
    assert_eq!(queue.complete(&lease, &[again], after(1)).await.must(), Settled::Done);
    let waiting = only(&*queue, &tenant()).await;
    assert_eq!((waiting.state, waiting.attempts, waiting.run_at), (JobState::Pending, 0, after(30)));
}

/// A lease is good for one settlement.
pub async fn settling_twice_is_lost_the_second_time(queue: Arc<dyn JobQueue>) {
    for way in ["complete", "retry", "postpone", "release", "bury"] {
        let lease = leased(&*queue, &job("embed", way)).await;
        for expected in [Settled::Done, Settled::Lost] {
            let settled = match way {
                "complete" => queue.complete(&lease, &[], after(1)).await,
                "retry" => queue.retry(&lease, after(500), &failure("down")).await,
                "postpone" => queue.postpone(&lease, after(500), &failure("model away")).await,
                "release" => queue.release(&lease).await,
                _ => queue.bury(&lease, &failure("hopeless")).await,
            };
            assert_eq!(settled.must(), expected, "{way}");
        }
        assert_eq!(queue.extend(&lease, after(900)).await.must(), Settled::Lost, "{way}");
        // What was given back would be leased first in the next round.
        for rest in lease_at(&*queue, &format!("rest {way}"), 9, after(60), after(2)).await {
            queue.complete(&rest, &[], after(2)).await.must();
        }
    }
}

/// Of settlements that race, one is done.
pub async fn racing_settlements_settle_once(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("ingest", "k")).await;
    let settled = race(8, |i| {
        let (queue, lease) = (Arc::clone(&queue), lease.clone());
        async move {
            match i % 2 {
                0 => queue.complete(&lease, &[job("link", &i.to_string())], after(1)).await.must(),
                _ => queue.retry(&lease, after(5), &failure("down")).await.must(),
            }
        }
    })
    .await;
    assert_eq!(settled.iter().filter(|s| **s == Settled::Done).count(), 1);
    assert_eq!(all(&*queue, &tenant()).await.len(), 1, "either the job or what follows it");
}

/// "Gives a job back for another attempt at `at`."
pub async fn a_retried_job_waits_until_its_time_and_keeps_its_count(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    assert_eq!(queue.retry(&lease, after(30), &failure("model down")).await.must(), Settled::Done);
    let waiting = only(&*queue, &tenant()).await;
    assert_eq!((waiting.state, waiting.attempts, waiting.run_at), (JobState::Retrying, 1, after(30)));
    assert_eq!(waiting.last_error.as_deref(), Some("model down"));
    assert_eq!(lease_at(&*queue, "t2", 5, after(90), after(29)).await, []);
    let next = lease_at(&*queue, "t3", 5, after(90), after(30)).await.remove(0);
    assert_eq!((next.job.attempts, next.job.state), (2, JobState::Running));
}

/// "For another attempt at `at`, without counting this one": however often.
pub async fn a_postponed_job_waits_until_its_time_and_does_not_count(queue: Arc<dyn JobQueue>) {
    let mut lease = leased(&*queue, &job("embed", "k")).await;
    for round in 1..=9 {
        let at = round * 30;
        assert_eq!(queue.postpone(&lease, after(at), &failure("model away")).await.must(), Settled::Done);
        let waiting = only(&*queue, &tenant()).await;
        assert_eq!((waiting.state, waiting.attempts, waiting.run_at), (JobState::Retrying, 0, after(at)));
        assert_eq!(waiting.last_error.as_deref(), Some("model away"));
        assert_eq!(lease_at(&*queue, &format!("early {round}"), 5, after(999), after(at - 1)).await, []);
        lease = lease_at(&*queue, &format!("in time {round}"), 5, after(at + 20), after(at)).await.remove(0);
        assert_eq!((lease.job.attempts, lease.job.state), (1, JobState::Running));
    }
    queue.retry(&lease, after(500), &failure("down")).await.must();
    let second = lease_at(&*queue, "t2", 1, after(600), after(500)).await.remove(0);
    queue.postpone(&second, after(700), &failure("model away")).await.must();
    assert_eq!(only(&*queue, &tenant()).await.attempts, 1, "what was counted before stays so");
}

/// "As if it had not been started: the attempt does not count."
pub async fn a_released_job_has_not_been_started(queue: Arc<dyn JobQueue>) {
    let work = job("embed", "k");
    queue.enqueue(std::slice::from_ref(&work), start()).await.must();
    let before = only(&*queue, &tenant()).await;
    let lease = lease_at(&*queue, "t1", 1, after(60), start()).await.remove(0);
    assert_eq!(queue.release(&lease).await.must(), Settled::Done);
    assert_eq!(only(&*queue, &tenant()).await, before);
    let again = lease_at(&*queue, "t2", 1, after(60), start()).await.remove(0);
    assert_eq!(again.job.attempts, 1);

    queue.retry(&again, after(5), &failure("down")).await.must();
    let before = only(&*queue, &tenant()).await;
    let second = lease_at(&*queue, "t3", 1, after(60), after(5)).await.remove(0);
    assert_eq!(second.job.attempts, 2);
    queue.release(&second).await.must();
    assert_eq!(only(&*queue, &tenant()).await, before, "it waits for its next attempt, as before");
}

/// "Buries a job." "Failed for good; waits for a person."
pub async fn a_buried_job_is_dead_and_stays_so(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    assert_eq!(queue.bury(&lease, &failure("hopeless")).await.must(), Settled::Done);
    let dead = only(&*queue, &tenant()).await;
    assert_eq!((dead.state, dead.attempts), (JobState::Dead, 1));
    assert_eq!(dead.last_error.as_deref(), Some("hopeless"));
    assert_eq!(lease_at(&*queue, "t2", 5, after(99_999), after(99_998)).await, []);
}

/// "Lets a dead job start over, with no attempts on its account."
pub async fn a_redriven_job_starts_over(queue: Arc<dyn JobQueue>) {
    let lease = leased(&*queue, &job("embed", "k")).await;
    queue.bury(&lease, &failure("hopeless")).await.must();
    assert!(queue.redrive(&tenant(), &lease.job.id, after(100)).await.must());
    let waiting = only(&*queue, &tenant()).await;
    assert_eq!((waiting.state, waiting.attempts), (JobState::Pending, 0));
    let again = lease_at(&*queue, "t2", 5, after(200), after(100)).await;
    assert_eq!(keys(&again), ["k"]);
    assert_eq!((again[0].job.attempts, &again[0].job.payload), (1, &lease.job.payload));
    assert_eq!(queue.complete(&lease, &[], after(101)).await.must(), Settled::Lost, "the old lease is history");
}

/// "`false` when it is not dead or not there": or another tenant's.
pub async fn only_a_dead_job_of_that_tenant_is_redriven(queue: Arc<dyn JobQueue>) {
    let work = job("embed", "k");
    let (t, id) = (tenant(), work.id());
    assert!(!queue.redrive(&t, &JobId::new("job_missing"), start()).await.must());
    queue.enqueue(std::slice::from_ref(&work), start()).await.must();
    assert!(!queue.redrive(&t, &id, start()).await.must(), "pending");
    let lease = lease_at(&*queue, "t1", 1, after(60), start()).await.remove(0);
    assert!(!queue.redrive(&t, &id, start()).await.must(), "running");
    queue.retry(&lease, after(5), &failure("down")).await.must();
    assert!(!queue.redrive(&t, &id, start()).await.must(), "retrying");
    let lease = lease_at(&*queue, "t2", 1, after(60), after(5)).await.remove(0);
    queue.bury(&lease, &failure("hopeless")).await.must();
    assert!(!queue.redrive(&TenantId::new("other"), &id, start()).await.must(), "somebody else's");
    assert_eq!(only(&*queue, &t).await.state, JobState::Dead);
    assert!(queue.redrive(&t, &id, start()).await.must());
    assert!(!queue.redrive(&t, &id, start()).await.must(), "alive already");
}

/// Names, keys, tokens and errors are data.
pub async fn odd_texts_come_back_from_the_queue(queue: Arc<dyn JobQueue>) {
    for (i, text) in ODD_TEXTS.into_iter().enumerate() {
        let work = NewJob {
            tenant: TenantId::new(format!("{i} {text}")),
            name: text.to_owned(),
            key: text.to_owned(),
            payload: serde_json::json!({ text: text }),
            run_at: start(),
        };
        queue.enqueue(std::slice::from_ref(&work), start()).await.must();
        let lease = lease_at(&*queue, &format!("{i} {text}"), 1, after(60), start()).await.remove(0);
        assert_eq!((&lease.job.name, &lease.job.payload), (&work.name, &work.payload));
        assert_eq!(queue.retry(&lease, after(900), &failure(text)).await.must(), Settled::Done);
        let waiting = only(&*queue, &work.tenant).await;
        assert_eq!((waiting.key.as_str(), waiting.last_error.as_deref()), (text, Some(text)));
    }
}
