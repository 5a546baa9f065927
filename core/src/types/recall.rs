//! A question and its answer.

use crate::{Memory, Sector, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What is asked of one caller's memory.
#[derive(Debug, Clone, PartialEq)]
pub struct RecallQuery {
    /// The question, as the agent put it.
    pub text: String,
    /// At most so many memories, 1 to 50.
    pub limit: usize,
    /// Only these sectors; empty for all.
    pub sectors: Vec<Sector>,
    /// What was true at that moment, as far as it was known then: also what was superseded since. `None` for now.
    pub as_of: Option<Timestamp>,
    /// Faded memories too.
    pub include_archived: bool,
}

impl RecallQuery {
    /// A plain question for the five best memories.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), limit: 5, sectors: Vec::new(), as_of: None, include_archived: false }
    }
}

/// Which searches answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Words and vectors.
    Hybrid,
    /// Vectors alone.
    Vector,
    /// Words alone.
    Keyword,
}

impl Mode {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Vector => "vector",
            Self::Keyword => "keyword",
        }
    }
}

/// How a memory came into the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// It matched the question.
    Direct,
    /// It is linked to one that did.
    Link,
    /// It is a span of the call itself.
    Turn,
}

/// The normalised parts of a score, each 0 to 1 before its weight.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ScoreParts {
    /// Cosine, scaled over the candidates.
    pub similarity: f32,
    /// BM25, scaled over the candidates.
    pub keyword: f32,
    /// Effective salience at the time of the question.
    pub salience: f32,
    /// How recent the memory's date is.
    pub recency: f32,
    /// Weight of the link it came by; 0 for direct hits.
    pub link: f32,
}

/// One memory of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The memory.
    pub memory: Memory,
    /// The composite score, 0 to 1.
    pub score: f32,
    /// How it came into the answer.
    pub via: Via,
    /// What the score is made of.
    pub parts: ScoreParts,
}

/// How long each step took; logged with every tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepTimes {
    /// Turning the question into a vector.
    pub embed: Duration,
    /// Both searches.
    pub search: Duration,
    /// Reading and scoring the candidates.
    pub score: Duration,
    /// Following links.
    pub expand: Duration,
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// Best first.
    pub hits: Vec<Hit>,
    /// One or more sentences fit to be spoken.
    pub summary: String,
    /// Which searches answered.
    pub mode: Mode,
    /// Why the answer is less than it should be; `None` when it is whole.
    pub degraded: Option<&'static str>,
    /// How long each step took.
    pub times: StepTimes,
}
