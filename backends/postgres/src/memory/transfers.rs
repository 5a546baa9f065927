//! Two callers are merged, or one is split; and back again.

use super::transfer_rows::{
    self as rows_of, give_back_caller, has_nothing, insert_alias, make_guest, move_first_contact, replace_user, user,
};
use crate::db::Db;
use crate::error::Fault;
use crate::page::{After, as_i64, limit, page, rows};
use crate::row::{self, json, micros};
use crate::veil::Veil;
use hark_core::crypt::Purpose;
use hark_core::{
    ErrorKind, Moved, NewTransfer, Page, PageRequest, Scope, TenantId, Timestamp, Transfer, TransferId, TransferKind,
    TransferState, UserId,
};
use sqlx::PgConnection;

const ITSELF: Fault = Fault::Refused(ErrorKind::Invalid, "a caller cannot be merged into itself");
const TAKEN: Fault = Fault::Refused(ErrorKind::Conflict, "a transfer of that id is there already");
const UNKNOWN: Fault = Fault::Refused(ErrorKind::NotFound, "the caller is not known");
const NOT_THEIRS: Fault =
    Fault::Refused(ErrorKind::Invalid, "a split needs conversations, and all of them must be the caller's");
const MERGED_SINCE: Fault = Fault::Refused(
    ErrorKind::Conflict,
    "one of the two callers is gone or has been merged away since; undo that first",
);

pub(super) async fn transfer(db: &Db, tenant: &TenantId, new: &NewTransfer, now: Timestamp) -> Result<Transfer, Fault> {
    let scope = |caller: &UserId| Scope { tenant: tenant.clone(), caller: caller.clone() };
    let (from, into) = (scope(&new.from), scope(&new.into));
    if from == into {
        return Err(ITSELF);
    }
    let mut tx = db.begin().await?;
    hold_both(&mut tx, &from, &into).await?;
    if read(&db.veil, &mut tx, tenant, &new.id).await?.is_some() {
        return Err(TAKEN);
    }
    let from_before = user(&db.veil, &mut tx, &from).await?.ok_or(UNKNOWN)?;
    let into_before = user(&db.veil, &mut tx, &into).await?;
    let mut moved = match new.kind {
        TransferKind::Merge if into_before.is_none() => return Err(UNKNOWN),
        TransferKind::Merge => rows_of::all(&mut tx, &from, from_before, into_before).await?,
        TransferKind::Split => {
            rows_of::some(&mut tx, &from, &new.conversations, from_before, into_before).await?.ok_or(NOT_THEIRS)?
        }
    };
    match (new.kind, &moved.into_before) {
        (TransferKind::Merge, Some(before)) => {
            let whole = before.merged_with(&moved.from_before);
            replace_user(&db.veil, &mut tx, &into, &whole).await?;
        }
        (_, None) => make_guest(&mut tx, &into, &moved.conversations, now).await?,
        (TransferKind::Split, Some(_)) => move_first_contact(&mut tx, &into, &moved.conversations).await?,
    }
    moved.memories = hand_over(&mut tx, &from, &into, &moved).await?;
    if new.kind == TransferKind::Merge {
        rows_of::hand_over_other_notes(&mut tx, &from, &into).await?;
        rows_of::delete_user(&mut tx, &from).await?;
        insert_alias(&mut tx, &into, &new.from).await?;
    }
    let transfer = Transfer {
        id: new.id.clone(),
        kind: new.kind,
        from: new.from.clone(),
        into: new.into.clone(),
        state: TransferState::Done,
        by: new.by,
        moved,
        created_at: now,
        undone_at: None,
        settled: false,
    };
    insert(&db.veil, &mut tx, tenant, &transfer).await?;
    tx.commit().await?;
    Ok(transfer)
}

