//! The queue, in memory.

use super::locked;
use super::page::latest_first;
use crate::store::{Accepted, Event, Job, JobFilter, JobQueue, JobState, Lease, NewEvent, NewJob, QueueStats, Settled};
use crate::{EventId, JobId, Page, PageRequest, Result, TenantId, Timestamp};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use tokio::sync::Notify;

#[derive(Debug)]
struct Row {
    job: Job,
    /// Token and end of the lease, while there is one.
    lease: Option<(String, Timestamp)>,
}

impl Row {
    fn may_run(&self, now: Timestamp) -> bool {
        match (self.job.state, &self.lease) {
            (JobState::Pending | JobState::Retrying, _) => self.job.run_at <= now,
            (JobState::Running, Some((_, until))) => *until <= now,
            (JobState::Running, None) | (JobState::Dead, _) => false,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    events: BTreeMap<(TenantId, EventId), Event>,
    jobs: BTreeMap<JobId, Row>,
}

impl State {
    /// Enqueues jobs whose keys are free. Whether there were any.
    fn enqueue(&mut self, jobs: &[NewJob], now: Timestamp) -> bool {
        let before = self.jobs.len();
        for new in jobs {
            self.jobs.entry(new.id()).or_insert_with(|| Row {
                job: Job {
                    id: new.id(),
                    tenant: new.tenant.clone(),
                    name: new.name.clone(),
                    key: new.key.clone(),
                    payload: new.payload.clone(),
                    state: JobState::Pending,
                    attempts: 0,
                    run_at: new.run_at,
                    created_at: now,
                    last_error: None,
                },
                lease: None,
            });
        }
        self.jobs.len() > before
    }

    /// The row, if the lease still holds it.
    fn held(&mut self, lease: &Lease) -> Option<&mut Row> {
        let row = self.jobs.get_mut(&lease.job.id)?;
        row.lease.as_ref().is_some_and(|(token, _)| *token == lease.token).then_some(row)
    }

    /// Changes the row and ends its lease, if the lease still holds it.
    fn settle(&mut self, lease: &Lease, change: impl FnOnce(&mut Job)) -> Settled {
        let Some(row) = self.held(lease) else { return Settled::Lost };
        row.lease = None;
        change(&mut row.job);
        Settled::Done
    }
}

/// A [`JobQueue`] that forgets everything when it is dropped. One lock for everything: every method is one
/// transaction.
#[derive(Debug, Default)]
pub struct RamJobQueue {
    state: Mutex<State>,
    enqueued: Notify,
}

impl RamJobQueue {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    fn wake(&self) {
        self.enqueued.notify_waiters();
        // A permit for whoever is between looking and waiting: too often is allowed, too seldom is not.
        self.enqueued.notify_one();
    }
}

#[async_trait]
impl JobQueue for RamJobQueue {
    async fn accept(&self, event: &NewEvent, job: &NewJob) -> Result<Accepted> {
        let mut state = self.state();
        let key = (event.tenant.clone(), event.id.clone());
        if state.events.contains_key(&key) {
            return Ok(Accepted::Duplicate);
        }
        state.events.insert(key, event.clone());
        state.enqueue(std::slice::from_ref(job), event.received_at);
        drop(state);
        self.wake();
        Ok(Accepted::New)
    }

    async fn event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<Event>> {
        Ok(self.state().events.get(&(tenant.clone(), id.clone())).cloned())
    }

    async fn delete_events(&self, tenant: &TenantId, ids: &[EventId]) -> Result<u64> {
        let mut state = self.state();
        let gone = ids.iter().filter(|id| state.events.remove(&(tenant.clone(), (*id).clone())).is_some());
        Ok(gone.count() as u64)
    }

    async fn enqueue(&self, jobs: &[NewJob], now: Timestamp) -> Result<()> {
        if self.state().enqueue(jobs, now) {
            self.wake();
        }
        Ok(())
    }

    async fn lease(&self, token: &str, limit: usize, until: Timestamp, now: Timestamp) -> Result<Vec<Lease>> {
        let mut state = self.state();
        let mut ready: Vec<_> = state
            .jobs
            .iter()
            .filter(|(_, row)| row.may_run(now))
            .map(|(id, row)| (row.job.run_at, row.job.created_at, id.clone()))
            .collect();
        ready.sort();
        ready.truncate(limit);
        let mut leases = Vec::with_capacity(ready.len());
        for (_, _, id) in ready {
            let Some(row) = state.jobs.get_mut(&id) else { continue };
            let token = format!("{token}/{id}");
            row.lease = Some((token.clone(), until));
            row.job.state = JobState::Running;
            row.job.attempts += 1;
            leases.push(Lease { job: row.job.clone(), token, until });
        }
        Ok(leases)
    }

    async fn extend(&self, lease: &Lease, until: Timestamp) -> Result<Settled> {
        let mut state = self.state();
        let Some(row) = state.held(lease) else { return Ok(Settled::Lost) };
        row.lease = Some((lease.token.clone(), until));
        Ok(Settled::Done)
    }

    async fn complete(&self, lease: &Lease, follow_ups: &[NewJob], now: Timestamp) -> Result<Settled> {
        let mut state = self.state();
        if state.held(lease).is_none() {
            return Ok(Settled::Lost);
        }
        state.jobs.remove(&lease.job.id);
        if state.enqueue(follow_ups, now) {
            self.wake();
        }
        Ok(Settled::Done)
    }

    async fn retry(&self, lease: &Lease, at: Timestamp, error: &str) -> Result<Settled> {
        Ok(self.state().settle(lease, |job| {
            job.state = JobState::Retrying;
            job.run_at = at;
            job.last_error = Some(error.to_owned());
        }))
    }

    async fn postpone(&self, lease: &Lease, at: Timestamp, reason: &str) -> Result<Settled> {
        Ok(self.state().settle(lease, |job| {
            job.attempts = job.attempts.saturating_sub(1);
            job.state = JobState::Retrying;
            job.run_at = at;
            job.last_error = Some(reason.to_owned());
        }))
    }

    async fn release(&self, lease: &Lease) -> Result<Settled> {
        let settled = self.state().settle(lease, |job| {
            job.attempts = job.attempts.saturating_sub(1);
            job.state = if job.attempts == 0 { JobState::Pending } else { JobState::Retrying };
        });
        self.wake();
        Ok(settled)
    }

    async fn bury(&self, lease: &Lease, error: &str) -> Result<Settled> {
        Ok(self.state().settle(lease, |job| {
            job.state = JobState::Dead;
            job.last_error = Some(error.to_owned());
        }))
    }

    async fn redrive(&self, tenant: &TenantId, id: &JobId, now: Timestamp) -> Result<bool> {
        let mut state = self.state();
        let dead = |row: &&mut Row| row.job.tenant == *tenant && row.job.state == JobState::Dead;
        let Some(row) = state.jobs.get_mut(id).filter(dead) else { return Ok(false) };
        row.job.state = JobState::Pending;
        row.job.attempts = 0;
        row.job.run_at = now;
        self.wake();
        Ok(true)
    }

    async fn list(&self, tenant: &TenantId, filter: &JobFilter, page: &PageRequest) -> Result<Page<Job>> {
        let state = self.state();
        let listed = state.jobs.values().map(|row| &row.job).filter(|job| {
            job.tenant == *tenant
                && filter.state.is_none_or(|wanted| job.state == wanted)
                && filter.name.as_ref().is_none_or(|wanted| job.name == *wanted)
        });
        latest_first("ram.list_jobs", listed, page, |job| (job.created_at, job.id.as_str()), Job::clone)
    }

    async fn stats(&self, tenant: Option<&TenantId>, now: Timestamp) -> Result<QueueStats> {
        let mut stats = QueueStats::default();
        for row in self.state().jobs.values().filter(|row| tenant.is_none_or(|t| row.job.tenant == *t)) {
            match row.job.state {
                JobState::Pending => stats.pending += 1,
                JobState::Running => stats.running += 1,
                JobState::Retrying => stats.retrying += 1,
                JobState::Dead => stats.dead += 1,
            }
            if row.may_run(now) {
                let age = u64::try_from((now - row.job.run_at).num_seconds()).unwrap_or(0);
                stats.oldest_pending_secs = stats.oldest_pending_secs.max(age);
            }
        }
        Ok(stats)
    }

    async fn wait(&self) {
        self.enqueued.notified().await;
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}
