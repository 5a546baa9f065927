//! Clocks that jump.

use super::{keys, lease_at, leased, only};
use crate::store::{JobQueue, LONGEST_WAIT, NewJob, Settled};
use crate::testkit::fixtures::{after, failure, job, start, tenant};
use crate::testkit::suite::Must;
use std::sync::Arc;

/// "A job that waits for a time more than `LONGEST_WAIT` after `now` may run at `now`": whether it is new or was tried.
pub async fn what_waits_for_a_time_nobody_meant_may_run(queue: Arc<dyn JobQueue>) {
    let ahead = start() + LONGEST_WAIT + LONGEST_WAIT;
    queue.enqueue(&[NewJob { run_at: ahead, ..job("embed", "new") }], ahead).await.must();
    let tried = leased(&*queue, &job("embed", "tried")).await;
    queue.retry(&tried, ahead, &failure("down")).await.must();
    let patient = NewJob { run_at: start() + LONGEST_WAIT, ..job("embed", "patient") };
    queue.enqueue(&[patient], start()).await.must();
    assert_eq!(queue.mend_times(start()).await.must(), 2);
    let mut leases = lease_at(&*queue, "t1", 9, after(60), start()).await;
    leases.sort_by(|x, y| x.job.key.cmp(&y.job.key));
    assert_eq!(keys(&leases), ["new", "tried"]);
    assert_eq!((leases[1].job.attempts, queue.mend_times(start()).await.must()), (2, 0));
}

/// "A lease that ends later than that runs out at `now`"; whoever holds it may still settle.
pub async fn a_lease_nobody_meant_runs_out(queue: Arc<dyn JobQueue>) {
    queue.enqueue(&[job("embed", "k")], start()).await.must();
    let ahead = start() + LONGEST_WAIT + LONGEST_WAIT;
    let held = lease_at(&*queue, "t1", 1, ahead, ahead).await.remove(0);
    assert_eq!(lease_at(&*queue, "t2", 1, after(60), start()).await, []);
    assert_eq!(queue.mend_times(start()).await.must(), 1);
    let taken = lease_at(&*queue, "t3", 1, after(60), start()).await;
    assert_eq!((keys(&taken), taken[0].after_loss), (vec!["k"], true));
    assert_eq!(queue.complete(&held, &[], after(1)).await.must(), Settled::Lost);
    assert_eq!(queue.mend_times(start()).await.must(), 0, "a lease of a minute is left alone");
    assert_eq!(only(&*queue, &tenant()).await.attempts, 2);
}

/// What is dead, or was given up, waits for no time.
pub async fn the_dead_have_no_time_to_mend(queue: Arc<dyn JobQueue>) {
    let work = NewJob { run_at: start(), ..job("embed", "k") };
    let lease = leased(&*queue, &work).await;
    queue.bury(&lease, &failure("hopeless")).await.must();
    let before = only(&*queue, &tenant()).await;
    let back = start() - LONGEST_WAIT - LONGEST_WAIT;
    assert_eq!(queue.mend_times(back).await.must(), 0);
    assert_eq!(only(&*queue, &tenant()).await, before);
}
