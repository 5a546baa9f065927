//! How two memories stand to each other, without a model.
//!
//! A memory wrongly replaced is worse than one too many, so the rules first look for what tells two things apart
//! (another person, another number, another day) and only then for what tells that one thing changed: a single value
//! given anew, an end that names what ended, a denial, the next state of a matter. What they do not recognise can both
//! be true. English only. Measured on labelled pairs: `cargo xtask eval conflicts`.

mod choices;
mod cues;
mod frames;
mod matters;
mod values;
mod words;

use super::sentence::pattern;
use crate::ingest::same_person;
use crate::{Judgement, Memory, MemoryKind, Reason, Slot, Timestamp, Verdict};
use frames::Compared;
pub use matters::Fate;
use std::collections::BTreeSet;
use values::Values;

/// What the judge looks at.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// The sentence.
    pub content: &'a str,
    /// What it says beyond the sector.
    pub kind: MemoryKind,
    /// Its named value, if it has one.
    pub slot: Option<&'a Slot>,
    /// What it is about.
    pub about: Timestamp,
    /// Who said it, on a telephone that several people use.
    pub speaker: Option<&'a str>,
}

impl<'a> Statement<'a> {
    /// What a memory states.
    pub fn of(memory: &'a Memory) -> Self {
        Self {
            content: &memory.content,
            kind: memory.kind,
            slot: memory.slot.as_ref(),
            about: memory.occurred_at,
            speaker: memory.speaker.as_deref(),
        }
    }
}

pattern!(
    PEOPLE,
    r"(?i)\b(wife|husband|partner|fianc[eé]e?|girlfriend|boyfriend|spouse|daughter|son|mother|father|mum|mom|dad|parents?|brother|sister|grand(?:mother|father|ma|pa|son|daughter|parents)|aunt|uncle|cousin|niece|nephew|boss|colleague|assistant|accountant|neighbours?|neighbors?|friends?|flatmate|roommate|tenant|landlord|carer|secretary|twins?|in-laws)(?:'s|s)?\b"
);
pattern!(SPEAKS_OF_AGENT, r"(?i)^(?:the )?agent\b|^was (?:told|promised|assured)\b");

/// A sentence, read.
struct Reading<'a> {
    text: &'a str,
    /// Without the reason it gives.
    main: String,
    values: Values,
    people: BTreeSet<String>,
    topic: BTreeSet<String>,
}

impl<'a> Reading<'a> {
    fn of(statement: &Statement<'a>) -> Self {
        let main = cues::without_reason(statement.content);
        let values = values::read(statement.content, statement.slot);
        let mut people: BTreeSet<String> =
            PEOPLE.captures_iter(&main).map(|found| found[1].to_lowercase().trim_end_matches('s').to_owned()).collect();
        if SPEAKS_OF_AGENT.is_match(&main) {
            people.insert("agent".to_owned());
        }
        let topic = words::topic(&cues::without_reason(&values.rest));
        Self { text: statement.content, main, values, people, topic }
    }
}

/// Judges by rules. Stateless.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleJudge;

impl RuleJudge {
    /// How `new` stands to `old`.
    pub fn judge(&self, old: &Statement<'_>, new: &Statement<'_>) -> Judgement {
        // What two people say of themselves is about two people, however alike it sounds.
        if let (Some(one), Some(other)) = (old.speaker, new.speaker)
            && !same_person(one, other)
        {
            return found(Verdict::Unrelated, 0.99, Reason::DifferentSubject);
        }
        // A mood is of its day.
        if old.kind == MemoryKind::Feeling && new.kind == MemoryKind::Feeling && day(old) != day(new) {
            return found(Verdict::Unrelated, 0.97, Reason::DifferentEvent);
        }
        let (a, b) = (Reading::of(old), Reading::of(new));
        if say_the_same(&a, &b) {
            return found(Verdict::Same, 0.98, Reason::SameStatement);
        }
        apart(&a, &b).or_else(|| changed(&a, &b, old, new)).unwrap_or_else(|| rest(&a, &b, old, new))
    }

    /// Whether two sentences share anything that could make them more than unrelated.
    pub fn have_something_in_common(&self, one: &str, other: &str) -> bool {
        !words::topic(one).is_disjoint(&words::topic(other))
    }

    /// Whether somebody takes back what they said a moment ago.
    pub fn takes_back(&self, said: &str) -> bool {
        cues::takes_back(said)
    }
}

fn day(statement: &Statement<'_>) -> chrono::NaiveDate {
    statement.about.date_naive()
}

fn found(verdict: Verdict, confidence: f32, reason: Reason) -> Judgement {
    Judgement { verdict, confidence, reason }
}

