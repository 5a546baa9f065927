//! The rows that a merge or a split touches, table by table. A table that names a caller belongs in here.

use crate::error::Fault;
use crate::row::{self, id_list, micros, name};
use crate::veil::Veil;
use hark_core::crypt::Purpose;
use hark_core::{
    Conflict, ConversationId, ErrorKind, Identity, IdentityKey, Memory, MemoryId, Moved, Parting, Scope, Timestamp,
    User, UserId,
};
use sqlx::{PgConnection, Row};
use std::collections::BTreeSet;

pub(super) async fn user(veil: &Veil, connection: &mut PgConnection, scope: &Scope) -> Result<Option<User>, Fault> {
    let row = sqlx::query("SELECT * FROM users WHERE tenant = $1 AND id = $2")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(|row| row::user(row, veil)).transpose()
}

/// Everything of a caller's.
pub(super) async fn all(
    connection: &mut PgConnection,
    from: &Scope,
    from_before: User,
    into_before: Option<User>,
) -> Result<Moved, Fault> {
    let identities = sqlx::query("SELECT * FROM identities WHERE tenant = $1 AND caller = $2 ORDER BY seq")
        .bind(from.tenant.as_str())
        .bind(from.caller.as_str())
        .fetch_all(&mut *connection)
        .await?;
    let identities: Vec<Identity> = identities.iter().map(row::identity).collect::<Result<_, _>>()?;
    let conversations = ids(connection, from, "SELECT id FROM conversations WHERE tenant = $1 AND caller = $2").await?;
    let memories = ids(connection, from, "SELECT id FROM memories WHERE tenant = $1 AND caller = $2").await?;
    Ok(Moved {
        aliases: aliases(connection, from).await?,
        identities: identities.into_iter().map(|identity| (identity.kind, identity.hash)).collect(),
        conversations: conversations.into_iter().map(ConversationId::from).collect(),
        memories: memories.into_iter().map(MemoryId::from).collect(),
        from_before,
        into_before,
    })
}

/// These conversations of a caller's, and what comes from them; `None` unless all are the caller's.
pub(super) async fn some(
    connection: &mut PgConnection,
    from: &Scope,
    wanted: &[ConversationId],
    from_before: User,
    into_before: Option<User>,
) -> Result<Option<Moved>, Fault> {
    let wanted: BTreeSet<&ConversationId> = wanted.iter().collect();
    let list = id_list(wanted.iter().map(|id| id.as_str()));
    let found: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM conversations
         WHERE tenant = $1 AND caller = $2 AND id = ANY ($3)",
    )
    .bind(from.tenant.as_str())
    .bind(from.caller.as_str())
    .bind(list)
    .fetch_one(&mut *connection)
    .await?;
    if wanted.is_empty() || usize::try_from(found) != Ok(wanted.len()) {
        return Ok(None);
    }
    let conversations: Vec<ConversationId> = wanted.into_iter().cloned().collect();
    let memories = memories_from(connection, from, &conversations).await?;
    let (aliases, identities) = (Vec::new(), Vec::new());
    Ok(Some(Moved { aliases, identities, conversations, memories, from_before, into_before }))
}

async fn ids(connection: &mut PgConnection, scope: &Scope, statement: &'static str) -> Result<Vec<String>, Fault> {
    let rows = sqlx::query_scalar(statement)
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_all(connection)
        .await?;
    Ok(rows)
}

/// A caller's memories that come from these conversations.
pub(super) async fn memories_from(
    connection: &mut PgConnection,
    scope: &Scope,
    conversations: &[ConversationId],
) -> Result<Vec<MemoryId>, Fault> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM memories
         WHERE tenant = $1 AND caller = $2 AND conversation = ANY ($3) ORDER BY id",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(id_list(conversations.iter().map(ConversationId::as_str)))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(MemoryId::from).collect())
}

