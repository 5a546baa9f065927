//! Where more is known than an answer has places for, its last one goes to what one call says beside the others.

use super::blend::places;
use super::{Spoken, count, span, widen};
use crate::{Excerpt, Hit, Item, Said, ScoreParts, Via};
use std::collections::HashMap;

/// A turn next to one that ranks is as likely an answer by this much, the one after that by its square, and so on.
const NEXT_TO: f32 = 0.7;

/// Turns further away than this say nothing of one another.
const REACH: usize = 4;

/// Ranked turns that are looked at: those of single hits, and those that memories were derived from.
const POOL: usize = 50;

/// Which turns the hits stand for, and how likely each answers.
pub(in crate::recall) fn ranked(spoken: &Spoken, hits: &[Hit]) -> Vec<(usize, f32)> {
    let place = |hit: &Hit| {
        let excerpt = hit.excerpt()?;
        Some((spoken.index.place(&excerpt.conversation, excerpt.turn)?, hit.score))
    };
    hits.iter().filter_map(place).take(POOL).collect()
}

/// The passage of at most so many words that tells most beside the hits that are `shown`: of one call, the turns most
/// likely to answer, each cut like any excerpt, in their order. How likely is what the ranking says of a turn, `ranked`, and
/// of those near it. `None` where nothing is left to tell.
pub(in crate::recall) fn passage(
    spoken: &Spoken,
    ranked: &[(usize, f32)],
    shown: &[Hit],
    excerpt_words: usize,
    most: usize,
) -> Option<Hit> {
    let index = &*spoken.index;
    let mut told = widen::shown(spoken, shown);
    told.extend(shown.iter().filter_map(Hit::memory).flat_map(|memory| places(index, memory)));
    let mut likely: HashMap<usize, f32> = HashMap::new();
    for (at, score) in ranked {
        let call = &index.calls()[index.turns()[*at].call].turns;
        let near = at.saturating_sub(REACH).max(call.start)..(at + REACH + 1).min(call.end);
        for other in near.filter(|other| !told.contains(other)) {
            *likely.entry(other).or_default() += score * NEXT_TO.powi(at.abs_diff(other) as i32);
        }
    }
    let mut calls: HashMap<usize, Vec<(usize, f32)>> = HashMap::new();
    for (at, value) in likely {
        calls.entry(index.turns()[at].call).or_default().push((at, value));
    }
    let chosen = calls.into_values().map(|turns| choose(spoken, turns, excerpt_words, most));
    let best = chosen.max_by(|a, b| a.value.total_cmp(&b.value).then_with(|| b.turns.cmp(&a.turns)))?;
    let score = ranked.iter().find(|(at, _)| best.turns.contains(at)).map_or(0.0, |(_, score)| *score);
    Some(Hit {
        item: Item::Turn(excerpt(spoken, &best, excerpt_words)?),
        evidence: None,
        score,
        via: Via::Turn,
        parts: ScoreParts::default(),
    })
}

/// Turns of one call.
struct Chosen {
    /// The likeliest.
    first: usize,
    /// All of them, in order.
    turns: Vec<usize>,
    /// How many answers they may hold.
    value: f32,
}

/// The likeliest turns that fit.
fn choose(spoken: &Spoken, mut turns: Vec<(usize, f32)>, excerpt_words: usize, most: usize) -> Chosen {
    turns.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut chosen = Chosen { first: 0, turns: Vec::new(), value: 0.0 };
    let mut left = most;
    for (at, value) in turns {
        // With the name of who said it, and the mark of a gap before it.
        let words = count(&cut(spoken, at, excerpt_words)) + 2;
        if words > left || widen::is_filler(words - 1) {
            continue;
        }
        left -= words;
        if chosen.turns.is_empty() {
            chosen.first = at;
        }
        chosen.turns.push(at);
        chosen.value += value;
    }
    chosen.turns.sort_unstable();
    chosen
}

fn excerpt(spoken: &Spoken, chosen: &Chosen, excerpt_words: usize) -> Option<Excerpt> {
    let index = &*spoken.index;
    let said = |at: &usize| {
        let turn = &index.turns()[*at];
        Said { turn: turn.turn, speaker: turn.speaker, text: cut(spoken, *at, excerpt_words) }
    };
    let place = chosen.turns.iter().position(|at| *at == chosen.first)?;
    let Said { turn, speaker, text } = said(&chosen.first);
    let call = &index.calls()[index.turns()[chosen.first].call];
    Some(Excerpt {
        conversation: call.conversation.clone(),
        turn,
        speaker,
        text,
        before: chosen.turns[..place].iter().map(said).collect(),
        after: chosen.turns[place + 1..].iter().map(said).collect(),
        said_at: call.started_at,
    })
}

fn cut(spoken: &Spoken, at: usize, words: usize) -> String {
    span(&spoken.index.turns()[at].text, &HashMap::new(), words)
}