pub(super) async fn undo(
    db: &Db,
    tenant: &TenantId,
    id: &TransferId,
    now: Timestamp,
) -> Result<Option<Transfer>, Fault> {
    let mut tx = db.begin().await?;
    let Some(transfer) = read(&db.veil, &mut tx, tenant, id).await? else { return Ok(None) };
    let scope = |caller: &UserId| Scope { tenant: tenant.clone(), caller: caller.clone() };
    let (from, into) = (scope(&transfer.from), scope(&transfer.into));
    hold_both(&mut tx, &from, &into).await?;
    // Once more, as it stands now that nobody else can undo it, or erase one of the two.
    let Some(mut transfer) = read(&db.veil, &mut tx, tenant, id).await? else { return Ok(None) };
    if transfer.state == TransferState::Undone {
        return Ok(Some(transfer));
    }
    let merge = transfer.kind == TransferKind::Merge;
    let Some(mut profile) = user(&db.veil, &mut tx, &into).await? else { return Err(MERGED_SINCE) };
    if !merge && user(&db.veil, &mut tx, &from).await?.is_none() {
        return Err(MERGED_SINCE);
    }
    if merge {
        give_back_caller(&db.veil, &mut tx, &from, &transfer.moved.from_before).await?;
    }
    if let Some(before) = &transfer.moved.into_before {
        if merge {
            profile = profile.parted_from(before, &transfer.moved.from_before);
        } else {
            profile.first_contact = before.first_contact;
        }
        replace_user(&db.veil, &mut tx, &into, &profile).await?;
    }
    let later = rows_of::memories_from(&mut tx, &into, &transfer.moved.conversations).await?;
    transfer.moved.memories.extend(later);
    transfer.moved.memories.sort();
    transfer.moved.memories.dedup();
    transfer.moved.memories = hand_over(&mut tx, &into, &from, &transfer.moved).await?;
    if transfer.moved.into_before.is_none() && has_nothing(&mut tx, &into).await? {
        rows_of::move_aliases(&mut tx, &into, &from).await?;
        rows_of::delete_user(&mut tx, &into).await?;
        insert_alias(&mut tx, &from, &transfer.into).await?;
    }
    transfer.state = TransferState::Undone;
    transfer.undone_at = Some(now);
    transfer.settled = false;
    sqlx::query(
        "UPDATE transfers SET state = $1, sealed_moved = $2, undone_at = $3, settled = FALSE WHERE id = $4 AND tenant = $5",
    )
    .bind(transfer.state.name())
    .bind(sealed(&db.veil, tenant, &transfer)?)
    .bind(micros(now))
    .bind(id.as_str())
    .bind(tenant.as_str())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some(transfer))
}

/// Locks the rows of both callers, as far as they are there, against everything: one of them may go. In the order of their ids, so
/// that a merge and its opposite do not wait for each other in a ring.
async fn hold_both(connection: &mut PgConnection, from: &Scope, into: &Scope) -> Result<(), Fault> {
    sqlx::query("SELECT FROM users WHERE tenant = $1 AND id = ANY ($2) ORDER BY id FOR UPDATE")
        .bind(from.tenant.as_str())
        .bind(vec![from.caller.as_str(), into.caller.as_str()])
        .execute(connection)
        .await?;
    Ok(())
}

/// Moves what is still `left`'s. Answers the memories that went.
async fn hand_over(
    connection: &mut PgConnection,
    left: &Scope,
    right: &Scope,
    moved: &Moved,
) -> Result<Vec<hark_core::MemoryId>, Fault> {
    rows_of::hand_over_aliases(connection, left, right, &moved.aliases).await?;
    rows_of::hand_over_identities(connection, left, right, &moved.identities).await?;
    rows_of::hand_over_conversations(connection, left, right, &moved.conversations).await?;
    rows_of::hand_over_notes(connection, left, right, moved).await?;
    let gone = rows_of::hand_over_memories(connection, left, right, &moved.memories).await?;
    for scope in [left, right] {
        rows_of::recount(connection, scope).await?;
        begin_epoch(connection, scope).await?;
    }
    Ok(gone)
}

