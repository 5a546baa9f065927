//! What reads like an order to a model is kept out of every answer until a person has looked at it.

use crate::injection::{for_prompt, reads_like_an_order};
use crate::{Candidate, MemoryKind, Sector, Speaker, Transcript};

/// Orders of one call that are kept: whoever gives more has been understood.
const MOST: usize = 5;

/// Characters of an order that are kept.
const MOST_CHARS: usize = 300;

/// Adds what the caller said and reads like an order, for a person to judge. Extractors leave such turns out.
pub(super) fn add(transcript: &Transcript, candidates: &mut Vec<Candidate>) {
    let turns = (0_u32..).zip(&transcript.turns);
    let orders = turns.filter(|(_, turn)| turn.speaker == Speaker::User && reads_like_an_order(&turn.text));
    candidates.extend(orders.take(MOST).map(|(at, turn)| Candidate {
        content: for_prompt(&turn.text, MOST_CHARS),
        kind: MemoryKind::Fact,
        // So that no model is shown it to give it one.
        sector: Some(Sector::Semantic),
        salience: Some(0.5),
        occurred_at: None,
        turns: vec![at],
        slot: None,
        confidence: 1.0,
    }));
}

/// Whether a candidate is to wait: it reads like an order itself, or was made of nothing but turns that do.
pub(super) fn holds(transcript: &Transcript, candidate: &Candidate) -> bool {
    let order = |at: &u32| transcript.turns.get(*at as usize).is_some_and(|turn| reads_like_an_order(&turn.text));
    let of_orders = !candidate.turns.is_empty() && candidate.turns.iter().all(order);
    of_orders || reads_like_an_order(&candidate.content)
}
