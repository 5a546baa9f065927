//! What was decided about two memories of one caller, and what took whose place.

use super::raise_revision;
use crate::db::{Db, hold};
use crate::error::Fault;
use crate::page::{After, limit, page, rows};
use crate::row::{self, id_list, json, micros, name};
use hark_core::store::ConflictFilter;
use hark_core::{
    Change, Conflict, ConflictId, ErrorKind, Memory, MemoryId, Page, PageRequest, Scope, Standing, TenantId, Timestamp,
};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::HashMap;

pub(super) async fn settle(
    db: &Db,
    scope: &Scope,
    known: Option<&Conflict>,
    conflict: &Conflict,
    changes: &[Change],
) -> Result<bool, Fault> {
    if !conflict.confidence.is_finite() || changes.iter().any(|change| !change.after.salience.is_finite()) {
        return Err(Fault::Refused(ErrorKind::Invalid, "confidence and salience must be finite"));
    }
    let mut tx = db.begin().await?;
    hold(&mut tx, scope).await?;
    // Dropped, the transaction is rolled back.
    if !is_as_known(&mut tx, known, conflict).await? || !are_the_callers(&mut tx, scope, conflict).await? {
        return Ok(false);
    }
    for change in changes {
        if !apply(&mut tx, scope, change).await? {
            return Ok(false);
        }
    }
    if !put(&mut tx, scope, conflict).await? {
        return Ok(false);
    }
    raise_revision(&mut tx, scope).await?;
    tx.commit().await?;
    Ok(true)
}

/// Whether the stored conflict is the one that was read.
async fn is_as_known(
    connection: &mut PgConnection,
    known: Option<&Conflict>,
    conflict: &Conflict,
) -> Result<bool, Fault> {
    let stored = sqlx::query("SELECT * FROM conflicts WHERE id = $1")
        .bind(conflict.id.as_str())
        .fetch_optional(connection)
        .await?;
    let stored = stored.as_ref().map(row::conflict).transpose()?;
    let decided = |c: &Conflict| (c.state, c.resolved_at.map(micros));
    Ok(stored.as_ref().map(decided) == known.map(decided))
}

async fn are_the_callers(connection: &mut PgConnection, scope: &Scope, conflict: &Conflict) -> Result<bool, Fault> {
    let ends = [conflict.old.as_str(), conflict.new.as_str()];
    let found: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM memories
         WHERE id = ANY ($1) AND tenant = $2 AND caller = $3",
    )
    .bind(id_list(ends.into_iter()))
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .fetch_one(connection)
    .await?;
    Ok(found == 2)
}

/// Changes a memory's standing, if it still stands as it did.
pub(super) async fn apply(connection: &mut PgConnection, scope: &Scope, change: &Change) -> Result<bool, Fault> {
    let row = sqlx::query("SELECT * FROM memories WHERE id = $1 AND tenant = $2 AND caller = $3")
        .bind(change.memory.as_str())
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(memory) = row.as_ref().map(row::memory).transpose()? else { return Ok(false) };
    if stored(&Standing::of(&memory)) != stored(&change.before) {
        return Ok(false);
    }
    let after = &change.after;
    sqlx::query(
        "UPDATE memories SET state = $1, valid_to = $2, superseded_by = $3, salience = $4, reinforced_at = $5 WHERE id = $6",
    )
    .bind(after.state.name())
    .bind(after.valid_to.map(micros))
    .bind(after.superseded_by.as_ref().map(MemoryId::as_str))
    .bind(f64::from(after.salience))
    .bind(micros(after.reinforced_at))
    .bind(change.memory.as_str())
    .execute(connection)
    .await?;
    Ok(true)
}

/// A standing as columns hold it: what is finer than a microsecond is not kept.
fn stored(standing: &Standing) -> Standing {
    let cut = |at: Timestamp| Timestamp::from_timestamp_micros(micros(at)).unwrap_or(at);
    Standing { valid_to: standing.valid_to.map(cut), reinforced_at: cut(standing.reinforced_at), ..standing.clone() }
}

async fn put(connection: &mut PgConnection, scope: &Scope, conflict: &Conflict) -> Result<bool, Fault> {
    let done = sqlx::query(
        "INSERT INTO conflicts (id, tenant, caller, old_memory, new_memory, verdict, reason, confidence, judged_by,
                                state, resolution, changes, created_at, resolved_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (id) DO UPDATE SET
             old_memory = excluded.old_memory,
             new_memory = excluded.new_memory,
             verdict = excluded.verdict,
             reason = excluded.reason,
             confidence = excluded.confidence,
             judged_by = excluded.judged_by,
             state = excluded.state,
             resolution = excluded.resolution,
             changes = excluded.changes,
             created_at = excluded.created_at,
             resolved_at = excluded.resolved_at
         WHERE conflicts.tenant = excluded.tenant AND conflicts.caller = excluded.caller",
    )
    .bind(conflict.id.as_str())
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(conflict.old.as_str())
    .bind(conflict.new.as_str())
    .bind(conflict.verdict.name())
    .bind(name(&conflict.reason)?)
    .bind(f64::from(conflict.confidence))
    .bind(conflict.judged_by.name())
    .bind(conflict.state.name())
    .bind(conflict.resolution.map(hark_core::Resolution::name))
    .bind(json(&conflict.changes)?)
    .bind(micros(conflict.created_at))
    .bind(conflict.resolved_at.map(micros))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn get(db: &Db, tenant: &TenantId, id: &ConflictId) -> Result<Option<Conflict>, Fault> {
    let row = sqlx::query("SELECT * FROM conflicts WHERE id = $1 AND tenant = $2")
        .bind(id.as_str())
        .bind(tenant.as_str())
        .fetch_optional(&db.pool)
        .await?;
    row.as_ref().map(row::conflict).transpose()
}

pub(super) async fn of(db: &Db, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Conflict>, Fault> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT * FROM conflicts
         WHERE id IN (SELECT id FROM conflicts WHERE old_memory = ANY ($1)
                      UNION SELECT id FROM conflicts WHERE new_memory = ANY ($1))
           AND tenant = $2 AND caller = $3
         ORDER BY created_at, id",
    )
    .bind(id_list(ends.iter().map(MemoryId::as_str)))
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(row::conflict).collect()
}

