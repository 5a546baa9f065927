//! [`JobQueue`] on one schema.

use crate::bell::Bell;
use crate::db::{Db, FORGETFUL};
use crate::error::Fault;
use crate::old_events;
use crate::page::{After, as_i64, limit, page, rows};
use crate::row::{self, id_list, json, micros, storable};
use crate::turns::{self, Chosen};
use async_trait::async_trait;
use hark_core::store::{
    Accepted, Discard, Event, FAILURES_KEPT, Failure, Job, JobFilter, JobQueue, JobState, LONGEST_WAIT, Lease,
    NewEvent, NewJob, PastFailure, QueueStats, Settled,
};
use hark_core::{EventId, JobId, Page, PageRequest, Result, TenantId, Timestamp};
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::{PgExecutor, Row};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A statement that ends an attempt which came to nothing. Of the failures the last ones are kept; what cannot be read of
/// them is not worth a job that could never be settled.
macro_rules! failed {
    ($set:literal) => {
        concat!(
            "UPDATE jobs SET ",
            $set,
            ", run_at = coalesce($6, run_at), last_error = $3, lease_token = NULL, lease_until = NULL,
                failures = CASE WHEN jsonb_array_length(failures) >= $5 THEN failures - 0 ELSE failures END || $4::jsonb
             WHERE id = $1 AND lease_token = $2"
        )
    };
}

const RETRY: &str = failed!("state = 'retrying'");
const POSTPONE: &str = failed!("state = 'retrying', attempts = greatest(attempts - 1, 0)");
const BURY: &str = failed!("state = 'dead'");

/// What a job starts over with.
const REVIVE: &str = "UPDATE jobs SET state = 'pending', attempts = 0, run_at = $1
     WHERE tenant = $2 AND ($3 IS NULL AND state = 'dead' AND ($4 IS NULL OR name = $4)
                            OR id = $3 AND state IN ('dead', 'discarded'))";

/// What enqueues one job: `$1` to `$7` are its fields. One whose key is there is left as it is, unless it was given up.
macro_rules! enqueue {
    ($source:literal) => {
        concat!(
            "INSERT INTO jobs (id, tenant, name, key, payload, run_at, created_at, state) ",
            $source,
            " ON CONFLICT (id) DO UPDATE
              SET payload = excluded.payload, state = 'pending', attempts = 0, run_at = excluded.run_at,
                  created_at = excluded.created_at, last_error = NULL, failures = '[]'
              WHERE jobs.state = 'discarded'"
        )
    };
}

/// An event and its job in one statement, so that whoever brings an event waits for one answer of the server's. Of two that
/// bring the same, the second waits for the first.
const ACCEPT: &str = concat!(
    "WITH kept AS (
         INSERT INTO events (tenant, id, kind, received_at, body) VALUES ($11, $8, $9, $7, $10)
         ON CONFLICT (tenant, id) DO NOTHING RETURNING 1
     ), enqueued AS (",
    enqueue!("SELECT $1, $2, $3, $4, $5, $6, $7, 'pending' FROM kept"),
    ") SELECT count(*) FROM kept"
);

const ENQUEUE: &str = enqueue!(
    "SELECT *, $7, 'pending' FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])"
);

type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

/// The queue.
#[derive(Debug)]
pub(crate) struct PostgresQueue {
    db: Arc<Db>,
    bell: Bell,
}

impl PostgresQueue {
    /// `name` is one that no other process has.
    pub(crate) fn new(db: Arc<Db>, name: String) -> Self {
        Self { bell: Bell::new(db.clone(), name), db }
    }

    /// Stops listening for other nodes.
    pub(crate) fn stop(&self) {
        self.bell.stop();
    }

    async fn accept_once(&self, event: &NewEvent, job: &NewJob) -> Result<Accepted, Fault> {
        let kept: i64 = sqlx::query_scalar(ACCEPT)
            .bind(job.id().to_string())
            .bind(job.tenant.as_str())
            .bind(job.name.as_str())
            .bind(job.key.as_str())
            .bind(json(&job.payload)?)
            .bind(micros(job.run_at))
            .bind(micros(event.received_at))
            .bind(event.id.as_str())
            .bind(event.kind.as_str())
            .bind(event.body.as_bytes())
            .bind(event.tenant.as_str())
            .fetch_one(&self.db.pool)
            .await?;
        if kept == 0 {
            return Ok(Accepted::Duplicate);
        }
        self.bell.ring();
        Ok(Accepted::New)
    }

