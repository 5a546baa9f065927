//! The queue, in memory.

use super::locked;
use super::page::latest_first;
use super::sealed::{Holds, Place};
use crate::crypt::{Purpose, Sealed};
use crate::store::{
    Accepted, Discard, Event, FAILURES_KEPT, Failure, Job, JobFilter, JobQueue, JobState, LONGEST_WAIT, Lease,
    NewEvent, NewJob, PastFailure, QueueStats, Settled,
};
use crate::{EventId, JobId, Page, PageRequest, Result, TenantId, Timestamp};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
            (JobState::Running, None) | (JobState::Dead | JobState::Discarded, _) => false,
        }
    }
}

/// Notes what an attempt came to.
fn note(job: &mut Job, failure: &Failure) {
    if job.failures.len() >= FAILURES_KEPT {
        job.failures.remove(0);
    }
    let Failure { at, kind, text } = failure;
    job.failures.push(PastFailure { at: *at, attempt: job.attempts, kind: kind.name().to_owned() });
    job.last_error = Some(text.clone());
}

/// Lets a job start over.
fn revive(job: &mut Job, now: Timestamp) {
    job.state = JobState::Pending;
    job.attempts = 0;
    job.run_at = now;
}

#[derive(Debug, Default)]
struct State {
    events: BTreeMap<(TenantId, EventId), Event>,
    jobs: BTreeMap<JobId, Row>,
    /// Who was served last, of those who wait.
    turn: Option<TenantId>,
}

impl State {
    /// Enqueues jobs whose keys are free. Whether there were any.
    fn enqueue(&mut self, jobs: &[NewJob], now: Timestamp) -> bool {
        let mut any = false;
        for new in jobs {
            let there = self.jobs.get(&new.id());
            if there.is_some_and(|row| row.job.state != JobState::Discarded) {
                continue;
            }
            let job = Job {
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
                failures: Vec::new(),
                discard: there.and_then(|row| row.job.discard.clone()),
            };
            self.jobs.insert(new.id(), Row { job, lease: None });
            any = true;
        }
        any
    }

    /// The job whose lease ran out longest ago, if any did.
    fn lost(&self, now: Timestamp) -> Option<JobId> {
        let ends = self.jobs.iter().filter(|(_, row)| row.may_run(now));
        let ends = ends.filter_map(|(id, row)| row.lease.as_ref().map(|(_, until)| (until, id)));
        ends.min().map(|(_, id)| id.clone())
    }

    /// Up to `limit` jobs that wait and may run, by turns of their tenants.
    fn by_turns(&mut self, limit: usize, now: Timestamp) -> Vec<JobId> {
        let mut waiting: BTreeMap<&TenantId, Vec<_>> = BTreeMap::new();
        for (id, row) in self.jobs.iter().filter(|(_, row)| row.may_run(now)) {
            waiting.entry(&row.job.tenant).or_default().push((row.job.run_at, row.job.created_at, id));
        }
        let (mut after, mut upto) = (Vec::new(), Vec::new());
        for (tenant, mut jobs) in waiting {
            jobs.sort();
            let passed = self.turn.as_ref().is_some_and(|turn| tenant <= turn);
            let part = if passed { &mut upto } else { &mut after };
            part.push((tenant, VecDeque::from(jobs)));
        }
        let mut round: VecDeque<_> = after.into_iter().chain(upto).collect();
        let (mut chosen, mut turn) = (Vec::new(), None);
        while chosen.len() < limit
            && let Some((tenant, mut jobs)) = round.pop_front()
        {
            let Some((_, _, id)) = jobs.pop_front() else { continue };
            chosen.push(id.clone());
            turn = Some(tenant.clone());
            round.push_back((tenant, jobs));
        }
        self.turn = turn.or(self.turn.take());
        chosen
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

    async fn event_tenants(&self) -> Result<Vec<TenantId>> {
        let mut tenants: Vec<_> = self.state().events.keys().map(|(tenant, _)| tenant.clone()).collect();
        tenants.sort();
        tenants.dedup();
        Ok(tenants)
    }

    async fn events_before(&self, tenant: &TenantId, before: Timestamp, limit: usize) -> Result<Vec<EventId>> {
        let state = self.state();
        let unfinished = [JobState::Pending, JobState::Running, JobState::Retrying];
        let jobs = state.jobs.values().map(|row| &row.job);
        let wanted: BTreeSet<&str> = jobs
            .filter(|job| job.tenant == *tenant && unfinished.contains(&job.state))
            .map(|job| job.key.as_str())
            .collect();
        let old = state.events.values().filter(|event| {
            event.tenant == *tenant && event.received_at < before && !wanted.contains(event.id.as_str())
        });
        let mut old: Vec<_> = old.map(|event| (event.received_at, event.id.clone())).collect();
        old.sort();
        Ok(old.into_iter().take(limit).map(|(_, id)| id).collect())
    }

    async fn forget_jobs(&self, tenant: &TenantId, keys: &[String]) -> Result<u64> {
        let mut state = self.state();
        let there = state.jobs.len();
        let named = |key: &str| {
            let begins = |name: &String| key.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(':'));
            keys.iter().any(|name| key == name || begins(name))
        };
        state
            .jobs
            .retain(|_, row| row.job.tenant != *tenant || row.job.state == JobState::Running || !named(&row.job.key));
        Ok((there - state.jobs.len()) as u64)
    }

