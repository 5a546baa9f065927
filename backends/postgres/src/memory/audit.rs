//! The audit log: written, read, and nothing else.

use crate::db::Db;
use crate::error::Fault;
use crate::page::{After, limit, page, rows};
use crate::row::{self, micros};
use hark_core::{AuditAction, AuditEntry, AuditFilter, Page, PageRequest, TenantId};

pub(super) async fn append(db: &Db, tenant: &TenantId, entries: &[AuditEntry]) -> Result<(), Fault> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    for entry in entries {
        sqlx::query(
            "INSERT INTO audit (id, tenant, at, actor, action, route, person, object, status)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(entry.id.as_str())
        .bind(tenant.as_str())
        .bind(micros(entry.at))
        .bind(entry.actor.as_str())
        .bind(entry.action.name())
        .bind(entry.route.as_str())
        .bind(entry.person.map(|person| person.0.to_vec()))
        .bind(entry.object.as_deref())
        .bind(i64::from(entry.status))
        .execute(&mut *tx)
        .await?;
    }
    Ok(tx.commit().await?)
}

pub(super) async fn list(
    db: &Db,
    tenant: &TenantId,
    filter: &AuditFilter,
    request: &PageRequest,
) -> Result<Page<AuditEntry>, Fault> {
    let (limit, after) = (limit(request)?, After::of(request)?);
    // Two statements, so that one person's entries are found along their own index.
    let statement = match filter.person {
        Some(_) => {
            "SELECT * FROM audit
             WHERE tenant = $1 AND person = $5 AND at <= $2 AND (at < $2 OR id > $3)
               AND ($6 IS NULL OR actor = $6) AND ($7 IS NULL OR action = $7)
             ORDER BY at DESC, id LIMIT $4"
        }
        None => {
            "SELECT * FROM audit
             WHERE tenant = $1 AND $5 IS NULL AND at <= $2 AND (at < $2 OR id > $3)
               AND ($6 IS NULL OR actor = $6) AND ($7 IS NULL OR action = $7)
             ORDER BY at DESC, id LIMIT $4"
        }
    };
    let rows = sqlx::query(statement)
        .bind(tenant.as_str())
        .bind(after.at)
        .bind(after.id)
        .bind(rows(limit))
        .bind(filter.person.map(|person| person.0.to_vec()))
        .bind(filter.actor.as_deref())
        .bind(filter.action.map(AuditAction::name))
        .fetch_all(&db.pool)
        .await?;
    let items = rows.iter().map(row::audit_entry).collect::<Result<_, _>>()?;
    Ok(page(items, limit, |entry: &AuditEntry| After { at: micros(entry.at), id: entry.id.to_string() }))
}
