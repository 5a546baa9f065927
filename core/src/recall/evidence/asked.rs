//! What a question says about where its answer stands.

use super::TurnIndex;
use crate::text::{plain, words};
use crate::{Speaker, Timestamp};
use chrono::Datelike;
use std::collections::{BTreeSet, HashMap};

/// Words that make a question and say nothing about its answer; in lower case, not stemmed, sorted.
const ASKING: [&str; 78] = [
    "about",
    "after",
    "again",
    "am",
    "any",
    "anything",
    "because",
    "been",
    "before",
    "being",
    "between",
    "both",
    "can",
    "could",
    "did",
    "does",
    "doing",
    "done",
    "during",
    "each",
    "from",
    "had",
    "has",
    "have",
    "having",
    "he",
    "her",
    "here",
    "him",
    "his",
    "how",
    "i",
    "its",
    "just",
    "know",
    "like",
    "many",
    "may",
    "me",
    "mention",
    "mentioned",
    "might",
    "more",
    "most",
    "must",
    "my",
    "now",
    "our",
    "own",
    "please",
    "said",
    "say",
    "says",
    "she",
    "should",
    "so",
    "some",
    "something",
    "tell",
    "than",
    "them",
    "told",
    "too",
    "us",
    "very",
    "we",
    "were",
    "what",
    "when",
    "where",
    "which",
    "while",
    "who",
    "whom",
    "whose",
    "why",
    "would",
    "you",
];

/// What agents and supervisors call the two sides.
const CALLER: [&str; 4] = ["caller", "client", "customer", "guest"];
const AGENT: [&str; 4] = ["adviser", "agent", "assistant", "representative"];

/// Words by which a turn says when something is.
const TIME_WORDS: [&str; 40] = [
    "ago",
    "april",
    "august",
    "autumn",
    "birthday",
    "christmas",
    "day",
    "december",
    "easter",
    "evening",
    "fall",
    "february",
    "friday",
    "january",
    "july",
    "june",
    "last",
    "march",
    "monday",
    "month",
    "morning",
    "next",
    "night",
    "november",
    "october",
    "recently",
    "saturday",
    "september",
    "spring",
    "summer",
    "sunday",
    "thursday",
    "today",
    "tomorrow",
    "tuesday",
    "wednesday",
    "week",
    "weekend",
    "winter",
    "yesterday",
];

const MONTHS: [&str; 12] = [
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
];

/// A question, read.
#[derive(Debug, Clone, Default)]
pub(in crate::recall) struct Asked {
    /// Its words that mean something, each with its rarity among the caller's turns.
    pub weights: HashMap<String, f32>,
    /// Whose words it asks for, if it names one side and not the other.
    pub speaker: Option<Speaker>,
    /// Whether it asks for a time.
    pub when: bool,
    /// Months it names.
    months: Vec<u32>,
    /// Years it names.
    years: Vec<i32>,
}

impl Asked {
    /// Reads a question against the turns it is asked of.
    pub(in crate::recall) fn new(question: &str, index: &TurnIndex) -> Self {
        let all: Vec<String> = plain(question).collect();
        let meant: Vec<&str> =
            all.iter().map(String::as_str).filter(|word| ASKING.binary_search(word).is_err()).collect();
        let terms: Vec<String> = meant
            .iter()
            .filter(|word| CALLER.binary_search(word).is_err() && AGENT.binary_search(word).is_err())
            .flat_map(|word| words(word))
            .collect();
        let names = |side: &BTreeSet<String>| all.iter().any(|word| side.contains(word));
        let holds = |sides: &[&str]| all.iter().any(|word| sides.binary_search(&word.as_str()).is_ok());
        let speaker = match (names(index.callers()) || holds(&CALLER), names(index.agents()) || holds(&AGENT)) {
            (true, false) => Some(Speaker::User),
            (false, true) => Some(Speaker::Agent),
            _ => None,
        };
        let has = |word: &str| all.iter().any(|w| w == word);
        let when = has("when")
            || has("date")
            || (has("what") && (has("day") || has("time")))
            || question.to_lowercase().contains("how long");
        // "may" is a month only beside a number or "in".
        let may =
            |at: usize| at > 0 && matches!(all[at - 1].as_str(), "in" | "since" | "until" | "of" | "last" | "this");
        let months = all
            .iter()
            .enumerate()
            .filter(|(at, word)| *word != "may" || may(*at))
            .filter_map(|(_, word)| MONTHS.iter().position(|month| month == word))
            .map(|at| at as u32 + 1)
            .collect();
        let years = all
            .iter()
            .filter(|w| w.len() == 4)
            .filter_map(|w| w.parse().ok())
            .filter(|y| (1900..2100).contains(y))
            .collect();
        Self { weights: index.weights(&terms), speaker, when, months, years }
    }

    /// Whether the question names a month or a year, and the day lies in it.
    pub(in crate::recall) fn dated(&self, day: Timestamp) -> bool {
        let month = self.months.is_empty() || self.months.contains(&day.month());
        let year = self.years.is_empty() || self.years.contains(&day.year());
        month && year && !(self.months.is_empty() && self.years.is_empty())
    }
}

/// Whether a turn says when something is.
pub(in crate::recall) fn tells_when(text: &str) -> bool {
    plain(text).any(|word| {
        TIME_WORDS.binary_search(&word.as_str()).is_ok()
            || (word.len() == 4 && (word.starts_with("19") || word.starts_with("20")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(ASKING.is_sorted() && TIME_WORDS.is_sorted() && CALLER.is_sorted() && AGENT.is_sorted());
    }
}
