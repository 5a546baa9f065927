//! Which runs are secrets: by their check digits, or by what they are said to be.

use super::context::Context;
use super::run::{Call, Run, Turn};
use super::token::{Part, Token};
use super::{Secret, SecretKind, check};
use std::collections::HashSet;

/// Turns between two pieces of one number at the most.
const TURNS_BETWEEN: usize = 4;
/// Words beside the digits of a piece, and of what the other side says in between.
const WORDS_BESIDE: usize = 8;
const WORDS_BETWEEN: usize = 12;
/// Longest number there is: an IBAN.
const LONGEST: usize = 34;
/// Secrets that are looked for again.
const MOST_KNOWN: usize = 100;
/// Pieces of one number at the most.
const PIECES: usize = 40;

/// What is said between the pieces of a number.
const JOINING: [&str; 52] = [
    "so", "okay", "ok", "yeah", "yes", "yep", "followed", "by", "that's", "it's", "is", "no", "wait", "sorry",
    "actually", "i", "mean", "again", "the", "last", "first", "rest", "four", "ones", "digits", "numbers", "with",
    "ends", "starts", "it", "goes", "let", "me", "see", "right", "of", "it", "now", "well", "please", "finally",
    "final", "after", "that", "which", "go", "on", "second", "third", "set", "group", "got",
];

/// Every secret that is a number or code.
pub(super) fn find(call: &Call) -> Vec<Secret> {
    let mut finder = Finder { call, found: Vec::new(), taken: HashSet::new(), known: Vec::new() };
    finder.ibans();
    let stretches: Vec<Run> = call.runs.iter().flat_map(digits).collect();
    let chains = Chains::of(call, &stretches);
    finder.cards(&stretches, &chains);
    finder.national_ids(&stretches, &chains);
    finder.short_codes(&stretches);
    finder.repeated();
    finder.found
}

/// The parts of a run that are digits alone.
fn digits(run: &Run) -> Vec<Run> {
    let mut parts = Vec::new();
    let mut from = None;
    for at in 0..=run.symbols.len() {
        let is_digit = run.symbols.get(at).is_some_and(|(symbol, _)| symbol.is_ascii_digit());
        match (from, is_digit) {
            (None, true) => from = Some(at),
            (Some(start), false) => {
                parts.push(run.part(start..at));
                from = None;
            }
            _ => {}
        }
    }
    parts
}

/// Which runs are pieces of one number: for each the next one, if there is one.
struct Chains {
    next: Vec<Option<usize>>,
}

impl Chains {
    fn of(call: &Call, runs: &[Run]) -> Self {
        let next = (0..runs.len())
            .map(|at| {
                let speaker = call.turns[runs[at].turn].speaker;
                let same = |other: &usize| call.turns[runs[*other].turn].speaker == speaker;
                let near = |other: &usize| runs[*other].turn - runs[at].turn <= TURNS_BETWEEN;
                let next = (at + 1..runs.len()).take_while(near).find(same)?;
                joined(call, &runs[at], &runs[next]).then_some(next)
            })
            .collect();
        Self { next }
    }

    /// The runs from one on.
    fn from(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(at), |at| self.next[*at])
    }
}

fn joined(call: &Call, one: &Run, other: &Run) -> bool {
    if one.turn == other.turn {
        let turn = &call.turns[one.turn];
        return joining(turn, one.last() + 1, other.first());
    }
    let (first, last) = (&call.turns[one.turn], &call.turns[other.turn]);
    let between = &call.turns[one.turn + 1..other.turn];
    let asked_for_more = |turn: &Turn| {
        let other_thing = turn.terms.iter().any(|term| {
            let card = |context| matches!(context, Context::Card | Context::CardNumber);
            !card(term.context) && one.context.is_none_or(|said| said.context != term.context)
        });
        turn.words <= WORDS_BETWEEN && !other_thing
    };
    joining(first, one.last() + 1, first.tokens.len())
        && joining(last, 0, other.first())
        && between.iter().all(asked_for_more)
}

/// Whether nothing stands there but what joins two pieces.
fn joining(turn: &Turn, from: usize, to: usize) -> bool {
    let Some(between) = turn.tokens.get(from..to.max(from)) else { return false };
    let joins = |token: &Token| match token.part {
        Part::Word => token.is(&JOINING),
        Part::Filler | Part::Times(_) => true,
        _ => false,
    };
    between.len() <= WORDS_BESIDE
        && between.iter().all(joins)
        && !turn.terms.iter().any(|t| t.from >= from && t.to <= to)
}

struct Finder<'a> {
    call: &'a Call,
    found: Vec<Secret>,
    taken: HashSet<(usize, usize)>,
    known: Vec<(String, SecretKind)>,
}

