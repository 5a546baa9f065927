//! Walks over everybody's memories, and what is noted about all of them: for maintenance.

use crate::db::Db;
use crate::error::Fault;
use crate::page::{after_number, as_i64, limit, numbered_page, rows};
use crate::row;
use hark_core::store::Space;
use hark_core::{Memory, Page, PageRequest, Scope};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

fn owned(row: &SqliteRow) -> Result<(Scope, Memory), Fault> {
    Ok((row::scope(row)?, row::memory(row)?))
}

pub(super) async fn pending(db: &Db, limit: usize) -> Result<Vec<(Scope, Memory)>, Fault> {
    let rows = sqlx::query("SELECT * FROM memories WHERE index_state = 'pending' ORDER BY learnt_at, seq LIMIT ?")
        .bind(as_i64(limit))
        .fetch_all(&db.reader)
        .await?;
    rows.iter().map(owned).collect()
}

pub(super) async fn scan(db: &Db, request: &PageRequest) -> Result<Page<(Scope, Memory)>, Fault> {
    let (limit, after) = (limit(request)?, after_number(request)?);
    let rows = sqlx::query("SELECT * FROM memories WHERE seq > ? ORDER BY seq LIMIT ?")
        .bind(after)
        .bind(rows(limit))
        .fetch_all(&db.reader)
        .await?;
    let items = rows.iter().map(|row| Ok((row.try_get("seq")?, owned(row)?))).collect::<Result<_, Fault>>()?;
    Ok(numbered_page(items, limit))
}

pub(super) async fn count(db: &Db) -> Result<u64, Fault> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM memories").fetch_one(&db.reader).await?;
    Ok(count.unsigned_abs())
}

pub(super) async fn space(db: &Db) -> Result<Option<Space>, Fault> {
    let row = sqlx::query("SELECT model, dimensions FROM space").fetch_optional(&db.reader).await?;
    row.map(|row| {
        let dimensions: i64 = row.try_get("dimensions")?;
        Ok(Space { model: row.try_get("model")?, dimensions: usize::try_from(dimensions).unwrap_or_default() })
    })
    .transpose()
}

pub(super) async fn set_space(db: &Db, space: &Space) -> Result<(), Fault> {
    sqlx::query("INSERT OR REPLACE INTO space (only_one, model, dimensions) VALUES (1, ?, ?)")
        .bind(&space.model)
        .bind(as_i64(space.dimensions))
        .execute(&db.writer)
        .await?;
    Ok(())
}