    async fn read_event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<Event>, Fault> {
        let row = sqlx::query("SELECT * FROM events WHERE tenant = $1 AND id = $2")
            .bind(tenant.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        row.as_ref().map(row::event).transpose()
    }

    async fn remove_events(&self, tenant: &TenantId, ids: &[EventId]) -> Result<u64, Fault> {
        if ids.is_empty() {
            return Ok(0);
        }
        let done = sqlx::query("DELETE FROM events WHERE tenant = $1 AND id = ANY ($2)")
            .bind(tenant.as_str())
            .bind(id_list(ids.iter().map(EventId::as_str)))
            .execute(&self.db.pool)
            .await?;
        Ok(done.rows_affected())
    }

    async fn forget(&self, tenant: &TenantId, keys: &[String]) -> Result<u64, Fault> {
        if keys.is_empty() {
            return Ok(0);
        }
        let done = sqlx::query(
            "DELETE FROM jobs WHERE tenant = $1 AND state <> 'running' AND EXISTS (
                 SELECT FROM unnest($2) AS given
                 WHERE jobs.key = given OR starts_with(jobs.key, given || ':'))",
        )
        .bind(tenant.as_str())
        .bind(id_list(keys.iter().map(String::as_str)))
        .execute(&self.db.pool)
        .await?;
        Ok(done.rows_affected())
    }

    async fn enqueue_all(&self, jobs: &[NewJob], now: Timestamp) -> Result<(), Fault> {
        if jobs.is_empty() {
            return Ok(());
        }
        insert(&self.db.pool, jobs, now).await?;
        self.bell.ring();
        Ok(())
    }