    async fn purge(&self) -> Result<()> {
        Ok(())
    }

    async fn enqueue(&self, jobs: &[NewJob], now: Timestamp) -> Result<()> {
        if self.state().enqueue(jobs, now) {
            self.wake();
        }
        Ok(())
    }

    async fn lease(&self, token: &str, limit: usize, until: Timestamp, now: Timestamp) -> Result<Vec<Lease>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut state = self.state();
        let (chosen, after_loss) = match state.lost(now) {
            Some(lost) => (vec![lost], true),
            None => (state.by_turns(limit, now), false),
        };
        let mut leases = Vec::with_capacity(chosen.len());
        for id in chosen {
            let Some(row) = state.jobs.get_mut(&id) else { continue };
            let token = format!("{token}/{id}");
            row.lease = Some((token.clone(), until));
            row.job.state = JobState::Running;
            row.job.attempts += 1;
            leases.push(Lease { job: row.job.clone(), token, until, after_loss });
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

    async fn retry(&self, lease: &Lease, at: Timestamp, failure: &Failure) -> Result<Settled> {
        Ok(self.state().settle(lease, |job| {
            note(job, failure);
            job.state = JobState::Retrying;
            job.run_at = at;
        }))
    }

    async fn postpone(&self, lease: &Lease, at: Timestamp, reason: &Failure) -> Result<Settled> {
        Ok(self.state().settle(lease, |job| {
            note(job, reason);
            job.attempts = job.attempts.saturating_sub(1);
            job.state = JobState::Retrying;
            job.run_at = at;
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

    async fn bury(&self, lease: &Lease, failure: &Failure) -> Result<Settled> {
        Ok(self.state().settle(lease, |job| {
            note(job, failure);
            job.state = JobState::Dead;
        }))
    }

    async fn redrive(&self, tenant: &TenantId, id: &JobId, now: Timestamp) -> Result<bool> {
        let mut state = self.state();
        let at_rest = |row: &&mut Row| matches!(row.job.state, JobState::Dead | JobState::Discarded);
        let Some(row) = state.jobs.get_mut(id).filter(|row| row.job.tenant == *tenant).filter(at_rest) else {
            return Ok(false);
        };
        revive(&mut row.job, now);
        self.wake();
        Ok(true)
    }

    async fn redrive_all(&self, tenant: &TenantId, name: Option<&str>, now: Timestamp) -> Result<u64> {
        let mut state = self.state();
        let dead = state.jobs.values_mut().map(|row| &mut row.job).filter(|job| {
            job.tenant == *tenant && job.state == JobState::Dead && name.is_none_or(|wanted| job.name == wanted)
        });
        let revived = dead.map(|job| revive(job, now)).count();
        drop(state);
        self.wake();
        Ok(revived as u64)
    }

    async fn discard(&self, tenant: &TenantId, id: &JobId, discard: &Discard) -> Result<bool> {
        let mut state = self.state();
        let dead = |row: &&mut Row| row.job.tenant == *tenant && row.job.state == JobState::Dead;
        let Some(row) = state.jobs.get_mut(id).filter(dead) else { return Ok(false) };
        row.job.state = JobState::Discarded;
        row.job.discard = Some(discard.clone());
        Ok(true)
    }

    async fn find(&self, tenant: &TenantId, id: &JobId) -> Result<Option<Job>> {
        let state = self.state();
        Ok(state.jobs.get(id).map(|row| &row.job).filter(|job| job.tenant == *tenant).cloned())
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
                JobState::Discarded => stats.discarded += 1,
            }
            if row.may_run(now) {
                let age = u64::try_from((now - row.job.run_at).num_seconds()).unwrap_or(0);
                stats.oldest_pending_secs = stats.oldest_pending_secs.max(age);
            }
        }
        Ok(stats)
    }

    async fn mend_times(&self, now: Timestamp) -> Result<u64> {
        let (mut mended, limit) = (0, now + LONGEST_WAIT);
        for row in self.state().jobs.values_mut() {
            let time = match (row.job.state, &mut row.lease) {
                (JobState::Pending | JobState::Retrying, _) => &mut row.job.run_at,
                (JobState::Running, Some((_, until))) => until,
                _ => continue,
            };
            if *time > limit {
                *time = now;
                mended += 1;
            }
        }
        self.wake();
        Ok(mended)
    }

    async fn wait(&self) {
        self.enqueued.notified().await;
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}

impl Holds for RamJobQueue {
    fn each(&self, look: &mut dyn FnMut(Place<'_>, &mut Sealed)) {
        for ((tenant, id), event) in &mut self.state().events {
            let (place, record) = (id.to_string(), id.as_str());
            look(Place { purpose: Purpose::Event, tenant, place, record }, &mut event.body);
        }
    }
}
