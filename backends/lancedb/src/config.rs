//! The section of a `lancedb` backend.

use hark_core::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// Vectors on disk.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LanceDbConfig {
    /// The folder of the tables; relative to the data folder. It belongs to one process at a time. Object stores
    /// (`s3://…`) are not supported.
    pub uri: String,
    /// Small files are merged in the background after so many writes; 5 to 1000. Fewer keep searches quicker, more
    /// write less.
    pub compact_after: u32,
}

impl Default for LanceDbConfig {
    fn default() -> Self {
        Self { uri: "vectors".into(), compact_after: 50 }
    }
}

impl LanceDbConfig {
    pub(crate) fn validate(&self) -> Result<()> {
        if self.uri.contains("://") {
            return Err(Error::config("uri: must be a folder on this machine; object stores are not supported"));
        }
        if PathBuf::from(&self.uri).file_name().is_none() {
            return Err(Error::config("uri: must name a folder, such as `vectors`"));
        }
        if !(5..=1000).contains(&self.compact_after) {
            return Err(Error::config("compact_after: must be 5 to 1000"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked_and_errors_name_the_field() {
        assert!(LanceDbConfig::default().validate().is_ok());
        for uri in ["s3://bucket/vectors", "gs://b", "file:///data", "", ".."] {
            let config = LanceDbConfig { uri: uri.into(), ..Default::default() };
            assert!(config.validate().unwrap_err().context().starts_with("uri"), "{uri}");
        }
        let config = LanceDbConfig { compact_after: 1, ..Default::default() };
        assert!(config.validate().unwrap_err().context().starts_with("compact_after"));
    }
}
