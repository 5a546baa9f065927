//! What can be set about remembering embeddings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `[embedding_cache]`. Only embedders that are asked over a network have one: no text is paid for twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingCacheConfig {
    /// Megabytes of embeddings held in memory; 0 holds none.
    pub memory_mb: u64,
    /// Whether embeddings are also kept by the backend that plays `roles.cache`.
    pub persistent: bool,
    /// Embeddings kept at the most; the least recently used go first. One of 1,536 numbers takes about 6 kB.
    pub max_rows: u64,
    /// After so many days without being used an embedding goes, at least 1.
    pub days: u64,
}

impl Default for EmbeddingCacheConfig {
    fn default() -> Self {
        Self { memory_mb: 16, persistent: true, max_rows: 200_000, days: 180 }
    }
}

impl EmbeddingCacheConfig {
    /// What types alone cannot check.
    ///
    /// # Errors
    /// The key that is wrong, and the remedy.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if !(1..=36_500).contains(&self.days) {
            return Err(("embedding_cache.days", "must be 1 to 36500".to_owned()));
        }
        if self.memory_mb > 65_536 {
            return Err(("embedding_cache.memory_mb", "must be at most 65536".to_owned()));
        }
        Ok(())
    }
}
