//! What was acknowledged is there after the process has ended.

use super::{all, lease_at, leased, only};
use crate::store::{Accepted, JobQueue, JobState, Settled};
use crate::testkit::Reopen;
use crate::testkit::fixtures::{after, event, failure, job, start, tenant};
use crate::testkit::suite::Must;

type Place<'a> = &'a dyn Reopen<dyn JobQueue>;

/// "When it answers, both survive a killed process."
pub async fn accepted_events_and_their_jobs_survive_reopening(place: Place<'_>) {
    let (raw, work) = (event("evt_1"), job("ingest", "evt_1"));
    let queue = place.open().await;
    assert_eq!(queue.accept(&raw, &work).await.must(), Accepted::New);
    place.close(queue).await;

    let queue = place.open().await;
    assert_eq!(queue.event(&raw.tenant, &raw.id).await.must(), Some(raw.clone()));
    assert_eq!(queue.accept(&raw, &work).await.must(), Accepted::Duplicate);
    assert_eq!(only(&*queue, &tenant()).await.payload, work.payload);
    assert_eq!(lease_at(&*queue, "t", 5, after(60), start()).await.len(), 1);
    place.close(queue).await;
}

/// A dead worker's lease holds until it has run out, and no longer.
pub async fn leases_survive_reopening_and_run_out(place: Place<'_>) {
    let queue = place.open().await;
    let lease = leased(&*queue, &job("embed", "k")).await;
    place.close(queue).await;

    let queue = place.open().await;
    assert_eq!(lease_at(&*queue, "t2", 5, after(120), after(59)).await, []);
    assert_eq!(lease_at(&*queue, "t3", 5, after(120), after(61)).await[0].job.attempts, 2);
    assert_eq!(queue.complete(&lease, &[], after(62)).await.must(), Settled::Lost);
    place.close(queue).await;
}

/// What is done is done; what is dead or waits is so still.
pub async fn settlements_survive_reopening(place: Place<'_>) {
    let queue = place.open().await;
    let done = leased(&*queue, &job("ingest", "done")).await;
    let dead = leased(&*queue, &job("ingest", "dead")).await;
    let late = leased(&*queue, &job("ingest", "late")).await;
    queue.complete(&done, &[job("link", "follows")], after(1)).await.must();
    queue.bury(&dead, &failure("hopeless")).await.must();
    queue.retry(&late, after(30), &failure("down")).await.must();
    let before = all(&*queue, &tenant()).await;
    place.close(queue).await;

    let queue = place.open().await;
    let after_reopening = all(&*queue, &tenant()).await;
    assert_eq!(after_reopening, before);
    let mut states: Vec<_> = after_reopening.iter().map(|j| (j.key.as_str(), j.state)).collect();
    states.sort_by_key(|(key, _)| *key);
    let expected = [("dead", JobState::Dead), ("follows", JobState::Pending), ("late", JobState::Retrying)];
    assert_eq!(states, expected);
    place.close(queue).await;
}
