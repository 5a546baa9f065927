//! How a sentence begins: who does it, how often, with which verb, and in which tense.

use crate::ai::by_rules::sentence::pattern;

/// Who does what the sentence tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doer {
    /// "I scan the letters": the caller's own words.
    Speaker,
    /// "Scans the letters", "The caller scans the letters": a note about the caller.
    Caller,
    /// Somebody or something else.
    Other,
}

/// When it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tense {
    Present,
    Past,
    /// No verb the rules know of.
    Unknown,
}

/// The frame of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape<'a> {
    pub(super) doer: Doer,
    pub(super) tense: Tense,
    /// "always", "usually", … before the verb or the doer; in lower case.
    pub(super) often: Option<String>,
    /// The verb in its first form when it is present ("pays" → "pay"), as it was said otherwise. In lower case.
    pub(super) verb: String,
    /// What comes after the verb.
    pub(super) rest: &'a str,
    /// The doer acts under a condition told first: "When the alarm goes off I …".
    pub(super) conditioned: bool,
}

pattern!(
    ANNOUNCES,
    r"(?i)^(?:you know(?: how (?:i|we) do (?:it|that|this))?|what (?:i|we)(?: usually| always| normally)? do is(?: that)?|the way (?:i|we) do it is(?: that)?|as a rule|by the way|honestly|look|listen|basically)[,:]?\s+"
);
pattern!(
    CONDITION,
    r"(?i)^(?:when(?:ever)?|if|once|as soon as|every|each|after|before|until|on|in|at|for|to|with|from)\b.+?[,\s](?P<main>(?:i|we)\s+\S.*)$"
);
pattern!(SPEAKER, r"(?i)^(?:i|we)\s+");
pattern!(
    CALLER,
    r"(?i)^(?:(?:the |this |our )?(?:caller|customer|user|client|patient|guest|member|subscriber|tenant|policyholder)|he|she|they)\s+"
);
pattern!(
    ADVERB,
    r"(?i)^(?:(?P<often>always|usually|normally|typically|generally|routinely|regularly|often|frequently|mostly|sometimes|rarely|seldom|hardly ever|never|occasionally|nearly always|almost always|invariably|habitually|consistently|repeatedly|constantly|as a rule|every time)|also|still|just|first|then|now|only|ever|once|almost|nearly|really|actually|personally|simply|tend to|have to|has to|need to|like to|likes to|\w{3,}ly),?\s+"
);

/// Past forms that do not end in "-ed" and are no present form too.
const PAST: &str = " ate became began bent bit bled blew bought broke brought built burnt came caught chose crashed did drank drew \
    drove dug fell felt fled flew forgot found froze gave got grew had heard held hid hit hung hurt kept knew laid left lent lit \
    lost made meant met paid ran rang rode rose said sang sank sat saw sent shook shot slept slid sold spent split spoke spoilt \
    stole stood stuck swam swore threw told took tore understood upset was went were woke won wore wrote ";
/// Words that look like verbs in "-s" or "-ed" at the head of a note, and are none.
const NO_VERB: &str = " is has was does this his its hers theirs ours yes thanks perhaps besides sometimes always afterwards nowadays \
    towards news us as plus less unless christmas sms gps address business access various previous deliveries mornings afternoons \
    evenings nights weekdays weekends mondays tuesdays wednesdays thursdays fridays saturdays sundays parcels letters invoices \
    bills payments phones glasses kids parents children red bed hundred need indeed ";
/// Words after "I" that are no verb of doing, or only help another verb.
const HELPERS: &str = " am was were will would can could should shall might may must don't did didn't can't won't have had \
    haven't hadn't a the my our you it not ";

/// The frame of a sentence without leading opinion and with straight apostrophes.
pub(super) fn shape(text: &str) -> Shape<'_> {
    let text = &text[ANNOUNCES.find(text).map_or(0, |m| m.end())..];
    let (text, conditioned) = match CONDITION.captures(text).and_then(|c| c.name("main")) {
        Some(main) => (main_clause(text, main.start()), true),
        None => (text, false),
    };
    let (before, text) = adverbs(text);
    let (doer, text) = if let Some(m) = SPEAKER.find(text) {
        (Doer::Speaker, &text[m.end()..])
    } else if let Some(m) = CALLER.find(text) {
        (Doer::Caller, &text[m.end()..])
    } else {
        (Doer::Other, text)
    };
    let (after, text) = adverbs(text);
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let word = word.trim_end_matches([',', '.', ';', ':', '!']).to_lowercase();
    // A note leaves its doer out: "Pays by card". The caller's own words do not.
    let bare = doer == Doer::Other && !conditioned;
    let (tense, verb) = verb(&word, doer);
    let doer = if bare && tense != Tense::Unknown { Doer::Caller } else { doer };
    Shape { doer, tense, often: after.or(before), verb, rest, conditioned }
}

