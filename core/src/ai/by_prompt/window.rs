//! A long call in parts that a model can read, with the numbers of the turns kept.

use super::config::PromptConfig;
use super::ground::Ground;
use crate::{Speaker, Transcript};
use serde::Serialize;
use std::ops::RangeInclusive;

/// Characters of English a token has, on average.
const CHARS_PER_TOKEN: usize = 4;

/// What a line costs beyond its words: number, speaker, punctuation.
const LINE_TOKENS: usize = 12;

/// A turn, or a piece of a long one, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line<'a> {
    turn: u32,
    speaker: &'static str,
    said: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    recited: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// A part of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window<'a> {
    pub(super) lines: Vec<Line<'a>>,
}

impl Window<'_> {
    /// The turns in it.
    pub(super) fn turns(&self) -> RangeInclusive<u32> {
        let first = self.lines.first().map_or(0, |l| l.turn);
        first..=self.lines.last().map_or(first, |l| l.turn)
    }
}

/// The estimated tokens of a text.
fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARS_PER_TOKEN)
}

/// The parts of a call, each within the window, each sharing turns with the one before. A call that fits is one part; a
/// turn that alone does not fit is cut at a space and keeps its number.
pub(super) fn cut<'a>(call: &Transcript, ground: &'a Ground<'_>, config: &PromptConfig) -> Vec<Window<'a>> {
    let room = config.window_tokens.max(LINE_TOKENS * 4);
    let mut lines: Vec<Line<'a>> = Vec::new();
    for (turn, spoken) in (0u32..).zip(&call.turns) {
        let Some(text) = ground.text(turn) else { continue };
        let speaker = if spoken.speaker == Speaker::User { "caller" } else { "agent" };
        let recited = spoken.after_recall && spoken.speaker == Speaker::Agent;
        // A piece leaves room for the turns shared with the window before.
        lines.extend(pieces(text, room / 2).map(|said| Line { turn, speaker, said, recited }));
    }
    let cost = |line: &Line<'_>| tokens(line.said) + LINE_TOKENS;
    let mut windows = Vec::new();
    let mut start = 0;
    while start < lines.len() {
        let mut end = start;
        let mut used = 0;
        while end < lines.len() && (end == start || used + cost(&lines[end]) <= room) {
            used += cost(&lines[end]);
            end += 1;
        }
        windows.push(Window { lines: lines[start..end].to_vec() });
        if end == lines.len() {
            break;
        }
        // Shared turns may fill at most half of the next window, and every window brings something new.
        let (mut next, mut shared) = (end, 0);
        while next > start + 1 && end - next < config.overlap_turns && shared + cost(&lines[next - 1]) <= room / 2 {
            next -= 1;
            shared += cost(&lines[next]);
        }
        start = next;
    }
    windows
}

/// The text in pieces of at most so many tokens (and a little less for the line), cut at spaces where there are any.
fn pieces(text: &str, room: usize) -> impl Iterator<Item = &str> {
    let most = room.saturating_sub(LINE_TOKENS).max(1) * CHARS_PER_TOKEN;
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().nth(most).map_or(rest.len(), |(at, _)| at);
        let cut = if end == rest.len() { end } else { rest[..end].rfind(' ').filter(|at| *at > 0).unwrap_or(end) };
        let (piece, after) = rest.split_at(cut);
        rest = after.trim_start();
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::fixtures::transcript;
    use proptest::prelude::*;

    fn config(window_tokens: usize, overlap_turns: usize) -> PromptConfig {
        PromptConfig { window_tokens, overlap_turns, ..PromptConfig::default() }
    }

    fn call(turns: usize, words: usize) -> Transcript {
        let text = "word ".repeat(words);
        let turns: Vec<_> =
            (0..turns).map(|i| (if i % 2 == 0 { Speaker::Agent } else { Speaker::User }, text.as_str())).collect();
        transcript(&turns)
    }

    fn numbers(window: &Window<'_>) -> Vec<u32> {
        window.lines.iter().map(|l| l.turn).collect()
    }

    #[test]
    fn a_short_call_is_one_part_and_empty_turns_keep_their_numbers() {
        let call = transcript(&[(Speaker::Agent, "Hi"), (Speaker::Agent, ""), (Speaker::User, "Hello")]);
        let ground = Ground::of(&call);
        let windows = cut(&call, &ground, &PromptConfig::default());
        assert_eq!(windows.iter().map(numbers).collect::<Vec<_>>(), [[0, 2]]);
    }

    #[test]
    fn a_long_call_is_cut_with_shared_turns() {
        let call = call(40, 16);
        let ground = Ground::of(&call);
        let windows = cut(&call, &ground, &config(200, 2));
        assert!(windows.len() > 3);
        for pair in windows.windows(2) {
            let (before, after) = (numbers(&pair[0]), numbers(&pair[1]));
            assert_eq!(before[before.len() - 2..], after[..2]);
        }
        assert_eq!(*windows.last().unwrap().turns().end(), 39);
    }

    #[test]
    fn a_turn_longer_than_a_window_is_cut_and_keeps_its_number() {
        let endless = "my order was late ".repeat(400);
        let call = transcript(&[(Speaker::Agent, "Yes?"), (Speaker::User, &endless), (Speaker::Agent, "Sorry.")]);
        let ground = Ground::of(&call);
        let windows = cut(&call, &ground, &config(200, 4));
        assert!(windows.len() > 5);
        assert_eq!((*windows[0].turns().start(), *windows.last().unwrap().turns().end()), (0, 2));
        assert!(windows[1..windows.len() - 1].iter().all(|w| w.turns() == (1..=1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Nothing is lost, whatever the call: every word is in some window, in order, and no window is too big.
        #[test]
        fn every_turn_is_shown(
            lengths in proptest::collection::vec(0usize..1_500, 0..6), window in 200usize..900, overlap in 0usize..6
        ) {
            let texts: Vec<String> = lengths.iter().map(|n| "é".repeat(*n)).collect();
            let turns: Vec<_> = texts.iter().map(|t| (Speaker::User, t.as_str())).collect();
            let call = transcript(&turns);
            let ground = Ground::of(&call);
            let windows = cut(&call, &ground, &config(window, overlap));
            for (turn, text) in (0u32..).zip(&texts) {
                let shown: std::collections::BTreeSet<&str> =
                    windows.iter().flat_map(|w| &w.lines).filter(|l| l.turn == turn).map(|l| l.said).collect();
                let longest = shown.iter().map(|s| s.len()).max().unwrap_or(0);
                prop_assert!(text.is_empty() == shown.is_empty() && longest <= text.len());
            }
            for window_ in &windows {
                let cost: usize = window_.lines.iter().map(|l| tokens(l.said) + LINE_TOKENS).sum();
                prop_assert!(cost <= window, "{cost} of {window}");
            }
        }
    }
}
