//! People and the identities they are known by.

use super::erasures;
use crate::db::Db;
use crate::error::Fault;
use crate::page::{After, limit, page, rows};
use crate::row::{self, micros, name};
use crate::veil::Veil;
use hark_core::crypt::Purpose;
use hark_core::store::Resolved;
use hark_core::{
    Consent, Erased, ErrorKind, Identity, NewErasure, Page, PageRequest, Scope, TenantId, Timestamp, User, UserId,
};
use sqlx::PgConnection;
use std::collections::BTreeSet;

pub(super) async fn find(db: &Db, tenant: &TenantId, identities: &[Identity]) -> Result<Option<User>, Fault> {
    if identities.is_empty() {
        return Ok(None);
    }
    let mut connection = db.pool.acquire().await?;
    Ok(known(&db.veil, &mut connection, tenant, identities).await?.first)
}

/// What is known of some identities.
struct Known {
    /// The caller of the first that is somebody's.
    first: Option<User>,
    /// Whether every one is somebody's.
    all: bool,
}

async fn known(
    veil: &Veil,
    connection: &mut PgConnection,
    tenant: &TenantId,
    identities: &[Identity],
) -> Result<Known, Fault> {
    let mut known = Known { first: None, all: true };
    for identity in identities {
        let row = sqlx::query(
            "SELECT users.* FROM identities
             JOIN users ON users.tenant = identities.tenant AND users.id = identities.caller
             WHERE identities.tenant = $1 AND identities.kind = $2 AND identities.hash = $3",
        )
        .bind(tenant.as_str())
        .bind(name(&identity.kind)?)
        .bind(&identity.hash[..])
        .fetch_optional(&mut *connection)
        .await?;
        known.all &= row.is_some();
        if known.first.is_none() {
            known.first = row.as_ref().map(|row| row::user(row, veil)).transpose()?;
        }
    }
    Ok(known)
}

pub(super) async fn ensure(
    db: &Db,
    tenant: &TenantId,
    identities: &[Identity],
    new: &UserId,
    now: Timestamp,
) -> Result<Resolved, Fault> {
    if let Some(user) = settled(db, tenant, identities, now).await? {
        return Ok(Resolved { user, created: false });
    }
    let mut tx = db.begin().await?;
    one_at_a_time(&mut tx, identities).await?;
    let known = known(&db.veil, &mut tx, tenant, identities).await?.first;
    // Looked up after the caller was: an erasure that came in between has taken the caller away and is seen here.
    erasures::admitted(&mut tx, tenant, identities, now).await?;
    let resolved = match known {
        Some(user) => Resolved { user, created: false },
        None => create(&db.veil, &mut tx, tenant, new, now).await?,
    };
    if !stays(&mut tx, tenant, &resolved.user.id).await? {
        return Err(Fault::Again(ErrorKind::Conflict, "the caller was erased or merged away meanwhile"));
    }
    insert_identities(&mut tx, tenant, &resolved.user.id, identities).await?;
    tx.commit().await?;
    Ok(resolved)
}

/// Whoever asks for the same identities waits, so that of two who know none of them one makes the caller and the other finds
/// it. There is no row yet that could be locked. In the order of the locks, so that nobody waits in a ring.
async fn one_at_a_time(connection: &mut PgConnection, identities: &[Identity]) -> Result<(), Fault> {
    let locks: BTreeSet<i64> = identities.iter().map(|identity| lock_of(&identity.hash)).collect();
    sqlx::query("SELECT pg_advisory_xact_lock(identity) FROM unnest($1) AS identity")
        .bind(Vec::from_iter(locks))
        .execute(connection)
        .await?;
    Ok(())
}

