//! A memory: one self-contained sentence about one caller.

use crate::decay::DecayRates;
use crate::{ConversationId, MemoryId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The five sectors of the cognitive model (OpenMemory's), each with its own rate of decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sector {
    /// Facts, preferences, attributes.
    Semantic,
    /// Events, actions, what happened when.
    Episodic,
    /// How the caller does things.
    Procedural,
    /// Sentiment, satisfaction.
    Emotional,
    /// Patterns and insights over several calls.
    Reflective,
}

impl Sector {
    /// All five, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Semantic, Self::Episodic, Self::Procedural, Self::Emotional, Self::Reflective];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Semantic => "semantic",
            Self::Episodic => "episodic",
            Self::Procedural => "procedural",
            Self::Emotional => "emotional",
            Self::Reflective => "reflective",
        }
    }

    /// The sector of that name, in any case; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(name.trim()))
    }
}

/// What a memory says, beyond its sector; decides how it is spoken and what it may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryKind {
    /// How the caller is called or wants to be called.
    Name,
    /// E-mail, address, another number.
    Contact,
    /// A like, dislike or standing wish.
    Preference,
    /// An order, ticket, invoice or account by its number.
    Order,
    /// What the caller asked for.
    Request,
    /// What went wrong for the caller.
    Complaint,
    /// How the caller felt.
    Feeling,
    /// What either side promised to do.
    Promise,
    /// Something that happened or will happen.
    Event,
    /// How the caller does something.
    Procedure,
    /// Anything else that is true of the caller.
    Fact,
}

/// A named value inside a memory, such as `name = Sam` or `email = sam@example.com`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slot {
    /// `name`, `email`, `address`, `phone`, `order`, `ticket`, `invoice`, `delivery_date`, …
    pub key: String,
    /// The value as it should be read.
    pub value: String,
}

/// Whether a memory is current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryState {
    /// Current truth.
    Active,
    /// Replaced by a newer memory; kept for history.
    Superseded,
    /// Faded; found only when asked for, or when nothing else matches.
    Archived,
    /// It reads like an order to a model, and waits for a person to accept or reject it; no agent is told of it.
    Quarantined,
}

impl MemoryState {
    /// All four, in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Active, Self::Superseded, Self::Archived, Self::Quarantined];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Superseded => "superseded",
            Self::Archived => "archived",
            Self::Quarantined => "quarantined",
        }
    }

    /// Whether it may be told: it stands, in sight or not.
    pub fn stands(self) -> bool {
        matches!(self, Self::Active | Self::Archived)
    }
}

/// Whether the derived indexes already hold a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IndexState {
    /// The row is written; words or vector may be missing. Repaired on start and by the schedule.
    Pending,
    /// Words and vector are written.
    Indexed,
}

/// How a memory came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Learnt from a transcript after the call.
    Extracted,
    /// Said during the call through `/tools/remember`.
    Remembered,
    /// Written by the integrator through `/v1/memories`.
    Api,
}

/// Where a memory comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// How it came to be.
    pub origin: Origin,
    /// The conversation, if there was one.
    pub conversation_id: Option<ConversationId>,
    /// 0-based indexes into that conversation's transcript.
    #[serde(default)]
    pub turns: Vec<u32>,
}

