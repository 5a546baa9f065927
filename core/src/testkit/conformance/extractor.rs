//! What every [`Extractor`] does.

use crate::Speaker::{Agent, User};
use crate::ai::Extractor;
use crate::testkit::fixtures::{ODD_TEXTS, transcript};
use crate::testkit::suite::{Must, race};
use crate::{Candidate, Transcript};
use chrono::{Duration, TimeZone, Utc};
use std::sync::Arc;

/// Runs every behaviour of an [`Extractor`] as a test of its own. Takes the name of an async function without
/// arguments that gives `(Arc<dyn Extractor>, guard)`.
#[macro_export]
macro_rules! extractor_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            extractor,
            extractor,
            [
                what_a_caller_plainly_says_becomes_candidates,
                candidates_come_in_the_order_of_their_first_turn,
                turns_are_indexes_into_the_transcript,
                no_words_of_the_caller_give_no_candidates,
                relative_dates_are_resolved_against_the_calls_start,
                candidates_are_within_their_ranges,
                odd_transcripts_are_read,
                concurrent_calls_are_kept_apart,
            ]
        );
    };
}

fn plain() -> Transcript {
    transcript(&[
        (Agent, "Hello, how can I help you?"),
        (User, "Hi, my name is Sam Carter and I prefer to be called Sam."),
        (Agent, ""),
        (User, "My order 4711 did not arrive yesterday, and I am really annoyed."),
        (Agent, "I am sorry. Which address should we use?"),
        (User, "My email is sam@example.com. Please call me back tomorrow morning."),
    ])
}

fn first_turn(candidate: &Candidate) -> u32 {
    candidate.turns.iter().copied().min().unwrap_or(0)
}

/// "Proposes what is worth remembering."
pub async fn what_a_caller_plainly_says_becomes_candidates(extractor: Arc<dyn Extractor>) {
    let candidates = extractor.extract(&plain()).await.must();
    assert!(!candidates.is_empty(), "a name, an order and an address are worth remembering");
    assert!(candidates.iter().all(|c| !c.content.trim().is_empty()));
}

/// "In the order of their first turn."
pub async fn candidates_come_in_the_order_of_their_first_turn(extractor: Arc<dyn Extractor>) {
    let candidates = extractor.extract(&plain()).await.must();
    let firsts: Vec<_> = candidates.iter().map(first_turn).collect();
    assert!(firsts.is_sorted(), "{firsts:?}");
}

/// "`turns` are indexes into the transcript."
pub async fn turns_are_indexes_into_the_transcript(extractor: Arc<dyn Extractor>) {
    let call = plain();
    for candidate in extractor.extract(&call).await.must() {
        assert!(!candidate.turns.is_empty(), "what was said was said somewhere");
        for turn in candidate.turns {
            let turn = call.turns.get(turn as usize).must();
            assert!(!turn.text.is_empty(), "nothing comes from a turn without words");
        }
    }
}

/// "No words of the caller, no candidates."
pub async fn no_words_of_the_caller_give_no_candidates(extractor: Arc<dyn Extractor>) {
    for call in [
        transcript(&[]),
        transcript(&[(Agent, "Hello Sam, your order 4711 arrives tomorrow. Your email is sam@example.com?")]),
        transcript(&[(Agent, "Do you like tea?"), (User, ""), (User, " ... "), (User, "?!")]),
    ] {
        assert_eq!(extractor.extract(&call).await.must(), []);
    }
}

/// "Relative dates are resolved against the call's start": not against today.
pub async fn relative_dates_are_resolved_against_the_calls_start(extractor: Arc<dyn Extractor>) {
    let started_at = Utc.with_ymd_and_hms(2019, 3, 13, 15, 0, 0).single().must();
    let call = Transcript { started_at, ..transcript(&[(User, "I ordered a lamp yesterday, order number 4711.")]) };
    for candidate in extractor.extract(&call).await.must() {
        let Some(about) = candidate.occurred_at else { continue };
        assert!(about <= started_at, "yesterday is before the call");
        assert!(about >= started_at - Duration::days(2), "yesterday is the day before the call");
    }
}

/// "0 to 1", "where the extractor already knows".
pub async fn candidates_are_within_their_ranges(extractor: Arc<dyn Extractor>) {
    for candidate in extractor.extract(&plain()).await.must() {
        assert!((0.0..=1.0).contains(&candidate.confidence));
        assert!(candidate.salience.is_none_or(|s| (0.0..=1.0).contains(&s)));
        assert!(candidate.slot.is_none_or(|s| !s.key.is_empty() && !s.value.trim().is_empty()));
    }
}

/// Whatever comes out of a speech recogniser is read without complaint.
pub async fn odd_transcripts_are_read(extractor: Arc<dyn Extractor>) {
    let odd: Vec<_> = ODD_TEXTS.into_iter().flat_map(|text| [(User, text), (Agent, text)]).collect();
    extractor.extract(&transcript(&odd)).await.must();
    let endless = "and then my order 4711 was late ".repeat(300);
    let many: Vec<_> = (0..300).map(|_| (User, "I like tea.")).chain([(User, endless.as_str())]).collect();
    let call = transcript(&many);
    for candidate in extractor.extract(&call).await.must() {
        assert!(candidate.turns.iter().all(|turn| (*turn as usize) < call.turns.len()));
    }
}

/// Calls that are read at once are read apart.
pub async fn concurrent_calls_are_kept_apart(extractor: Arc<dyn Extractor>) {
    let silent = race(6, |i| {
        let extractor = Arc::clone(&extractor);
        let call = if i % 2 == 0 { plain() } else { transcript(&[(Agent, "Hello?"), (User, "...")]) };
        async move { extractor.extract(&call).await.must().is_empty() }
    })
    .await;
    assert_eq!(silent, [false, true, false, true, false, true]);
}
