//! Things to test with, small enough to read. Every function gives the same thing each time it is called; change
//! what matters to a test with `..`: `Memory { sector: Sector::Episodic, ..memory("mem_1", "Ordered a lamp") }`.

use super::{MockClock, SeededEntropy};
use crate::crypt::{Keyring, Sealed, Vault};
use crate::receipts::{ReceiptConfig, Recorder};
use crate::store::{Failure, KeywordDoc, MemoryStore, NewEvent, NewJob, VectorRow};
use crate::{
    Clock, Conversation, ConversationId, ConversationState, ErasureId, ErrorKind, EventId, Identity, IdentityKind,
    IndexState, Memory, MemoryId, MemoryKind, MemoryState, NewErasure, Origin, Provenance, Scope, Sector, Speaker,
    TenantId, Timestamp, Transcript, Turn,
};
use chrono::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The tenant of everything here that has one.
pub const TENANT: &str = "acme";

/// Texts that have broken stores: quotes, wildcards, query languages, control characters, letters of more than
/// one byte, nothing at all.
pub const ODD_TEXTS: [&str; 14] = [
    "",
    " ",
    "'; DROP TABLE memories; --",
    "100% of_it \\% \\_ \\",
    "AND (title:\"x\"",
    "+pizza -cheese \"open",
    "* OR NOT",
    "[a TO z} ^2 ~",
    "tab\tnew line\nreturn\rbell\u{7}delete\u{7f}",
    "👩‍👩‍👧 café naïve Straße ﬁ İ",
    "日本語 العربية עברית",
    "{\"json\": [null, \"$1\", \"?\"]}",
    "<b>bold</b> &amp; ${jndi:x} {{x}}",
    "\u{feff}\u{200b}\u{202e}back\u{301}",
];

/// The moment at which [`MockClock`] starts: 2026-11-22T10:00:00Z.
pub fn start() -> Timestamp {
    MockClock::default().now()
}

/// So many seconds after [`start`], or before it.
pub fn after(secs: i64) -> Timestamp {
    start() + Duration::seconds(secs)
}

/// The tenant of everything here.
pub fn tenant() -> TenantId {
    TenantId::new(TENANT)
}

/// Three scopes that must never see each other: a caller, another caller of the same tenant, and a caller of
/// another tenant who happens to have the first one's id.
pub fn scopes() -> [Scope; 3] {
    [Scope::new(TENANT, "usr_1"), Scope::new(TENANT, "usr_2"), Scope::new("other", "usr_1")]
}

/// A vault whose keys are the same each time.
pub fn vault() -> Vault {
    Vault::new(Keyring::generate(&SeededEntropy::new(7)), Arc::new(SeededEntropy::new(8)))
}

/// A recorder of receipts with the defaults.
pub fn recorder(store: Arc<dyn MemoryStore>, clock: Arc<dyn Clock>) -> Arc<Recorder> {
    Arc::new(Recorder::new(ReceiptConfig::default(), store, vault(), clock, Arc::new(SeededEntropy::new(9))))
}

/// An identity as the vault makes it.
///
/// # Panics
/// When `raw` is a withheld number or an empty id.
pub fn identity(tenant: &TenantId, kind: IdentityKind, raw: &str) -> Identity {
    vault().identity(tenant, kind, raw).expect("the vault seals").expect("somebody's identity")
}

/// The identity of a telephone number.
///
/// # Panics
/// When it is not a number.
pub fn phone(tenant: &TenantId, number: &str) -> Identity {
    identity(tenant, IdentityKind::Phone, number)
}

/// An erasure of a caller at [`start`], with an id of its own each time: the one thing here that is never the same twice.
pub fn erasure(scope: &Scope) -> NewErasure {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = ErasureId::new(format!("ers_{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    NewErasure {
        work: sealed(id.as_str()),
        id,
        person: vault().person(&scope.tenant, &scope.caller),
        at: start(),
        forever: false,
        keys: vec![vault().suppressed_user(&scope.tenant, &scope.caller)],
    }
}

/// Bytes that stand for something sealed.
pub fn sealed(what: &str) -> Sealed {
    Sealed::from_bytes([b"\x01\x00 sealed \x00\xff ", what.as_bytes()].concat())
}

/// An active semantic fact, learnt at [`start`], not indexed yet.
pub fn memory(id: &str, content: &str) -> Memory {
    Memory {
        id: MemoryId::new(id),
        content: content.to_owned(),
        sector: Sector::Semantic,
        kind: MemoryKind::Fact,
        slot: None,
        salience: 0.5,
        occurred_at: start(),
        learnt_at: start(),
        reinforced_at: start(),
        decay_rate: None,
        state: MemoryState::Active,
        valid_to: None,
        superseded_by: None,
        corrected_at: None,
        speaker: None,
        provenance: Provenance { origin: Origin::Extracted, conversation_id: None, turns: Vec::new() },
        metadata: serde_json::Map::new(),
        index: IndexState::Pending,
    }
}

/// A conversation that was just heard of, with nobody's name on it.
pub fn conversation(id: &str) -> Conversation {
    Conversation {
        id: ConversationId::new(id),
        caller: None,
        agent: None,
        state: ConversationState::Learning,
        started_at: start(),
        duration_secs: None,
        transcript: None,
        extraction: None,
        updated_at: start(),
    }
}

/// A call that started at [`start`] in UTC, one turn every five seconds.
pub fn transcript(turns: &[(Speaker, &str)]) -> Transcript {
    let turn = |(at_secs, (speaker, text)): (u32, &(Speaker, &str))| Turn {
        speaker: *speaker,
        text: (*text).to_owned(),
        at_secs,
        after_recall: false,
        tools: Vec::new(),
    };
    let turns = (0..).step_by(5).zip(turns).map(turn).collect();
    Transcript { started_at: start(), turns, ..Transcript::default() }
}

/// A job that may run from [`start`] on.
pub fn job(name: &str, key: &str) -> NewJob {
    NewJob {
        tenant: tenant(),
        name: name.to_owned(),
        key: key.to_owned(),
        payload: serde_json::json!({ "key": key }),
        run_at: start(),
    }
}

/// An attempt that came to nothing at [`start`], for that reason.
pub fn failure(text: &str) -> Failure {
    Failure { at: start(), kind: ErrorKind::Unavailable, text: text.to_owned() }
}

/// An event that arrived at [`start`].
pub fn event(id: &str) -> NewEvent {
    NewEvent {
        id: EventId::new(id),
        tenant: tenant(),
        kind: "post_call_transcription".to_owned(),
        body: sealed(id),
        received_at: start(),
    }
}

/// A semantic document.
pub fn keyword_doc(id: &str, text: &str) -> KeywordDoc {
    KeywordDoc { id: MemoryId::new(id), sector: Sector::Semantic, text: text.to_owned() }
}

/// A semantic row with these numbers, brought to unit length.
pub fn vector_row(id: &str, numbers: &[f32]) -> VectorRow {
    VectorRow { id: MemoryId::new(id), sector: Sector::Semantic, vector: unit(numbers) }
}

/// These numbers, brought to unit length; zeros stay zeros.
pub fn unit(numbers: &[f32]) -> Vec<f32> {
    let length = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
    if length == 0.0 {
        return numbers.to_vec();
    }
    numbers.iter().map(|n| n / length).collect()
}
