//! What old versions have stored must stay readable: each line is as a released version wrote it. Add, never change.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use hark_core::Candidate;
use hark_core::job::{EmbedMemories, ExtractAgain, IngestConversation, JobPayload, LinkMemories, SummariseUser};

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
    reads(r#"{"caller":"usr_1"}"#, &SummariseUser { caller: "usr_1".into() }, "usr_1");
    reads(r#"{"conversation_id":"conv_1"}"#, &ExtractAgain { conversation_id: "conv_1".into() }, "conv_1");
}

#[test]
fn job_names_stand_in_queues_and_never_change() {
    let names =
        [IngestConversation::NAME, EmbedMemories::NAME, LinkMemories::NAME, SummariseUser::NAME, ExtractAgain::NAME];
    assert_eq!(names, ["ingest_conversation", "embed_memories", "link_memories", "summarise_user", "extract_again"]);
}

#[test]
fn a_saved_candidate_of_the_first_version_is_read() {
    let stored = r#"{"content":"Prefers to be called Sam","kind":"name","sector":"semantic","salience":0.9,
        "occurred_at":null,"turns":[1],"slot":{"key":"name","value":"Sam"},"confidence":0.95}"#;
    let read: Candidate = serde_json::from_str(stored).unwrap();
    assert_eq!((read.content.as_str(), read.turns.as_slice()), ("Prefers to be called Sam", &[1][..]));
    assert_eq!(read.slot.unwrap().value, "Sam");
}
