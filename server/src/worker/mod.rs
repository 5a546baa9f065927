//! Durable work is done: wake, lease, run, settle. A job can run twice; a dead worker's lease simply runs out.

mod handlers;
mod run;
mod schedule;

use crate::app::{App, WorkerSettings};
use hark_core::Result;
use hark_core::store::Lease;
use run::run;
use schedule::Schedule;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Works off the queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Worker {
    app: App,
    settings: WorkerSettings,
}

impl Worker {
    /// A worker of an application.
    pub fn new(app: App, settings: WorkerSettings) -> Self {
        Self { app, settings }
    }

    /// Works until cancelled; then lets running jobs end, for [`WorkerSettings::drain`] at the most, and gives back
    /// the rest as if they had not been started.
    pub async fn run(self, cancel: CancellationToken) {
        let mut running = JoinSet::new();
        let schedule = Schedule::start(&self.app, &self.settings, &cancel);
        let give_up = CancellationToken::new();
        while !cancel.is_cancelled() {
            while running.try_join_next().is_some() {}
            let free = self.settings.concurrency.max(1).saturating_sub(running.len());
            let leases = if free > 0 { self.lease(free).await } else { Vec::new() };
            for lease in leases {
                let alone = lease.after_loss;
                let ended = CancellationToken::new();
                let ending = ended.clone().drop_guard();
                let job = run(self.app.clone(), self.settings.lease, lease, give_up.clone());
                running.spawn(async move {
                    let _ending = ending;
                    job.await;
                });
                if alone {
                    self.see_through(&ended, &cancel).await;
                }
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                // A place is free: look at once, for there may be more to do.
                Some(_) = running.join_next() => {}
                () = self.app.engine.jobs.wait(), if running.len() < self.settings.concurrency.max(1) => {}
                () = tokio::time::sleep(self.settings.poll) => {}
            }
        }
        let left = running.len();
        if left > 0 {
            tracing::info!(jobs = left, "waiting for running jobs");
        }
        let drained = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(self.settings.drain, drained).await.is_err() {
            tracing::warn!(jobs = running.len(), "giving running jobs back");
            give_up.cancel();
            while running.join_next().await.is_some() {}
        }
        schedule.stop().await;
    }

    /// Begins nothing else beside a job that may bring the process down; but for a lease's length at the most, since it may
    /// as well be long, or hang.
    async fn see_through(&self, ended: &CancellationToken, cancel: &CancellationToken) {
        tokio::select! {
            () = ended.cancelled() => {}
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(self.settings.lease) => {}
        }
    }

    /// Runs all jobs that are due now, one after the other, with those that follow from them; answers how many
    /// ran. For tests and one-off commands.
    ///
    /// # Errors
    /// What the queue says.
    pub async fn run_due(&self) -> Result<usize> {
        let mut done = 0;
        loop {
            let leases = self.try_lease(1).await?;
            if leases.is_empty() {
                return Ok(done);
            }
            for lease in leases {
                run(self.app.clone(), self.settings.lease, lease, CancellationToken::new()).await;
                done += 1;
            }
        }
    }

    async fn lease(&self, limit: usize) -> Vec<Lease> {
        match self.try_lease(limit).await {
            Ok(leases) => leases,
            Err(error) => {
                // The next look comes with the next poll; a queue that is away must not be hammered.
                tracing::error!(?error, "jobs not leased");
                Vec::new()
            }
        }
    }

    async fn try_lease(&self, limit: usize) -> Result<Vec<Lease>> {
        let engine = &self.app.engine;
        let now = engine.clock.now();
        let until = now + run::span(self.settings.lease);
        engine.jobs.lease(&engine.entropy.hex(12), limit, until, now).await
    }
}
