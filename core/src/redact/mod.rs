//! What callers say that nobody may keep: card numbers, IBANs, national ids, passwords, PINs and one-time codes. They are
//! replaced by marks such as `[card number]` before anything is made of a call, stored or sent anywhere.
//!
//! A number is found by its check digits, whatever it is called, or by what it is called, though a digit was misheard;
//! written or spoken ("four two, double four, oh nine"), also where it is told in pieces over several turns. What
//! agents need is left alone: orders, parcels, telephones, addresses, days, amounts. How well that works is measured on labelled
//! calls: `cargo xtask eval redaction`, figures in docs/benchmarks.md.
//!
//! Honest limits: spoken words are English; a password that is said with no word around it that tells it is one, is kept;
//! a card number of which the recogniser lost whole groups is found only where somebody called it a card number; and codes for
//! doors and gates are kept on purpose, since people tell them for deliveries.

mod check;
mod context;
mod number;
mod password;
mod run;
mod token;

use crate::{Candidate, Speaker, Transcript};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;

/// A kind of secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretKind {
    /// A payment card's number.
    CardNumber,
    /// The three or four digits on a card that are no part of its number.
    SecurityCode,
    /// A personal identification number.
    Pin,
    /// An international bank account number.
    Iban,
    /// What a state tells people apart by: social security, national insurance, tax and passport numbers.
    NationalId,
    /// A password, passphrase, passcode or memorable word.
    Password,
    /// A code that was sent to somebody to prove who they are.
    OneTimeCode,
}

impl SecretKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::CardNumber,
        Self::SecurityCode,
        Self::Pin,
        Self::Iban,
        Self::NationalId,
        Self::Password,
        Self::OneTimeCode,
    ];

    /// What stands in its place.
    pub fn mark(self) -> &'static str {
        match self {
            Self::CardNumber => "[card number]",
            Self::SecurityCode => "[security code]",
            Self::Pin => "[PIN]",
            Self::Iban => "[IBAN]",
            Self::NationalId => "[national id]",
            Self::Password => "[password]",
            Self::OneTimeCode => "[one-time code]",
        }
    }
}

/// The length of the mark that a text begins with.
fn mark_at(text: &str) -> Option<usize> {
    if !text.starts_with('[') {
        return None;
    }
    SecretKind::ALL.into_iter().map(SecretKind::mark).find(|mark| text.starts_with(mark)).map(str::len)
}

/// What is taken out of what callers say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedactionConfig {
    /// What is replaced by a mark: `card_number`, `security_code`, `pin`, `iban`, `national_id`, `password`, `one_time_code`.
    /// Empty: nothing is.
    pub kinds: Vec<SecretKind>,
    /// Whether transcripts are stored without it. Where not, they hold it, sealed; no answer of any route ever does.
    pub transcripts: bool,
    /// Whether models are sent calls without it. Where not, what they say of it is still replaced before it is stored.
    pub models: bool,
}

impl Default for RedactionConfig {
    fn default() -> Self {
        Self { kinds: SecretKind::ALL.to_vec(), transcripts: true, models: true }
    }
}

/// A secret in a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The turn, 0-based.
    pub turn: usize,
    /// Its bytes in the turn's text.
    pub span: Range<usize>,
    /// What it is.
    pub kind: SecretKind,
}

/// Finds secrets and replaces them. Pure: the same text gives the same marks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redactor {
    config: RedactionConfig,
}

impl Redactor {
    /// As configured.
    pub fn new(config: RedactionConfig) -> Self {
        Self { config }
    }

    /// Whether transcripts are stored without secrets.
    pub fn transcripts(&self) -> bool {
        self.config.transcripts
    }

    /// Whether models are sent calls without secrets.
    pub fn models(&self) -> bool {
        self.config.models
    }

    /// The secrets of some turns that belong to one call, in order, none inside another.
    pub fn find(&self, turns: &[(Speaker, &str)]) -> Vec<Secret> {
        if self.config.kinds.is_empty() {
            return Vec::new();
        }
        let call = run::Call::read(turns);
        let mut found = number::find(&call);
        found.extend(password::find(&call));
        found.retain(|secret| self.config.kinds.contains(&secret.kind));
        settle(found)
    }

