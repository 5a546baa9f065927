//! What in a call may support a memory, and whether it does.
//!
//! Turns that recite the memory and turns that give orders to models support nothing. The rest is looked up word by word.

use super::said::{Said, Token, clean, tokens, unmasked};
use crate::ai::by_rules::reading::{self, Calendar};
use crate::{Speaker, Transcript};

/// Words that tell how something is told, not what: they need no support.
const FRAME: &[&str] = &[
    "a",
    "about",
    "after",
    "again",
    "agent",
    "all",
    "also",
    "an",
    "and",
    "any",
    "are",
    "as",
    "ask",
    "asked",
    "asks",
    "at",
    "be",
    "because",
    "been",
    "before",
    "being",
    "both",
    "but",
    "by",
    "called",
    "caller",
    "can",
    "cannot",
    "concerning",
    "confirmed",
    "could",
    "currently",
    "customer",
    "did",
    "do",
    "does",
    "doesn't",
    "don't",
    "due",
    "during",
    "each",
    "enjoys",
    "experiencing",
    "experienced",
    "for",
    "from",
    "gave",
    "get",
    "gets",
    "got",
    "had",
    "has",
    "have",
    "having",
    "he",
    "her",
    "his",
    "if",
    "in",
    "instead",
    "into",
    "is",
    "isn't",
    "issue",
    "it",
    "its",
    "just",
    "like",
    "likes",
    "made",
    "make",
    "mentioned",
    "name",
    "named",
    "need",
    "needed",
    "needs",
    "no",
    "not",
    "number",
    "of",
    "on",
    "one",
    "only",
    "or",
    "other",
    "out",
    "over",
    "own",
    "prefer",
    "preferred",
    "preference",
    "prefers",
    "previously",
    "problem",
    "promise",
    "promised",
    "provided",
    "recently",
    "regarding",
    "reported",
    "reports",
    "request",
    "requested",
    "requests",
    "said",
    "says",
    "she",
    "since",
    "so",
    "some",
    "stated",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "they",
    "this",
    "to",
    "told",
    "up",
    "upcoming",
    "use",
    "user",
    "uses",
    "using",
    "via",
    "want",
    "wanted",
    "wants",
    "was",
    "wasn't",
    "were",
    "when",
    "where",
    "which",
    "while",
    "who",
    "will",
    "wish",
    "wishes",
    "with",
    "without",
    "would",
];

/// Words by which something is denied. A memory that denies needs one in what it comes from.
const DENIALS: &[&str] = &[
    "no", "not", "never", "none", "nothing", "nobody", "cannot", "without", "neither", "nor", "stop", "hate", "avoid",
    "cancel", "refuse", "except", "instead", "bad", "lost", "missing", "allergic", "unable", "only", "but", "wrong",
    "dislike", "less",
];

/// A call, ready to be asked whether something was said in it.
#[derive(Debug)]
pub(super) struct Ground<'a> {
    call: &'a Transcript,
    pub(super) calendar: Calendar,
    /// The turns as they are shown and compared; `None` for those without words and those that are withheld.
    texts: Vec<Option<String>>,
    /// What each turn supports; `None` for those that support nothing.
    said: Vec<Option<Said>>,
    all: Said,
}

impl<'a> Ground<'a> {
    pub(super) fn of(call: &'a Transcript) -> Self {
        let texts: Vec<Option<String>> = call
            .turns
            .iter()
            .map(|turn| {
                let text = clean(&turn.text);
                let order = turn.speaker == Speaker::User
                    && (reading::is_an_order(&text) || reading::is_an_order(&unmasked(&turn.text)));
                (text.chars().any(char::is_alphanumeric) && !order).then_some(text)
            })
            .collect();
        let said: Vec<Option<Said>> = call
            .turns
            .iter()
            .zip(&texts)
            .map(|(turn, text)| {
                let text = text.as_deref().filter(|_| !turn.after_recall || turn.speaker == Speaker::User)?;
                Some(Said::of([text]))
            })
            .collect();
        let all = Said::merge(said.iter().flatten());
        Self { call, calendar: Calendar::of(call), texts, said, all }
    }

    /// The turn as it may be shown to a model.
    pub(super) fn text(&self, turn: u32) -> Option<&str> {
        self.texts.get(turn as usize)?.as_deref()
    }

    /// Whether the caller says something in it that supports a memory.
    pub(super) fn by_caller(&self, turn: u32) -> bool {
        self.speaks(turn, Speaker::User)
    }

    /// Whether the agent does, not reciting.
    pub(super) fn by_agent(&self, turn: u32) -> bool {
        self.speaks(turn, Speaker::Agent)
    }

    fn speaks(&self, turn: u32, speaker: Speaker) -> bool {
        self.support(turn).is_some() && self.call.turns[turn as usize].speaker == speaker
    }

    fn support(&self, turn: u32) -> Option<&Said> {
        self.said.get(turn as usize)?.as_ref()
    }

    /// Whether the caller says anything at all that supports a memory.
    pub(super) fn has_caller(&self) -> bool {
        (0u32..).zip(&self.said).any(|(turn, _)| self.by_caller(turn))
    }

