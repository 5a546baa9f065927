//! Conversations, their words only sealed.

use crate::db::{Db, hold};
use crate::error::Fault;
use crate::page::{After, limit, page, rows};
use crate::row::{self, id_list, micros, name};
use hark_core::crypt::Sealed;
use hark_core::{
    AgentId, Conversation, ConversationId, ConversationState, Page, PageRequest, Scope, TenantId, Timestamp, UserId,
};
use sqlx::{PgConnection, Row};

pub(super) async fn bind(
    db: &Db,
    scope: &Scope,
    id: &ConversationId,
    agent: Option<&AgentId>,
    now: Timestamp,
) -> Result<UserId, Fault> {
    let mut tx = db.begin().await?;
    stay(&mut tx, &scope.tenant, &scope.caller).await?;
    sqlx::query(
        "INSERT INTO conversations (tenant, id, caller, agent, state, started_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (tenant, id) DO UPDATE
         SET caller = excluded.caller, agent = coalesce(conversations.agent, excluded.agent),
             updated_at = excluded.updated_at
         WHERE conversations.caller IS NULL",
    )
    .bind(scope.tenant.as_str())
    .bind(id.as_str())
    .bind(scope.caller.as_str())
    .bind(agent.map(AgentId::as_str))
    .bind(ConversationState::Open.name())
    .bind(micros(now))
    .execute(&mut *tx)
    .await?;
    // Not by RETURNING, which tells nothing of a row that was left as it is.
    let caller: String = sqlx::query("SELECT caller FROM conversations WHERE tenant = $1 AND id = $2")
        .bind(scope.tenant.as_str())
        .bind(id.as_str())
        .fetch_one(&mut *tx)
        .await?
        .try_get(0)?;
    tx.commit().await?;
    Ok(caller.into())
}

pub(super) async fn get(db: &Db, tenant: &TenantId, id: &ConversationId) -> Result<Option<Conversation>, Fault> {
    let mut connection = db.pool.acquire().await?;
    read(&mut connection, tenant, id).await
}