impl Finder<'_> {
    fn take(&mut self, run: &Run, kind: SecretKind) {
        self.found.push(Secret { turn: run.turn, span: self.call.span(run), kind });
        self.taken.extend((run.first()..=run.last()).map(|token| (run.turn, token)));
        self.known.push((run.text(), kind));
    }

    fn is_taken(&self, run: &Run) -> bool {
        self.taken.contains(&(run.turn, run.first()))
    }

    fn ibans(&mut self) {
        let runs = &self.call.runs;
        let chains = Chains::of(self.call, runs);
        for at in 0..runs.len() {
            if self.is_taken(&runs[at]) {
                continue;
            }
            // From any letter that begins a token.
            for from in (0..runs[at].symbols.len()).filter(|from| is_cut(&runs[at], *from)) {
                let pieces = gather(runs, chains.from(at), from);
                let text: String = pieces.iter().map(Run::text).collect();
                if let Some(length) = check::iban(&text) {
                    self.take_first(&pieces, length, SecretKind::Iban);
                    break;
                }
            }
            if !self.is_taken(&runs[at]) && runs[at].is(Context::Iban) {
                // Misheard, but called one.
                let pieces = gather(runs, chains.from(at), 0);
                let length: usize = pieces.iter().map(|piece| piece.symbols.len()).sum();
                if length >= 15 {
                    self.take_first(&pieces, length, SecretKind::Iban);
                }
            }
        }
    }

    /// Takes so many symbols of some pieces.
    fn take_first(&mut self, pieces: &[Run], mut length: usize, kind: SecretKind) {
        for piece in pieces {
            let here = piece.symbols.len().min(length);
            if here > 0 {
                self.take(&piece.part(0..here), kind);
            }
            length -= here;
        }
    }

    fn cards(&mut self, stretches: &[Run], chains: &Chains) {
        for at in 0..stretches.len() {
            if self.is_taken(&stretches[at]) {
                continue;
            }
            if let Some((pieces, length)) = card_from(stretches, chains, at) {
                self.take_first(&pieces, length, SecretKind::CardNumber);
            }
        }
        for at in 0..stretches.len() {
            let least = match stretches[at].context.map(|said| said.context) {
                Some(Context::CardNumber) => 8,
                Some(Context::Card) => 12,
                _ => continue,
            };
            let chain: Vec<&Run> = chains
                .from(at)
                .map(|at| &stretches[at])
                .take_while(|run| !run.is(Context::Harmless))
                .take(PIECES)
                .collect();
            if chain.iter().map(|run| run.symbols.len()).sum::<usize>() >= least {
                for run in chain.into_iter().filter(|run| run.symbols.len() > 1) {
                    if !self.is_taken(run) {
                        self.take(run, SecretKind::CardNumber);
                    }
                }
            }
        }
    }

    fn national_ids(&mut self, stretches: &[Run], chains: &Chains) {
        for run in &self.call.runs {
            if self.is_taken(run) {
                continue;
            }
            if run.is(Context::NationalId) {
                let digits = run.symbols.iter().filter(|(symbol, _)| symbol.is_ascii_digit()).count();
                if (6..=20).contains(&run.symbols.len()) && digits >= 5 {
                    self.take(run, SecretKind::NationalId);
                    continue;
                }
            }
            if !run.is(Context::Harmless) && !run.plus {
                for part in segments(self.call, run) {
                    if check::national_id(&part.text()) {
                        self.take(&part, SecretKind::NationalId);
                        break;
                    }
                }
            }
        }
        for (at, run) in stretches.iter().enumerate() {
            let by_form = self.call.turns[run.turn].tokens[run.first()].three_two_four && check::ssn(&run.text());
            if by_form && !run.is(Context::Harmless) && !self.is_taken(run) {
                self.take(run, SecretKind::NationalId);
            }
            let Some(said) = run.context.filter(|said| said.context == Context::SocialSecurity) else { continue };
            let chain: Vec<&Run> = chains.from(at).take(PIECES).map(|at| &stretches[at]).collect();
            let length: usize = chain.iter().map(|run| run.symbols.len()).sum();
            // Its end alone proves who somebody is.
            let asked = &self.call.turns[said.turn].tokens;
            let end = length == 4 && asked.windows(2).any(|w| w[0].is(&["last", "final"]) && w[1].is(&["four", "4"]));
            if end || (7..=11).contains(&length) {
                for run in chain {
                    if !self.is_taken(run) {
                        self.take(run, SecretKind::NationalId);
                    }
                }
            }
        }
    }

    fn short_codes(&mut self, stretches: &[Run]) {
        for run in stretches {
            let Some(said) = run.context else { continue };
            let length = run.symbols.len();
            let kind = match said.context {
                Context::SecurityCode if (3..=4).contains(&length) => SecretKind::SecurityCode,
                Context::Pin if (4..=8).contains(&length) => SecretKind::Pin,
                Context::OneTimeCode if (4..=10).contains(&length) => SecretKind::OneTimeCode,
                _ => continue,
            };
            if !self.is_taken(run) {
                self.take(run, kind);
            }
        }
        for run in &self.call.runs {
            let digits = run.symbols.iter().filter(|(symbol, _)| symbol.is_ascii_digit()).count();
            if run.is(Context::OneTimeCode) && (4..=10).contains(&run.symbols.len()) && digits >= 3 {
                let covered = self.taken.contains(&(run.turn, run.first())) && run.first() == run.last();
                if !covered {
                    self.take(run, SecretKind::OneTimeCode);
                }
            }
        }
    }

    /// What was said to be a secret is one wherever it is repeated: "so four two seven one, yes?"
    fn repeated(&mut self) {
        let mut known = self.known.clone();
        known.sort();
        known.dedup();
        known.truncate(MOST_KNOWN);
        if known.is_empty() {
            return;
        }
        for run in &self.call.runs {
            let text = run.text();
            if text.len() < 4 || self.is_taken(run) || run.is(Context::Harmless) || ends_a_card(self.call, run) {
                continue;
            }
            let whole = |secret: &str| text == secret || (secret.len() >= 8 && text.contains(secret));
            let part = |secret: &str, kind| {
                let long = matches!(kind, SecretKind::CardNumber | SecretKind::Iban | SecretKind::NationalId);
                long && secret.contains(&text)
            };
            if let Some((_, kind)) = known.iter().find(|(secret, kind)| whole(secret) || part(secret, *kind)) {
                self.take(run, *kind);
            }
        }
    }
}

