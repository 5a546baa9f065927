//! The last look at a call: said twice is learnt once, corrected is corrected, and nobody learns a hundred things.

use crate::{Candidate, MemoryKind};
use std::collections::HashSet;

/// Values of which the last one said in a call is the right one.
const SINGLE: [&str; 6] = ["name", "email", "address", "delivery_date", "appointment_date", "date_of_birth"];

/// The candidates that stay, at most so many, in the order of their first turn.
pub(in crate::ai) fn settle(all: Vec<Candidate>, most: usize) -> Vec<Candidate> {
    let mut out: Vec<Candidate> = Vec::with_capacity(all.len());
    for candidate in all {
        if candidate.content.chars().filter(|c| c.is_alphanumeric()).count() < 3 {
            continue;
        }
        if let Some(known) = out.iter_mut().find(|k| repeats(k, &candidate)) {
            merge(known, candidate);
            continue;
        }
        if let Some(at) = out.iter().position(|k| corrected(k, &candidate)) {
            out.remove(at);
        }
        out.push(candidate);
    }
    // A full name stays beside the name the caller prefers, but only the preferred one is the value.
    let preferred = out.iter().any(|c| c.kind == MemoryKind::Name && c.content.starts_with("Prefers"));
    for name in out.iter_mut().filter(|c| preferred && c.kind == MemoryKind::Name && !c.content.starts_with("Prefers"))
    {
        name.slot = None;
    }
    while out.len() > most {
        let least = (0..out.len()).rev().min_by(|&a, &b| weight(&out[a]).total_cmp(&weight(&out[b])));
        let Some(least) = least else { break };
        out.remove(least);
    }
    out.sort_by_key(|c| c.turns.first().copied().unwrap_or_default());
    out
}

fn weight(candidate: &Candidate) -> f32 {
    candidate.salience.unwrap_or(0.5) * candidate.confidence
}

fn repeats(known: &Candidate, new: &Candidate) -> bool {
    if known.slot.is_some() && known.slot == new.slot && (known.kind == new.kind || new.kind == MemoryKind::Order) {
        return true;
    }
    if known.kind != new.kind || known.occurred_at != new.occurred_at {
        return false;
    }
    let (a, b) = (words(&known.content), words(&new.content));
    b.is_subset(&a)
}

fn words(text: &str) -> HashSet<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
}

fn merge(known: &mut Candidate, again: Candidate) {
    known.turns.extend(again.turns);
    known.turns.sort_unstable();
    known.turns.dedup();
    known.confidence = known.confidence.max(again.confidence);
    if again.content.starts_with("Prefers to be called") && known.kind == MemoryKind::Name {
        known.content = again.content;
    }
}

/// The same value given anew: the second is the correction. A preferred name does not undo a full one.
fn corrected(known: &Candidate, new: &Candidate) -> bool {
    let (Some(old), Some(now)) = (&known.slot, &new.slot) else { return false };
    let name = old.key == "name" && (known.content.starts_with("Prefers") != new.content.starts_with("Prefers"));
    old.key == now.key && known.kind == new.kind && SINGLE.contains(&old.key.as_str()) && !name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Slot;

    fn candidate(content: &str, kind: MemoryKind, turn: u32, slot: Option<(&str, &str)>) -> Candidate {
        Candidate {
            content: content.into(),
            kind,
            sector: None,
            salience: Some(0.5),
            occurred_at: None,
            turns: vec![turn],
            slot: slot.map(|(key, value)| Slot { key: key.into(), value: value.into() }),
            confidence: 0.8,
        }
    }

    #[test]
    fn said_twice_is_learnt_once_with_both_turns() {
        let one = candidate("Has two dogs", MemoryKind::Fact, 1, None);
        let two = candidate("has two dogs", MemoryKind::Fact, 5, None);
        let settled = settle(vec![one, two], 40);
        assert_eq!(settled.len(), 1);
        assert_eq!(settled[0].turns, [1, 5]);
    }

    #[test]
    fn the_last_value_wins() {
        let old = candidate("E-mail address is a@x.example", MemoryKind::Contact, 1, Some(("email", "a@x.example")));
        let new = candidate("E-mail address is b@x.example", MemoryKind::Contact, 3, Some(("email", "b@x.example")));
        assert_eq!(settle(vec![old, new.clone()], 40), [new]);
    }

    #[test]
    fn a_preferred_name_keeps_the_full_one_beside_it() {
        let full = candidate("Name is Samuel Lee", MemoryKind::Name, 1, Some(("name", "Samuel Lee")));
        let short = candidate("Prefers to be called Sam", MemoryKind::Name, 3, Some(("name", "Sam")));
        let settled = settle(vec![full, short], 40);
        assert_eq!(settled.len(), 2);
        assert!(settled[0].slot.is_none() && settled[1].slot.is_some());
    }

    #[test]
    fn too_many_are_cut_to_the_most_salient() {
        let many = (0..100).map(|i| candidate(&format!("Has thing number {i}"), MemoryKind::Fact, i, None)).collect();
        assert_eq!(settle(many, 40).len(), 40);
    }
}
