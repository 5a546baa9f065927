//! A queue that can be taken away.

use crate::switches::{Part, Switches};
use async_trait::async_trait;
use hark_core::ram::RamJobQueue;
use hark_core::store::*;
use hark_core::*;
use std::sync::Arc;

/// The queue, as long as it is switched on.
#[derive(Debug)]
pub(crate) struct SwitchedJobs {
    pub(crate) inner: RamJobQueue,
    pub(crate) switches: Arc<Switches>,
}

#[async_trait]
impl JobQueue for SwitchedJobs {
    async fn accept(&self, event: &NewEvent, job: &NewJob) -> Result<Accepted> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.accept(event, job).await
    }
    async fn event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<Event>> {
        self.switches.gate(Part::Queue).await?;
        self.inner.event(tenant, id).await
    }
    async fn delete_events(&self, tenant: &TenantId, ids: &[EventId]) -> Result<u64> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.delete_events(tenant, ids).await
    }
    async fn event_tenants(&self) -> Result<Vec<TenantId>> {
        self.switches.gate(Part::Queue).await?;
        self.inner.event_tenants().await
    }
    async fn events_before(&self, tenant: &TenantId, before: Timestamp, limit: usize) -> Result<Vec<EventId>> {
        self.switches.gate(Part::Queue).await?;
        self.inner.events_before(tenant, before, limit).await
    }
    async fn forget_jobs(&self, tenant: &TenantId, keys: &[String]) -> Result<u64> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.forget_jobs(tenant, keys).await
    }
    async fn purge(&self) -> Result<()> {
        self.switches.gate_write(Part::Queue).await?;
        JobQueue::purge(&self.inner).await
    }
    async fn enqueue(&self, jobs: &[NewJob], now: Timestamp) -> Result<()> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.enqueue(jobs, now).await
    }
    async fn lease(&self, token: &str, limit: usize, until: Timestamp, now: Timestamp) -> Result<Vec<Lease>> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.lease(token, limit, until, now).await
    }
    async fn extend(&self, lease: &Lease, until: Timestamp) -> Result<Settled> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.extend(lease, until).await
    }
    async fn complete(&self, lease: &Lease, follow_ups: &[NewJob], now: Timestamp) -> Result<Settled> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.complete(lease, follow_ups, now).await
    }
    async fn retry(&self, lease: &Lease, at: Timestamp, failure: &Failure) -> Result<Settled> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.retry(lease, at, failure).await
    }
    async fn postpone(&self, lease: &Lease, at: Timestamp, reason: &Failure) -> Result<Settled> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.postpone(lease, at, reason).await
    }
    async fn release(&self, lease: &Lease) -> Result<Settled> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.release(lease).await
    }
    async fn bury(&self, lease: &Lease, failure: &Failure) -> Result<Settled> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.bury(lease, failure).await
    }
    async fn redrive(&self, tenant: &TenantId, id: &JobId, now: Timestamp) -> Result<bool> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.redrive(tenant, id, now).await
    }
    async fn redrive_all(&self, tenant: &TenantId, name: Option<&str>, now: Timestamp) -> Result<u64> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.redrive_all(tenant, name, now).await
    }
    async fn discard(&self, tenant: &TenantId, id: &JobId, discard: &Discard) -> Result<bool> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.discard(tenant, id, discard).await
    }
    async fn find(&self, tenant: &TenantId, id: &JobId) -> Result<Option<Job>> {
        self.switches.gate(Part::Queue).await?;
        self.inner.find(tenant, id).await
    }
    async fn list(&self, tenant: &TenantId, filter: &JobFilter, page: &PageRequest) -> Result<Page<Job>> {
        self.switches.gate(Part::Queue).await?;
        self.inner.list(tenant, filter, page).await
    }
    async fn stats(&self, tenant: Option<&TenantId>, now: Timestamp) -> Result<QueueStats> {
        self.switches.gate(Part::Queue).await?;
        self.inner.stats(tenant, now).await
    }
    async fn mend_times(&self, now: Timestamp) -> Result<u64> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.mend_times(now).await
    }
    async fn wait(&self) {
        self.inner.wait().await
    }
    async fn ping(&self) -> Result<()> {
        self.switches.gate_write(Part::Queue).await?;
        self.inner.ping().await
    }
}
