//! What a rule proposes, and what it may look at while it does.

use super::dates::{Anchor, Tense, tense};
use super::words;
use crate::{Candidate, MemoryKind, Sector, Slot};
use chrono::NaiveDate;

/// A candidate in the making: the date can still change ("sorry, Saturday").
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) kind: MemoryKind,
    pub(super) content: String,
    pub(super) day: Option<NaiveDate>,
    pub(super) tense: Tense,
    pub(super) slot: Option<Slot>,
    pub(super) confidence: f32,
    pub(super) turns: Vec<u32>,
}

impl Draft {
    /// A sentence as it is.
    pub(super) fn new(kind: MemoryKind, content: impl AsRef<str>) -> Self {
        Self {
            kind,
            content: words::sentence(content.as_ref()),
            day: None,
            tense: Tense::Ahead,
            slot: None,
            confidence: 0.8,
            turns: Vec::new(),
        }
    }

    /// A sentence whose dates are resolved, each in the direction the caller's own words point.
    pub(super) fn dated(kind: MemoryKind, lead: &str, text: &str, said: &str, anchor: &Anchor) -> Self {
        let tense = tense(said);
        let (text, day) = anchor.spell_out(&words::tidy(text), tense);
        Self { day, tense, ..Self::new(kind, format!("{lead}{text}")) }
    }

    pub(super) fn slot(mut self, key: &str, value: impl Into<String>) -> Self {
        self.slot = Some(Slot { key: key.to_owned(), value: value.into() });
        self
    }

    pub(super) fn confidence(mut self, confidence: f32) -> Self {
        self.confidence = confidence;
        self
    }

    /// The candidate, with the sector and salience of its kind.
    pub(super) fn candidate(self, anchor: &Anchor) -> Candidate {
        Candidate {
            occurred_at: self.day.map(|d| anchor.instant(d, self.tense)),
            sector: Some(sector(self.kind)),
            salience: Some(salience(self.kind)),
            content: self.content,
            kind: self.kind,
            turns: self.turns,
            slot: self.slot,
            confidence: self.confidence,
        }
    }
}

/// What the rules know of the call when they meet a clause.
#[derive(Debug, Clone)]
pub(super) struct Context<'a> {
    pub(super) anchor: &'a Anchor,
    /// "Caller's wife Laura": whom "he" or "she" means.
    pub(super) person: Option<String>,
    /// "the coffee machine": what "it" means.
    pub(super) thing: Option<String>,
}

/// The sector a kind belongs to when its words say nothing else.
pub(super) fn sector(kind: MemoryKind) -> Sector {
    match kind {
        MemoryKind::Name | MemoryKind::Contact | MemoryKind::Preference | MemoryKind::Fact => Sector::Semantic,
        MemoryKind::Order | MemoryKind::Request | MemoryKind::Complaint | MemoryKind::Promise | MemoryKind::Event => {
            Sector::Episodic
        }
        MemoryKind::Feeling => Sector::Emotional,
        MemoryKind::Procedure => Sector::Procedural,
    }
}

/// How much a kind matters at first. Who they are and how to reach them (0.9, 0.85) opens every call; a promise (0.8) is what
/// callers are angriest about when it is forgotten; numbers, wishes and habits (0.75, 0.7) save questions; complaints and facts
/// (0.65, 0.6) give context; events (0.5) and moods (0.4) pass. All stay above the 0.3 below which memories are archived.
pub(super) fn salience(kind: MemoryKind) -> f32 {
    match kind {
        MemoryKind::Name => 0.9,
        MemoryKind::Contact => 0.85,
        MemoryKind::Promise => 0.8,
        MemoryKind::Order => 0.75,
        MemoryKind::Request | MemoryKind::Preference => 0.7,
        MemoryKind::Complaint => 0.65,
        MemoryKind::Fact | MemoryKind::Procedure => 0.6,
        MemoryKind::Event => 0.5,
        MemoryKind::Feeling => 0.4,
    }
}
