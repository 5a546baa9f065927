//! What agents were told, how often what was recalled, and what people made of it.

use crate::db::Db;
use crate::error::Fault;
use crate::page::{After, limit, page, rows};
use crate::row::{self, id_list, json, micros};
use hark_core::{
    AgentId, ConversationId, ErrorKind, MemoryId, MemoryState, Mode, Page, PageRequest, Recalls, Receipt, ReceiptKind,
    Review, Scope, TenantId, Timestamp, UserId,
};
use sqlx::{PgConnection, Row};
use std::collections::{BTreeSet, HashMap};

pub(super) async fn put(db: &Db, tenant: &TenantId, receipts: &[Receipt]) -> Result<(), Fault> {
    if receipts.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    let callers: BTreeSet<&str> = receipts.iter().filter_map(|r| r.caller.as_ref()).map(UserId::as_str).collect();
    // Who is there now stays there until the receipts are.
    let known: Vec<String> =
        sqlx::query_scalar("SELECT id FROM users WHERE tenant = $1 AND id = ANY ($2) ORDER BY id FOR KEY SHARE")
            .bind(tenant.as_str())
            .bind(id_list(callers.into_iter()))
            .fetch_all(&mut *tx)
            .await?;
    let is_known = |caller: &UserId| known.iter().any(|known| known == caller.as_str());
    for receipt in receipts.iter().filter(|receipt| receipt.caller.as_ref().is_none_or(is_known)) {
        let returned: BTreeSet<&str> =
            receipt.items.iter().filter_map(|item| item.memory.as_ref()).map(MemoryId::as_str).collect();
        let returned = id_list(returned.into_iter());
        let done = sqlx::query(
            "INSERT INTO receipts (tenant, id, kind, caller, conversation, agent, at, took_ms, mode, degraded, items,
                                   memories, words)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (tenant, id) DO NOTHING",
        )
        .bind(tenant.as_str())
        .bind(receipt.id.as_str())
        .bind(receipt.kind.name())
        .bind(receipt.caller.as_ref().map(UserId::as_str))
        .bind(receipt.conversation.as_ref().map(ConversationId::as_str))
        .bind(receipt.agent.as_ref().map(AgentId::as_str))
        .bind(micros(receipt.at))
        .bind(i64::try_from(receipt.took_ms).unwrap_or(i64::MAX))
        .bind(receipt.mode.map(Mode::name))
        .bind(receipt.degraded.as_deref())
        .bind(json(&receipt.items)?)
        .bind(returned.as_slice())
        .bind(receipt.words.as_ref().map(|words| words.as_bytes()))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() > 0 && receipt.kind != ReceiptKind::Remember {
            count(&mut tx, tenant, receipt, &returned).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Counts what was returned, each once, as far as it is the caller's.
async fn count(
    connection: &mut PgConnection,
    tenant: &TenantId,
    receipt: &Receipt,
    returned: &[&str],
) -> Result<(), Fault> {
    let Some(caller) = receipt.caller.as_ref().filter(|_| !returned.is_empty()) else { return Ok(()) };
    sqlx::query(
        "INSERT INTO recalls (memory, count, last)
         SELECT id, 1, $4 FROM memories
         WHERE id = ANY ($1) AND tenant = $2 AND caller = $3 ORDER BY id FOR KEY SHARE
         ON CONFLICT (memory) DO UPDATE SET count = recalls.count + 1, last = greatest(recalls.last, excluded.last)",
    )
    .bind(returned)
    .bind(tenant.as_str())
    .bind(caller.as_str())
    .bind(micros(receipt.at))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn of(db: &Db, tenant: &TenantId, conversation: &ConversationId) -> Result<Vec<Receipt>, Fault> {
    let rows = sqlx::query("SELECT * FROM receipts WHERE tenant = $1 AND conversation = $2 ORDER BY at, id")
        .bind(tenant.as_str())
        .bind(conversation.as_str())
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(row::receipt).collect()
}

pub(super) async fn loose(db: &Db, scope: &Scope, request: &PageRequest) -> Result<Page<Receipt>, Fault> {
    let limit = limit(request)?;
    let after = match request.cursor {
        Some(_) => After::of(request)?,
        None => After { at: i64::MIN, id: String::new() },
    };
    let rows = sqlx::query(
        "SELECT * FROM receipts
         WHERE tenant = $1 AND caller = $2 AND conversation IS NULL AND at >= $3 AND (at > $3 OR id > $4)
         ORDER BY at, id LIMIT $5",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(after.at)
    .bind(after.id)
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let items = rows.iter().map(row::receipt).collect::<Result<_, _>>()?;
    Ok(page(items, limit, |r: &Receipt| After { at: micros(r.at), id: r.id.to_string() }))
}

pub(super) async fn claim(
    db: &Db,
    scope: &Scope,
    conversation: &ConversationId,
    from: Timestamp,
    until: Timestamp,
) -> Result<u64, Fault> {
    let done = sqlx::query(
        "UPDATE receipts SET conversation = $1
         WHERE tenant = $2 AND caller = $3 AND at BETWEEN $4 AND $5 AND conversation IS NULL",
    )
    .bind(conversation.as_str())
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(micros(from))
    .bind(micros(until))
    .execute(&db.pool)
    .await?;
    Ok(done.rows_affected())
}

pub(super) async fn blank(db: &Db, scope: &Scope, memories: &[MemoryId]) -> Result<u64, Fault> {
    if memories.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(
        "UPDATE receipts SET words = NULL
         WHERE tenant = $1 AND caller = $2 AND words IS NOT NULL
           AND memories && $3",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(id_list(memories.iter().map(MemoryId::as_str)))
    .execute(&db.pool)
    .await?;
    Ok(done.rows_affected())
}

pub(super) async fn prune(db: &Db, before: Timestamp) -> Result<u64, Fault> {
    let done = sqlx::query("DELETE FROM receipts WHERE at < $1").bind(micros(before)).execute(&db.pool).await?;
    Ok(done.rows_affected())
}

pub(super) async fn recalls(db: &Db, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<(MemoryId, Recalls)>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = sqlx::query(
        "SELECT recalls.memory, recalls.count, recalls.last FROM recalls JOIN memories ON memories.id = recalls.memory
         WHERE recalls.memory = ANY ($1) AND tenant = $2 AND caller = $3",
    )
    .bind(id_list(ids.iter().map(MemoryId::as_str)))
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .fetch_all(&db.pool)
    .await?;
    let found = found.iter().map(|row| {
        let count: i64 = row.try_get("count")?;
        let recalls = Recalls { count: count.unsigned_abs(), last: row::time(row, "last")? };
        Ok((row.try_get::<String, _>("memory")?, recalls))
    });
    let found: HashMap<String, Recalls> = found.collect::<Result<_, Fault>>()?;
    Ok(ids.iter().filter_map(|id| Some((id.clone(), *found.get(id.as_str())?))).collect())
}

pub(super) async fn review(db: &Db, scope: &Scope, review: &Review) -> Result<(), Fault> {
    let done = sqlx::query(
        "INSERT INTO reviews (tenant, caller, memory, conversation, decision, at, label, words)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8
         WHERE EXISTS (SELECT 1 FROM users WHERE tenant = $1 AND id = $2)
         ON CONFLICT (tenant, caller, memory) DO UPDATE SET
             conversation = excluded.conversation,
             decision = excluded.decision,
             at = excluded.at,
             label = excluded.label,
             words = excluded.words",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(review.memory.as_str())
    .bind(review.conversation.as_ref().map(ConversationId::as_str))
    .bind(review.decision.name())
    .bind(micros(review.at))
    .bind(review.label)
    .bind(review.words.as_ref().map(|words| words.as_bytes()))
    .execute(&db.pool)
    .await?;
    match done.rows_affected() {
        0 => Err(Fault::Refused(ErrorKind::Conflict, "the caller is not known")),
        _ => Ok(()),
    }
}

pub(super) async fn reviews(db: &Db, scope: &Scope) -> Result<Vec<Review>, Fault> {
    let rows = sqlx::query("SELECT * FROM reviews WHERE tenant = $1 AND caller = $2 ORDER BY at DESC, memory")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(row::review).collect()
}

pub(super) async fn labels(db: &Db, tenant: &TenantId, request: &PageRequest) -> Result<Page<Review>, Fault> {
    let (limit, after) = (limit(request)?, After::of(request)?);
    let rows = sqlx::query(
        "SELECT * FROM reviews
         WHERE tenant = $1 AND label AND at <= $2 AND (at < $2 OR memory > $3)
         ORDER BY at DESC, memory LIMIT $4",
    )
    .bind(tenant.as_str())
    .bind(after.at)
    .bind(after.id)
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let reviews = rows.iter().map(row::review).collect::<Result<_, _>>()?;
    Ok(page(reviews, limit, |r: &Review| After { at: micros(r.at), id: r.memory.to_string() }))
}

pub(super) async fn count_of(db: &Db, tenant: &TenantId, states: &[MemoryState]) -> Result<u64, Fault> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM memories
         WHERE tenant = $1 AND (cardinality($2) = 0 OR state = ANY ($2))",
    )
    .bind(tenant.as_str())
    .bind(id_list(states.iter().map(|state| state.name())))
    .fetch_one(&db.pool)
    .await?;
    Ok(count.unsigned_abs())
}
