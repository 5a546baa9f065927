//! What an answer may say in words, spent well.

use super::{Spoken, count, span};
use crate::{Excerpt, Hit, Item, Said};
use std::collections::{HashMap, HashSet};

/// "Thanks, bye." tells nobody anything: turns of so few words, the speaker's name with them, are not added.
const FILLER: usize = 4;

/// The limit for which the words of an answer are set.
pub(in crate::recall) const USUAL_LIMIT: usize = 5;

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

/// Spends the words that are left. First on turns that rank too low for a place of their own, `rest`, best first, where an
/// excerpt of the same call is shown: the last such takes them in. Then on the turns right beside excerpts, from the last hit to
/// the first: the best turns answer by themselves, while of those further down it is as likely the turn beside them that
/// does. The first `sparing` hits are left as they are, so that whoever reads no further reads the best. A turn that is shown
/// elsewhere is not shown again.
pub(in crate::recall) fn widen(
    spoken: &Spoken,
    hits: &mut [Hit],
    sparing: usize,
    rest: Vec<Hit>,
    excerpt_words: usize,
    mut left: usize,
) {
    let index = &*spoken.index;
    let mut shown = shown(spoken, hits);
    let hits = hits.get_mut(sparing..).unwrap_or_default();
    for turn in rest {
        let Item::Turn(turn) = turn.item else { continue };
        // With the name of who said it, and the mark of a gap.
        let words = count(&turn.text) + 2;
        let Some(at) = index.place(&turn.conversation, turn.turn).filter(|at| !shown.contains(at)) else { continue };
        let mut hosts = hits.iter_mut().rev().filter_map(Hit::excerpt_mut);
        if let Some(host) = hosts.find(|host| host.conversation == turn.conversation)
            && words <= left
            && !is_filler(words - 1)
        {
            left -= words;
            shown.insert(at);
            add(host, Said { turn: turn.turn, speaker: turn.speaker, text: turn.text });
        }
    }
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
            if words > left || is_filler(words) {
                continue;
            }
            left -= words;
            shown.insert(other);
            add(excerpt, Said { turn: turn.turn, speaker: turn.speaker, text });
        }
    }
}

/// Turns that are not to be shown once more, as places in the index: those of the hits, and those that say what is no longer
/// true, which is not shown beside anything either.
pub(super) fn shown(spoken: &Spoken, hits: &[Hit]) -> HashSet<usize> {
    hits.iter()
        .filter_map(Hit::excerpt)
        .flat_map(|excerpt| excerpt.turns().into_iter().map(|turn| (&excerpt.conversation, turn)))
        .filter_map(|(conversation, turn)| spoken.index.place(conversation, turn))
        .chain(spoken.stale.iter().copied())
        .collect()
}

/// Whether so many words, the speaker's name with them, are too few to tell anything.
pub(super) fn is_filler(words: usize) -> bool {
    words <= FILLER
}

/// In the order of the call.
fn add(excerpt: &mut Excerpt, said: Said) {
    let side = if said.turn < excerpt.turn { &mut excerpt.before } else { &mut excerpt.after };
    side.insert(side.partition_point(|other| other.turn < said.turn), said);
}
