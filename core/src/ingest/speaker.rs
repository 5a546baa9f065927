//! Who speaks in a call, by the name given in it, and whether that is somebody else than the profile's owner.

use crate::{Candidate, MemoryKind, Speaker, Transcript, User};

/// What a call tells about its speaker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spoken {
    /// The name that whoever spoke goes by; what was learnt in the call is of them.
    pub(super) name: Option<String>,
    /// Whether the name becomes the profile's.
    pub(super) renames: bool,
    /// Whether it is clearly somebody else than the profile's owner.
    pub(super) shares: bool,
}

/// Words by which a person corrects how they are called, rather than saying who else they are.
const CORRECTS: &[&str] = &[
    "call me",
    "prefer",
    "actually",
    "spell",
    "spelt",
    ", not ",
    "changed",
    "married",
    "maiden",
    "short for",
    "misheard",
    "correct",
    "wrong",
    "used to be",
];

/// Words by which a person says that somebody else usually calls: no correction, whatever else is said.
const OTHERS: &[&str] =
    &["this is", "husband", "wife", "partner", "'s son", "daughter", "mother", "father", "brother", "sister", "behalf"];

/// Words by which a person says who is speaking.
const INTRODUCES: &[&str] = &["this is", "my name", "i'm", "i am", "speaking", " here", "it's "];

/// Who spoke. Without detection every name is the owner's, as it was said last.
pub(super) fn of(candidates: &[Candidate], transcript: &Transcript, user: &User, detect: bool) -> Spoken {
    let named = candidates.iter().rev().find_map(|candidate| {
        let slot = candidate.slot.as_ref().filter(|slot| candidate.kind == MemoryKind::Name && slot.key == "name")?;
        Some((candidate, slot.value.trim().to_owned()))
    });
    let Some((candidate, name)) = named.filter(|(_, name)| !name.is_empty()) else { return Spoken::default() };
    if !detect || user.name.is_empty() || same_person(&user.name, &name) {
        // On a shared line the profile keeps its owner's name, whatever form of it was said.
        let renames = !user.shared || user.name.is_empty();
        return Spoken { name: Some(name), renames, shares: false };
    }
    let said = said(candidate, transcript);
    let preferred = candidate.content.to_lowercase().contains("prefers to be called");
    let has = |cues: &[&str]| cues.iter().any(|cue| said.contains(cue));
    let corrects = preferred || (has(CORRECTS) && !has(OTHERS));
    if corrects && !user.shared {
        return Spoken { name: Some(name), renames: true, shares: false };
    }
    let introduces = said.trim().is_empty() || answers(candidate, transcript) || has(INTRODUCES);
    let shares = user.shared || introduces;
    Spoken { name: Some(name).filter(|_| shares), renames: false, shares }
}

/// The caller's words in the turns a candidate comes from, in lower case.
fn said(candidate: &Candidate, transcript: &Transcript) -> String {
    let turns = candidate.turns.iter().filter_map(|at| transcript.turns.get(*at as usize));
    let spoken: Vec<&str> = turns.filter(|turn| turn.speaker == Speaker::User).map(|turn| turn.text.as_str()).collect();
    format!(" {}", spoken.join(" ").to_lowercase())
}

/// Whether the name answers the agent's question for it.
fn answers(candidate: &Candidate, transcript: &Transcript) -> bool {
    let before = candidate.turns.iter().filter_map(|at| transcript.turns.get((*at as usize).checked_sub(1)?));
    let asks =
        |text: &str| text.contains('?') && (text.contains("name") || text.contains("who") || text.contains("speaking"));
    before.filter(|turn| turn.speaker == Speaker::Agent).any(|turn| asks(&turn.text.to_lowercase()))
}

/// Whether two names may be one person's: one holds the other ("Sam", "Sam Lee"), is short for it ("Sam", "Samuel"), or
/// differs by what a transcription mishears.
pub(crate) fn same_person(one: &str, other: &str) -> bool {
    let words = |name: &str| -> Vec<String> {
        let letters = name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase);
        letters.filter(|w| !TITLES.contains(&w.as_str())).collect()
    };
    let (a, b) = (words(one), words(other));
    let (Some(x), Some(y)) = (a.first(), b.first()) else { return true };
    // Of a family name alone nothing can be told.
    let family = |short: &[String], long: &[String]| short.len() == 1 && long.last() == short.first();
    alike(x, y) || family(&a, &b) || family(&b, &a)
}

