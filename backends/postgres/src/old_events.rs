//! Raw events that are too old to be kept.

use crate::db::Db;
use crate::error::Fault;
use crate::page::as_i64;
use crate::row::micros;
use hark_core::{EventId, TenantId, Timestamp};

/// Steps from tenant to tenant along an index, however many events each has.
pub(crate) async fn tenants(db: &Db) -> Result<Vec<TenantId>, Fault> {
    let names: Vec<String> = sqlx::query_scalar(
        "WITH RECURSIVE of_events (tenant) AS (
             SELECT min(tenant) FROM events UNION ALL
             SELECT (SELECT min(e.tenant) FROM events e WHERE e.tenant > of_events.tenant)
             FROM of_events WHERE of_events.tenant IS NOT NULL)
         SELECT tenant FROM of_events WHERE tenant IS NOT NULL ORDER BY 1",
    )
    .fetch_all(&db.pool)
    .await?;
    Ok(names.into_iter().map(TenantId::new).collect())
}

pub(crate) async fn before(db: &Db, tenant: &TenantId, before: Timestamp, limit: usize) -> Result<Vec<EventId>, Fault> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM events
         WHERE tenant = $1 AND received_at < $2 AND NOT EXISTS (
             SELECT FROM jobs WHERE jobs.tenant = $1 AND jobs.key = events.id
             AND jobs.state IN ('pending', 'running', 'retrying'))
         ORDER BY received_at, id LIMIT $3",
    )
    .bind(tenant.as_str())
    .bind(micros(before))
    .bind(as_i64(limit))
    .fetch_all(&db.pool)
    .await?;
    Ok(ids.into_iter().map(EventId::new).collect())
}
