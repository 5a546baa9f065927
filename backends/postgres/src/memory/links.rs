//! Links between two memories of one caller.

use super::raise_revision;
use crate::db::{Db, hold};
use crate::error::Fault;
use crate::row::{self, id_list, micros, name};
use hark_core::{ErrorKind, Link, LinkId, MemoryId, Scope};
use sqlx::PgConnection;

pub(super) async fn put(db: &Db, scope: &Scope, links: &[Link]) -> Result<(), Fault> {
    if links.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    hold(&mut tx, scope).await?;
    let mut written = 0;
    for link in links {
        written += put_one(&mut tx, scope, link).await?;
    }
    if written > 0 {
        raise_revision(&mut tx, scope).await?;
    }
    Ok(tx.commit().await?)
}

async fn put_one(connection: &mut PgConnection, scope: &Scope, link: &Link) -> Result<u64, Fault> {
    if !link.weight.is_finite() {
        return Err(Fault::Refused(ErrorKind::Invalid, "weight must be finite"));
    }
    let (a, b) = if link.a <= link.b { (&link.a, &link.b) } else { (&link.b, &link.a) };
    let done = sqlx::query(
        "INSERT INTO links (id, tenant, caller, a, b, weight, kind, created_at, used_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
         WHERE $4 <> $5
           AND EXISTS (SELECT 1 FROM memories WHERE id = $4 AND tenant = $2 AND caller = $3)
           AND EXISTS (SELECT 1 FROM memories WHERE id = $5 AND tenant = $2 AND caller = $3)
         ON CONFLICT (a, b) DO UPDATE SET
             weight = excluded.weight,
             kind = excluded.kind,
             created_at = excluded.created_at,
             used_at = excluded.used_at
         WHERE excluded.kind = 'manual'",
    )
    .bind(link.id.as_str())
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(a.as_str())
    .bind(b.as_str())
    .bind(f64::from(link.weight))
    .bind(name(&link.kind)?)
    .bind(micros(link.created_at))
    .bind(link.used_at.map(micros))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

pub(super) async fn list(db: &Db, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Link>, Fault> {
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(
        "SELECT * FROM links
         WHERE id IN (SELECT id FROM links WHERE a = ANY ($1)
                      UNION SELECT id FROM links WHERE b = ANY ($1))
           AND tenant = $2 AND caller = $3
         ORDER BY weight DESC, id",
    )
    .bind(id_list(ends.iter().map(MemoryId::as_str)))
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .fetch_all(&db.pool)
    .await?;
    rows.iter().map(row::link).collect()
}

pub(super) async fn delete(db: &Db, scope: &Scope, id: &LinkId) -> Result<(), Fault> {
    let mut tx = db.begin().await?;
    hold(&mut tx, scope).await?;
    let done = sqlx::query("DELETE FROM links WHERE id = $1 AND tenant = $2 AND caller = $3")
        .bind(id.as_str())
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() > 0 {
        raise_revision(&mut tx, scope).await?;
    }
    Ok(tx.commit().await?)
}