/// One self-contained sentence about one caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Its id; derived for extracted memories, so that a re-run meets itself.
    pub id: MemoryId,
    /// The sentence.
    pub content: String,
    /// Its sector.
    pub sector: Sector,
    /// What it says beyond the sector.
    pub kind: MemoryKind,
    /// Its named value, if it has one.
    pub slot: Option<Slot>,
    /// How much it mattered when it was learnt or last reinforced, 0 to 1. Decay is computed on read.
    pub salience: f32,
    /// What it is about: the day of the event, or the call's start.
    pub occurred_at: Timestamp,
    /// When Hark learnt it.
    pub learnt_at: Timestamp,
    /// When it was last reinforced; `learnt_at` before that.
    pub reinforced_at: Timestamp,
    /// Its own decay per day; `None` for the sector's, 0 for never.
    pub decay_rate: Option<f64>,
    /// Whether it is current.
    pub state: MemoryState,
    /// Until when it was true: when its successor was learnt. `None` for what is still true, and for what was
    /// superseded before this was noted. A memory is valid from [`Memory::learnt_at`] to here.
    #[serde(default)]
    pub valid_to: Option<Timestamp>,
    /// What took its place, or says the same in its stead. Set for nothing but superseded memories; leads, step by
    /// step, to one that is not superseded.
    #[serde(default)]
    pub superseded_by: Option<MemoryId>,
    /// When somebody last corrected it by hand. Nothing a caller says later replaces it by itself.
    #[serde(default)]
    pub corrected_at: Option<Timestamp>,
    /// The name that whoever spoke gave in the call, where one was given: on a telephone that several people use it says
    /// whose memory this is.
    #[serde(default)]
    pub speaker: Option<String>,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The integrator's own fields, echoed and never interpreted. A JSON object.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Whether the derived indexes hold it.
    pub index: IndexState,
}

impl Memory {
    /// The salience that is left at `now`: see [`effective_salience`].
    pub fn effective_salience(&self, rates: &DecayRates, now: Timestamp) -> f64 {
        effective_salience(f64::from(self.salience), rates.of(self), self.reinforced_at, now)
    }
}

/// `salience · e^(−rate · days)`, with days counted from when it was learnt or last reinforced, never
/// compounding: the result does not depend on how often anybody looks. A clock that went back counts as 0 days.
pub fn effective_salience(salience: f64, rate_per_day: f64, since: Timestamp, now: Timestamp) -> f64 {
    let days = (now - since).num_seconds().max(0) as f64 / 86_400.0;
    (salience * (-rate_per_day.max(0.0) * days).exp()).clamp(0.0, 1.0)
}

/// `s + 0.15 (1 − s)`: what a repetition, a confirmation or the API makes of a salience.
pub fn reinforced(salience: f32) -> f32 {
    let s = salience.clamp(0.0, 1.0);
    s + 0.15 * (1.0 - s)
}

/// What an extractor proposes: a memory before it has an id. Saved (sealed) with the conversation before
/// anything else happens, so this shape is stored and must stay readable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The self-contained sentence, such as "Prefers to be called Sam".
    pub content: String,
    /// What it says.
    pub kind: MemoryKind,
    /// Its sector, where the extractor already knows; else the classifier decides.
    #[serde(default)]
    pub sector: Option<Sector>,
    /// How much it matters, 0 to 1, where the extractor already knows.
    #[serde(default)]
    pub salience: Option<f32>,
    /// What it is about; `None` for the call itself.
    #[serde(default)]
    pub occurred_at: Option<Timestamp>,
    /// 0-based indexes of the turns it comes from.
    #[serde(default)]
    pub turns: Vec<u32>,
    /// Its named value.
    #[serde(default)]
    pub slot: Option<Slot>,
    /// How sure the extractor is, 0 to 1.
    #[serde(default = "certain")]
    pub confidence: f32,
}

fn certain() -> f32 {
    1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Duration, TimeZone, Utc};

    #[test]
    fn decay_is_monotone_bounded_and_ignores_a_clock_gone_back() {
        let learnt = Utc.with_ymd_and_hms(2026, 11, 22, 10, 0, 0).unwrap();
        let at = |days| effective_salience(0.8, 0.015, learnt, learnt + Duration::days(days));
        assert!((at(0) - 0.8).abs() < 1e-9);
        assert!(at(10) < at(1) && at(1) < at(0) && at(10_000) >= 0.0);
        assert_eq!(at(-5), at(0));
        assert_eq!(effective_salience(0.8, 0.0, learnt, learnt + Duration::days(9_999)), 0.8);
    }

    #[test]
    fn reinforcement_approaches_one() {
        let mut s = 0.2;
        for _ in 0..100 {
            let next = reinforced(s);
            assert!(next >= s && next <= 1.0);
            s = next;
        }
        assert!(s > 0.99);
    }

    #[test]
    fn sectors_parse_in_any_case_and_nothing_else_does() {
        assert_eq!(Sector::parse(" Semantic "), Some(Sector::Semantic));
        assert_eq!(Sector::parse("sematic"), None);
    }
}
