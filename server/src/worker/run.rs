//! One leased job: kept alive while it runs, and settled when it ends.

use super::handlers::{self, Failure};
use crate::app::App;
use chrono::Duration as Span;
use futures::FutureExt;
use hark_core::job::{backoff, postponement};
use hark_core::store::{Failure as Reason, Job, LONGEST_WAIT, Lease, NewJob, Settled};
use hark_core::{Error, ErrorKind, Timestamp};
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long to wait before a job is tried to be settled again.
const SETTLE_AGAIN: Duration = Duration::from_secs(1);

/// A duration on the clock that leases are reckoned by.
pub(super) fn span(duration: Duration) -> Span {
    Span::from_std(duration).unwrap_or(Span::seconds(60))
}

/// Runs a job to its settlement. Cancelled, it gives the job back as if it had not been started.
pub(super) async fn run(app: App, length: Duration, lease: Lease, give_up: CancellationToken) {
    let started = Instant::now();
    let name = lease.job.name.clone();
    if interrupted(&lease.job) >= INTERRUPTIONS {
        return see_settled(&app, length, &lease, Err(exhausted()), &give_up).await;
    }
    let work = AssertUnwindSafe(handlers::handle(&app, &lease.job)).catch_unwind();
    let outcome = tokio::select! {
        outcome = work => outcome.unwrap_or_else(|_| Err(panicked())),
        () = keep_alive(&app, length, &lease) => {
            tracing::warn!(job = %lease.job.id, name, "lease lost");
            return;
        }
        () = give_up.cancelled() => {
            let released = app.engine.jobs.release(&lease).await;
            tracing::info!(job = %lease.job.id, name, released = released.is_ok(), "job given back");
            return;
        }
    };
    metrics::histogram!("hark_job_duration_seconds", "job" => handlers::label(&name))
        .record(started.elapsed().as_secs_f64());
    see_settled(&app, length, &lease, outcome, &give_up).await;
}

/// Settles a job, also while the queue takes no writes: unless its end is written, what it did is done again, and an attempt
/// is lost by each time. Nothing else is begun in this place meanwhile. For a lease's length at the most: then somebody else
/// has the job, as after the loss of a process.
async fn see_settled(
    app: &App,
    length: Duration,
    lease: &Lease,
    outcome: Result<Vec<NewJob>, Failure>,
    give_up: &CancellationToken,
) {
    let settling = async {
        // Asked at least once, also at the very end of a shutdown: what is done should not be done again.
        while !settle(app, lease, &outcome).await {
            tokio::select! {
                () = tokio::time::sleep(SETTLE_AGAIN) => {}
                () = give_up.cancelled() => return false,
            }
        }
        true
    };
    if !matches!(tokio::time::timeout(length, settling).await, Ok(true)) {
        tracing::error!(job = %lease.job.id, name = lease.job.name, "the job's end could not be written: it is done again");
    }
}

/// The panic's own message may quote anybody, so it is not kept.
fn panicked() -> Failure {
    Failure::Again(Error::new(ErrorKind::Internal, "worker.run", "the handler panicked"))
}

/// So many attempts may end with the process. Far more than may fail: a process that is restarted again and again takes
/// jobs with it that have done nothing wrong, and each waits out its lease in between; but a job that takes the process
/// with it must not do so for ever.
const INTERRUPTIONS: u32 = 20;

/// How many of its attempts came to nothing by an answer, before this one. Attempts are counted when they begin; what is
/// kept of earlier failures may be from before it was taken up again, and be numbered alike.
fn failed(job: &Job) -> u32 {
    let numbers: BTreeSet<u32> =
        job.failures.iter().map(|failure| failure.attempt).filter(|attempt| *attempt < job.attempts).collect();
    u32::try_from(numbers.len()).unwrap_or(u32::MAX)
}

/// How many of its attempts nobody ever said the outcome of.
fn interrupted(job: &Job) -> u32 {
    job.attempts.saturating_sub(1).saturating_sub(failed(job))
}

/// It has gone down with the process, or the process with it, once too often: it is not begun again.
fn exhausted() -> Failure {
    let why = "every attempt ended without an answer: the process was killed, hung, or went down on this job";
    Failure::Never(Error::new(ErrorKind::Internal, "worker.lease", why))
}

/// Prolongs the lease until it is lost. A queue that does not answer is asked again: if the lease runs out
/// meanwhile, somebody else starts over, and every job can run twice.
async fn keep_alive(app: &App, length: Duration, lease: &Lease) {
    let mut ticks = tokio::time::interval((length / 3).max(Duration::from_millis(10)));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let until = app.engine.clock.now() + span(length);
        match app.engine.jobs.extend(lease, until).await {
            Ok(Settled::Done) => {}
            Ok(Settled::Lost) => return,
            Err(error) => tracing::warn!(?error, job = %lease.job.id, "lease not prolonged"),
        }
    }
}

/// Whether it is said to have lost races for so long that it is something else.
fn is_suspect(job: &Job, error: &Error, now: Timestamp) -> bool {
    let races = !error.is_model_away() && !error.is_unwritable();
    races && now - job.created_at > LONGEST_WAIT
}

/// Writes down what became of a job. `false` when the queue takes no writes and asking again may help.
async fn settle(app: &App, lease: &Lease, outcome: &Result<Vec<NewJob>, Failure>) -> bool {
    let job = &lease.job;
    let now = app.engine.clock.now();
    let queue = &app.engine.jobs;
    let (result, settled) = match outcome {
        Ok(follow_ups) => ("done", queue.complete(lease, follow_ups, now).await),
        Err(Failure::Later(error)) if !is_suspect(job, error, now) => {
            let age = now - job.created_at;
            tracing::warn!(?error, job = %job.id, name = job.name, age_secs = age.num_seconds(), "job postponed");
            let at = now + postponement(age, error.retry_after(), &*app.engine.entropy);
            ("postponed", queue.postpone(lease, at, &Reason::of(error, now)).await)
        }
        Err(Failure::Again(error) | Failure::Later(error)) if failed(job) + 1 < handlers::max_attempts(&job.name) => {
            tracing::warn!(?error, job = %job.id, name = job.name, attempt = job.attempts, "job failed");
            let at = now + backoff(failed(job) + 1, error.retry_after(), &*app.engine.entropy);
            ("retried", queue.retry(lease, at, &Reason::of(error, now)).await)
        }
        Err(Failure::Again(error) | Failure::Later(error) | Failure::Never(error)) => {
            tracing::error!(?error, job = %job.id, name = job.name, attempt = job.attempts, "job buried");
            ("buried", queue.bury(lease, &Reason::of(error, now)).await)
        }
    };
    match settled {
        Ok(Settled::Done) => tracing::debug!(job = %job.id, name = job.name, result, "job settled"),
        Ok(Settled::Lost) => tracing::warn!(job = %job.id, name = job.name, result, "job was lost"),
        Err(error) => {
            tracing::error!(?error, job = %job.id, name = job.name, result, "job not settled");
            if error.is_unwritable() {
                return false;
            }
        }
    }
    metrics::counter!("hark_jobs_total", "job" => handlers::label(&job.name), "result" => result).increment(1);
    true
}