/// The same values and the same meaning, in whatever words.
fn say_the_same(a: &Reading<'_>, b: &Reading<'_>) -> bool {
    let values = |v: &Values| (v.emails.clone(), v.phones.clone(), v.codes.clone(), v.hours.clone(), v.names.clone());
    let days = a.values.days.is_empty() == b.values.days.is_empty() && !values::on_other_days(&a.values, &b.values);
    let ends = cues::ended(a.text).is_empty() == cues::ended(b.text).is_empty();
    a.people == b.people
        && days
        && ends
        && words::agree(&a.values.rest, &b.values.rest)
        && values(&a.values) == values(&b.values)
}

/// What tells that they are about different things or occasions; or, where both name a number, that it was corrected.
fn apart(a: &Reading<'_>, b: &Reading<'_>) -> Option<Judgement> {
    if a.people != b.people {
        return Some(found(Verdict::Unrelated, 0.9, Reason::DifferentSubject));
    }
    let (old, new) = (&a.values.codes, &b.values.codes);
    if !old.is_empty() && !new.is_empty() {
        let met = !old.is_disjoint(new);
        let corrected = !met && cues::corrects(b.text) && words::within(&a.topic, &b.topic);
        let replaced = met && !new.is_subset(old) && (cues::replaces(b.text) || cues::corrects(b.text));
        let alike = !met && a.topic == b.topic && cues::corrects(b.text);
        if corrected || replaced || alike {
            return Some(found(Verdict::Update, 0.9, Reason::NewerValue));
        }
        if !met {
            return Some(found(Verdict::Unrelated, 0.96, Reason::DifferentSubject));
        }
    }
    None
}

/// What tells that one thing changed.
fn changed(a: &Reading<'_>, b: &Reading<'_>, old: &Statement<'_>, new: &Statement<'_>) -> Option<Judgement> {
    let update = |confidence| Some(found(Verdict::Update, confidence, Reason::NewerValue));
    let apart = |reason| Some(found(Verdict::Unrelated, 0.85, reason));
    let about_one = words::within(&a.topic, &b.topic);
    let one_number = !a.values.codes.is_disjoint(&b.values.codes);
    if !cues::is_passing(b.text)
        && !names_apart(a, b)
        && cues::follows(a.text, b.text, about_one_matter(&a.topic, &b.topic))
    {
        return update(0.8);
    }
    if values::on_other_days(&a.values, &b.values) {
        let moved = cues::moves(b.text) && !cues::is_passing(b.text) && (about_one || one_number);
        return if moved { update(0.85) } else { apart(Reason::DifferentEvent) };
    }
    if cues::is_passing(b.text) {
        return apart(Reason::DifferentEvent);
    }
    let both = [a, b].map(|reading| (reading.main.as_str(), &reading.values));
    match frames::compare(both[0], both[1], b.text) {
        Some(Compared::Equal) => return Some(found(Verdict::Same, 0.85, Reason::SameStatement)),
        Some(Compared::Replaced) => return update(0.85),
        Some(Compared::Beside) => return apart(Reason::DifferentSubject),
        Some(Compared::Unclear) => return Some(found(Verdict::Unsure, 0.5, Reason::TooLittleSaid)),
        None => {}
    }
    if ended(a, b) {
        return update(0.85);
    }
    if denied(a, b) {
        return Some(found(Verdict::Contradiction, 0.8, Reason::CannotBothBeTrue));
    }
    // The same day, or every day, at another hour.
    let same_day = a.values.days.is_empty() == b.values.days.is_empty();
    let other_hour =
        !a.values.hours.is_empty() && a.values.hours.is_disjoint(&b.values.hours) && !b.values.hours.is_empty();
    if same_day && other_hour && about_one && (cues::moves(b.text) || cues::is_now(b.text)) {
        return update(0.85);
    }
    if names_apart(a, b) {
        return apart(Reason::DifferentSubject);
    }
    if named_value_changed(a, b, (old.slot, new.slot)) {
        return update(0.75);
    }
    choices::changed(&a.main, &b.main).then(|| found(Verdict::Update, 0.75, Reason::NewerValue))
}

/// `new` says that what `old` told has ended, and names it.
fn ended(a: &Reading<'_>, b: &Reading<'_>) -> bool {
    if !cues::ended(a.text).is_empty() || names_apart(a, b) {
        return false;
    }
    let told = words::meaning(&a.values.rest);
    cues::ended(&b.values.rest).iter().any(|ended| {
        // "Cancelled the order" names none of several.
        let vague = !a.values.codes.is_empty() && b.values.codes.is_empty();
        ended.is_subset(&told) && !(vague && ended.iter().all(|word| GIVEN.contains(&word.as_str())))
    })
}

