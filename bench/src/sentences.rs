//! What callers of a support line are remembered by, and what they are asked about.

use crate::rng::Rng;
use hark_core::{MemoryKind, Sector};
use std::collections::HashSet;

/// One sentence to be remembered.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    pub(crate) text: String,
    pub(crate) sector: Sector,
    pub(crate) kind: MemoryKind,
}

const MEMORIES: [(&str, Sector, MemoryKind); 16] = [
    ("Ordered {item} for delivery to {city} on {day}", Sector::Episodic, MemoryKind::Order),
    ("Asked to move the delivery of {item} to {day}", Sector::Episodic, MemoryKind::Request),
    ("Reported that {item} arrived {fault}", Sector::Episodic, MemoryKind::Complaint),
    ("Was promised a call back on {day} about invoice {number}", Sector::Episodic, MemoryKind::Promise),
    ("Returned {item} because it came {fault}", Sector::Episodic, MemoryKind::Event),
    ("Lives in {city} and is at home on {day}", Sector::Semantic, MemoryKind::Fact),
    ("Prefers parcels to be left with the {neighbour}", Sector::Semantic, MemoryKind::Preference),
    ("Wants to be contacted by {channel} about order {number}", Sector::Semantic, MemoryKind::Contact),
    ("Has ticket {number} open about {item}", Sector::Semantic, MemoryKind::Order),
    ("Is allergic to {food} and reads every label", Sector::Semantic, MemoryKind::Fact),
    ("Works in {city} and travels there on {day}", Sector::Semantic, MemoryKind::Fact),
    ("Was annoyed that {item} was {fault} again", Sector::Emotional, MemoryKind::Feeling),
    ("Was pleased with how quickly {item} came to {city}", Sector::Emotional, MemoryKind::Feeling),
    ("Restarts {item} before calling about order {number}", Sector::Procedural, MemoryKind::Procedure),
    ("Pays by {payment} at the end of the month", Sector::Procedural, MemoryKind::Procedure),
    ("Calls about {item} mostly on {day} mornings", Sector::Reflective, MemoryKind::Fact),
];

const QUESTIONS: [&str; 12] = [
    "which day was the delivery of {item} moved to",
    "what went wrong with {item}",
    "what were they promised about invoice {number}",
    "where should parcels be left",
    "how do they want to be contacted",
    "is there an open ticket about {item}",
    "what are they allergic to",
    "do they live in {city}",
    "how did they feel about {item} being {fault}",
    "how do they pay",
    "when are they at home in {city}",
    "what did they order last",
];

const SMALL_TALK: [&str; 8] = [
    "Yes, that is right, thank you.",
    "Could you say that again, please, the line is bad?",
    "Just a moment, let me see whether there is something to write with.",
    "All right, go on.",
    "No, nothing else that comes to mind.",
    "Okay, and how long does that take?",
    "Great, that is good to hear.",
    "Mhm, yes, I am still here.",
];

const SLOTS: [(&str, &[&str]); 8] = [
    (
        "{item}",
        &[
            "the coffee machine",
            "the winter boots",
            "a washing machine",
            "the office chair",
            "two desk lamps",
            "the garden hose",
            "the baby seat",
            "a set of plates",
            "the headphones",
            "the router",
            "the bicycle lock",
            "a sack of dog food",
            "the tent",
            "the printer",
            "the oak table",
            "the electric kettle",
        ],
    ),
    ("{city}", &["Leeds", "Graz", "Porto", "Austin", "Bergen", "Lyon", "Utrecht", "Krakow", "Perth", "Halifax"]),
    ("{day}", &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]),
    ("{fault}", &["broken", "scratched", "a week late", "without its cable", "in the wrong colour", "leaking"]),
    ("{neighbour}", &["neighbour upstairs", "porter", "bakery next door", "neighbour at number 12", "reception"]),
    ("{channel}", &["e-mail", "text message", "telephone after six", "letter"]),
    ("{food}", &["peanuts", "lactose", "sesame", "gluten", "soy", "shellfish"]),
    ("{payment}", &["invoice", "direct debit", "credit card", "bank transfer", "gift card"]),
];

/// `count` different sentences; the same ones in every run.
pub(crate) fn memories(count: usize, rng: &mut Rng) -> Vec<Sentence> {
    let mut seen = HashSet::with_capacity(count);
    let mut sentences = Vec::with_capacity(count);
    while sentences.len() < count {
        let (template, sector, kind) = MEMORIES[rng.below(MEMORIES.len())];
        let text = fill(template, rng);
        if seen.insert(text.clone()) {
            sentences.push(Sentence { text, sector, kind });
        }
    }
    sentences
}

/// A question, as an agent's model would ask it.
pub(crate) fn question(rng: &mut Rng) -> String {
    let template = rng.pick(&QUESTIONS);
    fill(template, rng)
}

/// Something a caller says on the telephone.
pub(crate) fn utterance(rng: &mut Rng) -> String {
    let (template, ..) = MEMORIES[rng.below(MEMORIES.len())];
    format!("Well, it is like this. {}. Could you take care of that?", fill(template, rng))
}

/// Something a caller says that is not worth remembering.
pub(crate) fn small_talk(rng: &mut Rng) -> String {
    rng.pick(&SMALL_TALK).to_owned()
}

fn fill(template: &str, rng: &mut Rng) -> String {
    let text = SLOTS.iter().fold(template.to_owned(), |text, (slot, values)| {
        if text.contains(slot) { text.replace(slot, rng.pick(values)) } else { text }
    });
    text.replace("{number}", &(10_000 + rng.below(90_000)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_distinct_complete_and_the_same_in_every_run() {
        let texts = |seed| memories(4_096, &mut Rng::new(seed)).into_iter().map(|s| s.text).collect::<Vec<_>>();
        let first = texts(7);
        assert_eq!(first, texts(7));
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), 4_096);
        let mut rng = Rng::new(7);
        let spoken = (0..500).flat_map(|_| [question(&mut rng), utterance(&mut rng)]);
        assert!(first.into_iter().chain(spoken).all(|text| !text.contains('{')));
    }
}
