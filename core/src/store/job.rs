//! Durable work, and the inbox of raw events it starts from.

use crate::crypt::Sealed;
use crate::{EventId, JobId, Page, PageRequest, Result, TenantId, Timestamp};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// A raw event to be kept, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Derived from what makes two deliveries the same.
    pub id: EventId,
    /// Whose deployment.
    pub tenant: TenantId,
    /// The platform's type, such as `post_call_transcription`.
    pub kind: String,
    /// The raw body, sealed.
    pub body: Sealed,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// A raw event as kept.
pub type Event = NewEvent;

/// Whether a delivery was the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It and its job are durable now.
    New,
    /// It was durable already; nothing was written.
    Duplicate,
}

/// Work to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJob {
    /// Whose deployment.
    pub tenant: TenantId,
    /// Which handler.
    pub name: String,
    /// What makes it the same job: within a tenant and name there is at most one job that is not finished
    /// with this key.
    pub key: String,
    /// The handler's input: ids only, never what anybody said. Stored; must stay readable.
    pub payload: serde_json::Value,
    /// Not before then.
    pub run_at: Timestamp,
}

impl NewJob {
    /// Its id.
    pub fn id(&self) -> JobId {
        JobId::derived(&self.tenant, &self.name, &self.key)
    }
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its first attempt.
    Pending,
    /// Leased.
    Running,
    /// Failed or postponed, waits for its next attempt.
    Retrying,
    /// Failed for good; waits for a person.
    Dead,
}

impl JobState {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Running, Self::Retrying, Self::Dead].into_iter().find(|s| s.name() == name)
    }
}

/// A job as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose deployment.
    pub tenant: TenantId,
    /// Which handler.
    pub name: String,
    /// Its de-duplication key.
    pub key: String,
    /// Its input.
    pub payload: serde_json::Value,
    /// Where it is.
    pub state: JobState,
    /// How often it was started; postponed attempts do not count.
    pub attempts: u32,
    /// When it may run next.
    pub run_at: Timestamp,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// The last error's text; holds nobody's words.
    pub last_error: Option<String>,
}

/// The right to work on a job until it runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The job; `attempts` counts this one.
    pub job: Job,
    /// Unique to this lease: whoever holds an older one has lost the job.
    pub token: String,
    /// When it runs out.
    pub until: Timestamp,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Done as asked.
    Done,
    /// The lease was lost to somebody else, or the job is gone; nothing was changed.
    Lost,
}

/// Which jobs to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFilter {
    /// Only this state.
    pub state: Option<JobState>,
    /// Only this handler's.
    pub name: Option<String>,
}

/// The queue in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueStats {
    /// Waiting for the first attempt.
    pub pending: u64,
    /// Leased.
    pub running: u64,
    /// Failed or postponed, waiting for the next attempt.
    pub retrying: u64,
    /// Failed for good.
    pub dead: u64,
    /// Age of the oldest job that could run now, in seconds; 0 when there is none.
    pub oldest_pending_secs: u64,
}

/// The durable queue and its inbox.
#[async_trait]
pub trait JobQueue: Debug + Send + Sync + 'static {
    /// Keeps an event and enqueues its job, both or neither, and only if no event of that id is kept. When it
    /// answers, both survive a killed process.
    async fn accept(&self, event: &NewEvent, job: &NewJob) -> Result<Accepted>;

    /// A kept event.
    async fn event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<Event>>;

    /// Removes kept events; the missing are fine. Answers how many went.
    async fn delete_events(&self, tenant: &TenantId, ids: &[EventId]) -> Result<u64>;

    /// Enqueues jobs, all or none. One whose key is already waiting or running is left as it is; a dead one is
    /// left dead.
    async fn enqueue(&self, jobs: &[NewJob], now: Timestamp) -> Result<()>;

    /// Leases up to `limit` jobs that may run at `now`: those that wait, and those whose lease has run out.
    /// Earliest `run_at` first (ties by creation, then id). No two leases of one job are valid at once.
    /// `token` must be unique to this call; each lease's token is made from it.
    async fn lease(&self, token: &str, limit: usize, until: Timestamp, now: Timestamp) -> Result<Vec<Lease>>;

    /// Prolongs a lease.
    async fn extend(&self, lease: &Lease, until: Timestamp) -> Result<Settled>;

    /// Ends a job and enqueues what follows, both or neither.
    async fn complete(&self, lease: &Lease, follow_ups: &[NewJob], now: Timestamp) -> Result<Settled>;

    /// Gives a job back for another attempt at `at`.
    async fn retry(&self, lease: &Lease, at: Timestamp, error: &str) -> Result<Settled>;

    /// Gives a job back for another attempt at `at`, without counting this one: what it needs is away, and that is
    /// no fault of the job's. It waits as `Retrying`, with the reason as its last error.
    async fn postpone(&self, lease: &Lease, at: Timestamp, reason: &str) -> Result<Settled>;

    /// Gives a job back as if it had not been started: the attempt does not count. For shutting down.
    async fn release(&self, lease: &Lease) -> Result<Settled>;

    /// Buries a job.
    async fn bury(&self, lease: &Lease, error: &str) -> Result<Settled>;

    /// Lets a dead job start over, with no attempts on its account. `false` when it is not dead or not there.
    async fn redrive(&self, tenant: &TenantId, id: &JobId, now: Timestamp) -> Result<bool>;

    /// A tenant's jobs, newest first.
    async fn list(&self, tenant: &TenantId, filter: &JobFilter, page: &PageRequest) -> Result<Page<Job>>;

    /// The queue in numbers; of one tenant, if given.
    async fn stats(&self, tenant: Option<&TenantId>, now: Timestamp) -> Result<QueueStats>;

    /// Waits until a job may have been enqueued in this process since the last call. Only a hint: it may come
    /// too often, and jobs of other processes or of due times need polling all the same.
    async fn wait(&self);

    /// Whether the queue answers: a cheap read.
    async fn ping(&self) -> Result<()>;
}
