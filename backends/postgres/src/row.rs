//! Rows become nouns, and their fields columns. Times are microseconds: what is finer is cut off.

use crate::error::Fault;
use crate::veil::Veil;
use chrono::DateTime;
use hark_core::crypt::{Purpose, Sealed};
use hark_core::store::{Event, Job, JobState, KeyKind, StoredKey};
use hark_core::{
    AgentId, AuditEntry, Conflict, Conversation, ConversationId, Erased, Erasure, ErrorKind, Identity, KeyScopes,
    KeyedHash, Link, Memory, Provenance, Receipt, Review, Scope, SuppressionKey, TenantId, Timestamp, Transfer,
    TransferId, User, UserId,
};
use serde::Serialize;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use std::borrow::Cow;

/// A time as a column holds it.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.timestamp_micros()
}

/// An enum as a column holds it: its stable name.
pub(crate) fn name(value: &impl Serialize) -> Result<String, Fault> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(NOT_WRITABLE),
    }
}

/// A list or map as a column holds it.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|_| NOT_WRITABLE)
}

/// Ids as one parameter, for `= ANY`: a statement that does not change with their number stays prepared.
pub(crate) fn id_list<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    ids.collect()
}

/// A text that people wrote, as a column holds it. PostgreSQL keeps no zero byte; what is told stays whole without it.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

const NOT_WRITABLE: Fault = Fault::Refused(ErrorKind::Internal, "a value cannot be written as json");

pub(crate) fn time(row: &PgRow, column: &'static str) -> Result<Timestamp, Fault> {
    DateTime::from_timestamp_micros(row.try_get(column)?).ok_or(Fault::Stored(column))
}

fn optional_time(row: &PgRow, column: &'static str) -> Result<Option<Timestamp>, Fault> {
    let micros: Option<i64> = row.try_get(column)?;
    micros.map(|micros| DateTime::from_timestamp_micros(micros).ok_or(Fault::Stored(column))).transpose()
}

fn named<T: DeserializeOwned>(row: &PgRow, column: &'static str) -> Result<T, Fault> {
    let deserializer: StrDeserializer<'_, ValueError> = row.try_get::<&str, _>(column)?.into_deserializer();
    // The error would quote the value.
    T::deserialize(deserializer).map_err(|_| Fault::Stored(column))
}

fn optional_named<T: DeserializeOwned>(row: &PgRow, column: &'static str) -> Result<Option<T>, Fault> {
    let there: Option<&str> = row.try_get(column)?;
    there.map(|_| named(row, column)).transpose()
}

fn from_json<T: DeserializeOwned>(row: &PgRow, column: &'static str) -> Result<T, Fault> {
    serde_json::from_str(row.try_get(column)?).map_err(|_| Fault::Stored(column))
}

fn unsigned<T: TryFrom<i64>>(row: &PgRow, column: &'static str) -> Result<T, Fault> {
    T::try_from(row.try_get(column)?).map_err(|_| Fault::Stored(column))
}

fn text<T: From<String>>(row: &PgRow, column: &'static str) -> Result<T, Fault> {
    Ok(T::from(row.try_get::<String, _>(column)?))
}

fn optional_text<T: From<String>>(row: &PgRow, column: &'static str) -> Result<Option<T>, Fault> {
    Ok(row.try_get::<Option<String>, _>(column)?.map(T::from))
}

fn sealed(row: &PgRow, column: &'static str) -> Result<Sealed, Fault> {
    Ok(Sealed::from_bytes(row.try_get(column)?))
}

fn optional_sealed(row: &PgRow, column: &'static str) -> Result<Option<Sealed>, Fault> {
    Ok(row.try_get::<Option<Vec<u8>>, _>(column)?.map(Sealed::from_bytes))
}

/// Whole numbers up to 2^53 and all of `f32` survive the column's `f64`.
#[expect(clippy::cast_possible_truncation, reason = "it was an f32 when it was written")]
fn single(row: &PgRow, column: &'static str) -> Result<f32, Fault> {
    Ok(row.try_get::<f64, _>(column)? as f32)
}

/// A row of `users`.
pub(crate) fn user(row: &PgRow, veil: &Veil) -> Result<User, Fault> {
    let (tenant, id) = (tenant(row)?, text::<UserId>(row, "id")?);
    let told = |purpose, column| profile(row, veil, column, (&tenant, purpose, id.as_str()));
    Ok(User {
        name: told(Purpose::Name, "sealed_name")?,
        call_count: unsigned(row, "call_count")?,
        first_contact: time(row, "first_contact")?,
        last_contact: time(row, "last_contact")?,
        summary: told(Purpose::Summary, "sealed_summary")?,
        shared: row.try_get("shared")?,
        consent: named(row, "consent")?,
        revision: unsigned(row, "revision")?,
        id,
    })
}

/// A name or a summary. A damaged one must not take its caller's memory along: it reads as none, and is learnt again.
fn profile(row: &PgRow, veil: &Veil, column: &'static str, place: (&TenantId, Purpose, &str)) -> Result<String, Fault> {
    match veil.uncover(row, column, place) {
        Err(Fault::Stored(column)) => {
            tracing::warn!(column, caller = place.2, "what is stored of a caller does not open and is left out");
            Ok(String::new())
        }
        told => told,
    }
}

