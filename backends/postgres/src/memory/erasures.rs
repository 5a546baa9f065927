//! The ledger of erasures, and what it keeps out.

use crate::db::{Db, ERASURES, number_in_order, walk_in_order};
use crate::error::Fault;
use crate::page::{After, after_number, as_i64, limit, numbered_page, page, rows};
use crate::row::{self, micros, name};
use hark_core::{
    Erased, Erasure, ErasureId, ErasureStep, ErrorKind, Identity, NewErasure, Page, PageRequest, Scope, Suppression,
    SuppressionKey, TenantId, Timestamp,
};
use sqlx::{PgConnection, Row};

pub(super) async fn suppressions(
    db: &Db,
    tenant: &TenantId,
    keys: &[SuppressionKey],
) -> Result<Vec<Suppression>, Fault> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut connection = db.pool.acquire().await?;
    of(&mut connection, tenant, keys).await
}

pub(super) async fn of(
    connection: &mut PgConnection,
    tenant: &TenantId,
    keys: &[SuppressionKey],
) -> Result<Vec<Suppression>, Fault> {
    let mut keys = keys.to_vec();
    keys.sort();
    keys.dedup();
    let mut found = Vec::new();
    for key in keys {
        let kept_out = sqlx::query(
            "SELECT erasures.id, erased_at, forever FROM suppressions JOIN erasures ON erasures.id = erasure
             WHERE suppressions.tenant = $1 AND kind = $2 AND hash = $3",
        )
        .bind(tenant.as_str())
        .bind(name(&key.by)?)
        .bind(&key.hash.0[..])
        .fetch_all(&mut *connection)
        .await?;
        for row in &kept_out {
            found.push(Suppression {
                key,
                erasure: row.try_get::<String, _>("id")?.into(),
                erased_at: row::time(row, "erased_at")?,
                forever: row.try_get("forever")?,
            });
        }
    }
    found.sort_by(|x, y| y.erased_at.cmp(&x.erased_at).then_with(|| (&x.erasure, x.key).cmp(&(&y.erasure, y.key))));
    Ok(found)
}

/// Refuses identities that are kept out at that time.
pub(super) async fn admitted(
    connection: &mut PgConnection,
    tenant: &TenantId,
    identities: &[Identity],
    at: Timestamp,
) -> Result<(), Fault> {
    let keys: Vec<SuppressionKey> = identities.iter().map(Into::into).collect();
    match of(connection, tenant, &keys).await?.iter().any(|kept_out| kept_out.covers(at)) {
        true => Err(Fault::Again(ErrorKind::Conflict, "what was erased stays out")),
        false => Ok(()),
    }
}

