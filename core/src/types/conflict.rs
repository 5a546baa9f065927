//! Two memories of one caller that do not go together, or say the same: what was decided, why, and how to take it back.

use crate::{ConflictId, Memory, MemoryId, MemoryState, Timestamp, UserId, reinforced};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How two memories stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Both say the same.
    Same,
    /// The new one is the current value of what the old one told.
    Update,
    /// Both cannot be true.
    Contradiction,
    /// Both can be true.
    Unrelated,
    /// It cannot be told; both stay.
    Unsure,
}

impl Verdict {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Update => "update",
            Self::Contradiction => "contradiction",
            Self::Unrelated => "unrelated",
            Self::Unsure => "unsure",
        }
    }
}

/// Why, as a code for the log of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The same words, or the same meaning.
    SameStatement,
    /// A later value of the same thing.
    NewerValue,
    /// One excludes the other.
    CannotBothBeTrue,
    /// They are about different things.
    DifferentSubject,
    /// They are about different occasions.
    DifferentEvent,
    /// The sentences do not say enough, or the judge was not sure enough.
    TooLittleSaid,
}

/// A verdict, how sure it is, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// 0 to 1.
    pub confidence: f32,
    /// Why.
    pub reason: Reason,
}

/// Who has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgedBy {
    /// Rules.
    Rules,
    /// Rules, because the model that should have judged failed or refused.
    StandIn,
    /// The chat model.
    Model,
    /// Somebody, through the API.
    Person,
}

impl JudgedBy {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::StandIn => "stand_in",
            Self::Model => "model",
            Self::Person => "person",
        }
    }
}

/// How far a conflict has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictState {
    /// Both memories stay and somebody has to decide.
    Open,
    /// Decided.
    Resolved,
    /// Decided, and taken back. The pair is not judged again.
    Undone,
}

impl ConflictState {
    /// All three, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Open, Self::Resolved, Self::Undone];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Undone => "undone",
        }
    }

    /// The state of that name; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What became of the two memories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// One is current; the other is kept as what was true before.
    Superseded,
    /// Both say the same: one stands for both and is stronger for it, unless one call said it twice. The other is
    /// kept as evidence and points to it.
    Reinforced,
    /// Both are current.
    KeptBoth,
}

impl Resolution {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Reinforced => "reinforced",
            Self::KeptBoth => "kept_both",
        }
    }
}

/// The part of a memory that a resolution may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether it is current.
    pub state: MemoryState,
    /// Until when it was true.
    pub valid_to: Option<Timestamp>,
    /// What took its place.
    pub superseded_by: Option<MemoryId>,
    /// How much it mattered when it was learnt or last reinforced.
    pub salience: f32,
    /// When it was last reinforced.
    pub reinforced_at: Timestamp,
}

impl Standing {
    /// How a memory stands.
    pub fn of(memory: &Memory) -> Self {
        Self {
            state: memory.state,
            valid_to: memory.valid_to,
            superseded_by: memory.superseded_by.clone(),
            salience: memory.salience,
            reinforced_at: memory.reinforced_at,
        }
    }

    /// Current truth: active, without an end or a successor.
    #[must_use]
    pub fn current(self) -> Self {
        Self { state: MemoryState::Active, valid_to: None, superseded_by: None, ..self }
    }

    /// The same, brought back if it was archived.
    #[must_use]
    pub fn in_sight(self) -> Self {
        let state = if self.state == MemoryState::Archived { MemoryState::Active } else { self.state };
        Self { state, ..self }
    }

    /// Reinforced at that moment, when so much of its salience was left; brought back if it was archived.
    #[must_use]
    pub fn strengthened(self, left: f64, at: Timestamp) -> Self {
        Self { salience: reinforced(left as f32), reinforced_at: at, ..self.in_sight() }
    }

    /// Makes a memory stand like this.
    pub fn apply(&self, memory: &mut Memory) {
        memory.state = self.state;
        memory.valid_to = self.valid_to;
        memory.superseded_by.clone_from(&self.superseded_by);
        memory.salience = self.salience;
        memory.reinforced_at = self.reinforced_at;
    }
}

/// What a resolution does to one memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub memory: MemoryId,
    /// How it stood.
    pub before: Standing,
    /// How it stands then; the same where it only must not have changed meanwhile.
    pub after: Standing,
}

/// Two memories of one caller, and what was decided about them. One a pair, for ever: what was decided once is not
/// judged again. Holds no sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// Derived from the pair.
    pub id: ConflictId,
    /// Whose.
    pub caller: UserId,
    /// The memory that was said first.
    pub old: MemoryId,
    /// The one that was said later.
    pub new: MemoryId,
    /// What the judge found.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// How sure the judge was, 0 to 1.
    pub confidence: f32,
    /// Who decided last.
    pub judged_by: JudgedBy,
    /// How far it has come.
    pub state: ConflictState,
    /// What became of the two; `None` while nobody has decided. Stays when it is taken back.
    pub resolution: Option<Resolution>,
    /// What the resolution did, for taking it back.
    pub changes: Vec<Change>,
    /// When the pair was judged.
    pub created_at: Timestamp,
    /// When it was last decided or taken back.
    pub resolved_at: Option<Timestamp>,
}

impl Conflict {
    /// The other end, if `end` is one of the two.
    pub fn other(&self, end: &MemoryId) -> Option<&MemoryId> {
        match end {
            e if *e == self.old => Some(&self.new),
            e if *e == self.new => Some(&self.old),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_is_stored() {
        let stored = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        for state in ConflictState::ALL {
            assert_eq!(stored(serde_json::to_value(state).unwrap()), state.name());
            assert_eq!(ConflictState::parse(state.name()), Some(state));
        }
        for (value, name) in [
            (serde_json::to_value(Verdict::Contradiction), Verdict::Contradiction.name()),
            (serde_json::to_value(JudgedBy::StandIn), JudgedBy::StandIn.name()),
            (serde_json::to_value(Resolution::KeptBoth), Resolution::KeptBoth.name()),
        ] {
            assert_eq!(stored(value.unwrap()), name);
        }
        assert_eq!(ConflictState::parse("Open"), None);
    }
}
