//! What is fed, and what must hold of it besides that nothing panics.

use hark_core::ai::by_rules::{MAX_CANDIDATES, RuleExtractor};
use hark_core::redact::{Redactor, SecretKind};
use hark_core::{Numbers, Secret, Speaker, Transcript, Turn, normalise_number};
use hark_server::config::{Flags, Sources};
use hark_server::elevenlabs::initiation::Beginning;
use hark_server::elevenlabs::signature::Verifier;
use hark_server::elevenlabs::tool::ToolBody;
use hark_server::elevenlabs::{sign, to_call};

const NOW: i64 = 1_795_341_600;

/// Bytes of one call's words: more than anybody says in a breath.
const MOST_SAID: usize = 2_000;

fn secret(text: &str) -> Secret {
    serde_json::from_value(serde_json::json!(text)).unwrap()
}

/// A header, a line break, a body: nobody without the secret makes one that counts, and the right one always does.
pub(crate) fn signature(input: &[u8]) {
    let (header, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &[][..]),
    };
    let ours = secret("a secret that no corpus holds");
    let counts = |header: &str| {
        Verifier::new(header, [&ours], NOW, 1_800, 300).is_ok_and(|mut verifier| {
            verifier.update(body);
            verifier.finish().is_ok()
        })
    };
    assert!(!counts(&String::from_utf8_lossy(header)), "a made-up signature counts");
    assert!(counts(&sign(&ours, NOW, body)), "the right signature does not count");
}

/// A post-call or initiation event: read or refused, and what is read can be learnt from.
pub(crate) fn event(input: &[u8]) {
    let now = chrono::DateTime::from_timestamp(NOW, 0).unwrap();
    if let Ok(call) = to_call(input, now)
        && let Some(transcript) = &call.transcript
    {
        let clean = Redactor::default().transcript(transcript);
        assert_eq!(clean.turns.len(), transcript.turns.len());
        assert!(RuleExtractor.read(&clean).len() <= MAX_CANDIDATES);
    }
    let _ = Beginning::read(input, &["+4930123456".to_owned()], &Numbers::default());
}

/// A tool call, as a language model filled it in.
pub(crate) fn tool(input: &[u8]) {
    let Ok(body) = ToolBody::read(input) else { return };
    assert!((1..=50).contains(&body.limit()));
    let names = ["query", "content", "user_id", "caller_id", "conversation_id"];
    let text = body.text(&names);
    assert!(text.is_none_or(|text| !text.is_empty()));
    let _ = (body.flag("explain"), body.sectors(), body.as_of(), body.has(&names));
}

/// A configuration file: taken, or refused with an error that names the file or the key.
pub(crate) fn config(input: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, input).unwrap();
    let sources = Sources { file: Some(file), environment: Vec::new(), flags: Flags::default() };
    if let Err(error) = sources.load() {
        assert!(!error.to_string().is_empty());
    }
}

/// Numbers as they are spoken, read by the rules, and as they are dialled.
pub(crate) fn number(input: &[u8]) {
    let text = String::from_utf8_lossy(&input[..input.len().min(MOST_SAID)]).into_owned();
    let turn = |speaker, text: &str| Turn {
        speaker,
        text: text.to_owned(),
        at_secs: 0,
        after_recall: false,
        tools: Vec::new(),
    };
    let asked = turn(Speaker::Agent, "What is your order number?");
    let call = Transcript { turns: vec![asked, turn(Speaker::User, &text)], ..Transcript::default() };
    let found = RuleExtractor.read(&call);
    assert!(found.iter().all(|candidate| candidate.content.chars().count() <= 300));
    for numbers in [Numbers::default(), Numbers::of_region("DE").unwrap(), Numbers::of_region("US").unwrap()] {
        if let Some(normal) = numbers.normalise(&text) {
            assert!(normal.bytes().all(|b| b.is_ascii_digit()));
            assert!(numbers.forms(&text).contains(&normal));
        }
    }
    let _ = normalise_number(&text);
}

/// Lines, said by one side and the other: what is found lies in its turn, in order, and is gone afterwards.
pub(crate) fn redaction(input: &[u8]) {
    let text = String::from_utf8_lossy(&input[..input.len().min(MOST_SAID)]).into_owned();
    let speaker = |at| if at % 2 == 0 { Speaker::User } else { Speaker::Agent };
    let turns: Vec<(Speaker, &str)> = text.lines().enumerate().map(|(at, line)| (speaker(at), line)).collect();
    let redactor = Redactor::default();
    let found = redactor.find(&turns);
    for secret in &found {
        assert!(turns[secret.turn].1.get(secret.span.clone()).is_some_and(|said| !said.is_empty()));
    }
    let in_order = |pair: &[hark_core::redact::Secret]| {
        (pair[0].turn, pair[0].span.end) <= (pair[1].turn, pair[1].span.start) || pair[0].turn < pair[1].turn
    };
    assert!(found.windows(2).all(in_order));
    let clean = redactor.text(&text);
    let marks: usize = SecretKind::ALL.iter().map(|kind| clean.matches(kind.mark()).count()).sum();
    assert!(clean == text || marks > 0);
}