    /// A text without its secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = self.find(&[(Speaker::User, text)]);
        if found.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(replace(text, found.iter())) }
    }

    /// A call without its secrets. Turns keep their places; marks take the place of words.
    pub fn transcript(&self, call: &Transcript) -> Transcript {
        let found = self.find(&spoken(call));
        let mut clean = call.clone();
        for (at, turn) in clean.turns.iter_mut().enumerate() {
            let mut here = found.iter().filter(|secret| secret.turn == at).peekable();
            if here.peek().is_some() {
                turn.text = replace(&turn.text, here);
            }
        }
        clean.caller_name = call.caller_name.as_deref().map(|name| self.text(name).into_owned());
        clean
    }

    /// What was made of a call, without its secrets: those that a candidate's own words show to be one, and those that the call
    /// showed to be one and the candidate only repeats.
    pub fn candidates(&self, call: &Transcript, candidates: Vec<Candidate>) -> Vec<Candidate> {
        let turns = spoken(call);
        let known = Known::of(&turns, &self.find(&turns));
        let clean = |text: &str| known.replace(&self.text(text));
        candidates
            .into_iter()
            .map(|mut candidate| {
                candidate.content = clean(&candidate.content);
                if let Some(slot) = &mut candidate.slot {
                    // By itself a value does not say what it is.
                    let value = clean(&slot.value);
                    slot.value = if candidate.content.contains(&slot.value) { value } else { known.only(&value) };
                }
                candidate
            })
            .collect()
    }
}

fn spoken(call: &Transcript) -> Vec<(Speaker, &str)> {
    call.turns.iter().map(|turn| (turn.speaker, turn.text.as_str())).collect()
}

/// Sorted; of two that overlap one that covers both, of the first one's kind.
fn settle(mut found: Vec<Secret>) -> Vec<Secret> {
    found.sort_by_key(|secret| (secret.turn, secret.span.start, std::cmp::Reverse(secret.span.end)));
    let mut settled: Vec<Secret> = Vec::with_capacity(found.len());
    for secret in found {
        match settled.last_mut() {
            Some(last) if last.turn == secret.turn && secret.span.start < last.span.end => {
                last.span.end = last.span.end.max(secret.span.end);
            }
            _ => settled.push(secret),
        }
    }
    settled
}

fn replace<'a>(text: &str, found: impl Iterator<Item = &'a Secret>) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    for secret in found {
        clean.push_str(&text[at..secret.span.start]);
        clean.push_str(secret.kind.mark());
        at = secret.span.end;
    }
    clean.push_str(&text[at..]);
    clean
}

/// The secrets of a call, to be known again where they are repeated without the words that told what they are.
#[derive(Debug, Default)]
struct Known {
    symbols: Vec<(String, SecretKind)>,
    words: Vec<(String, SecretKind)>,
}

impl Known {
    fn of(turns: &[(Speaker, &str)], found: &[Secret]) -> Self {
        let mut known = Self::default();
        for secret in found {
            let Some((_, text)) = turns.get(secret.turn) else { continue };
            let said = &text[secret.span.clone()];
            let symbols = run::symbols_of(said);
            if symbols.len() >= 3 {
                known.symbols.push((symbols, secret.kind));
            }
            if said.len() >= 4 {
                known.words.push((said.to_lowercase(), secret.kind));
            }
        }
        known
    }

    fn replace(&self, text: &str) -> String {
        let call = run::Call::read(&[(Speaker::User, text)]);
        let mut found = Vec::new();
        for run in &call.runs {
            let symbols = run.text();
            if let Some((_, kind)) = self.symbols.iter().find(|(known, _)| {
                symbols.contains(known.as_str()) || (symbols.len() >= 4 && known.contains(symbols.as_str()))
            }) {
                found.push(Secret { turn: 0, span: call.span(run), kind: *kind });
            }
        }
        let lower = text.to_lowercase();
        // Only where lower case is as long as the text: else places would not match.
        for (words, kind) in self.words.iter().filter(|_| lower.len() == text.len()) {
            let fits = |(at, _): &(usize, &str)| text.is_char_boundary(*at) && text.is_char_boundary(at + words.len());
            let spans = lower.match_indices(words.as_str()).filter(fits);
            found.extend(spans.map(|(at, _)| Secret { turn: 0, span: at..at + words.len(), kind: *kind }));
        }
        let found = settle(found);
        replace(text, found.iter())
    }

    /// The mark alone, where a value holds a known secret.
    fn only(&self, value: &str) -> String {
        self.replace(value)
    }
}

#[cfg(test)]
mod tests;
