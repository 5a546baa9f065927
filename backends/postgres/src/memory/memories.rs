//! One caller's memories.

use super::conflicts::close_ranks;
use super::raise_revision;
use crate::db::{Db, MEMORIES, hold, number_in_order};
use crate::error::Fault;
use crate::page::{After, limit, page, rows};
use crate::row::{self, id_list, json, micros, name, storable};
use hark_core::store::MemoryFilter;
use hark_core::{ErrorKind, Memory, MemoryId, Page, PageRequest, Scope, Sector, TenantId};
use sqlx::{PgConnection, Row};

pub(super) async fn put(db: &Db, scope: &Scope, memories: &[Memory]) -> Result<(), Fault> {
    if memories.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    if !raise_revision(&mut tx, scope).await? {
        return Err(Fault::UNKNOWN_CALLER);
    }
    number_in_order(&mut tx, MEMORIES).await?;
    for memory in memories {
        put_one(&mut tx, scope, memory).await?;
    }
    Ok(tx.commit().await?)
}

async fn put_one(connection: &mut PgConnection, scope: &Scope, memory: &Memory) -> Result<(), Fault> {
    // No number is kept that cannot be compared.
    if !memory.salience.is_finite() || memory.decay_rate.is_some_and(|rate| !rate.is_finite()) {
        return Err(Fault::Refused(ErrorKind::Invalid, "salience and decay_rate must be finite"));
    }
    let done = sqlx::query(
        "INSERT INTO memories (id, tenant, caller, content, sector, kind, slot, salience, occurred_at, learnt_at,
                               reinforced_at, decay_rate, state, valid_to, superseded_by, corrected_at, speaker,
                               origin, conversation, turns, metadata, index_state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
         ON CONFLICT (id) DO UPDATE SET
             content = excluded.content,
             sector = excluded.sector,
             kind = excluded.kind,
             slot = excluded.slot,
             salience = excluded.salience,
             occurred_at = excluded.occurred_at,
             learnt_at = excluded.learnt_at,
             reinforced_at = excluded.reinforced_at,
             decay_rate = excluded.decay_rate,
             state = excluded.state,
             valid_to = excluded.valid_to,
             superseded_by = excluded.superseded_by,
             corrected_at = excluded.corrected_at,
             speaker = excluded.speaker,
             origin = excluded.origin,
             conversation = excluded.conversation,
             turns = excluded.turns,
             metadata = excluded.metadata,
             index_state = excluded.index_state
         WHERE memories.tenant = excluded.tenant AND memories.caller = excluded.caller",
    )
    .bind(memory.id.as_str())
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(storable(&memory.content))
    .bind(memory.sector.name())
    .bind(name(&memory.kind)?)
    .bind(memory.slot.as_ref().map(json).transpose()?)
    .bind(f64::from(memory.salience))
    .bind(micros(memory.occurred_at))
    .bind(micros(memory.learnt_at))
    .bind(micros(memory.reinforced_at))
    .bind(memory.decay_rate)
    .bind(memory.state.name())
    .bind(memory.valid_to.map(micros))
    .bind(memory.superseded_by.as_ref().map(MemoryId::as_str))
    .bind(memory.corrected_at.map(micros))
    .bind(memory.speaker.as_deref().map(storable))
    .bind(name(&memory.provenance.origin)?)
    .bind(memory.provenance.conversation_id.as_ref().map(|id| id.as_str()))
    .bind(json(&memory.provenance.turns)?)
    .bind(json(&memory.metadata)?)
    .bind(name(&memory.index)?)
    .execute(connection)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Fault::Refused(ErrorKind::Conflict, "a memory of that id is somebody else's"));
    }
    Ok(())
}

pub(super) async fn get(db: &Db, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<Memory>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT memories.* FROM unnest($1) WITH ORDINALITY AS asked (id, place) JOIN memories ON memories.id = asked.id
         WHERE memories.tenant = $2 AND memories.caller = $3
         ORDER BY asked.place",
    )
    .bind(id_list(ids.iter().map(MemoryId::as_str)))
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(row::memory).collect()
}