const TITLES: &[&str] = &["mr", "mrs", "ms", "miss", "dr", "herr", "frau", "prof"];

fn alike(x: &str, y: &str) -> bool {
    let (short, long) = if x.chars().count() <= y.chars().count() { (x, y) } else { (y, x) };
    let shortened = short.chars().count() >= 3 && long.starts_with(short);
    x == y || shortened || (short.chars().count() >= 4 && distance(x, y) <= 1)
}

/// Letters to insert, remove or exchange to make one word of the other.
fn distance(x: &str, y: &str) -> usize {
    let y: Vec<char> = y.chars().collect();
    let mut row: Vec<usize> = (0..=y.len()).collect();
    for (i, a) in x.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in y.iter().enumerate() {
            let cost = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[y.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Slot;
    use crate::testkit::fixtures::{start, transcript};

    fn user(name: &str, shared: bool) -> User {
        User {
            id: "usr_1".into(),
            name: name.to_owned(),
            call_count: 1,
            first_contact: start(),
            last_contact: start(),
            summary: String::new(),
            shared,
            consent: crate::Consent::Unknown,
            revision: 0,
        }
    }

    fn spoken(owner: &User, said: &str, content: &str, name: &str) -> Spoken {
        let call = transcript(&[(Speaker::Agent, "Hello, how can I help?"), (Speaker::User, said)]);
        let candidate = Candidate {
            content: content.to_owned(),
            kind: MemoryKind::Name,
            sector: None,
            salience: None,
            occurred_at: None,
            turns: vec![1],
            slot: Some(Slot { key: "name".to_owned(), value: name.to_owned() }),
            confidence: 0.9,
        };
        of(&[candidate], &call, owner, true)
    }

    #[test]
    fn another_name_is_another_person_unless_it_corrects_the_first() {
        let anna = user("Anna", false);
        let tom = spoken(&anna, "Hi, this is Tom, Anna's husband.", "Name is Tom", "Tom");
        assert_eq!(tom, Spoken { name: Some("Tom".to_owned()), renames: false, shares: true });
        for (said, content, name) in [
            ("Please call me Tom, I prefer that.", "Prefers to be called Tom", "Tom"),
            ("My name is actually Hanna.", "Name is Hanna", "Hanna"),
            ("No, it's Joanna, not Anna.", "Name is Joanna", "Joanna"),
            ("I got married, my name is Anna Lee now.", "Name is Anna Lee", "Anna Lee"),
        ] {
            let renamed = spoken(&anna, said, content, name);
            assert!(renamed.renames && !renamed.shares, "{said}");
            assert_eq!(renamed.name.as_deref(), Some(name));
        }
        // A booking's name is not the speaker's.
        let booking = spoken(&anna, "The table is under Miller.", "Name is Miller", "Miller");
        assert_eq!(booking, Spoken::default());
    }

    #[test]
    fn on_a_shared_line_nobody_renames_the_owner() {
        let shared = user("Anna", true);
        let tom = spoken(&shared, "Just call me Tom.", "Prefers to be called Tom", "Tom");
        assert_eq!(tom, Spoken { name: Some("Tom".to_owned()), renames: false, shares: true });
        let anna = spoken(&shared, "It's Anna Lee here.", "Name is Anna Lee", "Anna Lee");
        assert_eq!(anna, Spoken { name: Some("Anna Lee".to_owned()), renames: false, shares: false });
    }

    #[test]
    fn the_first_name_is_the_owners() {
        let first = spoken(&user("", false), "This is Sam.", "Name is Sam", "Sam");
        assert_eq!(first, Spoken { name: Some("Sam".to_owned()), renames: true, shares: false });
        assert_eq!(of(&[], &transcript(&[]), &user("Sam", false), true), Spoken::default());
    }

    #[test]
    fn names_of_one_person_are_told_from_names_of_two() {
        for (one, other) in [
            ("Sam", "sam"),
            ("Sam", "Samuel Lee"),
            ("Mrs Miller", "Anna Miller"),
            ("Miller", "Anna Miller"),
            ("Sarah", "Sara"),
            ("Catherine", "Katherine"),
            ("", "Sam"),
        ] {
            assert!(same_person(one, other) && same_person(other, one), "{one}, {other}");
        }
        for (one, other) in [("Anna", "Tom"), ("Anna Miller", "Tom Miller"), ("Tim", "Tom"), ("Lee", "Lena")] {
            assert!(!same_person(one, other) && !same_person(other, one), "{one}, {other}");
        }
    }
}