/// Two statements, so that each walks along an index of its own.
const LIST_OF_TENANT: &str = "SELECT * FROM conflicts
     WHERE tenant = $1 AND created_at <= $2 AND (created_at < $2 OR id > $3)
       AND ($4 IS NULL OR state = $4) AND $5 IS NULL
     ORDER BY created_at DESC, id LIMIT $6";
const LIST_OF_CALLER: &str = "SELECT * FROM conflicts
     WHERE tenant = $1 AND caller = $5 AND created_at <= $2 AND (created_at < $2 OR id > $3)
       AND ($4 IS NULL OR state = $4)
     ORDER BY created_at DESC, id LIMIT $6";

pub(super) async fn list(
    db: &Db,
    tenant: &TenantId,
    filter: &ConflictFilter,
    request: &PageRequest,
) -> Result<Page<Conflict>, Fault> {
    let (limit, after) = (limit(request)?, After::of(request)?);
    let statement = if filter.caller.is_some() { LIST_OF_CALLER } else { LIST_OF_TENANT };
    let rows = sqlx::query(statement)
        .bind(tenant.as_str())
        .bind(after.at)
        .bind(after.id)
        .bind(filter.state.map(hark_core::ConflictState::name))
        .bind(filter.caller.as_ref().map(|caller| caller.as_str()))
        .bind(rows(limit))
        .fetch_all(&db.pool)
        .await?;
    let conflicts = rows.iter().map(row::conflict).collect::<Result<_, _>>()?;
    Ok(page(conflicts, limit, |c: &Conflict| After { at: micros(c.created_at), id: c.id.to_string() }))
}

pub(super) async fn history(db: &Db, scope: &Scope, id: &MemoryId) -> Result<Vec<Memory>, Fault> {
    // UNION keeps each once, so that even a ring would end. Both ways in one branch: a recursion may name itself only once.
    let rows = sqlx::query(
        "WITH RECURSIVE met (id) AS (
             SELECT id FROM memories WHERE id = $1 AND tenant = $2 AND caller = $3
             UNION
             SELECT next.id FROM met CROSS JOIN LATERAL (
                 SELECT id FROM memories WHERE superseded_by = met.id AND tenant = $2 AND caller = $3
                 UNION ALL
                 SELECT later.id FROM memories AS this JOIN memories AS later ON later.id = this.superseded_by
                 WHERE this.id = met.id AND later.tenant = $2 AND later.caller = $3
             ) AS next
         )
         SELECT memories.* FROM met JOIN memories ON memories.id = met.id
         ORDER BY memories.learnt_at, memories.id",
    )
    .bind(id.as_str())
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(row::memory).collect()
}

/// Leads what points to memories that are about to go on to their successors, or makes it current again.
pub(super) async fn close_ranks(connection: &mut PgConnection, scope: &Scope, ids: &[&str]) -> Result<(), Fault> {
    let going = pointers(connection, scope, ids, GOING).await?;
    let orphans = pointers(connection, scope, ids, ORPHANED).await?;
    for (orphan, mut next) in orphans.into_iter().filter(|(id, _)| !going.contains_key(id)) {
        for _ in 0..=going.len() {
            match next.as_ref().and_then(|at| going.get(at)) {
                Some(further) => next.clone_from(further),
                None => break,
            }
        }
        // A pointer that leads nowhere, or back, is as good as none.
        let led = sqlx::query(
            "UPDATE memories SET superseded_by = $1
             WHERE id = $2 AND $1 <> $2 AND EXISTS (SELECT 1 FROM memories WHERE id = $1 AND tenant = $3 AND caller = $4)
               AND $1 <> ALL ($5)",
        )
        .bind(&next)
        .bind(&orphan)
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .bind(ids)
        .execute(&mut *connection)
        .await?;
        if led.rows_affected() == 0 {
            sqlx::query(
                "UPDATE memories SET superseded_by = NULL, valid_to = NULL,
                        state = CASE state WHEN 'superseded' THEN 'active' ELSE state END
                 WHERE id = $1",
            )
            .bind(&orphan)
            .execute(&mut *connection)
            .await?;
        }
    }
    Ok(())
}

const GOING: &str = "SELECT id, superseded_by FROM memories
     WHERE id = ANY ($1) AND tenant = $2 AND caller = $3";
const ORPHANED: &str = "SELECT id, superseded_by FROM memories
     WHERE superseded_by = ANY ($1) AND tenant = $2 AND caller = $3";

/// The memories a statement finds, with their successors.
async fn pointers(
    connection: &mut PgConnection,
    scope: &Scope,
    ids: &[&str],
    statement: &'static str,
) -> Result<HashMap<String, Option<String>>, Fault> {
    let rows = sqlx::query(statement)
        .bind(ids)
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_all(connection)
        .await?;
    let read = |row: &PgRow| Ok((row.try_get("id")?, row.try_get("superseded_by")?));
    rows.iter().map(read).collect()
}
