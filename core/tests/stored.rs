//! What old versions have stored must stay readable: each line is as a released version wrote it. Add, never change.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use hark_core::job::{
    EmbedMemories, ExtractAgain, IngestConversation, JobPayload, LinkMemories, ReconcileMemories, SummariseUser,
};
use hark_core::{Candidate, Change, MemoryState};

fn reads<T: JobPayload + PartialEq + std::fmt::Debug>(stored: &str, expected: &T, key: &str) {
    let read: T = serde_json::from_str(stored).unwrap();
    assert_eq!(read, *expected);
    assert_eq!(read.key(), key, "a job waiting under its old key must meet itself");
}

#[test]
fn payloads_of_the_first_version_are_read() {
    reads(r#"{"event_id":"evt_1"}"#, &IngestConversation { event_id: "evt_1".into() }, "evt_1");
    let ids = || vec!["mem_1".into(), "mem_2".into()];
    reads(
        r#"{"caller":"usr_1","memory_ids":["mem_1","mem_2"]}"#,
        &EmbedMemories { caller: "usr_1".into(), memory_ids: ids() },
        "usr_1:mem_1:2",
    );
    reads(
        r#"{"caller":"usr_1","memory_ids":["mem_1","mem_2"]}"#,
        &LinkMemories { caller: "usr_1".into(), memory_ids: ids() },
        "usr_1:mem_1:2",
    );
    reads(
        r#"{"caller":"usr_1","memory_ids":["mem_1","mem_2"]}"#,
        &ReconcileMemories { caller: "usr_1".into(), memory_ids: ids() },
        "usr_1:mem_1:2",
    );
    reads(r#"{"caller":"usr_1"}"#, &SummariseUser { caller: "usr_1".into() }, "usr_1");
    reads(r#"{"conversation_id":"conv_1"}"#, &ExtractAgain { conversation_id: "conv_1".into() }, "conv_1");
}

#[test]
fn job_names_stand_in_queues_and_never_change() {
    let names = [
        (IngestConversation::NAME, "ingest_conversation"),
        (EmbedMemories::NAME, "embed_memories"),
        (LinkMemories::NAME, "link_memories"),
        (ReconcileMemories::NAME, "reconcile_memories"),
        (SummariseUser::NAME, "summarise_user"),
        (ExtractAgain::NAME, "extract_again"),
    ];
    for (name, stored) in names {
        assert_eq!(name, stored);
    }
}

#[test]
fn a_saved_candidate_of_the_first_version_is_read() {
    let stored = r#"{"content":"Prefers to be called Sam","kind":"name","sector":"semantic","salience":0.9,
        "occurred_at":null,"turns":[1],"slot":{"key":"name","value":"Sam"},"confidence":0.95}"#;
    let read: Candidate = serde_json::from_str(stored).unwrap();
    assert_eq!((read.content.as_str(), read.turns.as_slice()), ("Prefers to be called Sam", &[1][..]));
    assert_eq!(read.slot.unwrap().value, "Sam");
}

/// What a resolution did stands in the row of its conflict, for taking it back.
#[test]
fn a_stored_change_of_the_first_version_is_read() {
    let stored = r#"{"memory":"mem_1",
        "before":{"state":"active","valid_to":null,"superseded_by":null,"salience":0.7,
            "reinforced_at":"2026-11-22T10:00:00Z"},
        "after":{"state":"superseded","valid_to":"2026-11-23T10:00:00.123456Z","superseded_by":"mem_2","salience":0.7,
            "reinforced_at":"2026-11-22T10:00:00Z"}}"#;
    let read: Change = serde_json::from_str(stored).unwrap();
    assert_eq!((read.before.state, read.after.state), (MemoryState::Active, MemoryState::Superseded));
    assert_eq!(read.after.superseded_by, Some("mem_2".into()));
    assert_eq!(read.after.valid_to.unwrap().timestamp_subsec_micros(), 123_456);
    assert_eq!(serde_json::from_str::<Change>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
}