pub(super) async fn owner(db: &Db, tenant: &TenantId, id: &MemoryId) -> Result<Option<Scope>, Fault> {
    let row = sqlx::query("SELECT tenant, caller FROM memories WHERE id = $1 AND tenant = $2")
        .bind(id.as_str())
        .bind(tenant.as_str())
        .fetch_optional(&db.pool)
        .await?;
    row.as_ref().map(row::scope).transpose()
}

pub(super) async fn list(
    db: &Db,
    scope: &Scope,
    filter: &MemoryFilter,
    request: &PageRequest,
) -> Result<Page<Memory>, Fault> {
    let (limit, after) = (limit(request)?, After::of(request)?);
    let rows = sqlx::query(
        "SELECT * FROM memories
         WHERE tenant = $1 AND caller = $2
           AND occurred_at <= $3 AND (occurred_at < $3 OR id > $4)
           AND (cardinality($5) = 0 OR sector = ANY ($5))
           AND (cardinality($6) = 0 OR state = ANY ($6))
         ORDER BY occurred_at DESC, id LIMIT $7",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(after.at)
    .bind(after.id)
    .bind(id_list(filter.sectors.iter().map(|sector| sector.name())))
    .bind(id_list(filter.states.iter().map(|state| state.name())))
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let memories = rows.iter().map(row::memory).collect::<Result<_, _>>()?;
    Ok(page(memories, limit, |m: &Memory| After { at: micros(m.occurred_at), id: m.id.to_string() }))
}

pub(super) async fn delete(db: &Db, scope: &Scope, ids: &[MemoryId]) -> Result<u64, Fault> {
    if ids.is_empty() {
        return Ok(0);
    }
    let list = id_list(ids.iter().map(MemoryId::as_str));
    let mut tx = db.begin().await?;
    hold(&mut tx, scope).await?;
    close_ranks(&mut tx, scope, &list).await?;
    // Links and conflicts go with them.
    let deleted =
        over_ids(&mut tx, scope, &list, "DELETE FROM memories WHERE id = ANY ($1) AND tenant = $2 AND caller = $3")
            .await?;
    tx.commit().await?;
    Ok(deleted)
}

pub(super) async fn mark_indexed(db: &Db, scope: &Scope, ids: &[MemoryId]) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    let list = id_list(ids.iter().map(MemoryId::as_str));
    let mut tx = db.begin().await?;
    hold(&mut tx, scope).await?;
    let marked = over_ids(
        &mut tx,
        scope,
        &list,
        "UPDATE memories SET index_state = 'indexed'
         WHERE id = ANY ($1) AND tenant = $2 AND caller = $3 AND index_state <> 'indexed'",
    )
    .await?;
    if marked == 0 {
        // They were before. Whoever has read them while they were missing reads them again.
        sqlx::query(
            "UPDATE users SET revision = revision + 1 WHERE tenant = $2 AND id = $3
               AND EXISTS (SELECT 1 FROM memories WHERE id = ANY ($1) AND tenant = $2 AND caller = $3)",
        )
        .bind(&list)
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(&mut *tx)
        .await?;
    }
    Ok(tx.commit().await?)
}

/// Runs a statement over some ids of a caller, and raises the revision if it changed anything. Answers how many
/// rows changed.
async fn over_ids(
    connection: &mut PgConnection,
    scope: &Scope,
    ids: &[&str],
    statement: &'static str,
) -> Result<u64, Fault> {
    let changed = sqlx::query(statement)
        .bind(ids)
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if changed > 0 {
        raise_revision(connection, scope).await?;
    }
    Ok(changed)
}

pub(super) async fn sector_counts(db: &Db, scope: &Scope) -> Result<Vec<(Sector, u64)>, Fault> {
    let rows = sqlx::query(
        "SELECT sector, count(*) FROM memories WHERE tenant = $1 AND caller = $2 AND state = 'active' GROUP BY sector",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .fetch_all(&db.pool)
    .await?;
    let mut counts = rows
        .iter()
        .map(|row| {
            let sector = Sector::parse(row.try_get(0)?).ok_or(Fault::Stored("sector"))?;
            Ok((sector, row.try_get::<i64, _>(1)?.unsigned_abs()))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    counts.sort_unstable();
    Ok(counts)
}
