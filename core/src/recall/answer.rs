//! Sentences fit to be spoken, without a model.

use crate::{Hit, Memory, Sector};

/// Memories in a summary at the most: more than three facts in one breath are not understood.
const MAX_SENTENCES: usize = 3;

/// What an empty answer says.
const NOTHING: &str = "Nothing is remembered about that.";

/// The best hits as one short text. Hits far behind the best are left to the list.
pub(super) fn summary(hits: &[Hit]) -> String {
    let Some(best) = hits.first() else { return NOTHING.to_owned() };
    let sentences: Vec<String> = hits
        .iter()
        .take(MAX_SENTENCES)
        .filter(|hit| hit.score >= best.score * 0.5)
        .map(|hit| sentence(&hit.memory))
        .collect();
    sentences.join(" ")
}

/// One memory as a sentence: capitalised, ended, and dated when it is an event whose words hold no date.
pub(crate) fn sentence(memory: &Memory) -> String {
    let text = memory.content.trim().trim_end_matches(['.', ' ']);
    let mut sentence = capitalised(text);
    if memory.sector == Sector::Episodic && !mentions_a_year(text) {
        sentence.push_str(&format!(" ({})", spoken_date(memory.occurred_at)));
    }
    if !sentence.ends_with(['!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// "Sunday 22 November 2026".
pub(super) fn spoken_date(at: crate::Timestamp) -> String {
    at.format("%A %-d %B %Y").to_string()
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn mentions_a_year(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|w| w.len() == 4 && (w.starts_with("19") || w.starts_with("20")))
}