    /// The cited turns, and the turn with words before and after each.
    pub(super) fn around(&self, cited: &[u32]) -> Vec<u32> {
        let spoken = |turn: &u32| self.texts.get(*turn as usize).is_some_and(Option::is_some);
        let mut turns: Vec<u32> = cited.to_vec();
        for &turn in cited {
            turns.extend((0..turn).rev().find(|t| spoken(t)));
            turns.extend((turn + 1..u32::try_from(self.texts.len()).unwrap_or(u32::MAX)).find(|t| spoken(t)));
        }
        turns.retain(|turn| self.support(*turn).is_some());
        turns.sort_unstable();
        turns.dedup();
        turns
    }

    /// The words of these turns.
    pub(super) fn words(&self, turns: &[u32]) -> String {
        turns.iter().filter_map(|turn| self.text(*turn)).collect::<Vec<_>>().join(". ")
    }

    fn together(&self, turns: &[u32]) -> Said {
        Said::merge(turns.iter().filter_map(|turn| self.support(*turn)))
    }

    /// Whether the call supports this text, whose known days were taken out: every number and name said somewhere in it, at
    /// least `share` of the words in the cited turns or beside them, and something by the caller in person, if only a yes.
    pub(super) fn supports(&self, text: &str, cited: &[u32], share: f32, by_agent: bool) -> bool {
        let around = self.together(&self.around(cited));
        let tokens = tokens(text);
        if !tokens.iter().enumerate().all(|(at, token)| self.said_at_all(token, at == 0)) {
            return false;
        }
        let content = content(&tokens);
        let found = content.iter().filter(|t| holds(&around, t)).count();
        if content.is_empty() || (found as f32) < share * content.len() as f32 || found == 0 {
            return false;
        }
        if denies(&tokens) && !around_denies(&around) {
            return false;
        }
        // Who is spoken for must have said some of it: the agent of its promises, the caller of everything else.
        let speaks = |turn: &u32| if by_agent { self.by_agent(*turn) } else { self.by_caller(*turn) };
        let speakers: Vec<u32> = cited.iter().copied().filter(speaks).collect();
        let own = self.together(&speakers);
        content.iter().any(|t| holds(&own, t)) || speakers.iter().any(|turn| self.agrees(*turn))
    }

    /// Whether a value was said: its numbers and words, somewhere in the call.
    pub(super) fn holds_value(&self, text: &str) -> bool {
        let tokens = tokens(text);
        !tokens.is_empty() && tokens.iter().all(|t| t.text.chars().count() == 1 || holds(&self.all, t))
    }

    /// Whether the caller gave this name: said all of it, spelt or not, and some of it where it is cited; or said yes to it.
    pub(super) fn named(&self, name: &str, cited: &[u32]) -> bool {
        let parts: Vec<Token> = tokens(name).into_iter().filter(|t| t.text.chars().count() > 1).collect();
        let holds = |said: &Said, part: &Token| !part.number && said.name(&part.text);
        let everywhere: Vec<u32> =
            (0u32..).zip(&self.said).map(|(turn, _)| turn).filter(|t| self.by_caller(*t)).collect();
        let callers = self.together(&everywhere);
        !parts.is_empty()
            && cited.iter().filter(|turn| self.by_caller(**turn)).any(|&turn| {
                let own = self.together(&[turn]);
                let given = parts.iter().any(|p| holds(&own, p)) && parts.iter().all(|p| holds(&callers, p));
                let before = (0..turn).rev().find(|t| self.text(*t).is_some()).unwrap_or(turn);
                given || (self.agrees(turn) && parts.iter().all(|p| holds(&self.together(&[before]), p)))
            })
    }

    /// Whether the caller says yes to what the agent asked just before.
    fn agrees(&self, turn: u32) -> bool {
        let before = (0..turn).rev().find(|t| self.text(*t).is_some());
        self.by_caller(turn)
            && self.text(turn).is_some_and(reading::says_yes)
            && before.is_some_and(|t| self.by_agent(t) && self.text(t).is_some_and(reading::asks))
    }

    /// Numbers and names are never paraphrased: they were said, or they are made up.
    fn said_at_all(&self, token: &Token, first: bool) -> bool {
        if token.number {
            // "One" is as often a pronoun.
            return token.text == "1" || self.all.number(&token.text) || self.half_past(&token.text);
        }
        let name = token.capital && !first && token.text.chars().count() > 1 && !FRAME.contains(&token.text.as_str());
        !name || self.all.name(&token.text) || self.all.word(&token.text)
    }

    /// 16 was said as "four", 00 not at all.
    fn half_past(&self, figures: &str) -> bool {
        match figures.parse::<u32>() {
            Ok(0) => figures == "00",
            Ok(hour @ 13..=23) => figures.len() == 2 && self.all.number(&(hour - 12).to_string()),
            _ => false,
        }
    }
}

/// The tokens that need support.
fn content(tokens: &[Token]) -> Vec<&Token> {
    tokens.iter().filter(|t| t.number || (t.text.chars().count() > 2 && !FRAME.contains(&t.text.as_str()))).collect()
}

fn holds(said: &Said, token: &Token) -> bool {
    if token.number { said.number(&token.text) } else { said.word(&token.text) }
}

fn denies(tokens: &[Token]) -> bool {
    tokens
        .iter()
        .any(|t| matches!(t.text.as_str(), "no" | "not" | "never" | "without" | "cannot") || t.text.ends_with("n't"))
}

fn around_denies(said: &Said) -> bool {
    DENIALS.iter().any(|word| said.word(word)) || said.has_ending("n't")
}
