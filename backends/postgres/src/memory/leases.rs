//! Work that one process of all does. Each step is one statement that writes one row, so that of two processes one is first.

use crate::db::Db;
use crate::error::Fault;
use crate::row::micros;
use hark_core::Timestamp;
use hark_core::store::Leadership;

pub(super) async fn take(
    db: &Db,
    name: &str,
    holder: &str,
    until: Timestamp,
    now: Timestamp,
    void_after: Timestamp,
) -> Result<Option<Leadership>, Fault> {
    let taken: Option<Option<String>> = sqlx::query_scalar(
        "INSERT INTO leases (name, holder, held_until) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
         WHERE leases.held_until <= $4 OR leases.held_until > $5
         RETURNING progress",
    )
    .bind(name)
    .bind(holder)
    .bind(micros(until))
    .bind(micros(now))
    .bind(micros(void_after))
    .fetch_optional(&db.pool)
    .await?;
    Ok(taken.map(|progress| Leadership { progress }))
}

pub(super) async fn keep(
    db: &Db,
    name: &str,
    holder: &str,
    until: Timestamp,
    progress: Option<&str>,
) -> Result<bool, Fault> {
    let done = sqlx::query("UPDATE leases SET held_until = $1, progress = $2 WHERE name = $3 AND holder = $4")
        .bind(micros(until))
        .bind(progress)
        .bind(name)
        .bind(holder)
        .execute(&db.pool)
        .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn release(db: &Db, name: &str, holder: &str) -> Result<(), Fault> {
    sqlx::query("UPDATE leases SET holder = '', held_until = 0 WHERE name = $1 AND holder = $2")
        .bind(name)
        .bind(holder)
        .execute(&db.pool)
        .await?;
    Ok(())
}