/// Of "Every time I get a new phone I move the number over", what the caller does: after the comma if there is one, else the last "I".
fn main_clause(text: &str, first: usize) -> &str {
    let starts =
        text.match_indices(' ').map(|(at, _)| at + 1).filter(|at| *at >= first && SPEAKER.is_match(&text[*at..]));
    let starts: Vec<usize> = starts.collect();
    let after_comma = starts.iter().find(|at| text[..**at].trim_end().ends_with(','));
    let last = starts.iter().rev().find(|at| {
        let before = text[..**at].trim_end().to_lowercase();
        !["before", "after", "when", "if", "until", "because", "while", "and", "that"]
            .iter()
            .any(|w| before.ends_with(w))
    });
    &text[after_comma.or(last).copied().unwrap_or(first)..]
}

fn adverbs(mut text: &str) -> (Option<String>, &str) {
    let mut often = None;
    while let Some(c) = ADVERB.captures(text) {
        often = c.name("often").map(|m| m.as_str().to_lowercase()).or(often);
        text = &text[c[0].len()..];
    }
    (often, text)
}

fn verb(word: &str, doer: Doer) -> (Tense, String) {
    if is_in(PAST, word) || (word.len() > 3 && word.ends_with("ed") && !word.ends_with("eed") && !is_in(NO_VERB, word))
    {
        return (Tense::Past, word.to_owned());
    }
    if !word.chars().all(char::is_alphabetic) && !word.contains('-') {
        return (Tense::Unknown, word.to_owned());
    }
    // "They pay", "I pay": the plain form; a note or "she" has an "-s".
    if doer != Doer::Speaker && word.len() > 3 && word.ends_with('s') && !word.ends_with("ss") {
        return if is_in(NO_VERB, word) { (Tense::Unknown, word.to_owned()) } else { (Tense::Present, plain(word)) };
    }
    let known = doer != Doer::Other && !word.is_empty() && !is_in(HELPERS, word) && !is_in(NO_VERB, word);
    (if known { Tense::Present } else { Tense::Unknown }, word.to_owned())
}

/// "pays" → "pay", "carries" → "carry", "switches" → "switch".
fn plain(word: &str) -> String {
    let stem = |end: &str| word.strip_suffix(end);
    if let Some(stem) = stem("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    match stem("es").filter(|s| ["ch", "sh", "ss", "x", "zz", "o"].iter().any(|end| s.ends_with(end))) {
        Some(stem) => stem.to_owned(),
        None => stem("s").unwrap_or(word).to_owned(),
    }
}

/// Whether a word is in a list of words between spaces.
pub(super) fn is_in(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|one| one == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (Doer, Tense, String) {
        let shape = shape(text);
        (shape.doer, shape.tense, shape.verb)
    }

    #[test]
    fn the_doer_and_the_verb_are_found() {
        use Doer::{Caller, Other, Speaker};
        use Tense::{Past, Present, Unknown};
        for (text, doer, tense, verb) in [
            ("Carries the boxes down", Caller, Present, "carry"),
            ("The caller switches it off", Caller, Present, "switch"),
            ("Usually I pay in cash", Speaker, Present, "pay"),
            ("I always check it", Speaker, Present, "check"),
            ("Bought a lamp", Caller, Past, "bought"),
            ("She moved house", Caller, Past, "moved"),
            ("If the light is red, I press the knob", Speaker, Present, "press"),
            ("Every time I lose a key I order two", Speaker, Present, "order"),
            ("Before I go to bed I lock the door", Speaker, Present, "lock"),
            ("What I do is I count them", Speaker, Present, "count"),
            ("The lift is broken", Other, Unknown, "the"),
            ("Is a nurse", Other, Unknown, "is"),
            ("Mornings only", Other, Unknown, "mornings"),
            ("I'm tired", Other, Unknown, "i'm"),
            ("", Other, Unknown, ""),
        ] {
            assert_eq!(told(text), (doer, tense, verb.to_owned()), "{text}");
        }
    }

    #[test]
    fn how_often_is_noted() {
        assert_eq!(shape("Usually pays in cash").often.as_deref(), Some("usually"));
        assert_eq!(shape("I never pay in cash").often.as_deref(), Some("never"));
        assert_eq!(shape("Pays in cash").often, None);
        assert!(shape("When it rains I take the bus").conditioned);
    }
}