/// A row of `erasures`.
pub(crate) fn erasure(row: &PgRow) -> Result<Erasure, Fault> {
    Ok(Erasure {
        id: text(row, "id")?,
        person: hash(row, "person")?,
        erased_at: time(row, "erased_at")?,
        forever: row.try_get("forever")?,
        erased: Erased {
            memories: unsigned(row, "memories")?,
            links: unsigned(row, "links")?,
            conflicts: unsigned(row, "conflicts")?,
            conversations: unsigned(row, "conversations")?,
            receipts: unsigned(row, "receipts")?,
            reviews: unsigned(row, "reviews")?,
            identities: unsigned(row, "identities")?,
        },
        events: unsigned(row, "events")?,
        jobs: unsigned(row, "jobs")?,
        settled_at: optional_time(row, "settled_at")?,
        compacted_at: optional_time(row, "compacted_at")?,
        clean_at: optional_time(row, "clean_at")?,
        work: optional_sealed(row, "work")?,
    })
}

/// A row of `audit`.
pub(crate) fn audit_entry(row: &PgRow) -> Result<AuditEntry, Fault> {
    let person: Option<&[u8]> = row.try_get("person")?;
    Ok(AuditEntry {
        id: text(row, "id")?,
        at: time(row, "at")?,
        actor: row.try_get("actor")?,
        action: named(row, "action")?,
        route: row.try_get("route")?,
        person: person.map(|_| hash(row, "person")).transpose()?,
        object: row.try_get("object")?,
        status: unsigned(row, "status")?,
    })
}

/// A row of `suppressions`.
pub(crate) fn suppression_key(row: &PgRow) -> Result<SuppressionKey, Fault> {
    Ok(SuppressionKey { by: named(row, "kind")?, hash: hash(row, "hash")? })
}

fn hash(row: &PgRow, column: &'static str) -> Result<KeyedHash, Fault> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map(KeyedHash).map_err(|_| Fault::Stored(column))
}

/// A row of `identities`.
pub(crate) fn identity(row: &PgRow) -> Result<Identity, Fault> {
    let hash: &[u8] = row.try_get("hash")?;
    Ok(Identity {
        kind: named(row, "kind")?,
        hash: hash.try_into().map_err(|_| Fault::Stored("hash"))?,
        sealed: sealed(row, "sealed")?,
    })
}

/// A row of `conversations`.
pub(crate) fn conversation(row: &PgRow) -> Result<Conversation, Fault> {
    let duration: Option<i64> = row.try_get("duration_secs")?;
    Ok(Conversation {
        id: text(row, "id")?,
        caller: optional_text(row, "caller")?,
        agent: optional_text::<AgentId>(row, "agent")?,
        state: named(row, "state")?,
        started_at: time(row, "started_at")?,
        duration_secs: duration.map(u32::try_from).transpose().map_err(|_| Fault::Stored("duration_secs"))?,
        transcript: optional_sealed(row, "transcript")?,
        extraction: optional_sealed(row, "extraction")?,
        updated_at: time(row, "updated_at")?,
    })
}

/// A row of `memories`.
pub(crate) fn memory(row: &PgRow) -> Result<Memory, Fault> {
    let slot: Option<&str> = row.try_get("slot")?;
    Ok(Memory {
        id: text(row, "id")?,
        content: text(row, "content")?,
        sector: named(row, "sector")?,
        kind: named(row, "kind")?,
        slot: slot.map(serde_json::from_str).transpose().map_err(|_| Fault::Stored("slot"))?,
        salience: single(row, "salience")?,
        occurred_at: time(row, "occurred_at")?,
        learnt_at: time(row, "learnt_at")?,
        reinforced_at: time(row, "reinforced_at")?,
        decay_rate: row.try_get("decay_rate")?,
        state: named(row, "state")?,
        valid_to: optional_time(row, "valid_to")?,
        superseded_by: optional_text(row, "superseded_by")?,
        corrected_at: optional_time(row, "corrected_at")?,
        speaker: row.try_get("speaker")?,
        provenance: Provenance {
            origin: named(row, "origin")?,
            conversation_id: optional_text::<ConversationId>(row, "conversation")?,
            turns: from_json(row, "turns")?,
        },
        metadata: from_json(row, "metadata")?,
        index: named(row, "index_state")?,
    })
}

/// Whose a row is.
pub(crate) fn scope(row: &PgRow) -> Result<Scope, Fault> {
    Ok(Scope { tenant: text(row, "tenant")?, caller: text(row, "caller")? })
}

/// A row of `links`.
pub(crate) fn link(row: &PgRow) -> Result<Link, Fault> {
    Ok(Link {
        id: text(row, "id")?,
        a: text(row, "a")?,
        b: text(row, "b")?,
        weight: single(row, "weight")?,
        kind: named(row, "kind")?,
        created_at: time(row, "created_at")?,
        used_at: optional_time(row, "used_at")?,
    })
}