    async fn take(&self, token: &str, limit: usize, until: Timestamp, now: Timestamp) -> Result<Vec<Lease>, Fault> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin().await?;
        let last = turns::last(&mut tx).await?;
        let (chosen, after_loss) = match turns::lost(&mut tx, now).await? {
            Some(lost) => (Chosen { ids: vec![lost], turn: None }, true),
            None => (turns::next(&mut tx, &last, limit, now).await?, false),
        };
        if chosen.ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "WITH turned AS (UPDATE job_turn SET tenant = $4 WHERE $4 IS NOT NULL)
             UPDATE jobs
             SET state = 'running', attempts = attempts + 1, lease_token = $1 || ':' || id, lease_until = $2
             WHERE id = ANY ($3)
             RETURNING *",
        )
        .bind(token)
        .bind(micros(until))
        .bind(&chosen.ids)
        .bind(chosen.turn)
        .fetch_all(&mut *tx)
        .await?;
        let mut leases = rows.iter().map(|row| lease(row, until, after_loss)).collect::<Result<Vec<_>, _>>()?;
        tx.commit().await?;
        // RETURNING promises no order.
        leases.sort_by_key(|lease| chosen.ids.iter().position(|id| id == lease.job.id.as_str()));
        Ok(leases)
    }

    /// Ends an attempt that came to nothing; `statement` is one of those made with `failed!`.
    async fn fail(
        &self,
        lease: &Lease,
        statement: &'static str,
        at: Option<Timestamp>,
        failure: &Failure,
    ) -> Result<Settled, Fault> {
        let past = PastFailure { at: failure.at, attempt: lease.job.attempts, kind: failure.kind.name().to_owned() };
        let query = held(sqlx::query(statement), lease)
            .bind(storable(&failure.text).into_owned())
            .bind(json(&past)?)
            .bind(as_i64(FAILURES_KEPT))
            .bind(at.map(micros));
        let done = query.execute(&self.db.pool).await?;
        self.bell.ring();
        Ok(settled(done.rows_affected()))
    }

    /// Runs a single statement that touches the job only as long as the lease holds.
    async fn settle(&self, lease: &Lease, query: Query, until: Option<Timestamp>) -> Result<Settled, Fault> {
        let mut query = held(query, lease);
        if let Some(until) = until {
            query = query.bind(micros(until));
        }
        Ok(settled(query.execute(&self.db.pool).await?.rows_affected()))
    }

    async fn finish(&self, lease: &Lease, follow_ups: &[NewJob], now: Timestamp) -> Result<Settled, Fault> {
        let mut tx = self.db.begin().await?;
        let done =
            held(sqlx::query("DELETE FROM jobs WHERE id = $1 AND lease_token = $2"), lease).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            return Ok(Settled::Lost);
        }
        insert(&mut *tx, follow_ups, now).await?;
        tx.commit().await?;
        if !follow_ups.is_empty() {
            self.bell.ring();
        }
        Ok(Settled::Done)
    }

    /// Lets one job start over, or all dead ones, of that name if one is given.
    async fn revive(
        &self,
        tenant: &TenantId,
        id: Option<&JobId>,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<u64, Fault> {
        let done = sqlx::query(REVIVE)
            .bind(micros(now))
            .bind(tenant.as_str())
            .bind(id.map(JobId::as_str))
            .bind(name)
            .execute(&self.db.pool)
            .await?;
        self.bell.ring();
        Ok(done.rows_affected())
    }

    async fn give_up(&self, tenant: &TenantId, id: &JobId, discard: &Discard) -> Result<bool, Fault> {
        let done = sqlx::query(
            "UPDATE jobs SET state = 'discarded', discard = $1 WHERE tenant = $2 AND id = $3 AND state = 'dead'",
        )
        .bind(json(discard)?)
        .bind(tenant.as_str())
        .bind(id.as_str())
        .execute(&self.db.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    async fn read(&self, tenant: &TenantId, id: &JobId) -> Result<Option<Job>, Fault> {
        let row = sqlx::query("SELECT * FROM jobs WHERE tenant = $1 AND id = $2")
            .bind(tenant.as_str())
            .bind(id.as_str())
            .fetch_optional(&self.db.pool)
            .await?;
        row.as_ref().map(row::job).transpose()
    }

    async fn mend(&self, now: Timestamp) -> Result<u64, Fault> {
        let mut tx = self.db.begin().await?;
        let mut mended = 0;
        for statement in [
            "UPDATE jobs SET run_at = $1 WHERE state IN ('pending', 'retrying') AND run_at > $2",
            "UPDATE jobs SET lease_until = $1 WHERE state = 'running' AND lease_until > $2",
        ] {
            let query = sqlx::query(statement).bind(micros(now)).bind(micros(now + LONGEST_WAIT));
            mended += query.execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
        self.bell.ring();
        Ok(mended)
    }

    async fn read_page(
        &self,
        tenant: &TenantId,
        filter: &JobFilter,
        request: &PageRequest,
    ) -> Result<Page<Job>, Fault> {
        let (limit, after) = (limit(request)?, After::of(request)?);
        let rows = sqlx::query(
            "SELECT * FROM jobs
             WHERE tenant = $1 AND created_at <= $2 AND (created_at < $2 OR id > $3)
               AND ($4 IS NULL OR state = $4) AND ($5 IS NULL OR name = $5)
             ORDER BY created_at DESC, id LIMIT $6",
        )
        .bind(tenant.as_str())
        .bind(after.at)
        .bind(after.id)
        .bind(filter.state.map(JobState::name))
        .bind(filter.name.as_deref())
        .bind(rows(limit))
        .fetch_all(&self.db.pool)
        .await?;
        let jobs = rows.iter().map(row::job).collect::<Result<_, _>>()?;
        Ok(page(jobs, limit, |job: &Job| After { at: micros(job.created_at), id: job.id.to_string() }))
    }

    async fn count(&self, tenant: Option<&TenantId>, now: Timestamp) -> Result<QueueStats, Fault> {
        let tenant = tenant.map(TenantId::as_str);
        // One statement, so that the numbers are of one moment.
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE state = 'pending')  AS pending,
                    count(*) FILTER (WHERE state = 'running')  AS running,
                    count(*) FILTER (WHERE state = 'retrying') AS retrying,
                    count(*) FILTER (WHERE state = 'dead')     AS dead,
                    count(*) FILTER (WHERE state = 'discarded') AS discarded,
                    min(run_at) FILTER (WHERE run_at <= $2 AND (state IN ('pending', 'retrying')
                                                 OR state = 'running' AND lease_until <= $2)) AS oldest
             FROM jobs WHERE $1 IS NULL OR tenant = $1",
        )
        .bind(tenant)
        .bind(micros(now))
        .fetch_one(&self.db.pool)
        .await?;
        let number = |column| Ok::<_, Fault>(row.try_get::<i64, _>(column)?.unsigned_abs());
        let waited = row.try_get::<Option<i64>, _>("oldest")?.map_or(0, |oldest| micros(now).saturating_sub(oldest));
        Ok(QueueStats {
            pending: number("pending")?,
            running: number("running")?,
            retrying: number("retrying")?,
            dead: number("dead")?,
            discarded: number("discarded")?,
            oldest_pending_secs: u64::try_from(waited).unwrap_or(0) / 1_000_000,
        })
    }
}

/// Enqueues jobs in one statement; of those of one key, the first. In the order of their ids, so that two who enqueue the same
/// ones do not wait for each other in a ring.
async fn insert(to: impl PgExecutor<'_>, jobs: &[NewJob], now: Timestamp) -> Result<(), Fault> {
    if jobs.is_empty() {
        return Ok(());
    }
    let mut by_id: BTreeMap<String, &NewJob> = BTreeMap::new();
    for job in jobs {
        by_id.entry(job.id().to_string()).or_insert(job);
    }
    let column = |of: fn(&NewJob) -> &str| by_id.values().map(|job| of(job)).collect::<Vec<_>>();
    sqlx::query(ENQUEUE)
        .bind(by_id.keys().map(String::as_str).collect::<Vec<_>>())
        .bind(column(|job| job.tenant.as_str()))
        .bind(column(|job| &job.name))
        .bind(column(|job| &job.key))
        .bind(by_id.values().map(|job| json(&job.payload)).collect::<Result<Vec<_>, _>>()?)
        .bind(by_id.values().map(|job| micros(job.run_at)).collect::<Vec<_>>())
        .bind(micros(now))
        .execute(to)
        .await?;
    Ok(())
}

/// Binds what a lease is recognised by; whoever settles a job clears the token, so it fits once.
fn held(query: Query, lease: &Lease) -> Query {
    query.bind(lease.job.id.to_string()).bind(lease.token.clone())
}

fn settled(rows: u64) -> Settled {
    if rows > 0 { Settled::Done } else { Settled::Lost }
}

fn lease(row: &PgRow, until: Timestamp, after_loss: bool) -> Result<Lease, Fault> {
    Ok(Lease { job: row::job(row)?, token: row.try_get("lease_token")?, until, after_loss })
}

#[async_trait]
impl JobQueue for PostgresQueue {
    async fn accept(&self, event: &NewEvent, job: &NewJob) -> Result<Accepted> {
        self.db.write("postgres.accept", || self.accept_once(event, job)).await
    }

    async fn event(&self, tenant: &TenantId, id: &EventId) -> Result<Option<Event>> {
        self.db.read("postgres.event", || self.read_event(tenant, id)).await
    }

    async fn delete_events(&self, tenant: &TenantId, ids: &[EventId]) -> Result<u64> {
        self.db.write("postgres.delete_events", || self.remove_events(tenant, ids)).await
    }

    async fn event_tenants(&self) -> Result<Vec<TenantId>> {
        self.db.read("postgres.event_tenants", || old_events::tenants(&self.db)).await
    }

    async fn events_before(&self, tenant: &TenantId, before: Timestamp, limit: usize) -> Result<Vec<EventId>> {
        self.db.read("postgres.events_before", || old_events::before(&self.db, tenant, before, limit)).await
    }

    async fn forget_jobs(&self, tenant: &TenantId, keys: &[String]) -> Result<u64> {
        self.db.write("postgres.forget_jobs", || self.forget(tenant, keys)).await
    }

    async fn purge(&self) -> Result<()> {
        self.db.write("postgres.purge", || self.db.purge(FORGETFUL)).await
    }

    async fn enqueue(&self, jobs: &[NewJob], now: Timestamp) -> Result<()> {
        self.db.write("postgres.enqueue", || self.enqueue_all(jobs, now)).await
    }

    async fn lease(&self, token: &str, limit: usize, until: Timestamp, now: Timestamp) -> Result<Vec<Lease>> {
        self.db.write("postgres.lease", || self.take(token, limit, until, now)).await
    }

    async fn extend(&self, lease: &Lease, until: Timestamp) -> Result<Settled> {
        let query = || sqlx::query("UPDATE jobs SET lease_until = $3 WHERE id = $1 AND lease_token = $2");
        self.db.write("postgres.extend", || self.settle(lease, query(), Some(until))).await
    }

    async fn complete(&self, lease: &Lease, follow_ups: &[NewJob], now: Timestamp) -> Result<Settled> {
        self.db.write("postgres.complete", || self.finish(lease, follow_ups, now)).await
    }

    async fn retry(&self, lease: &Lease, at: Timestamp, failure: &Failure) -> Result<Settled> {
        self.db.write("postgres.retry", || self.fail(lease, RETRY, Some(at), failure)).await
    }

    async fn postpone(&self, lease: &Lease, at: Timestamp, reason: &Failure) -> Result<Settled> {
        self.db.write("postgres.postpone", || self.fail(lease, POSTPONE, Some(at), reason)).await
    }

    async fn release(&self, lease: &Lease) -> Result<Settled> {
        let query = || {
            sqlx::query(
                "UPDATE jobs SET state = CASE WHEN attempts > 1 THEN 'retrying' ELSE 'pending' END,
                     attempts = greatest(attempts - 1, 0), lease_token = NULL, lease_until = NULL
                 WHERE id = $1 AND lease_token = $2",
            )
        };
        let settled = self.db.write("postgres.release", || self.settle(lease, query(), None)).await;
        self.bell.ring();
        settled
    }

    async fn bury(&self, lease: &Lease, failure: &Failure) -> Result<Settled> {
        self.db.write("postgres.bury", || self.fail(lease, BURY, None, failure)).await
    }

    async fn redrive(&self, tenant: &TenantId, id: &JobId, now: Timestamp) -> Result<bool> {
        let revived = self.db.write("postgres.redrive", || self.revive(tenant, Some(id), None, now)).await;
        revived.map(|count| count > 0)
    }

    async fn redrive_all(&self, tenant: &TenantId, name: Option<&str>, now: Timestamp) -> Result<u64> {
        self.db.write("postgres.redrive_all", || self.revive(tenant, None, name, now)).await
    }

    async fn discard(&self, tenant: &TenantId, id: &JobId, discard: &Discard) -> Result<bool> {
        self.db.write("postgres.discard", || self.give_up(tenant, id, discard)).await
    }

    async fn find(&self, tenant: &TenantId, id: &JobId) -> Result<Option<Job>> {
        self.db.read("postgres.find_job", || self.read(tenant, id)).await
    }

    async fn list(&self, tenant: &TenantId, filter: &JobFilter, page: &PageRequest) -> Result<Page<Job>> {
        self.db.read("postgres.list_jobs", || self.read_page(tenant, filter, page)).await
    }

    async fn stats(&self, tenant: Option<&TenantId>, now: Timestamp) -> Result<QueueStats> {
        self.db.read("postgres.queue_stats", || self.count(tenant, now)).await
    }

    async fn mend_times(&self, now: Timestamp) -> Result<u64> {
        self.db.write("postgres.mend_times", || self.mend(now)).await
    }

    async fn wait(&self) {
        self.bell.wait().await;
    }

    async fn ping(&self) -> Result<()> {
        self.db.read("postgres.ping", || self.db.ping()).await
    }
}
