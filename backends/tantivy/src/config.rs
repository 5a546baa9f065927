//! The section of a `tantivy` backend.

use hark_core::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// Keyword search on disk.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TantivyConfig {
    /// The index folder; relative to the data folder. It belongs to one process at a time.
    pub path: PathBuf,
    /// Memory for documents that are being written, in MB; 15 to 2000. More makes rebuilding a little faster.
    pub writer_memory_mb: u32,
    /// How long a write may wait for others to share its commit with, in milliseconds; 0 to 1000. With 0 a write
    /// is committed at once, together with those that came while the last commit ran.
    pub commit_interval_ms: u64,
    /// Wait for the disk with every commit. Not needed for a derived index: without it a killed process still loses
    /// nothing, and after a power failure a damaged or lagging index is noticed at start and rebuilt from the truth.
    /// With it a write costs some eighteen syncs.
    pub sync: bool,
}

impl Default for TantivyConfig {
    fn default() -> Self {
        Self { path: PathBuf::from("words"), writer_memory_mb: 32, commit_interval_ms: 0, sync: false }
    }
}

impl TantivyConfig {
    pub(crate) fn validate(&self) -> Result<()> {
        if self.path.file_name().is_none() {
            return Err(Error::config("path: must name a folder, such as `words`"));
        }
        if !(15..=2000).contains(&self.writer_memory_mb) {
            return Err(Error::config("writer_memory_mb: must be 15 to 2000"));
        }
        if self.commit_interval_ms > 1000 {
            return Err(Error::config("commit_interval_ms: must be 0 to 1000"));
        }
        Ok(())
    }

    pub(crate) fn writer_memory_bytes(&self) -> usize {
        self.writer_memory_mb as usize * 1_000_000
    }

    pub(crate) fn commit_interval(&self) -> Duration {
        Duration::from_millis(self.commit_interval_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked_and_errors_name_the_field() {
        assert!(TantivyConfig::default().validate().is_ok());
        let wrong = [
            (TantivyConfig { path: "".into(), ..Default::default() }, "path"),
            (TantivyConfig { writer_memory_mb: 14, ..Default::default() }, "writer_memory_mb"),
            (TantivyConfig { commit_interval_ms: 1001, ..Default::default() }, "commit_interval_ms"),
        ];
        for (config, field) in wrong {
            assert!(config.validate().unwrap_err().context().starts_with(field), "{config:?}");
        }
    }
}
