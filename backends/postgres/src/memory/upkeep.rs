//! What fades, and what is written about it. Where nothing changes, nothing is written: the revision stays.

use super::conflicts::apply;
use super::raise_revision;
use crate::db::{Db, hold};
use crate::error::Fault;
use crate::page::{After, BAD_CURSOR, after_number, ascending_page, limit, numbered_page, rows};
use crate::row::{self, micros};
use hark_core::store::LinkUse;
use hark_core::{Change, ErrorKind, Link, Memory, Page, PageRequest, Scope, Timestamp};
use sqlx::Row;

pub(super) async fn restand(db: &Db, scope: &Scope, changes: &[Change]) -> Result<u64, Fault> {
    if changes.is_empty() {
        return Ok(0);
    }
    if changes.iter().any(|change| !change.after.salience.is_finite()) {
        return Err(Fault::Refused(ErrorKind::Invalid, "salience must be finite"));
    }
    let mut tx = db.begin().await?;
    hold(&mut tx, scope).await?;
    let mut changed = 0;
    for change in changes {
        changed += u64::from(apply(&mut tx, scope, change).await?);
    }
    if changed > 0 {
        raise_revision(&mut tx, scope).await?;
    }
    tx.commit().await?;
    Ok(changed)
}

pub(super) async fn fading_memories(
    db: &Db,
    before: Timestamp,
    request: &PageRequest,
) -> Result<Page<(Scope, Memory)>, Fault> {
    let limit = limit(request)?;
    let (at, seq) = match &request.cursor {
        None => (i64::MIN, 0),
        Some(_) => {
            let After { at, id } = After::of(request)?;
            (at, id.parse::<i64>().map_err(|_| BAD_CURSOR)?)
        }
    };
    let rows = sqlx::query(
        "SELECT * FROM memories
         WHERE state = 'active' AND reinforced_at < $1 AND (reinforced_at, seq) > ($2, $3)
         ORDER BY reinforced_at, seq LIMIT $4",
    )
    .bind(micros(before))
    .bind(at)
    .bind(seq)
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let items = rows
        .iter()
        .map(|row| {
            let place = After { at: row.try_get("reinforced_at")?, id: row.try_get::<i64, _>("seq")?.to_string() };
            Ok((place, (row::scope(row)?, row::memory(row)?)))
        })
        .collect::<Result<_, Fault>>()?;
    Ok(ascending_page(items, limit))
}

pub(super) async fn fading_links(
    db: &Db,
    before: Timestamp,
    request: &PageRequest,
) -> Result<Page<(Scope, Link)>, Fault> {
    let (limit, after) = (limit(request)?, after_number(request)?);
    let rows = sqlx::query(
        "SELECT * FROM links
         WHERE seq > $1 AND kind = 'similar' AND coalesce(used_at, created_at) < $2
         ORDER BY seq LIMIT $3",
    )
    .bind(after)
    .bind(micros(before))
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let items = rows
        .iter()
        .map(|row| Ok((row.try_get("seq")?, (row::scope(row)?, row::link(row)?))))
        .collect::<Result<_, Fault>>()?;
    Ok(numbered_page(items, limit))
}

pub(super) async fn use_links(db: &Db, scope: &Scope, uses: &[LinkUse]) -> Result<u64, Fault> {
    if uses.is_empty() {
        return Ok(0);
    }
    if uses.iter().any(|used| !used.weight.is_finite()) {
        return Err(Fault::Refused(ErrorKind::Invalid, "weight must be finite"));
    }
    // By id, so that two answers that use the same links do not wait for each other in a ring. The caller's row is left alone:
    // this comes with every answer.
    let mut uses: Vec<&LinkUse> = uses.iter().collect();
    uses.sort_by(|one, other| one.id.cmp(&other.id));
    let mut tx = db.begin().await?;
    let mut written = 0;
    for LinkUse { id, known, weight, used_at } in uses {
        let done = sqlx::query(
            "UPDATE links SET weight = $1, used_at = $2
             WHERE id = $3 AND tenant = $4 AND caller = $5 AND kind = 'similar' AND used_at IS NOT DISTINCT FROM $6",
        )
        .bind(f64::from(*weight))
        .bind(micros(*used_at))
        .bind(id.as_str())
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .bind(known.map(micros))
        .execute(&mut *tx)
        .await?;
        written += done.rows_affected();
    }
    tx.commit().await?;
    Ok(written)
}

pub(super) async fn prune_links(db: &Db, scope: &Scope, links: &[Link]) -> Result<u64, Fault> {
    if links.is_empty() {
        return Ok(0);
    }
    let mut tx = db.begin().await?;
    hold(&mut tx, scope).await?;
    let mut gone = 0;
    for link in links {
        let done = sqlx::query(
            "DELETE FROM links
             WHERE id = $1 AND tenant = $2 AND caller = $3 AND kind = 'similar' AND used_at IS NOT DISTINCT FROM $4",
        )
        .bind(link.id.as_str())
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .bind(link.used_at.map(micros))
        .execute(&mut *tx)
        .await?;
        gone += done.rows_affected();
    }
    if gone > 0 {
        raise_revision(&mut tx, scope).await?;
    }
    tx.commit().await?;
    Ok(gone)
}