/// Keeps a caller from being erased until the transaction ends. A foreign key does the same, but only once the conversation is
/// locked, and an erasure locks the caller first: each would wait for the other.
async fn stay(connection: &mut PgConnection, tenant: &TenantId, caller: &UserId) -> Result<(), Fault> {
    sqlx::query("SELECT FROM users WHERE tenant = $1 AND id = $2 FOR KEY SHARE")
        .bind(tenant.as_str())
        .bind(caller.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn read(
    connection: &mut PgConnection,
    tenant: &TenantId,
    id: &ConversationId,
) -> Result<Option<Conversation>, Fault> {
    let row = sqlx::query("SELECT * FROM conversations WHERE tenant = $1 AND id = $2")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(row::conversation).transpose()
}

pub(super) async fn save(db: &Db, tenant: &TenantId, conversation: &Conversation) -> Result<Conversation, Fault> {
    let mut tx = db.begin().await?;
    if let Some(caller) = &conversation.caller {
        stay(&mut tx, tenant, caller).await?;
    }
    sqlx::query(
        "INSERT INTO conversations (tenant, id, caller, agent, state, started_at, duration_secs, updated_at,
                                    transcript, extraction)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (tenant, id) DO UPDATE SET
             caller = coalesce(conversations.caller, excluded.caller),
             agent = excluded.agent,
             state = excluded.state,
             started_at = excluded.started_at,
             duration_secs = excluded.duration_secs,
             updated_at = excluded.updated_at,
             transcript = excluded.transcript,
             extraction = coalesce(conversations.extraction, excluded.extraction)",
    )
    .bind(tenant.as_str())
    .bind(conversation.id.as_str())
    .bind(conversation.caller.as_ref().map(UserId::as_str))
    .bind(conversation.agent.as_ref().map(AgentId::as_str))
    .bind(name(&conversation.state)?)
    .bind(micros(conversation.started_at))
    .bind(conversation.duration_secs.map(i64::from))
    .bind(micros(conversation.updated_at))
    .bind(conversation.transcript.as_ref().map(|sealed| sealed.as_bytes()))
    .bind(conversation.extraction.as_ref().map(|sealed| sealed.as_bytes()))
    .execute(&mut *tx)
    .await?;
    let stored = read(&mut tx, tenant, &conversation.id).await?.ok_or(sqlx::Error::RowNotFound)?;
    tx.commit().await?;
    Ok(stored)
}

pub(super) async fn replace_extraction(
    db: &Db,
    tenant: &TenantId,
    id: &ConversationId,
    standing: &Sealed,
    new: &Sealed,
) -> Result<bool, Fault> {
    let done =
        sqlx::query("UPDATE conversations SET extraction = $1 WHERE tenant = $2 AND id = $3 AND extraction = $4")
            .bind(new.as_bytes())
            .bind(tenant.as_str())
            .bind(id.as_str())
            .bind(standing.as_bytes())
            .execute(&db.pool)
            .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn finish(db: &Db, scope: &Scope, id: &ConversationId, now: Timestamp) -> Result<(), Fault> {
    let mut tx = db.begin().await?;
    hold(&mut tx, scope).await?;
    let done = sqlx::query(
        "UPDATE conversations SET state = $4, updated_at = $5
         WHERE tenant = $1 AND caller = $2 AND id = $3 AND state <> $4",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(id.as_str())
    .bind(ConversationState::Learnt.name())
    .bind(micros(now))
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() > 0 {
        count_once(&mut tx, scope, id).await?;
    }
    Ok(tx.commit().await?)
}

/// Counts the call unless it is counted. The state alone would not tell: a re-run sets it back while it learns.
async fn count_once(connection: &mut PgConnection, scope: &Scope, id: &ConversationId) -> Result<(), Fault> {
    let counted = sqlx::query("UPDATE conversations SET counted = TRUE WHERE tenant = $1 AND id = $2 AND NOT counted")
        .bind(scope.tenant.as_str())
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    if counted.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE users SET call_count = call_count + 1, last_contact = greatest(last_contact,
             (SELECT started_at FROM conversations WHERE tenant = $1 AND id = $3))
         WHERE tenant = $1 AND id = $2",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(id.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete_unowned(db: &Db, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64, Fault> {
    if ids.is_empty() {
        return Ok(0);
    }
    let ids = id_list(ids.iter().map(ConversationId::as_str));
    let mut tx = db.begin().await?;
    let mut gone = 0;
    for statement in [
        // Nobody becomes the caller of one of them meanwhile.
        "SELECT FROM conversations WHERE tenant = $1 AND id = ANY ($2) ORDER BY id FOR UPDATE",
        unname_costs!(
            "costs.conversation = ANY ($2) AND NOT EXISTS (SELECT FROM conversations AS c
             WHERE c.tenant = $1 AND c.id = costs.conversation AND c.caller IS NOT NULL)"
        ),
        "DELETE FROM receipts WHERE tenant = $1 AND conversation = ANY ($2) AND NOT EXISTS (SELECT FROM conversations AS c
             WHERE c.tenant = $1 AND c.id = receipts.conversation AND c.caller IS NOT NULL)",
        "DELETE FROM conversations WHERE tenant = $1 AND caller IS NULL AND id = ANY ($2)",
    ] {
        let done = sqlx::query(statement).bind(tenant.as_str()).bind(ids.as_slice()).execute(&mut *tx).await?;
        gone = done.rows_affected();
    }
    tx.commit().await?;
    Ok(gone)
}

pub(super) async fn list(
    db: &Db,
    tenant: &TenantId,
    caller: Option<&UserId>,
    request: &PageRequest,
) -> Result<Page<Conversation>, Fault> {
    let (limit, after) = (limit(request)?, After::of(request)?);
    // Two statements, since one with `$5 IS NULL OR caller = $5` could not use the caller's index.
    let statement = match caller {
        None => {
            "SELECT * FROM conversations
             WHERE tenant = $1 AND started_at <= $2 AND (started_at < $2 OR id > $3)
             ORDER BY started_at DESC, id LIMIT $4"
        }
        Some(_) => {
            "SELECT * FROM conversations
             WHERE tenant = $1 AND caller = $5 AND started_at <= $2 AND (started_at < $2 OR id > $3)
             ORDER BY started_at DESC, id LIMIT $4"
        }
    };
    let mut query = sqlx::query(statement).bind(tenant.as_str()).bind(after.at).bind(after.id).bind(rows(limit));
    if let Some(caller) = caller {
        query = query.bind(caller.as_str());
    }
    let rows = query.fetch_all(&db.pool).await?;
    let items = rows.iter().map(row::conversation).collect::<Result<_, _>>()?;
    Ok(page(items, limit, |c: &Conversation| After { at: micros(c.started_at), id: c.id.to_string() }))
}
