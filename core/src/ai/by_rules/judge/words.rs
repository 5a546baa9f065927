//! The words of a sentence that mean something, each in one form: "was ringing", "calls" and "phoned" are one.

use super::pattern;
use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

fn listed(words: &'static str) -> HashSet<&'static str> {
    words.split_whitespace().collect()
}

/// Words that say nothing about what a sentence is about.
static STOP: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    listed(
        "agent a an and any anything are as at be been being but by caller can client could customer did do does
         doing done else for from had has have having he her his i if in into is it its itself may me might more my
         of on or our out over own s says she so some somebody someone than that the their them themselves then there
         these they this those through to too up user very was we were what when where which who whole will with
         would yet you your about under said now already just again still always usually often rule generally
         normally rather only please all every per ever anymore longer instead",
    )
});

/// Words that deny. They stand for themselves.
pub(super) const DENIES: &[&str] = &[
    "not", "no", "never", "nobody", "none", "nothing", "without", "cannot", "neither", "nor", "dislike", "hate",
    "refuse",
];

/// What is said in many ways. The first of each is the form all take; stems, not words.
const FORMS: &[&[&str]] = &[
    &["wish", "want", "ask", "prefer", "like", "need", "should", "must", "request", "would", "love", "enjoy"],
    &["call", "ring", "rang"],
    &["phon", "telephon"],
    &["callback", "ringback"],
    &["email", "e-mail", "mail"],
    &["text", "sms", "messag"],
    &["trip", "fly", "flight", "flew", "travel", "journey", "holiday", "vacation"],
    &["deliver", "delivery", "redeliver", "redelivery", "bring", "brought", "come", "arriv", "ship", "shipment"],
    &["parcel", "packag", "packet"],
    &["angry", "furious", "annoy", "mad", "cross"],
    &["promis", "told", "tell", "assur"],
    &["allergy", "allergic"],
    &["nurs", "nurse"],
    &["pay", "settl", "paid"],
    &["2", "two", "twice", "double", "both"],
    &["1", "one", "once", "singl"],
    &["3", "three"],
    &["4", "four"],
    &["5", "five"],
    &["6", "six"],
    &["7", "seven"],
    &["8", "eight"],
    &["9", "nine"],
    &["10", "ten"],
    &["11", "eleven"],
    &["12", "twelv"],
    &["20", "twenty"],
    &["30", "thirty"],
    &["40", "forty"],
    &["50", "fifty"],
    &["noon", "midday"],
    &["mother", "mum", "mom"],
    &["father", "dad"],
    &["child", "children", "kid"],
    &["marry", "marri", "wed", "wedd"],
    &["refund", "reimburs"],
    &["invoic", "bill"],
    &["leav", "left", "leave"],
    &["house", "home"],
    &["buy", "bought"],
    &["job", "employ"],
    &["repair", "fix", "mend"],
    &["start", "began", "begin"],
    &["flat", "apartment"],
    &["car", "vehicl"],
    &["appointment", "appt"],
    &["subscription", "subscrib"],
    &["eat", "ate"],
    &["drink", "drank"],
];

/// Words that tell how something is wanted, done or told, but not what it is about.
static WEAK: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    listed(
        "upgrad downgrad subscription gone increas rais reduc lower grow good permanent altogether complet cancell died quitt wish call give gave get got mak tak take took go going went let put keep kept book arrang
         schedul set due see visit use agent number date time promis plan know known run right correct wrong new
         current latest back day week month year mov chang switch cancel remov stop end clos sold sell die dead
         replac swap disconnect terminat withdraw quit retir decid find found want doctor able abl allow thing report
         complain mention confirm state today tomorrow yesterday january february march april may june july august
         september october november december spring summer autumn winter work discontinu off until sinc recent",
    )
});

/// The form a word takes.
fn form(word: &str) -> String {
    let stem = stem(word);
    match FORMS.iter().find(|forms| forms.contains(&word) || forms.contains(&stem.as_str())) {
        Some(forms) => forms[0].to_owned(),
        None => stem,
    }
}

/// A stem: endings of number, tense and manner taken off, "y" and "i" alike.
fn stem(word: &str) -> String {
    let word = word.strip_suffix("ies").map(|w| format!("{w}y")).unwrap_or_else(|| word.to_owned());
    if word.len() <= 3 || !word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
        return word;
    }
    for ending in ["ings", "ing", "edly", "ed", "es", "s", "e"] {
        let Some(front) = word.strip_suffix(ending) else { continue };
        let long = front.len() >= 3 && front.bytes().any(|b| b"aeiouy".contains(&b));
        if !long || (ending == "s" && front.ends_with('s')) || (ending == "s" && front.ends_with('u')) {
            continue;
        }
        // "stopped" is "stop", "called" is "call".
        let bytes = front.as_bytes();
        let last = bytes[bytes.len() - 1];
        let doubled = last == bytes[bytes.len() - 2] && !b"lsz".contains(&last) && ending.len() > 1 && ending != "es";
        let front = if doubled { &front[..front.len() - 1] } else { front };
        return front.strip_suffix('e').filter(|f| f.len() >= 3).unwrap_or(front).to_owned();
    }
    word
}