pub(super) async fn replace_user(
    veil: &Veil,
    connection: &mut PgConnection,
    scope: &Scope,
    user: &User,
) -> Result<(), Fault> {
    let (tenant, id) = (&scope.tenant, scope.caller.as_str());
    sqlx::query(
        "UPDATE users SET sealed_name = $1, sealed_summary = $2, shared = $3, consent = $4, first_contact = $5 WHERE tenant = $6 AND id = $7",
    )
    .bind(veil.cover(tenant, Purpose::Name, id, &user.name)?)
    .bind(veil.cover(tenant, Purpose::Summary, id, &user.summary)?)
    .bind(user.shared)
    .bind(user.consent.name())
    .bind(micros(user.first_contact))
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes a caller merged away a caller again.
pub(super) async fn give_back_caller(
    veil: &Veil,
    connection: &mut PgConnection,
    scope: &Scope,
    before: &User,
) -> Result<(), Fault> {
    sqlx::query("DELETE FROM aliases WHERE tenant = $1 AND id = $2")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO users (tenant, id, sealed_name, first_contact, last_contact, sealed_summary, shared, consent, revision)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(veil.cover(&scope.tenant, Purpose::Name, scope.caller.as_str(), &before.name)?)
    .bind(micros(before.first_contact))
    .bind(micros(before.last_contact))
    .bind(veil.cover(&scope.tenant, Purpose::Summary, scope.caller.as_str(), &before.summary)?)
    .bind(before.shared)
    .bind(before.consent.name())
    // What was cached at the last revision is no longer true.
    .bind(i64::try_from(before.revision).unwrap_or(i64::MAX - 2) + 1)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn delete_user(connection: &mut PgConnection, scope: &Scope) -> Result<(), Fault> {
    sqlx::query("DELETE FROM users WHERE tenant = $1 AND id = $2")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn insert_alias(connection: &mut PgConnection, scope: &Scope, alias: &UserId) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO aliases (tenant, id, caller) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, id) DO UPDATE SET caller = excluded.caller",
    )
    .bind(scope.tenant.as_str())
    .bind(alias.as_str())
    .bind(scope.caller.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn aliases(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<UserId>, Fault> {
    let aliases =
        ids(connection, scope, "SELECT id FROM aliases WHERE tenant = $1 AND caller = $2 ORDER BY id").await?;
    Ok(aliases.into_iter().map(UserId::from).collect())
}

async fn first_call(
    connection: &mut PgConnection,
    scope: &Scope,
    conversations: &[ConversationId],
) -> Result<Option<i64>, Fault> {
    let first = sqlx::query_scalar("SELECT min(started_at) FROM conversations WHERE tenant = $1 AND id = ANY ($2)")
        .bind(scope.tenant.as_str())
        .bind(id_list(conversations.iter().map(ConversationId::as_str)))
        .fetch_one(connection)
        .await?;
    Ok(first)
}

pub(super) async fn make_guest(
    connection: &mut PgConnection,
    scope: &Scope,
    conversations: &[ConversationId],
    now: Timestamp,
) -> Result<(), Fault> {
    let first = first_call(connection, scope, conversations).await?.unwrap_or_else(|| micros(now));
    let made = sqlx::query(
        "INSERT INTO users (tenant, id, first_contact, last_contact) VALUES ($1, $2, $3, $3)
         ON CONFLICT (tenant, id) DO NOTHING",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .bind(first)
    .execute(connection)
    .await?;
    match made.rows_affected() {
        // There was no row to be locked when it was looked up.
        0 => Err(Fault::Again(ErrorKind::Conflict, "the caller to split to came into being meanwhile")),
        _ => Ok(()),
    }
}

pub(super) async fn move_first_contact(
    connection: &mut PgConnection,
    scope: &Scope,
    conversations: &[ConversationId],
) -> Result<(), Fault> {
    let Some(first) = first_call(connection, scope, conversations).await? else { return Ok(()) };
    sqlx::query("UPDATE users SET first_contact = least(first_contact, $1) WHERE tenant = $2 AND id = $3")
        .bind(first)
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn has_nothing(connection: &mut PgConnection, scope: &Scope) -> Result<bool, Fault> {
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM identities WHERE tenant = $1 AND caller = $2)
              + (SELECT count(*) FROM conversations WHERE tenant = $1 AND caller = $2)
              + (SELECT count(*) FROM memories WHERE tenant = $1 AND caller = $2)",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .fetch_one(connection)
    .await?;
    Ok(left == 0)
}

/// Gives rows of a list of ids to another caller, where they still are the first one's.
async fn give(
    connection: &mut PgConnection,
    (left, right): (&Scope, &Scope),
    ids: &[&str],
    statement: &'static str,
) -> Result<(), Fault> {
    sqlx::query(statement)
        .bind(left.tenant.as_str())
        .bind(left.caller.as_str())
        .bind(right.caller.as_str())
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn hand_over_aliases(
    connection: &mut PgConnection,
    left: &Scope,
    right: &Scope,
    aliases: &[UserId],
) -> Result<(), Fault> {
    let list = id_list(aliases.iter().map(UserId::as_str));
    let statement = "UPDATE aliases SET caller = $3
         WHERE tenant = $1 AND caller = $2 AND id = ANY ($4)";
    give(connection, (left, right), &list, statement).await
}

/// Gives all of a caller's aliases to another.
pub(super) async fn move_aliases(connection: &mut PgConnection, left: &Scope, right: &Scope) -> Result<(), Fault> {
    let all = aliases(connection, left).await?;
    hand_over_aliases(connection, left, right, &all).await
}

pub(super) async fn hand_over_identities(
    connection: &mut PgConnection,
    left: &Scope,
    right: &Scope,
    keys: &[IdentityKey],
) -> Result<(), Fault> {
    for (kind, hash) in keys {
        sqlx::query("UPDATE identities SET caller = $1 WHERE tenant = $2 AND caller = $3 AND kind = $4 AND hash = $5")
            .bind(right.caller.as_str())
            .bind(left.tenant.as_str())
            .bind(left.caller.as_str())
            .bind(name(kind)?)
            .bind(&hash[..])
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) async fn hand_over_conversations(
    connection: &mut PgConnection,
    left: &Scope,
    right: &Scope,
    conversations: &[ConversationId],
) -> Result<(), Fault> {
    let list = id_list(conversations.iter().map(ConversationId::as_str));
    let statement = "UPDATE conversations SET caller = $3
         WHERE tenant = $1 AND caller = $2 AND id = ANY ($4)";
    give(connection, (left, right), &list, statement).await
}

/// Gives receipts of conversations, and what people decided about memories, to another caller.
pub(super) async fn hand_over_notes(
    connection: &mut PgConnection,
    left: &Scope,
    right: &Scope,
    moved: &Moved,
) -> Result<(), Fault> {
    let conversations = id_list(moved.conversations.iter().map(ConversationId::as_str));
    let memories = id_list(moved.memories.iter().map(MemoryId::as_str));
    let both = (left, right);
    for (list, statement) in [
        (
            &conversations,
            "UPDATE receipts SET caller = $3
             WHERE tenant = $1 AND caller = $2 AND conversation = ANY ($4)",
        ),
        // What was decided of the same memory before gives way.
        (
            &conversations,
            "DELETE FROM reviews AS older USING reviews AS moved
             WHERE moved.tenant = $1 AND moved.caller = $2 AND moved.conversation = ANY ($4)
               AND older.tenant = $1 AND older.caller = $3 AND older.memory = moved.memory",
        ),
        (
            &conversations,
            "UPDATE reviews SET caller = $3
             WHERE tenant = $1 AND caller = $2 AND conversation = ANY ($4)",
        ),
        // What was decided of the same memory before gives way.
        (
            &memories,
            "DELETE FROM reviews AS older USING reviews AS moved
             WHERE moved.tenant = $1 AND moved.caller = $2 AND moved.memory = ANY ($4)
               AND older.tenant = $1 AND older.caller = $3 AND older.memory = moved.memory",
        ),
        (
            &memories,
            "UPDATE reviews SET caller = $3
             WHERE tenant = $1 AND caller = $2 AND memory = ANY ($4)",
        ),
    ] {
        give(connection, both, list, statement).await?;
    }
    Ok(())
}

/// Gives the rest of them, before their caller's row goes. What belongs to no conversation stays there when a merge is
/// undone: nothing tells any more whose it was.
pub(super) async fn hand_over_other_notes(
    connection: &mut PgConnection,
    left: &Scope,
    right: &Scope,
) -> Result<(), Fault> {
    for statement in [
        "UPDATE receipts SET caller = $3 WHERE tenant = $1 AND caller = $2",
        "DELETE FROM reviews AS older USING reviews AS moved
         WHERE moved.tenant = $1 AND moved.caller = $2
           AND older.tenant = $1 AND older.caller = $3 AND older.memory = moved.memory",
        "UPDATE reviews SET caller = $3 WHERE tenant = $1 AND caller = $2",
    ] {
        sqlx::query(statement)
            .bind(left.tenant.as_str())
            .bind(left.caller.as_str())
            .bind(right.caller.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Gives memories to another caller, with the links and conflicts between them. Answers those that went.
pub(super) async fn hand_over_memories(
    connection: &mut PgConnection,
    left: &Scope,
    right: &Scope,
    memories: &[MemoryId],
) -> Result<Vec<MemoryId>, Fault> {
    let own = every_memory(connection, left).await?;
    let conflicts = every_conflict(connection, left).await?;
    let wanted: BTreeSet<&MemoryId> = memories.iter().collect();
    let leaving: BTreeSet<MemoryId> = own.iter().map(|m| &m.id).filter(|id| wanted.contains(id)).cloned().collect();
    let parting = Parting::of(&own, &conflicts, &leaving);
    for (id, standing) in &parting.standings {
        sqlx::query(
            "UPDATE memories SET state = $1, valid_to = $2, superseded_by = $3, salience = $4, reinforced_at = $5 WHERE id = $6",
        )
        .bind(standing.state.name())
        .bind(standing.valid_to.map(micros))
        .bind(standing.superseded_by.as_ref().map(MemoryId::as_str))
        .bind(f64::from(standing.salience))
        .bind(micros(standing.reinforced_at))
        .bind(id.as_str())
        .execute(&mut *connection)
        .await?;
    }
    let crossing = id_list(parting.conflicts.iter().map(|id| id.as_str()));
    let leaving = leaving.into_iter().collect::<Vec<_>>();
    let list = id_list(leaving.iter().map(MemoryId::as_str));
    sqlx::query("DELETE FROM conflicts WHERE id = ANY ($1)").bind(crossing).execute(&mut *connection).await?;
    let both = (left, right);
    for statement in [
        "DELETE FROM links
         WHERE tenant = $1 AND caller = $2
           AND (a = ANY ($4)) <> (b = ANY ($4))",
        "UPDATE links SET caller = $3 WHERE tenant = $1 AND caller = $2 AND a = ANY ($4)",
        "UPDATE conflicts SET caller = $3
         WHERE tenant = $1 AND caller = $2 AND old_memory = ANY ($4)",
        "UPDATE memories SET caller = $3, index_state = 'pending'
         WHERE tenant = $1 AND caller = $2 AND id = ANY ($4)",
    ] {
        give(connection, both, &list, statement).await?;
    }
    Ok(leaving)
}

async fn every_memory(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<Memory>, Fault> {
    let rows = sqlx::query("SELECT * FROM memories WHERE tenant = $1 AND caller = $2")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter().map(row::memory).collect()
}

async fn every_conflict(connection: &mut PgConnection, scope: &Scope) -> Result<Vec<Conflict>, Fault> {
    let rows = sqlx::query("SELECT * FROM conflicts WHERE tenant = $1 AND caller = $2")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter().map(row::conflict).collect()
}

/// Calls are counted where they are.
pub(super) async fn recount(connection: &mut PgConnection, scope: &Scope) -> Result<(), Fault> {
    let row = sqlx::query(
        "SELECT count(*) AS calls, max(started_at) AS last FROM conversations
         WHERE tenant = $1 AND caller = $2 AND counted",
    )
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .fetch_one(&mut *connection)
    .await?;
    let (calls, last): (i64, Option<i64>) = (row.try_get("calls")?, row.try_get("last")?);
    sqlx::query(
        "UPDATE users SET call_count = $1, last_contact = greatest(first_contact, coalesce($2, first_contact))
         WHERE tenant = $3 AND id = $4",
    )
    .bind(calls)
    .bind(last)
    .bind(scope.tenant.as_str())
    .bind(scope.caller.as_str())
    .execute(connection)
    .await?;
    Ok(())
}