/// A row of `conflicts`.
pub(crate) fn conflict(row: &PgRow) -> Result<Conflict, Fault> {
    Ok(Conflict {
        id: text(row, "id")?,
        caller: text(row, "caller")?,
        old: text(row, "old_memory")?,
        new: text(row, "new_memory")?,
        verdict: named(row, "verdict")?,
        reason: named(row, "reason")?,
        confidence: single(row, "confidence")?,
        judged_by: named(row, "judged_by")?,
        state: named(row, "state")?,
        resolution: optional_named(row, "resolution")?,
        changes: from_json(row, "changes")?,
        created_at: time(row, "created_at")?,
        resolved_at: optional_time(row, "resolved_at")?,
    })
}

/// A row of `receipts`.
pub(crate) fn receipt(row: &PgRow) -> Result<Receipt, Fault> {
    Ok(Receipt {
        id: text(row, "id")?,
        kind: named(row, "kind")?,
        caller: optional_text(row, "caller")?,
        conversation: optional_text(row, "conversation")?,
        agent: optional_text::<AgentId>(row, "agent")?,
        at: time(row, "at")?,
        took_ms: unsigned(row, "took_ms")?,
        mode: optional_named(row, "mode")?,
        degraded: row.try_get("degraded")?,
        items: from_json(row, "items")?,
        words: optional_sealed(row, "words")?,
    })
}

/// A row of `reviews`.
pub(crate) fn review(row: &PgRow) -> Result<Review, Fault> {
    Ok(Review {
        memory: text(row, "memory")?,
        conversation: optional_text(row, "conversation")?,
        decision: named(row, "decision")?,
        at: time(row, "at")?,
        label: row.try_get("label")?,
        words: optional_sealed(row, "words")?,
    })
}

/// A row of `transfers`.
pub(crate) fn transfer(row: &PgRow, veil: &Veil) -> Result<Transfer, Fault> {
    let (tenant, id) = (tenant(row)?, text::<TransferId>(row, "id")?);
    let moved = veil.uncover(row, "sealed_moved", (&tenant, Purpose::Transfer, id.as_str()))?;
    Ok(Transfer {
        id,
        kind: named(row, "kind")?,
        from: text(row, "from_caller")?,
        into: text(row, "into_caller")?,
        state: named(row, "state")?,
        by: named(row, "decided_by")?,
        moved: serde_json::from_str(&moved).map_err(|_| Fault::Stored("sealed_moved"))?,
        created_at: time(row, "created_at")?,
        undone_at: optional_time(row, "undone_at")?,
        settled: row.try_get("settled")?,
    })
}

/// Whose deployment a row is of.
pub(crate) fn tenant(row: &PgRow) -> Result<TenantId, Fault> {
    text(row, "tenant")
}

/// A row of `events`.
pub(crate) fn event(row: &PgRow) -> Result<Event, Fault> {
    Ok(Event {
        id: text(row, "id")?,
        tenant: text(row, "tenant")?,
        kind: text(row, "kind")?,
        body: sealed(row, "body")?,
        received_at: time(row, "received_at")?,
    })
}

/// A row of `jobs`.
pub(crate) fn job(row: &PgRow) -> Result<Job, Fault> {
    Ok(Job {
        id: text(row, "id")?,
        tenant: text(row, "tenant")?,
        name: text(row, "name")?,
        key: text(row, "key")?,
        // One row that cannot be read must not keep all others from being leased: whoever handles it finds nothing
        // to work on, and buries it.
        payload: from_json(row, "payload").unwrap_or_default(),
        state: JobState::parse(row.try_get("state")?).ok_or(Fault::Stored("state"))?,
        attempts: unsigned(row, "attempts")?,
        run_at: time(row, "run_at")?,
        created_at: time(row, "created_at")?,
        last_error: row.try_get("last_error")?,
        failures: row.try_get::<Json<_>, _>("failures").map(|failures| failures.0).unwrap_or_default(),
        discard: row.try_get::<Option<&str>, _>("discard")?.and_then(|text| serde_json::from_str(text).ok()),
    })
}

/// A row of `keys`.
pub(crate) fn stored_key(row: &PgRow) -> Result<StoredKey, Fault> {
    Ok(StoredKey {
        id: text(row, "id")?,
        tenant: text(row, "tenant")?,
        kind: KeyKind::parse(row.try_get("kind")?).ok_or(Fault::Stored("kind"))?,
        label: row.try_get("label")?,
        scopes: KeyScopes::parse(row.try_get("scopes")?).map_err(|_| Fault::Stored("scopes"))?,
        hash: row.try_get::<&[u8], _>("hash")?.try_into().map_err(|_| Fault::Stored("hash"))?,
        sealed: row.try_get::<Option<Vec<u8>>, _>("sealed")?.map(Sealed::from_bytes),
        created_at: time(row, "created_at")?,
        expires_at: optional_time(row, "expires_at")?,
        revoked_at: optional_time(row, "revoked_at")?,
        last_used_at: optional_time(row, "last_used_at")?,
    })
}