/// One denies what the other says.
fn denied(a: &Reading<'_>, b: &Reading<'_>) -> bool {
    let (a_denies, b_denies) = (words::is_denial(a.text), words::is_denial(b.text));
    let (denying, other) = if b_denies { (b, a) } else { (a, b) };
    // What happened once says nothing against what is so in general.
    if a_denies == b_denies || (cues::happened(other.text) && !cues::acquired(other.text)) {
        return false;
    }
    // One word in common of many is little.
    let meant =
        |denied: &BTreeSet<String>| denied.is_subset(&other.topic) && (denied.len() > 1 || other.topic.len() <= 2);
    cues::denied(&cues::without_reason(&denying.values.rest)).iter().any(meant)
}

/// The extractor read a value of one name in both, and the later says that it is so now.
fn named_value_changed(a: &Reading<'_>, b: &Reading<'_>, slots: (Option<&Slot>, Option<&Slot>)) -> bool {
    let (Some(x), Some(y)) = slots else { return false };
    let single = ["address", "company", "email", "phone"].contains(&x.key.as_str());
    single
        && x.key == y.key
        && words::plain(&x.value).iter().collect::<BTreeSet<_>>().is_disjoint(&words::plain(&y.value).iter().collect())
        && cues::is_now(b.text)
        && !cues::adds(b.text)
        && frames::kinds(a.text) == frames::kinds(b.text)
}

/// Both name somebody or something, and nothing in common.
fn names_apart(a: &Reading<'_>, b: &Reading<'_>) -> bool {
    let (x, y) = (&a.values.names, &b.values.names);
    !x.is_empty() && !y.is_empty() && x.is_disjoint(y)
}

/// Words for the state a matter is in, not for the matter.
const STATES: &[&str] = &[
    "wait",
    "deliver",
    "receiv",
    "owed",
    "ow",
    "miss",
    "outstand",
    "overdue",
    "pend",
    "down",
    "fix",
    "repair",
    "mend",
    "broken",
    "faulty",
    "leak",
    "block",
    "unblock",
    "lock",
    "unlock",
    "suspend",
    "restor",
    "reactivat",
    "resolv",
    "solv",
    "settl",
    "pay",
    "open",
    "approv",
    "declin",
    "order",
    "running",
    "order",
    "stuck",
    "crash",
    "heat",
    "turn",
    "reach",
    "trial",
    "subscrib",
    "buy",
];

/// Whether both are about the same thing, whatever state it is in.
fn about_one_matter(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    let matter = |topic: &BTreeSet<String>| -> BTreeSet<String> {
        topic.iter().filter(|word| !STATES.contains(&word.as_str())).cloned().collect()
    };
    words::within(&matter(a), &matter(b))
}

/// Equal named values that are the whole of what is said; else both can be true.
fn rest(a: &Reading<'_>, b: &Reading<'_>, old: &Statement<'_>, new: &Statement<'_>) -> Judgement {
    let equal = old.slot.is_some() && new.slot.is_some() && slots_agree(a, b, old, new);
    if equal && cues::ended(b.text).is_empty() && !words::is_denial(b.text) {
        return found(Verdict::Same, 0.8, Reason::SameStatement);
    }
    found(Verdict::Unrelated, 0.6, Reason::DifferentSubject)
}

/// Words that only say that a value is given.
const GIVEN: &[&str] = &[
    "order",
    "policy",
    "account",
    "ticket",
    "booking",
    "reference",
    "membership",
    "contract",
    "home",
    "house",
    "car",
    "travel",
    "mobile",
    "broadband",
    "behalf",
    "company",
    "address",
];

fn slots_agree(a: &Reading<'_>, b: &Reading<'_>, old: &Statement<'_>, new: &Statement<'_>) -> bool {
    let (Some(x), Some(y)) = (old.slot, new.slot) else { return false };
    if x.key != y.key || x.key.ends_with("date") {
        return false;
    }
    let same = match x.key.as_str() {
        "email" => a.values.emails == b.values.emails,
        "phone" => a.values.phones == b.values.phones,
        _ => words::plain(&x.value) == words::plain(&y.value),
    };
    let value: BTreeSet<String> = words::topic(&x.value);
    let beyond = |reading: &Reading<'_>| {
        reading.topic.iter().any(|word| !value.contains(word) && !GIVEN.contains(&word.as_str()))
    };
    same && !beyond(a) && !beyond(b)
}

#[cfg(test)]
mod tests;
