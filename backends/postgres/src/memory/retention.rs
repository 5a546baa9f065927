//! What is too old to be kept.

use crate::db::Db;
use crate::error::Fault;
use crate::page::{After, as_i64, ascending_page, limit, rows};
use crate::row::{self, id_list, micros};
use hark_core::{ConversationId, Memory, MemoryState, Page, PageRequest, Scope, TenantId, Timestamp, User, UserId};
use sqlx::Row;

/// Steps from tenant to tenant along an index, however many rows each has.
pub(super) async fn tenants(db: &Db) -> Result<Vec<TenantId>, Fault> {
    let names: Vec<String> = sqlx::query_scalar(
        "WITH RECURSIVE
             of_users (tenant) AS (
                 SELECT min(tenant) FROM users UNION ALL
                 SELECT (SELECT min(u.tenant) FROM users u WHERE u.tenant > of_users.tenant)
                 FROM of_users WHERE of_users.tenant IS NOT NULL),
             of_calls (tenant) AS (
                 SELECT min(tenant) FROM conversations UNION ALL
                 SELECT (SELECT min(c.tenant) FROM conversations c WHERE c.tenant > of_calls.tenant)
                 FROM of_calls WHERE of_calls.tenant IS NOT NULL)
         SELECT tenant FROM of_users WHERE tenant IS NOT NULL
         UNION SELECT tenant FROM of_calls WHERE tenant IS NOT NULL ORDER BY 1",
    )
    .fetch_all(&db.pool)
    .await?;
    Ok(names.into_iter().map(TenantId::new).collect())
}

pub(super) async fn spoken_before(
    db: &Db,
    tenant: &TenantId,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<(ConversationId, Option<UserId>)>, Fault> {
    let rows = sqlx::query(
        "SELECT id, caller FROM conversations
         WHERE tenant = $1 AND started_at < $2 AND (transcript IS NOT NULL OR extraction IS NOT NULL)
           AND (state <> 'learning' OR updated_at < $2)
         ORDER BY started_at, id LIMIT $3",
    )
    .bind(tenant.as_str())
    .bind(micros(before))
    .bind(as_i64(limit))
    .fetch_all(&db.pool)
    .await?;
    let read = |row: &sqlx::postgres::PgRow| {
        let caller: Option<String> = row.try_get("caller")?;
        Ok((row.try_get::<String, _>("id")?.into(), caller.map(UserId::from)))
    };
    rows.iter().map(read).collect()
}

pub(super) async fn take_words(db: &Db, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64, Fault> {
    if ids.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(
        "UPDATE conversations SET transcript = NULL, extraction = NULL
         WHERE tenant = $1 AND id = ANY ($2)
           AND (transcript IS NOT NULL OR extraction IS NOT NULL)",
    )
    .bind(tenant.as_str())
    .bind(id_list(ids.iter().map(ConversationId::as_str)))
    .execute(&db.pool)
    .await?;
    Ok(done.rows_affected())
}

/// The place a walk from the earliest time to the latest (ties by id) goes on from.
fn after(request: &PageRequest) -> Result<After, Fault> {
    match &request.cursor {
        None => Ok(After { at: i64::MIN, id: String::new() }),
        Some(_) => After::of(request),
    }
}

pub(super) async fn aged_memories(
    db: &Db,
    tenant: &TenantId,
    states: &[MemoryState],
    before: Timestamp,
    request: &PageRequest,
) -> Result<Page<(Scope, Memory)>, Fault> {
    let (limit, After { at, id }) = (limit(request)?, after(request)?);
    let rows = sqlx::query(
        "SELECT * FROM memories
         WHERE tenant = $1 AND learnt_at < $2 AND (learnt_at, id) > ($3, $4)
           AND state = ANY ($5)
         ORDER BY learnt_at, id LIMIT $6",
    )
    .bind(tenant.as_str())
    .bind(micros(before))
    .bind(at)
    .bind(id)
    .bind(id_list(states.iter().map(|state| state.name())))
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let read = |row: &sqlx::postgres::PgRow| {
        let memory = row::memory(row)?;
        let place = After { at: micros(memory.learnt_at), id: memory.id.to_string() };
        Ok((place, (row::scope(row)?, memory)))
    };
    Ok(ascending_page(rows.iter().map(read).collect::<Result<_, Fault>>()?, limit))
}

pub(super) async fn idle_callers(
    db: &Db,
    tenant: &TenantId,
    before: Timestamp,
    request: &PageRequest,
) -> Result<Page<User>, Fault> {
    let (limit, After { at, id }) = (limit(request)?, after(request)?);
    let rows = sqlx::query(
        "SELECT * FROM users u
         WHERE tenant = $1 AND last_contact < $2 AND (last_contact, id) > ($3, $4)
           AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.tenant = $1 AND c.caller = u.id
                           AND (c.started_at >= $2 OR c.updated_at >= $2))
           AND NOT EXISTS (SELECT 1 FROM memories m WHERE m.tenant = $1 AND m.caller = u.id
                           AND (m.learnt_at >= $2 OR m.reinforced_at >= $2))
         ORDER BY last_contact, id LIMIT $5",
    )
    .bind(tenant.as_str())
    .bind(micros(before))
    .bind(at)
    .bind(id)
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let read = |row: &sqlx::postgres::PgRow| {
        let user = row::user(row, &db.veil)?;
        Ok((After { at: micros(user.last_contact), id: user.id.to_string() }, user))
    };
    Ok(ascending_page(rows.iter().map(read).collect::<Result<_, Fault>>()?, limit))
}
