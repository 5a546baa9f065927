//! The section of `kind = "sqlite"`.

use hark_core::{Error, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// How hard a write is pressed onto the disk before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// Every commit is flushed: what was acknowledged survives a power cut.
    #[default]
    Full,
    /// Flushed at checkpoints only: faster, survives a killed process, but the last commits before a power cut
    /// may be gone although they were acknowledged. The file stays consistent.
    Normal,
}

/// One SQLite file. It holds the truth and the queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SqliteConfig {
    /// The file; relative paths are meant from the data folder. It is created, its folder is not. Must be on a
    /// local disk: SQLite's locks do not hold on network file systems.
    pub path: PathBuf,
    /// How long a statement waits for another process that holds the file, in milliseconds; 1 to 60,000.
    pub busy_timeout_ms: u64,
    /// Connections that read, beside the one that writes; 1 to 64. They are opened when they are needed.
    pub read_connections: u32,
    /// How hard a write is pressed onto the disk before it is acknowledged: `full` or `normal`.
    pub synchronous: Synchronous,
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("memory.db"),
            busy_timeout_ms: 5_000,
            read_connections: 4,
            synchronous: Synchronous::Full,
        }
    }
}

impl SqliteConfig {
    /// Checks everything that can be checked without touching the disk, and answers the file's whole path.
    ///
    /// # Errors
    /// `Config`, naming field and remedy.
    pub(crate) fn resolve(&self, data_dir: &Path) -> Result<PathBuf> {
        let wrong = |what: &str| Err(Error::config(format!("kind `sqlite`: {what}")));
        if !(1..=60_000).contains(&self.busy_timeout_ms) {
            return wrong("busy_timeout_ms: must be 1 to 60000");
        }
        if !(1..=64).contains(&self.read_connections) {
            return wrong("read_connections: must be 1 to 64");
        }
        // SQLite gives these two a meaning of their own: a database in memory, which no two connections would
        // share, and a URI.
        let text = self.path.to_string_lossy();
        if text == ":memory:" || text.starts_with("file:") || self.path.file_name().is_none() {
            return wrong("path: must name a file, such as `memory.db`; for a store in memory use kind `ram`");
        }
        let whole = data_dir.join(&self.path);
        if whole.to_str().is_none_or(|path| path.contains('\0')) {
            return wrong("path: must be valid UTF-8");
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(section: serde_json::Value) -> Result<SqliteConfig, serde_json::Error> {
        serde_json::from_value(section)
    }

    #[test]
    fn an_empty_section_is_the_documented_default() {
        let config = parse(json!({})).unwrap();
        assert_eq!(config, SqliteConfig::default());
        assert_eq!(config.resolve(Path::new("/data")).unwrap(), Path::new("/data/memory.db"));
        assert_eq!(config.synchronous, Synchronous::Full);
    }

    #[test]
    fn absolute_paths_stand_and_unknown_fields_do_not() {
        let config = parse(json!({"path": "/srv/hark.db", "synchronous": "normal"})).unwrap();
        assert_eq!(config.resolve(Path::new("/data")).unwrap(), Path::new("/srv/hark.db"));
        assert!(parse(json!({"paht": "x"})).unwrap_err().to_string().contains("paht"));
        assert!(parse(json!({"synchronous": "off"})).is_err());
    }

    #[test]
    fn wrong_values_name_the_field() {
        for (section, field) in [
            (json!({"busy_timeout_ms": 0}), "busy_timeout_ms"),
            (json!({"busy_timeout_ms": 60_001}), "busy_timeout_ms"),
            (json!({"read_connections": 0}), "read_connections"),
            (json!({"read_connections": 65}), "read_connections"),
            (json!({"path": ""}), "path"),
            (json!({"path": ":memory:"}), "path"),
            (json!({"path": "file:x?mode=memory"}), "path"),
        ] {
            let error = parse(section).unwrap().resolve(Path::new("/data")).unwrap_err().to_string();
            assert!(error.contains(&format!("{field}: ")), "{error}");
        }
    }
}
