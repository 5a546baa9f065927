//! Sentences fit to be spoken, without a model.

use super::evidence::cost;
use crate::injection::for_prompt;
use crate::{Excerpt, Hit, Memory, Mode, Recalled, Sector, Speaker, StepTimes};

/// Memories in a summary at the most: more than three facts in one breath are not understood.
const MAX_SENTENCES: usize = 3;

/// What an empty answer says.
const NOTHING: &str = "Nothing is remembered about that.";

/// Characters of a memory or a turn, and of a name, in a prompt at the most.
const MOST_CHARS: usize = 1_000;
pub(super) const MOST_NAME_CHARS: usize = 80;

/// What goes before what was archived.
const FROM_LONG_AGO: &str = "From long ago, and perhaps no longer so:";

/// What shortening has left free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// Places; none where anything had to be left out.
    pub places: usize,
    /// Words.
    pub words: usize,
}

/// Keeps at most `limit` hits and at most so many words; one hit at least.
pub(super) fn shorten(hits: &mut Vec<Hit>, limit: usize, most: usize) -> Room {
    let found = hits.len();
    hits.truncate(limit);
    let mut used = 0;
    let mut keep = 0;
    for hit in hits.iter() {
        let words = cost(hit);
        if keep > 0 && used + words > most {
            break;
        }
        used += words;
        keep += 1;
    }
    hits.truncate(keep);
    let places = if keep < found { 0 } else { limit - keep };
    Room { places, words: most.saturating_sub(used) }
}

/// The answer about somebody of whom nothing is to be told: as about one of whom nothing is known.
pub(super) fn nothing(mode: Mode) -> Recalled {
    let summary = summary(&[], false, false);
    Recalled { hits: Vec::new(), summary, from_archive: false, mode, degraded: None, times: StepTimes::default() }
}

/// The best hits as one short text. Hits far behind the best are left to the list. Where nothing current matched, it
/// says so.
pub(super) fn summary(hits: &[Hit], faded: bool, shared: bool) -> String {
    let Some(best) = hits.first() else { return NOTHING.to_owned() };
    let near = || hits.iter().filter(|hit| hit.score >= best.score * 0.5);
    // What was derived is said better than what was said; turns speak only where nothing was derived.
    let derived: Vec<String> =
        near().filter_map(Hit::memory).take(MAX_SENTENCES).map(|memory| said_by(memory, shared)).collect();
    let derived_is_empty = derived.is_empty();
    let sentences = if derived_is_empty {
        near().filter_map(Hit::excerpt).take(MAX_SENTENCES).map(quotation).collect()
    } else {
        derived
    };
    let sentences = sentences.join(" ");
    if faded && !derived_is_empty { format!("{FROM_LONG_AGO} {sentences}") } else { sentences }
}

/// One memory as a sentence: capitalised, ended, and dated when it is an event whose words hold no date.
pub(crate) fn sentence(memory: &Memory) -> String {
    let text = for_prompt(&memory.content, MOST_CHARS);
    let text = text.trim_end_matches(['.', ' ']);
    let mut sentence = capitalised(text);
    if memory.sector == Sector::Episodic && !mentions_a_year(text) {
        sentence.push_str(&format!(" ({})", spoken_date(memory.occurred_at)));
    }
    if !sentence.ends_with(['!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// As [`sentence`]; on a line that several people use with the name of whoever said it, where it is known: "Tom: …".
pub(crate) fn said_by(memory: &Memory, shared: bool) -> String {
    match memory.speaker.as_deref().filter(|_| shared) {
        Some(speaker) => format!("{}: {}", for_prompt(speaker, MOST_NAME_CHARS), sentence(memory)),
        None => sentence(memory),
    }
}

/// What was said, by whom and when: "On Sunday 22 November 2026 the caller said: …".
fn quotation(excerpt: &Excerpt) -> String {
    let who = match excerpt.speaker {
        Speaker::User => "the caller",
        Speaker::Agent => "the agent",
    };
    let said = for_prompt(&excerpt.text, MOST_CHARS);
    let end = if said.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("On {} {who} said: {said}{end}", spoken_date(excerpt.said_at))
}

/// "Sunday 22 November 2026".
pub(super) fn spoken_date(at: crate::Timestamp) -> String {
    at.format("%A %-d %B %Y").to_string()
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

pub(super) fn mentions_a_year(text: &str) -> bool {
    text.split(|c: char| !c.is_ascii_digit()).any(|w| w.len() == 4 && (w.starts_with("19") || w.starts_with("20")))
}