/// Raises the revision of a caller who took part in a merge or a split; the arithmetic is that of `User::next_epoch`.
async fn begin_epoch(connection: &mut PgConnection, scope: &Scope) -> Result<(), Fault> {
    sqlx::query("UPDATE users SET revision = ((revision >> 32) + 1) << 32 WHERE tenant = $1 AND id = $2")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert(
    veil: &Veil,
    connection: &mut PgConnection,
    tenant: &TenantId,
    transfer: &Transfer,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO transfers (id, tenant, kind, from_caller, into_caller, state, decided_by, sealed_moved, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(transfer.id.as_str())
    .bind(tenant.as_str())
    .bind(transfer.kind.name())
    .bind(transfer.from.as_str())
    .bind(transfer.into.as_str())
    .bind(transfer.state.name())
    .bind(transfer.by.name())
    .bind(sealed(veil, tenant, transfer)?)
    .bind(micros(transfer.created_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// What was moved, as the column holds it.
fn sealed(veil: &Veil, tenant: &TenantId, transfer: &Transfer) -> Result<Option<Vec<u8>>, Fault> {
    veil.cover(tenant, Purpose::Transfer, transfer.id.as_str(), &json(&transfer.moved)?)
}

async fn read(
    veil: &Veil,
    connection: &mut PgConnection,
    tenant: &TenantId,
    id: &TransferId,
) -> Result<Option<Transfer>, Fault> {
    let row = sqlx::query("SELECT * FROM transfers WHERE id = $1 AND tenant = $2")
        .bind(id.as_str())
        .bind(tenant.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(|row| row::transfer(row, veil)).transpose()
}

pub(super) async fn get(db: &Db, tenant: &TenantId, id: &TransferId) -> Result<Option<Transfer>, Fault> {
    let mut connection = db.pool.acquire().await?;
    read(&db.veil, &mut connection, tenant, id).await
}

pub(super) async fn list(
    db: &Db,
    tenant: &TenantId,
    caller: Option<&UserId>,
    request: &PageRequest,
) -> Result<Page<Transfer>, Fault> {
    let (limit, after) = (limit(request)?, After::of(request)?);
    let rows = sqlx::query(
        "SELECT * FROM transfers
         WHERE tenant = $1 AND created_at <= $2 AND (created_at < $2 OR id > $3)
           AND ($4 IS NULL OR $4 IN (from_caller, into_caller))
         ORDER BY created_at DESC, id LIMIT $5",
    )
    .bind(tenant.as_str())
    .bind(after.at)
    .bind(after.id)
    .bind(caller.map(UserId::as_str))
    .bind(rows(limit))
    .fetch_all(&db.pool)
    .await?;
    let transfers = rows.iter().map(|row| row::transfer(row, &db.veil)).collect::<Result<_, _>>()?;
    Ok(page(transfers, limit, |t: &Transfer| After { at: micros(t.created_at), id: t.id.to_string() }))
}

pub(super) async fn unsettled(db: &Db, limit: usize) -> Result<Vec<(TenantId, Transfer)>, Fault> {
    let rows = sqlx::query("SELECT * FROM transfers WHERE NOT settled ORDER BY created_at, id LIMIT $1")
        .bind(as_i64(limit))
        .fetch_all(&db.pool)
        .await?;
    rows.iter().map(|row| Ok((row::tenant(row)?, row::transfer(row, &db.veil)?))).collect()
}

pub(super) async fn settle(db: &Db, tenant: &TenantId, transfer: &Transfer) -> Result<(), Fault> {
    sqlx::query("UPDATE transfers SET settled = TRUE WHERE id = $1 AND tenant = $2 AND state = $3")
        .bind(transfer.id.as_str())
        .bind(tenant.as_str())
        .bind(transfer.state.name())
        .execute(&db.pool)
        .await?;
    Ok(())
}

pub(super) async fn alias(db: &Db, tenant: &TenantId, id: &UserId) -> Result<Option<UserId>, Fault> {
    let caller: Option<String> = sqlx::query_scalar("SELECT caller FROM aliases WHERE tenant = $1 AND id = $2")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(&db.pool)
        .await?;
    Ok(caller.map(UserId::from))
}

pub(super) async fn aliases(db: &Db, scope: &Scope) -> Result<Vec<UserId>, Fault> {
    let mut connection = db.pool.acquire().await?;
    rows_of::aliases(&mut connection, scope).await
}
