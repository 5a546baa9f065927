//! What the parts of a call taught, put together: said twice is learnt once, and the later word stands.

use super::check::Checked;
use super::said::{stem, tokens};
use crate::ai::by_rules::dedupe;
use crate::{Candidate, MemoryKind};
use std::collections::BTreeSet;

/// From this share of common words on, two promises are about the same thing.
const SAME_SUBJECT: f32 = 0.6;

/// What stays of all parts, at most so much, in the order of the first turns.
pub(super) fn settle(parts: Vec<Checked>, most: usize) -> Vec<Candidate> {
    let (mut all, mut withdrawn) = (Vec::new(), Vec::new());
    for part in parts {
        all.extend(part.candidates);
        withdrawn.extend(part.withdrawn);
    }
    // A correction comes after what it corrects.
    all.sort_by_key(last);
    all.retain(|c| !withdrawn.iter().any(|w| same_promise(c, w) && last(c) <= last(w)));
    let moved: Vec<bool> = all.iter().map(|c| all.iter().any(|later| moves(c, later))).collect();
    let mut moved = moved.into_iter();
    all.retain(|_| !moved.next().unwrap_or_default());
    let mut seen = BTreeSet::new();
    all.retain(|c| seen.insert(normal(&c.content)));
    dedupe::settle(all, most)
}

fn last(candidate: &Candidate) -> u32 {
    candidate.turns.last().copied().unwrap_or_default()
}

/// Whether `later` is the same promise for another day.
fn moves(candidate: &Candidate, later: &Candidate) -> bool {
    same_promise(candidate, later)
        && last(later) > last(candidate)
        && later.occurred_at.is_some()
        && later.occurred_at != candidate.occurred_at
}

/// Whether both are promises of the same side about the same thing, whatever the day.
fn same_promise(a: &Candidate, b: &Candidate) -> bool {
    if a.kind != MemoryKind::Promise || b.kind != MemoryKind::Promise || by_agent(a) != by_agent(b) {
        return false;
    }
    let (a, b) = (subject(&a.content), subject(&b.content));
    let common = a.intersection(&b).count();
    let whole = a.union(&b).count();
    whole > 0 && common as f32 >= SAME_SUBJECT * whole as f32
}

fn by_agent(candidate: &Candidate) -> bool {
    candidate.content.starts_with("Agent")
}

/// The words of a promise without its day and its form.
fn subject(content: &str) -> BTreeSet<String> {
    const FORM: [&str; 38] = [
        "agent",
        "promised",
        "promise",
        "the",
        "caller",
        "will",
        "would",
        "that",
        "and",
        "for",
        "around",
        "from",
        "with",
        "before",
        "after",
        "week",
        "weekend",
        "month",
        "year",
        "morning",
        "afternoon",
        "evening",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "today",
        "tomorrow",
        "instead",
        "now",
    ];
    tokens(content)
        .into_iter()
        .filter(|t| !t.number && t.text.chars().count() > 2 && !FORM.contains(&t.text.as_str()))
        .filter(|t| !t.text.ends_with("day") || t.text == "birthday")
        .map(|t| stem(&t.text))
        .collect()
}

fn normal(content: &str) -> String {
    tokens(content).into_iter().map(|t| t.text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Slot;
    use crate::testkit::fixtures::after;

    fn promise(content: &str, turn: u32, day: Option<i64>) -> Candidate {
        Candidate {
            content: content.to_owned(),
            kind: MemoryKind::Promise,
            sector: None,
            salience: Some(0.8),
            occurred_at: day.map(|d| after(d * 86_400)),
            turns: vec![turn],
            slot: None,
            confidence: 0.9,
        }
    }

    fn contents(parts: Vec<Checked>) -> Vec<String> {
        settle(parts, 40).into_iter().map(|c| c.content).collect()
    }

    fn part(candidates: Vec<Candidate>) -> Checked {
        Checked { candidates, withdrawn: Vec::new() }
    }

    #[test]
    fn a_promise_for_another_day_replaces_the_first() {
        let first = promise("Agent promised a callback on Monday 23 November 2026", 2, Some(1));
        let second = promise("Agent promised a callback on Tuesday 24 November 2026", 9, Some(2));
        assert_eq!(
            contents(vec![part(vec![first.clone()]), part(vec![second.clone()])]),
            std::slice::from_ref(&second.content)
        );
        // The order in which windows answer does not matter, only that of the turns.
        assert_eq!(contents(vec![part(vec![second.clone()]), part(vec![first])]), [second.content]);
    }

    #[test]
    fn other_subjects_other_sides_and_undated_repetitions_replace_nothing() {
        let callback = promise("Agent promised a callback on Monday 23 November 2026", 2, Some(1));
        let others = [
            promise("Agent promised to send an engineer on Tuesday 24 November 2026", 9, Some(2)),
            promise("Promised to send a callback number on Tuesday 24 November 2026", 9, Some(2)),
            promise("Agent promised a callback about the refund and the new contract", 9, None),
        ];
        for other in others {
            assert_eq!(contents(vec![part(vec![callback.clone(), other.clone()])]).len(), 2, "{}", other.content);
        }
    }

    #[test]
    fn what_is_taken_back_later_is_gone_and_what_is_promised_after_that_stays() {
        let made = promise("Agent promised a callback on Monday 23 November 2026", 2, Some(1));
        let anew = promise("Agent promised a callback on Friday 27 November 2026", 9, Some(5));
        let back = Checked { candidates: vec![], withdrawn: vec![promise("Agent promised a callback", 5, None)] };
        assert_eq!(contents(vec![part(vec![made, anew.clone()]), back]), [anew.content]);
    }

    #[test]
    fn the_same_from_two_windows_is_learnt_once_and_a_corrected_value_once() {
        let fact = |content: &str, turn: u32, slot: Option<(&str, &str)>| Candidate {
            kind: MemoryKind::Contact,
            slot: slot.map(|(key, value)| Slot { key: key.to_owned(), value: value.to_owned() }),
            ..promise(content, turn, None)
        };
        let twice = vec![
            part(vec![fact("E-mail is a@x.example", 1, Some(("email", "a@x.example")))]),
            part(vec![fact("E-Mail is a@x.example.", 1, Some(("email", "a@x.example")))]),
            part(vec![fact("E-mail is b@x.example", 7, Some(("email", "b@x.example")))]),
        ];
        assert_eq!(contents(twice), ["E-mail is b@x.example"]);
        let other_kind = Candidate { kind: MemoryKind::Fact, ..fact("Has two dogs", 3, None) };
        assert_eq!(contents(vec![part(vec![fact("Has two dogs.", 3, None), other_kind])]).len(), 1);
    }
}