pattern!(THOUSANDS, r"(?P<a>\d),(?P<b>\d{3})\b");

/// The words of a text, lower case, without their apostrophes: "doesn't" is "does not".
pub(super) fn plain(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('’', "'");
    let text = text.replace("can't", "cannot").replace("won't", "will not").replace("n't", " not").replace("'s", "");
    let text = text.replace("is called ", "is ").replace("is named ", "is ");
    let text = text.replace("e-mail", "email").replace("ring back", "callback").replace("rings back", "callback");
    let text = text.replace("call back", "callback").replace("12 o'clock", "noon").replace("12 pm", "noon");
    // "5,000" is one number.
    let text = THOUSANDS.replace_all(&text, "$a$b");
    text.split(|c: char| !c.is_alphanumeric() && c != '-')
        .map(|word| word.trim_matches('-').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// The words that mean something, in one form each.
pub(super) fn meaning(text: &str) -> BTreeSet<String> {
    forms(text).into_iter().map(|(_, form)| form).collect()
}

/// The words that mean something, as they stand and in their form.
fn forms(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for word in plain(text).iter().flat_map(|word| word.split('-')) {
        let form = form(word);
        if word.is_empty() || STOP.contains(word) || STOP.contains(form.as_str()) {
            continue;
        }
        if denies(&form) {
            out.push(("not".to_owned(), "not".to_owned()));
            // "Hates" is "does not like".
            if matches!(form.as_str(), "dislik" | "dislike" | "hat" | "hate") {
                out.push((word.to_owned(), "wish".to_owned()));
            }
        } else {
            out.push((word.to_owned(), form));
        }
    }
    out
}

fn denies(form: &str) -> bool {
    DENIES.contains(&form) || matches!(form, "dislik" | "hat" | "refus")
}

/// Whether a text denies something.
pub(super) fn is_denial(text: &str) -> bool {
    plain(text).iter().any(|word| denies(&form(word)))
}

/// What a text is about: its meaning without how it is wanted, done or told.
pub(super) fn topic(text: &str) -> BTreeSet<String> {
    let weak = |word: &str| word == "not" || WEAK.contains(word) || WEAK.contains(stem(word).as_str());
    forms(text).into_iter().filter(|(word, form)| !weak(word) && !weak(form)).map(|(_, form)| form).collect()
}

/// Words that tell no more than how somebody came to say it.
const TELLING: &[&str] =
    &["wish", "know", "keep", "number", "report", "complain", "mention", "state", "confirm", "give"];

/// Whether two sentences mean the same, whether wished for, complained of or just told.
pub(super) fn agree(one: &str, other: &str) -> bool {
    let (a, b) = (meaning(one), meaning(other));
    a == b || (topic(one).len() >= 2 && a.symmetric_difference(&b).all(|word| TELLING.contains(&word.as_str())))
}

/// Whether one of the two is part of the other, and neither is empty.
pub(super) fn within(one: &BTreeSet<String>, other: &BTreeSet<String>) -> bool {
    !one.is_empty() && !other.is_empty() && (one.is_subset(other) || other.is_subset(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means_the_same(one: &str, other: &str) -> bool {
        meaning(one) == meaning(other)
    }

    #[test]
    fn one_thing_said_in_two_ways_means_the_same() {
        for (one, other) in [
            ("Is allergic to peanuts", "Has a peanut allergy"),
            ("Does not eat pork", "Never eats pork"),
            ("Prefers not to be called before noon", "Asked that nobody rings before 12 o'clock"),
            ("Asked for a refund of order 3387", "Asked again to have order 3387 refunded"),
            ("Was angry about the double charge", "Was furious at having been charged twice"),
        ] {
            assert!(means_the_same(one, other), "{:?} {:?}", meaning(one), meaning(other));
        }
    }

    #[test]
    fn what_differs_in_a_number_a_name_or_a_denial_does_not() {
        for (one, other) in [
            ("Has two dogs", "Has three dogs"),
            ("Likes tea", "Does not like tea"),
            ("Has a daughter, Freya", "Has a daughter, Zoe"),
            ("Call before noon", "Call after noon"),
        ] {
            assert!(!means_the_same(one, other), "{one} / {other}");
        }
    }

    #[test]
    fn stems_meet() {
        for words in [["nurse", "nursing"], ["delivery", "deliveries"], ["stopped", "stops"], ["invoice", "invoices"]] {
            assert_eq!(form(words[0]), form(words[1]), "{words:?}");
        }
    }
}