/// What the caller's identities are suppressed by.
pub(super) async fn identities(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<SuppressionKey>, Fault> {
    let rows = sqlx::query("SELECT kind, hash FROM identities WHERE tenant = $1 AND caller = $2")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter().map(row::suppression_key).collect()
}

/// Notes what was just removed, in the transaction that removed it.
pub(super) async fn note_done(
    connection: &mut PgConnection,
    scope: &Scope,
    new: &NewErasure,
    erased: Erased,
    identities: Vec<SuppressionKey>,
) -> Result<(), Fault> {
    let done = Erasure {
        id: new.id.clone(),
        person: new.person,
        erased_at: new.at,
        forever: new.forever,
        erased,
        events: 0,
        jobs: 0,
        settled_at: None,
        compacted_at: None,
        clean_at: None,
        work: Some(new.work.clone()),
    };
    insert(connection, &scope.tenant, &done).await?;
    suppress(connection, &scope.tenant, &new.id, &identities).await?;
    suppress(connection, &scope.tenant, &new.id, &new.keys).await
}

async fn suppress(
    connection: &mut PgConnection,
    tenant: &TenantId,
    id: &ErasureId,
    keys: &[SuppressionKey],
) -> Result<(), Fault> {
    for key in keys {
        sqlx::query(
            "INSERT INTO suppressions (tenant, kind, hash, erasure) VALUES ($1, $2, $3, $4)
             ON CONFLICT (tenant, kind, hash, erasure) DO NOTHING",
        )
        .bind(tenant.as_str())
        .bind(name(&key.by)?)
        .bind(&key.hash.0[..])
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn insert(connection: &mut PgConnection, tenant: &TenantId, done: &Erasure) -> Result<(), Fault> {
    let count =
        |number: u64| i64::try_from(number).map_err(|_| Fault::Refused(ErrorKind::Invalid, "a count is beyond 2^63"));
    number_in_order(connection, ERASURES).await?;
    sqlx::query(
        "INSERT INTO erasures (id, tenant, person, erased_at, forever, memories, links, conflicts, conversations,
                               receipts, reviews, identities, events, jobs, settled_at, compacted_at, clean_at, work)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
    )
    .bind(done.id.as_str())
    .bind(tenant.as_str())
    .bind(&done.person.0[..])
    .bind(micros(done.erased_at))
    .bind(done.forever)
    .bind(count(done.erased.memories)?)
    .bind(count(done.erased.links)?)
    .bind(count(done.erased.conflicts)?)
    .bind(count(done.erased.conversations)?)
    .bind(count(done.erased.receipts)?)
    .bind(count(done.erased.reviews)?)
    .bind(count(done.erased.identities)?)
    .bind(count(done.events)?)
    .bind(count(done.jobs)?)
    .bind(done.settled_at.map(micros))
    .bind(done.compacted_at.map(micros))
    .bind(done.clean_at.map(micros))
    .bind(done.work.as_ref().map(|work| work.as_bytes()))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn get(db: &Db, tenant: &TenantId, id: &ErasureId) -> Result<Option<Erasure>, Fault> {
    let row = sqlx::query("SELECT * FROM erasures WHERE tenant = $1 AND id = $2")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(&db.pool)
        .await?;
    row.as_ref().map(row::erasure).transpose()
}

pub(super) async fn list(db: &Db, tenant: &TenantId, request: &PageRequest) -> Result<Page<Erasure>, Fault> {
    let (limit, after) = (limit(request)?, After::of(request)?);
    let rows = sqlx::query(
        "SELECT * FROM erasures
         WHERE tenant = $1 AND erased_at <= $2 AND (erased_at < $2 OR id > $3)
         ORDER BY erased_at DESC, id LIMIT $4",
    )
    .bind(tenant.as_str())
    .bind(after.at)
    .bind(after.id)
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let items = rows.iter().map(row::erasure).collect::<Result<_, _>>()?;
    Ok(page(items, limit, |done: &Erasure| After { at: micros(done.erased_at), id: done.id.to_string() }))
}

pub(super) async fn keys(db: &Db, tenant: &TenantId, id: &ErasureId) -> Result<Vec<SuppressionKey>, Fault> {
    let rows = sqlx::query("SELECT kind, hash FROM suppressions WHERE tenant = $1 AND erasure = $2")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_all(&db.pool)
        .await?;
    let mut keys = rows.iter().map(row::suppression_key).collect::<Result<Vec<_>, _>>()?;
    keys.sort();
    Ok(keys)
}

pub(super) async fn note(db: &Db, tenant: &TenantId, erasure: &Erasure, keys: &[SuppressionKey]) -> Result<(), Fault> {
    let mut tx = db.begin().await?;
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM erasures WHERE tenant = $1 AND id = $2)")
        .bind(tenant.as_str())
        .bind(erasure.id.as_str())
        .fetch_one(&mut *tx)
        .await?;
    if !there {
        insert(&mut tx, tenant, erasure).await?;
        suppress(&mut tx, tenant, &erasure.id, keys).await?;
    }
    Ok(tx.commit().await?)
}

pub(super) async fn step(
    db: &Db,
    tenant: &TenantId,
    id: &ErasureId,
    step: ErasureStep,
    at: Timestamp,
) -> Result<(), Fault> {
    let (statement, counts) = match step {
        ErasureStep::Settled { events, jobs } => (
            "UPDATE erasures SET settled_at = $3, events = $4, jobs = $5
             WHERE tenant = $1 AND id = $2 AND settled_at IS NULL",
            Some((events, jobs)),
        ),
        ErasureStep::Compacted => {
            ("UPDATE erasures SET compacted_at = coalesce(compacted_at, $3) WHERE tenant = $1 AND id = $2", None)
        }
        ErasureStep::Clean => {
            ("UPDATE erasures SET clean_at = coalesce(clean_at, $3), work = NULL WHERE tenant = $1 AND id = $2", None)
        }
    };
    let mut query = sqlx::query(statement).bind(tenant.as_str()).bind(id.as_str()).bind(micros(at));
    if let Some((events, jobs)) = counts {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        query = query.bind(count(events)).bind(count(jobs));
    }
    query.execute(&db.pool).await?;
    Ok(())
}

pub(super) async fn open(db: &Db, limit: usize) -> Result<Vec<(TenantId, Erasure)>, Fault> {
    let rows = sqlx::query("SELECT * FROM erasures WHERE work IS NOT NULL ORDER BY erased_at, id LIMIT $1")
        .bind(as_i64(limit))
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(|row| Ok((row.try_get::<String, _>("tenant")?.into(), row::erasure(row)?))).collect()
}

pub(super) async fn scan(db: &Db, request: &PageRequest) -> Result<Page<(TenantId, Erasure)>, Fault> {
    let (limit, after) = (limit(request)?, after_number(request)?);
    let mut tx = db.begin().await?;
    walk_in_order(&mut tx, ERASURES).await?;
    let rows = sqlx::query("SELECT * FROM erasures WHERE seq > $1 ORDER BY seq LIMIT $2")
        .bind(after)
        .bind(rows(limit))
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    let items = rows
        .iter()
        .map(|row| Ok((row.try_get("seq")?, (row.try_get::<String, _>("tenant")?.into(), row::erasure(row)?))))
        .collect::<Result<Vec<_>, Fault>>()?;
    Ok(numbered_page(items, limit))
}
