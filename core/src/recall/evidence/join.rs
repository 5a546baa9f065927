//! Turns side by side become one excerpt.

use super::Spoken;
use crate::{Excerpt, Hit, Item, Said};

/// What is said in one breath, question and answer: longer excerpts than this stay apart.
const MOST_TURNS: usize = 3;

/// Among the hits that will be shown, a turn right beside one that ranks better joins its excerpt, and leaves its place
/// to the next. The order is that of the best of each excerpt.
pub(in crate::recall) fn join(spoken: &Spoken, hits: &mut Vec<Hit>, limit: usize) {
    let mut joined: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits.drain(..) {
        let (Item::Turn(turn), true) = (&hit.item, joined.len() < limit) else {
            joined.push(hit);
            continue;
        };
        match joined.iter_mut().filter_map(Hit::excerpt_mut).find_map(|host| Some((side(spoken, host, turn)?, host))) {
            Some((Side::Before, host)) => host.before.insert(0, said(turn)),
            Some((Side::After, host)) => host.after.push(said(turn)),
            None => joined.push(hit),
        }
    }
    *hits = joined;
}

enum Side {
    Before,
    After,
}

/// On which side of the excerpt the turn stands, if right beside it.
fn side(spoken: &Spoken, host: &Excerpt, turn: &Excerpt) -> Option<Side> {
    if host.conversation != turn.conversation || host.turns().len() >= MOST_TURNS {
        return None;
    }
    let index = &spoken.index;
    let at = index.place(&turn.conversation, turn.turn)?;
    let number = |place: Option<usize>| place.map(|place| index.turns()[place].turn);
    let shown = host.turns();
    if number(index.after(at)) == shown.first().copied() {
        return Some(Side::Before);
    }
    (number(index.before(at)) == shown.last().copied()).then_some(Side::After)
}

fn said(turn: &Excerpt) -> Said {
    Said { turn: turn.turn, speaker: turn.speaker, text: turn.text.clone() }
}
