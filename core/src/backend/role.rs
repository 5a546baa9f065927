//! The parts a backend can play.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part in the whole; configuration points each at a backend by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// [`crate::store::MemoryStore`]
    Memory,
    /// [`crate::store::JobQueue`]
    Jobs,
    /// [`crate::store::VectorStore`]
    Vectors,
    /// [`crate::store::KeywordStore`]
    Keywords,
    /// [`crate::ai::Embedder`]
    Embedder,
    /// [`crate::ai::ChatModel`]
    Chat,
    /// [`crate::ai::Extractor`]
    Extractor,
    /// [`crate::ai::Classifier`]
    Classifier,
    /// [`crate::store::EmbeddingCache`]
    Cache,
    /// [`crate::limit::RateLimiter`]
    Limits,
}

impl Role {
    /// All of them, the truth first.
    pub const ALL: [Self; 10] = [
        Self::Memory,
        Self::Jobs,
        Self::Vectors,
        Self::Keywords,
        Self::Cache,
        Self::Limits,
        Self::Embedder,
        Self::Chat,
        Self::Extractor,
        Self::Classifier,
    ];

    /// The name in `[roles]`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Jobs => "jobs",
            Self::Vectors => "vectors",
            Self::Keywords => "keywords",
            Self::Embedder => "embedder",
            Self::Chat => "chat",
            Self::Extractor => "extractor",
            Self::Classifier => "classifier",
            Self::Cache => "cache",
            Self::Limits => "limits",
        }
    }
}
