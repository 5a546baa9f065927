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
    /// When a chat model extracts and has failed a call for so many seconds, rules extract instead, and the call is
    /// read again when the model is back. Until then the caller would be a stranger.
    pub stand_in_after_secs: u64,
    /// Seconds an extractor may take for one call, windows and second attempts included.
    pub extract_timeout_secs: u64,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self { max_links: 5, summary_sentences: 5, stand_in_after_secs: 900, extract_timeout_secs: 600 }
    }
}
