//! What money is spent on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a model is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spend {
    /// Vectors.
    Embedding,
    /// Memories of a transcript.
    Extraction,
    /// Whether two memories contradict each other.
    Judging,
    /// A caller in a few sentences.
    Summary,
    /// Whether the model answers at all (`hark doctor`).
    Check,
}

impl Spend {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Embedding, Self::Extraction, Self::Judging, Self::Summary, Self::Check];

    /// The stable lower-case name, as it stands in metrics and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedding => "embedding",
            Self::Extraction => "extraction",
            Self::Judging => "judging",
            Self::Summary => "summary",
            Self::Check => "check",
        }
    }

    /// The purpose of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|spend| spend.name() == name)
    }
}