/// The beginning of a keyed hash. Two that begin alike wait for each other, and nothing else comes of it.
fn lock_of(hash: &[u8; 32]) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Keeps a caller from being erased until the transaction ends. Answers whether there is one.
async fn stays(connection: &mut PgConnection, tenant: &TenantId, caller: &UserId) -> Result<bool, Fault> {
    let there = sqlx::query("SELECT FROM users WHERE tenant = $1 AND id = $2 FOR KEY SHARE")
        .bind(tenant.as_str())
        .bind(caller.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(there.is_some())
}

/// The caller, if there is nothing to write: the usual case when somebody calls again, and somebody is on the
/// phone, so it does not queue behind the writers.
async fn settled(db: &Db, tenant: &TenantId, identities: &[Identity], now: Timestamp) -> Result<Option<User>, Fault> {
    if identities.is_empty() {
        return Ok(None);
    }
    let mut connection = db.pool.acquire().await?;
    erasures::admitted(&mut connection, tenant, identities, now).await?;
    let known = known(&db.veil, &mut connection, tenant, identities).await?;
    Ok(known.first.filter(|_| known.all))
}

async fn create(
    veil: &Veil,
    connection: &mut PgConnection,
    tenant: &TenantId,
    new: &UserId,
    now: Timestamp,
) -> Result<Resolved, Fault> {
    let done = sqlx::query(
        "INSERT INTO users (tenant, id, first_contact, last_contact) VALUES ($1, $2, $3, $3)
         ON CONFLICT (tenant, id) DO NOTHING",
    )
    .bind(tenant.as_str())
    .bind(new.as_str())
    .bind(micros(now))
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query("SELECT * FROM users WHERE tenant = $1 AND id = $2")
        .bind(tenant.as_str())
        .bind(new.as_str())
        .fetch_one(connection)
        .await?;
    Ok(Resolved { user: row::user(&row, veil)?, created: done.rows_affected() > 0 })
}

pub(super) async fn join(db: &Db, scope: &Scope, identities: &[Identity]) -> Result<(), Fault> {
    let mut tx = db.begin().await?;
    one_at_a_time(&mut tx, identities).await?;
    if !stays(&mut tx, &scope.tenant, &scope.caller).await? {
        return Err(Fault::Refused(ErrorKind::NotFound, "the caller is not known"));
    }
    insert_identities(&mut tx, &scope.tenant, &scope.caller, identities).await?;
    Ok(tx.commit().await?)
}

/// Joins what is nobody's yet.
async fn insert_identities(
    connection: &mut PgConnection,
    tenant: &TenantId,
    caller: &UserId,
    identities: &[Identity],
) -> Result<(), Fault> {
    for identity in identities {
        sqlx::query(
            "INSERT INTO identities (tenant, kind, hash, caller, sealed) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (tenant, kind, hash) DO NOTHING",
        )
        .bind(tenant.as_str())
        .bind(name(&identity.kind)?)
        .bind(&identity.hash[..])
        .bind(caller.as_str())
        .bind(identity.sealed.as_bytes())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) async fn get(db: &Db, scope: &Scope) -> Result<Option<User>, Fault> {
    let row = sqlx::query("SELECT * FROM users WHERE tenant = $1 AND id = $2")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_optional(&db.pool)
        .await?;
    row.as_ref().map(|row| row::user(row, &db.veil)).transpose()
}

pub(super) async fn identities(db: &Db, scope: &Scope) -> Result<Vec<Identity>, Fault> {
    let rows = sqlx::query("SELECT * FROM identities WHERE tenant = $1 AND caller = $2 ORDER BY seq")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(row::identity).collect()
}

pub(super) async fn list(db: &Db, tenant: &TenantId, request: &PageRequest) -> Result<Page<User>, Fault> {
    let (limit, after) = (limit(request)?, After::of(request)?);
    let rows = sqlx::query(
        "SELECT * FROM users
         WHERE tenant = $1 AND last_contact <= $2 AND (last_contact < $2 OR id > $3)
         ORDER BY last_contact DESC, id LIMIT $4",
    )
    .bind(tenant.as_str())
    .bind(after.at)
    .bind(after.id)
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let users = rows.iter().map(|row| row::user(row, &db.veil)).collect::<Result<_, _>>()?;
    Ok(page(users, limit, |user: &User| After { at: micros(user.last_contact), id: user.id.to_string() }))
}

pub(super) async fn set_name(db: &Db, scope: &Scope, name: &str) -> Result<(), Fault> {
    let sealed = db.veil.cover(&scope.tenant, Purpose::Name, scope.caller.as_str(), name)?;
    sqlx::query("UPDATE users SET sealed_name = $1 WHERE tenant = $2 AND id = $3")
        .bind(sealed)
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(&db.pool)
        .await?;
    Ok(())
}

pub(super) async fn set_summary(db: &Db, scope: &Scope, summary: &str) -> Result<(), Fault> {
    let sealed = db.veil.cover(&scope.tenant, Purpose::Summary, scope.caller.as_str(), summary)?;
    sqlx::query("UPDATE users SET sealed_summary = $1 WHERE tenant = $2 AND id = $3")
        .bind(sealed)
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(&db.pool)
        .await?;
    Ok(())
}

pub(super) async fn set_consent(db: &Db, scope: &Scope, consent: Consent) -> Result<(), Fault> {
    sqlx::query("UPDATE users SET consent = $1 WHERE tenant = $2 AND id = $3")
        .bind(consent.name())
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(&db.pool)
        .await?;
    Ok(())
}

pub(super) async fn set_shared(db: &Db, scope: &Scope, shared: bool) -> Result<(), Fault> {
    sqlx::query("UPDATE users SET shared = $1 WHERE tenant = $2 AND id = $3")
        .bind(shared)
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(&db.pool)
        .await?;
    Ok(())
}

/// Deleting the user's row alone would cascade to all of it; table by table it can be counted.
pub(super) async fn erase(db: &Db, scope: &Scope, erasure: &NewErasure) -> Result<Erased, Fault> {
    let mut tx = db.begin().await?;
    // Not even a row that belongs to the caller is added from now on: whoever tries waits, and then finds nobody.
    let known = sqlx::query("SELECT FROM users WHERE tenant = $1 AND id = $2 FOR UPDATE")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_optional(&mut *tx)
        .await?;
    if known.is_none() {
        return Ok(Erased::default());
    }
    for statement in [UNNAME_COSTS, FORGET_TRANSFERS] {
        sqlx::query(statement).bind(scope.tenant.as_str()).bind(scope.caller.as_str()).execute(&mut *tx).await?;
    }
    let identities = erasures::identities(&mut tx, scope).await?;
    let mut gone = [0; 8];
    for (statement, gone) in [
        "DELETE FROM links WHERE tenant = $1 AND caller = $2
         AND a IN (SELECT id FROM memories WHERE tenant = $1 AND caller = $2)",
        "DELETE FROM conflicts WHERE tenant = $1 AND caller = $2",
        "DELETE FROM receipts WHERE tenant = $1 AND (caller = $2
         OR conversation IN (SELECT id FROM conversations WHERE tenant = $1 AND caller = $2))",
        "DELETE FROM reviews WHERE tenant = $1 AND caller = $2",
        "DELETE FROM memories WHERE tenant = $1 AND caller = $2",
        "DELETE FROM conversations WHERE tenant = $1 AND caller = $2",
        "DELETE FROM identities WHERE tenant = $1 AND caller = $2",
        "DELETE FROM users WHERE tenant = $1 AND id = $2",
    ]
    .into_iter()
    .zip(&mut gone)
    {
        let done =
            sqlx::query(statement).bind(scope.tenant.as_str()).bind(scope.caller.as_str()).execute(&mut *tx).await?;
        *gone = done.rows_affected();
    }
    let [links, conflicts, receipts, reviews, memories, conversations, _, _] = gone;
    let counted = identities.len() as u64;
    let erased = Erased { memories, links, conflicts, conversations, receipts, reviews, identities: counted };
    erasures::note_done(&mut tx, scope, erasure, erased, identities).await?;
    tx.commit().await?;
    Ok(erased)
}

/// The aliases themselves go with the user's row.
const FORGET_TRANSFERS: &str = "WITH names (id) AS (
         SELECT $2 COLLATE \"C\" UNION SELECT id FROM aliases WHERE tenant = $1 AND caller = $2
     )
     DELETE FROM transfers
     WHERE tenant = $1
       AND (from_caller IN (SELECT id FROM names) OR into_caller IN (SELECT id FROM names))";

/// What the caller's conversations cost stays counted, but not under their names.
const UNNAME_COSTS: &str =
    unname_costs!("conversation IN (SELECT id FROM conversations WHERE tenant = $1 AND caller = $2)");