/// The end of a card's number is how people tell their cards apart: "the one ending in 4242".
fn ends_a_card(call: &Call, run: &Run) -> bool {
    let before = call.turns[run.turn].tokens[..run.first()].iter().rev().take(3);
    run.symbols.len() <= 4 && before.into_iter().any(|token| token.is(&["ending", "ends", "end"]))
}

/// Whether a token begins with this symbol.
fn is_cut(run: &Run, at: usize) -> bool {
    at == 0 || run.symbols[at - 1].1 != run.symbols[at].1
}

/// Pieces of a chain as far as the longest number goes, the first from one of its symbols on.
fn gather(runs: &[Run], chain: impl Iterator<Item = usize>, from: usize) -> Vec<Run> {
    let mut pieces = Vec::new();
    let mut length = 0;
    for (place, at) in chain.enumerate() {
        let run = &runs[at];
        let from = if place == 0 { from } else { 0 };
        let piece = run.part(from..run.symbols.len().min(from + LONGEST));
        length += piece.symbols.len();
        pieces.push(piece);
        if length >= LONGEST {
            break;
        }
    }
    pieces
}

/// The card number that begins with a stretch: its pieces and its length.
fn card_from(stretches: &[Run], chains: &Chains, at: usize) -> Option<(Vec<Run>, usize)> {
    let pieces = gather(stretches, chains.from(at), 0);
    let is_card = |run: &Run| run.is(Context::Card) || run.is(Context::CardNumber);
    let mut best = None;
    let mut text = String::new();
    for (place, piece) in pieces.iter().enumerate() {
        let before = text.len();
        text.push_str(&piece.text());
        let said = pieces[..=place].iter().any(is_card);
        let harmless = pieces[..=place].iter().any(|run| run.is(Context::Harmless) || run.plus);
        if harmless && !said {
            break;
        }
        // Whole, or as far as one of its tokens goes: "… oh nine, expiry" needs no word between.
        let ends = (1..=piece.symbols.len()).filter(|end| *end == piece.symbols.len() || is_cut(piece, *end));
        for length in ends.map(|end| before + end) {
            let sure = if said { 13 } else { 15 };
            if (sure..=19).contains(&length) && check::card(&text[..length]) {
                best = Some(length);
            }
        }
        if text.len() >= 19 {
            break;
        }
    }
    best.map(|length| (pieces, length))
}

/// A run, and what its pauses and "and"s make of it.
fn segments(call: &Call, run: &Run) -> Vec<Run> {
    let tokens = &call.turns[run.turn].tokens;
    let mut cuts = vec![0];
    for at in 1..run.symbols.len() {
        let (before, here) = (run.symbols[at - 1].1, run.symbols[at].1);
        let pause = here > before && (here > before + 1 || tokens[before].ends.is_some());
        let other_kind = here > before && run.symbols[at - 1].0.is_ascii_digit() != run.symbols[at].0.is_ascii_digit();
        if pause || other_kind {
            cuts.push(at);
        }
    }
    cuts.push(run.symbols.len());
    let mut parts = vec![run.clone()];
    for (place, from) in cuts.iter().enumerate() {
        for to in cuts[place + 1..].iter().take_while(|to| *to - from <= 16).filter(|to| *to - from >= 9) {
            parts.push(run.part(*from..*to));
        }
    }
    parts
}
