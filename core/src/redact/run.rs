//! A call as runs of digits and letters, each with what it is said to be.

use super::context::{Context, Term, terms};
use super::token::{Part, Token, tokens};
use crate::Speaker;
use std::ops::Range;

/// So many words before a number can say what it is.
const NEAR: usize = 14;
/// So far it says it at the most, over other numbers.
const FAR: usize = 100;
/// So many turns back a question can have asked for it.
const TURNS_BACK: usize = 8;
/// A turn of more words than this, and without a term, changes the subject.
const SHORT: usize = 10;

/// A turn, read.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) speaker: Speaker,
    pub(super) tokens: Vec<Token>,
    pub(super) terms: Vec<Term>,
    /// Words that are no symbols.
    pub(super) words: usize,
}

/// Symbols one after the other, as tokens of a turn.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) turn: usize,
    /// Each symbol, and the token it stands in.
    pub(super) symbols: Vec<(char, usize)>,
    pub(super) plus: bool,
    pub(super) context: Option<Said>,
}

/// What a number is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) context: Context,
    /// The turn in which it is said.
    pub(super) turn: usize,
    /// How many words lie between, in its own turn.
    pub(super) words: usize,
}

impl Run {
    pub(super) fn text(&self) -> String {
        self.symbols.iter().map(|(symbol, _)| symbol).collect()
    }

    pub(super) fn is(&self, context: Context) -> bool {
        self.context.is_some_and(|said| said.context == context)
    }

    /// A part of it.
    pub(super) fn part(&self, symbols: Range<usize>) -> Self {
        let symbols = self.symbols[symbols].to_vec();
        Self { turn: self.turn, symbols, plus: self.plus, context: self.context }
    }

    pub(super) fn first(&self) -> usize {
        self.symbols.first().map_or(0, |(_, token)| *token)
    }

    pub(super) fn last(&self) -> usize {
        self.symbols.last().map_or(0, |(_, token)| *token)
    }
}

/// Turns that belong together.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) turns: Vec<Turn>,
    /// In order.
    pub(super) runs: Vec<Run>,
}

impl Call {
    pub(super) fn read(turns: &[(Speaker, &str)]) -> Self {
        let turns: Vec<Turn> = turns
            .iter()
            .map(|(speaker, text)| {
                let tokens = tokens(text);
                let words = tokens.iter().filter(|token| matches!(token.part, Part::Word)).count();
                Turn { speaker: *speaker, terms: terms(&tokens), words, tokens }
            })
            .collect();
        let mut call = Self { turns, runs: Vec::new() };
        for turn in 0..call.turns.len() {
            for mut run in runs(&call.turns[turn].tokens, &call.turns[turn].terms) {
                run.turn = turn;
                let before = run.first().checked_sub(1).map(|before| &call.turns[turn].tokens[before]);
                run.plus |= before.is_some_and(|before| before.is(&["plus"]));
                run.context = call.said_of(&run);
                call.runs.push(run);
            }
        }
        call
    }

    /// A run's bytes in its turn's text.
    pub(super) fn span(&self, run: &Run) -> Range<usize> {
        self.bytes(run.turn, run.first()..run.last() + 1)
    }

    /// Some tokens' bytes.
    pub(super) fn bytes(&self, turn: usize, tokens: Range<usize>) -> Range<usize> {
        let all = &self.turns[turn].tokens;
        match (all.get(tokens.start), all.get(tokens.end.saturating_sub(1))) {
            (Some(first), Some(last)) => first.span.start..last.span.end.max(first.span.start),
            _ => 0..0,
        }
    }

    fn said_of(&self, run: &Run) -> Option<Said> {
        let turn = &self.turns[run.turn];
        let said = |context, words| Some(Said { context, turn: run.turn, words });
        if let Some(term) = self.said_after(run) {
            return said(term.context, term.from - run.last());
        }
        // "Sixteen digits" is no digits: a term may be made of symbols.
        let before = turn.terms[..turn.terms.partition_point(|term| term.to <= run.first())].last();
        let before = before.filter(|term| run.first() - term.to <= FAR);
        if let Some(term) = before.filter(|term| run.first() - term.to <= self.reach(run.turn, term, run.first())) {
            if term.context == Context::Harmless && self.has_its_number(run.turn, term, run.first()) {
                return None;
            }
            return said(term.context, run.first() - term.to);
        }
        self.asked_for(run)
    }

    /// "Order 55120 with …": a term whose number has come does not name the next one.
    fn has_its_number(&self, turn: usize, term: &Term, to: usize) -> bool {
        let mut between = self.turns[turn].tokens[term.to..to].iter();
        let is_symbol = |token: &Token| matches!(token.part, Part::Symbols(_) | Part::Tens(_));
        between.by_ref().any(is_symbol) && between.any(|token| token.part == Part::Word)
    }

