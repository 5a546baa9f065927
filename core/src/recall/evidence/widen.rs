//! What an answer may say in words, spent well.

use super::{Spoken, count, span};
use crate::{Excerpt, Hit, Item, Said};
use std::collections::{HashMap, HashSet};

/// "Thanks, bye." tells nobody anything: turns of so few words, the speaker's name with them, are not added.
const FILLER: usize = 4;

/// The limit for which the words of an answer are set.
const USUAL_LIMIT: usize = 5;

/// How many words an answer with this limit may have.
pub(in crate::recall) fn most_words(limit: usize, words: usize) -> usize {
    words.saturating_mul(limit.max(1)) / USUAL_LIMIT
}

/// Words that a hit costs whoever reads it.
pub(in crate::recall) fn cost(hit: &Hit) -> usize {
    let item = match &hit.item {
        Item::Memory(memory) => count(&memory.content),
        Item::Turn(excerpt) => count(&excerpt.script()),
    };
    item + hit.evidence.as_ref().map_or(0, |evidence| count(&evidence.script()))
}

/// Gives excerpts the turns beside them as long as words are left, from the last hit to the first: the best turns
/// answer by themselves, while of those further down it is as likely the turn beside them that does. (Given to
/// the best first, fewer of the right turns were within the first 200 words: docs/benchmarks.md.) A turn that is shown elsewhere is not shown again.
pub(in crate::recall) fn widen(spoken: &Spoken, hits: &mut [Hit], excerpt_words: usize, mut left: usize) {
    let index = &*spoken.index;
    let mut shown: HashSet<usize> = hits
        .iter()
        .filter_map(Hit::excerpt)
        .flat_map(|excerpt| excerpt.turns().into_iter().map(|turn| (&excerpt.conversation, turn)))
        .filter_map(|(conversation, turn)| index.place(conversation, turn))
        // What is no longer true is not shown beside anything either.
        .chain(spoken.stale.iter().copied())
        .collect();
    for hit in hits.iter_mut().rev() {
        let Some(excerpt) = hit.excerpt_mut() else { continue };
        let Some(at) = index.place(&excerpt.conversation, excerpt.turn) else { continue };
        for other in [index.before(at), index.after(at)].into_iter().flatten() {
            if shown.contains(&other) {
                continue;
            }
            let turn = &index.turns()[other];
            let text = span(&turn.text, &HashMap::new(), excerpt_words);
            let words = count(&text) + 1;
            if words > left || words <= FILLER {
                continue;
            }
            left -= words;
            shown.insert(other);
            add(excerpt, Said { turn: turn.turn, speaker: turn.speaker, text });
        }
    }
}

fn add(excerpt: &mut Excerpt, said: Said) {
    if said.turn < excerpt.turn {
        excerpt.before.insert(0, said);
    } else {
        excerpt.after.push(said);
    }
}
