//! Conversations, their words only sealed.

use crate::db::Db;
use crate::error::Fault;
use crate::page::{After, limit, page, rows};
use crate::row::{self, id_list, micros, name};
use hark_core::crypt::Sealed;
use hark_core::{
    AgentId, Conversation, ConversationId, ConversationState, Page, PageRequest, Scope, TenantId, Timestamp, UserId,
};
use sqlx::{Row, SqliteConnection};

pub(super) async fn bind(
    db: &Db,
    scope: &Scope,
    id: &ConversationId,
    agent: Option<&AgentId>,
    now: Timestamp,
) -> Result<UserId, Fault> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO conversations (tenant, id, caller, agent, state, started_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
         ON CONFLICT (tenant, id) DO UPDATE
         SET caller = excluded.caller, agent = coalesce(agent, excluded.agent), updated_at = excluded.updated_at
         WHERE caller IS NULL",
    )
    .bind(scope.tenant.as_str())
    .bind(id.as_str())
    .bind(scope.caller.as_str())
    .bind(agent.map(AgentId::as_str))
    .bind(ConversationState::Open.name())
    .bind(micros(now))
    .execute(&mut *tx)
    .await?;
    // Not by RETURNING: the driver stops a statement at the first row, before SQLite has checked the foreign keys.
    let caller: String = sqlx::query("SELECT caller FROM conversations WHERE tenant = ? AND id = ?")
        .bind(scope.tenant.as_str())
        .bind(id.as_str())
        .fetch_one(&mut *tx)
        .await?
        .try_get(0)?;
    tx.commit().await?;
    Ok(caller.into())
}

pub(super) async fn get(db: &Db, tenant: &TenantId, id: &ConversationId) -> Result<Option<Conversation>, Fault> {
    let mut connection = db.reader.acquire().await?;
    read(&mut connection, tenant, id).await
}

async fn read(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    id: &ConversationId,
) -> Result<Option<Conversation>, Fault> {
    let row = sqlx::query("SELECT * FROM conversations WHERE tenant = ? AND id = ?")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(row::conversation).transpose()
}

pub(super) async fn save(db: &Db, tenant: &TenantId, conversation: &Conversation) -> Result<Conversation, Fault> {
    let mut tx = db.begin().await?;
    sqlx::query(
        "INSERT INTO conversations (tenant, id, caller, agent, state, started_at, duration_secs, updated_at,
                                    transcript, extraction)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (tenant, id) DO UPDATE SET
             caller = coalesce(caller, excluded.caller),
             agent = excluded.agent,
             state = excluded.state,
             started_at = excluded.started_at,
             duration_secs = excluded.duration_secs,
             updated_at = excluded.updated_at,
             transcript = excluded.transcript,
             extraction = coalesce(extraction, excluded.extraction)",
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
    let done = sqlx::query("UPDATE conversations SET extraction = ? WHERE tenant = ? AND id = ? AND extraction = ?")
        .bind(new.as_bytes())
        .bind(tenant.as_str())
        .bind(id.as_str())
        .bind(standing.as_bytes())
        .execute(&db.writer)
        .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn finish(db: &Db, scope: &Scope, id: &ConversationId, now: Timestamp) -> Result<(), Fault> {
    let mut tx = db.begin().await?;
    let done = sqlx::query(
        "UPDATE conversations SET state = ?4, updated_at = ?5
         WHERE tenant = ?1 AND caller = ?2 AND id = ?3 AND state <> ?4",
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
async fn count_once(connection: &mut SqliteConnection, scope: &Scope, id: &ConversationId) -> Result<(), Fault> {
    let counted = sqlx::query("UPDATE conversations SET counted = 1 WHERE tenant = ? AND id = ? AND counted = 0")
        .bind(scope.tenant.as_str())
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    if counted.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE users SET call_count = call_count + 1, last_contact = max(last_contact,
             (SELECT started_at FROM conversations WHERE tenant = ?1 AND id = ?3))
         WHERE tenant = ?1 AND id = ?2",
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
    let ids = id_list(ids.iter().map(ConversationId::as_str))?;
    let mut tx = db.begin().await?;
    let mut gone = 0;
    for statement in [
        "INSERT INTO costs (tenant, day, agent, spend, model, calls, unpriced, input_tokens, output_tokens, money)
         SELECT tenant, day, agent, spend, model, sum(calls), sum(unpriced), sum(input_tokens), sum(output_tokens),
                sum(money)
         FROM costs
         WHERE tenant = ?1 AND conversation <> '' AND conversation IN (SELECT value FROM json_each(?2)) AND NOT EXISTS
             (SELECT 1 FROM conversations WHERE tenant = ?1 AND id = conversation AND caller IS NOT NULL)
         GROUP BY tenant, day, agent, spend, model
         ON CONFLICT (tenant, day, conversation, agent, spend, model) DO UPDATE SET
             calls = calls + excluded.calls,
             unpriced = unpriced + excluded.unpriced,
             input_tokens = input_tokens + excluded.input_tokens,
             output_tokens = output_tokens + excluded.output_tokens,
             money = money + excluded.money",
        "DELETE FROM costs WHERE tenant = ?1 AND conversation <> '' AND conversation IN (SELECT value FROM json_each(?2)) AND NOT EXISTS
             (SELECT 1 FROM conversations WHERE tenant = ?1 AND id = conversation AND caller IS NOT NULL)",
        "DELETE FROM receipts WHERE tenant = ?1 AND conversation IN (SELECT value FROM json_each(?2)) AND NOT EXISTS
             (SELECT 1 FROM conversations WHERE tenant = ?1 AND id = conversation AND caller IS NOT NULL)",
        "DELETE FROM conversations WHERE tenant = ?1 AND caller IS NULL AND id IN (SELECT value FROM json_each(?2))",
    ] {
        let done = sqlx::query(statement).bind(tenant.as_str()).bind(ids.as_str()).execute(&mut *tx).await?;
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
    // Two statements, since one with `?5 IS NULL OR caller = ?5` could not use the caller's index.
    let statement = match caller {
        None => {
            "SELECT * FROM conversations
             WHERE tenant = ?1 AND started_at <= ?2 AND (started_at < ?2 OR id > ?3)
             ORDER BY started_at DESC, id LIMIT ?4"
        }
        Some(_) => {
            "SELECT * FROM conversations
             WHERE tenant = ?1 AND caller = ?5 AND started_at <= ?2 AND (started_at < ?2 OR id > ?3)
             ORDER BY started_at DESC, id LIMIT ?4"
        }
    };
    let mut query = sqlx::query(statement).bind(tenant.as_str()).bind(after.at).bind(after.id).bind(rows(limit));
    if let Some(caller) = caller {
        query = query.bind(caller.as_str());
    }
    let rows = query.fetch_all(&db.reader).await?;
    let items = rows.iter().map(row::conversation).collect::<Result<_, _>>()?;
    Ok(page(items, limit, |c: &Conversation| After { at: micros(c.started_at), id: c.id.to_string() }))
}