    /// How far a term reaches: over other numbers as far as they go, else some words.
    fn reach(&self, turn: usize, term: &Term, to: usize) -> usize {
        let between = &self.turns[turn].tokens[term.to..to];
        NEAR + between.iter().filter(|token| token.part != Part::Word).count()
    }

    /// "4111 … is my card number", "…, that's my NI number".
    fn said_after(&self, run: &Run) -> Option<&Term> {
        let turn = &self.turns[run.turn];
        let from = run.last() + 1;
        let joins = |token: &Token| {
            token.is(&["is", "are", "was", "that's", "it's", "that", "it", "my", "the", "our", "a", "your"])
        };
        let term = turn.terms.get(turn.terms.partition_point(|term| term.from < from))?;
        if term.from - from > NEAR {
            return None;
        }
        let between = &turn.tokens[from..term.from];
        let joined =
            between.iter().any(|token| token.is(&["is", "that's", "it's", "was", "are"])) && between.iter().all(joins);
        // "… is my card number, order 4711": the term's own number may come behind it.
        joined.then_some(term)
    }

    /// What the turns before asked for.
    fn asked_for(&self, run: &Run) -> Option<Said> {
        let from = run.turn.saturating_sub(TURNS_BACK);
        for at in (from..run.turn).rev() {
            let turn = &self.turns[at];
            if let Some(term) = asked(turn) {
                return Some(Said { context: term.context, turn: at, words: 0 });
            }
            if turn.words > SHORT {
                return None;
            }
        }
        None
    }
}

/// What a turn is about at its end. "Card number and expiry?" asks for the number, "It is on the card. The order number?" does not.
fn asked(turn: &Turn) -> Option<&Term> {
    let last = turn.terms.last()?;
    if last.context != Context::Harmless {
        return Some(last);
    }
    let before = turn.terms.iter().rev().nth(1)?;
    let joined = turn.tokens[before.to..last.from].iter().all(|token| token.is(&["and", "with", "the", "its", "&"]));
    if joined && before.context != Context::Harmless { Some(before) } else { Some(last) }
}

/// The symbols of a text, whatever stands between them.
pub(super) fn symbols_of(text: &str) -> String {
    let tokens = tokens(text);
    runs(&tokens, &terms(&tokens)).iter().map(Run::text).collect()
}

/// The runs of a turn. What belongs to a term ("SSN", "sixteen digits") is no symbol.
fn runs(tokens: &[Token], terms: &[Term]) -> Vec<Run> {
    let mut found: Vec<Run> = Vec::new();
    let mut open = Open::default();
    let mut in_term = vec![false; tokens.len()];
    terms.iter().for_each(|term| in_term[term.from..term.to].fill(true));
    for (at, token) in tokens.iter().enumerate() {
        match &token.part {
            _ if in_term[at] => {
                open.close(&mut found);
                continue;
            }
            Part::Word | Part::Mark => {
                open.close(&mut found);
                continue;
            }
            Part::Filler => {
                open.fillers += 1;
                if open.fillers > 4 {
                    open.close(&mut found);
                }
                open.tens = false;
                continue;
            }
            Part::Times(times) => {
                (open.times, open.times_at) = (*times, Some(at));
                continue;
            }
            Part::Noughts(count) => {
                if !open.symbols.is_empty() {
                    open.symbols.extend(std::iter::repeat_n(('0', at), *count));
                }
                open.tens = false;
                continue;
            }
            Part::Tens(symbols) => {
                open.take(symbols, at, token.plus);
                open.tens = token.ends.is_none();
            }
            Part::Symbols(symbols) => {
                let unit = symbols.len() == 1 && (b'1'..=b'9').contains(&symbols.as_bytes()[0]);
                if open.tens && open.times == 1 && unit {
                    open.symbols.pop();
                }
                open.take(symbols, at, token.plus);
                open.tens = false;
            }
        }
        open.fillers = 0;
    }
    open.close(&mut found);
    found
}

#[derive(Debug)]
struct Open {
    symbols: Vec<(char, usize)>,
    plus: bool,
    times: usize,
    /// The token that says how many times.
    times_at: Option<usize>,
    tens: bool,
    fillers: usize,
}

impl Default for Open {
    fn default() -> Self {
        Self { symbols: Vec::new(), plus: false, times: 1, times_at: None, tens: false, fillers: 0 }
    }
}

impl Open {
    fn take(&mut self, symbols: &str, at: usize, plus: bool) {
        if self.symbols.is_empty() {
            self.plus = plus;
        }
        let first = self.times_at.take().unwrap_or(at);
        for time in 0..self.times {
            let at = if time == 0 { first } else { at };
            self.symbols.extend(symbols.chars().map(|symbol| (symbol, at)));
        }
        self.times = 1;
    }

    fn close(&mut self, found: &mut Vec<Run>) {
        let open = std::mem::take(self);
        if !open.symbols.is_empty() {
            found.push(Run { turn: 0, symbols: open.symbols, plus: open.plus, context: None });
        }
    }
}
