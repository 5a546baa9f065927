//! Durable work, and the inbox of raw events it starts from.

use crate::crypt::Sealed;
use crate::{Error, ErrorKind, EventId, JobId, Page, PageRequest, Result, TenantId, Timestamp};
use async_trait::async_trait;
use chrono::Duration;
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
    /// Was dead, and a person gave it up: kept for the record, never run.
    Discarded,
}

impl JobState {
    /// All five, in the order of a job's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Retrying, Self::Dead, Self::Discarded];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Running, Self::Retrying, Self::Dead, Self::Discarded];
        all.into_iter().find(|s| s.name() == name)
    }
}

/// Why an attempt came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When it ended.
    pub at: Timestamp,
    /// The kind of error.
    pub kind: ErrorKind,
    /// The error's text; holds nobody's words.
    pub text: String,
}

impl Failure {
    /// What `error` says, at `now`.
    pub fn of(error: &Error, now: Timestamp) -> Self {
        Self { at: now, kind: error.kind(), text: error.to_string() }
    }
}

/// An attempt that came to nothing, as it is kept: without a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastFailure {
    /// When it ended.
    pub at: Timestamp,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The kind of error, by its stable name.
    pub kind: String,
}

/// So many of a job's last failures are kept.
pub const FAILURES_KEPT: usize = 10;

/// No job waits longer than this, and no lease lasts longer: what does was noted by a clock that ran ahead.
pub const LONGEST_WAIT: Duration = Duration::days(1);

/// That a person gave a job up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discard {
    /// When.
    pub at: Timestamp,
    /// Who: the id of the key that was shown, `configured`, or `folder`.
    pub by: String,
    /// Why, in the words of whoever did it.
    pub reason: String,
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
    /// The last attempts that came to nothing, postponed ones among them, oldest first; [`FAILURES_KEPT`] at the most.
    pub failures: Vec<PastFailure>,
    /// The last time it was given up, also when it was taken up again since.
    pub discard: Option<Discard>,
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
    /// Whether the lease before this one ran out: its holder was killed, hangs, or was brought down by this very job.
    pub after_loss: bool,
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
    /// Given up by a person.
    pub discarded: u64,
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

    /// The tenants of whom events are kept, in their order.
    async fn event_tenants(&self) -> Result<Vec<TenantId>>;

    /// A tenant's events that arrived before that moment, the earliest first (ties by id), at most `limit`; one whose id is
    /// the key of a job that waits, runs or is tried again is left out.
    async fn events_before(&self, tenant: &TenantId, before: Timestamp, limit: usize) -> Result<Vec<EventId>>;

    /// Removes a tenant's jobs that nobody works on, dead ones among them, whose key is one of these or begins with one of
    /// them and a colon: how payloads of an erased person go. Answers how many went. One that is worked on is left to
    /// its worker.
    async fn forget_jobs(&self, tenant: &TenantId, keys: &[String]) -> Result<u64>;

    /// Rewrites what files still hold of removed events and jobs, as [`super::MemoryStore::purge`] does.
    async fn purge(&self) -> Result<()>;

    /// Enqueues jobs, all or none. One whose key is already waiting or running is left as it is; a dead one is
    /// left dead. One that was given up is no longer in the way: the new one takes its place and starts over, and keeps
    /// only its [`Job::discard`].
    async fn enqueue(&self, jobs: &[NewJob], now: Timestamp) -> Result<()>;

    /// Leases up to `limit` jobs that may run at `now`: those that wait, and those whose lease has run out. No two leases
    /// of one job are valid at once. `token` must be unique to this call; each lease's token is made from it.
    ///
    /// Fair across tenants: each tenant whose jobs may run is served one of them in its turn, in the order of the
    /// tenants' ids, and the next call goes on where this one stopped, whoever calls. So while a tenant waits, every other
    /// one is served once at the most. Within a tenant, earliest `run_at` first (ties by creation, then id). The leases
    /// come in the order in which they were given.
    ///
    /// A job whose lease has run out comes before all others, the longest lost one first, and alone: what brings its
    /// process down is to bring down nothing else. It is not counted as its tenant's turn.
    async fn lease(&self, token: &str, limit: usize, until: Timestamp, now: Timestamp) -> Result<Vec<Lease>>;

    /// Prolongs a lease.
    async fn extend(&self, lease: &Lease, until: Timestamp) -> Result<Settled>;

    /// Ends a job and enqueues what follows, both or neither.
    async fn complete(&self, lease: &Lease, follow_ups: &[NewJob], now: Timestamp) -> Result<Settled>;

    /// Gives a job back for another attempt at `at`.
    async fn retry(&self, lease: &Lease, at: Timestamp, failure: &Failure) -> Result<Settled>;

    /// Gives a job back for another attempt at `at`, without counting this one: what it needs is away, and that is
    /// no fault of the job's. It waits as `Retrying`, with the reason as its last error.
    async fn postpone(&self, lease: &Lease, at: Timestamp, reason: &Failure) -> Result<Settled>;

    /// Gives a job back as if it had not been started: the attempt does not count. For shutting down.
    async fn release(&self, lease: &Lease) -> Result<Settled>;

    /// Buries a job.
    async fn bury(&self, lease: &Lease, failure: &Failure) -> Result<Settled>;

    /// Lets a job that is dead or was given up start over, with no attempts on its account; what is known of its failures
    /// stays. `false` when it is neither, or not there.
    async fn redrive(&self, tenant: &TenantId, id: &JobId, now: Timestamp) -> Result<bool>;

    /// Lets all of a tenant's dead jobs start over, or all of that name, as [`JobQueue::redrive`] does; those that were
    /// given up stay so. All or none. Answers how many.
    async fn redrive_all(&self, tenant: &TenantId, name: Option<&str>, now: Timestamp) -> Result<u64>;

    /// Gives a dead job up: it stays, with who, when and why, and is never run unless it is redriven. `false` when it is
    /// not dead or not there; then nothing is changed.
    async fn discard(&self, tenant: &TenantId, id: &JobId, discard: &Discard) -> Result<bool>;

    /// A tenant's job of that id.
    async fn find(&self, tenant: &TenantId, id: &JobId) -> Result<Option<Job>>;

    /// A tenant's jobs, newest first.
    async fn list(&self, tenant: &TenantId, filter: &JobFilter, page: &PageRequest) -> Result<Page<Job>>;

    /// The queue in numbers; of one tenant, if given.
    async fn stats(&self, tenant: Option<&TenantId>, now: Timestamp) -> Result<QueueStats>;

    /// Puts right what a clock that ran ahead has noted: a job that waits for a time more than [`LONGEST_WAIT`] after `now`
    /// may run at `now`, and a lease that ends later than that runs out at `now`. Answers how many were put right.
    async fn mend_times(&self, now: Timestamp) -> Result<u64>;

    /// Waits until a job may have been enqueued in this process since the last call. Only a hint: it may come
    /// too often, and jobs of other processes or of due times need polling all the same.
    async fn wait(&self);

    /// Whether the queue answers: a cheap read. Where the last write was refused, whether writing goes through again: an error
    /// that [`Error::is_unwritable`](crate::Error::is_unwritable) says that reading goes on all the same.
    async fn ping(&self) -> Result<()>;
}
