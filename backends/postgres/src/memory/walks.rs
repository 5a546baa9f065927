//! Walks over everybody's memories, and what is noted about all of them: for maintenance.

use crate::db::{Db, MEMORIES, walk_in_order};
use crate::error::Fault;
use crate::page::{after_number, as_i64, limit, numbered_page, rows};
use crate::row;
use hark_core::store::Space;
use hark_core::{Memory, Page, PageRequest, Scope};
use sqlx::Row;
use sqlx::postgres::PgRow;

fn owned(row: &PgRow) -> Result<(Scope, Memory), Fault> {
    Ok((row::scope(row)?, row::memory(row)?))
}

pub(super) async fn pending(db: &Db, limit: usize) -> Result<Vec<(Scope, Memory)>, Fault> {
    let rows = sqlx::query("SELECT * FROM memories WHERE index_state = 'pending' ORDER BY learnt_at, seq LIMIT $1")
        .bind(as_i64(limit))
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(owned).collect()
}

pub(super) async fn scan(db: &Db, request: &PageRequest) -> Result<Page<(Scope, Memory)>, Fault> {
    let (limit, after) = (limit(request)?, after_number(request)?);
    let mut tx = db.begin().await?;
    walk_in_order(&mut tx, MEMORIES).await?;
    let rows = sqlx::query("SELECT * FROM memories WHERE seq > $1 ORDER BY seq LIMIT $2")
        .bind(after)
        .bind(rows(limit))
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    let items = rows.iter().map(|row| Ok((row.try_get("seq")?, owned(row)?))).collect::<Result<_, Fault>>()?;
    Ok(numbered_page(items, limit))
}

pub(super) async fn count(db: &Db) -> Result<u64, Fault> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM memories").fetch_one(&db.pool).await?;
    Ok(count.unsigned_abs())
}

pub(super) async fn space(db: &Db) -> Result<Option<Space>, Fault> {
    let row = sqlx::query("SELECT model, dimensions FROM space").fetch_optional(&db.pool).await?;
    row.map(|row| {
        let dimensions: i64 = row.try_get("dimensions")?;
        Ok(Space { model: row.try_get("model")?, dimensions: usize::try_from(dimensions).unwrap_or_default() })
    })
    .transpose()
}

pub(super) async fn set_space(db: &Db, space: &Space) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO space (only_one, model, dimensions) VALUES (1, $1, $2)
         ON CONFLICT (only_one) DO UPDATE SET model = excluded.model, dimensions = excluded.dimensions",
    )
    .bind(&space.model)
    .bind(as_i64(space.dimensions))
    .execute(&db.pool)
    .await?;
    Ok(())
}
