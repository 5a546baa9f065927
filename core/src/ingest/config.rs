//! What can be set about learning.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `[ingest]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IngestConfig {
    /// Links a new memory gets at the most, to its nearest neighbours above the embedder's threshold.
    pub max_links: usize,
    /// Sentences in a caller's summary.
    pub summary_sentences: usize,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self { max_links: 5, summary_sentences: 5 }
    }
}
