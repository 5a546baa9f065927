//! Schemas of what goes in, where a type of the core's has no schema of its own: the words a field takes, straight from
//! the core, so that the document cannot say others than the reader takes.

use crate::elevenlabs::wire;
use hark_core::cost::CostGroup;
use hark_core::store::JobState;
use hark_core::{AuditAction, ConflictState, Consent, KeyScope, MemoryState, Sector};
use serde_json::Value;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, SchemaType, Type};

fn one_of<const N: usize>(words: [&'static str; N]) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

/// The same in a body, where null counts as left out.
fn or_null(what: &str, object: Object) -> Object {
    let words = object.enum_values.map(|words| words.into_iter().chain([Value::Null]));
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(types).enum_values(words).description(Some(what)).build()
}

/// A sector, in a query.
pub(super) fn sector() -> Object {
    one_of(Sector::ALL.map(Sector::name))
}

/// A sector, in a body.
pub(super) fn sector_or_null() -> Object {
    or_null("One of the five sectors.", sector())
}

/// Sectors, in a body.
pub(super) fn sectors_or_null() -> Array {
    let types = SchemaType::from_iter([Type::Array, Type::Null]);
    ArrayBuilder::new().schema_type(types).items(sector()).description(Some("Only these sectors.")).build()
}

/// The types of events that are known.
pub(super) fn event_types() -> Object {
    one_of([wire::TRANSCRIPTION, wire::TRANSCRIPTION_OTEL, wire::AUDIO, wire::INITIATION_FAILURE])
}

/// Who speaks.
pub(super) fn roles() -> Object {
    one_of(["user", "agent"])
}

/// Indexes of turns; the type's own schema would end at half of what is taken.
pub(super) fn turns() -> Array {
    let index = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX));
    ArrayBuilder::new().items(index).description(Some("0-based indexes into the transcript.")).build()
}

/// A memory's state.
pub(super) fn memory_state() -> Object {
    one_of(MemoryState::ALL.map(MemoryState::name))
}

/// A conflict's state.
pub(super) fn conflict_state() -> Object {
    one_of(ConflictState::ALL.map(ConflictState::name))
}

/// A job's state.
pub(super) fn job_state() -> Object {
    one_of(JobState::ALL.map(JobState::name))
}

/// What was done.
pub(super) fn audit_action() -> Object {
    one_of(AuditAction::ALL.map(AuditAction::name))
}

/// What costs are added up by.
pub(super) fn cost_group() -> Object {
    one_of(CostGroup::ALL.map(CostGroup::name))
}

/// Whether somebody agrees, in a body.
pub(super) fn consent_or_null() -> Object {
    or_null(
        "Whether the caller agrees to be remembered. Of one who refused nothing is learnt and no agent is told.",
        one_of(Consent::ALL.map(Consent::name)),
    )
}

/// What a key allows: at least one.
pub(super) fn key_scopes() -> Array {
    ArrayBuilder::new()
        .items(one_of(KeyScope::ALL.map(KeyScope::name)))
        .min_items(Some(1))
        .description(Some("What it allows; none includes another."))
        .build()
}
