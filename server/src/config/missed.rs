//! `[elevenlabs.reconcile]`: how calls that no webhook told of are found.

use super::secrets::read_file;
use crate::missed::MissedSettings;
use hark_core::{Result, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Asks ElevenLabs for calls that no webhook told of, and for transcripts that a webhook left out. Off without an API key.
/// One process of all that share a store asks at a time.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MissedConfig {
    /// The API key of the workspace, with the scope `convai_read`. Its calls become memories of the deployment's own tenant.
    pub api_key: Option<Secret>,
    /// A file that holds it.
    pub api_key_file: Option<PathBuf>,
    /// The platform's address in the workspace's region.
    pub base_url: String,
    /// From the end of one look to the next, in seconds, 60 to 86400.
    pub every_secs: u64,
    /// How far back the very first look goes, in seconds.
    pub first_look_secs: u64,
    /// The longest call, in seconds. Calls are listed when they start and can be fetched when they are over.
    pub max_call_secs: u64,
    /// The longest that the platform takes to analyse a call that is over, in seconds.
    pub analysis_secs: u64,
    /// Calls fetched at once, 1 to 8. The platform's own limits are not published.
    pub at_once: usize,
}

impl Default for MissedConfig {
    fn default() -> Self {
        Self {
            api_key: None,
            api_key_file: None,
            base_url: "https://api.elevenlabs.io".to_owned(),
            every_secs: 600,
            first_look_secs: 86_400,
            max_call_secs: 7_200,
            analysis_secs: 3_600,
            at_once: 2,
        }
    }
}

impl MissedConfig {
    /// What types alone cannot check.
    pub(super) fn check(&self) -> std::result::Result<(), (&'static str, String)> {
        let wrong = |key, what: &str| Err((key, what.to_owned()));
        if self.api_key.as_ref().is_some_and(|key| key.expose().trim().is_empty()) {
            return wrong("elevenlabs.reconcile.api_key", "is empty; leave it out to fetch nothing");
        }
        if self.api_key.is_some() && self.api_key_file.is_some() {
            return wrong("elevenlabs.reconcile.api_key", "is set and so is `api_key_file`; keep one of them");
        }
        if !(60..=86_400).contains(&self.every_secs) {
            return wrong("elevenlabs.reconcile.every_secs", "must be 60 to 86400");
        }
        if !(1..=8).contains(&self.at_once) {
            return wrong("elevenlabs.reconcile.at_once", "must be 1 to 8");
        }
        for (key, secs) in [
            ("elevenlabs.reconcile.first_look_secs", self.first_look_secs),
            ("elevenlabs.reconcile.max_call_secs", self.max_call_secs),
            ("elevenlabs.reconcile.analysis_secs", self.analysis_secs),
        ] {
            if secs > 366 * 86_400 {
                return wrong(key, "is more than a year");
            }
        }
        if !(self.base_url.starts_with("https://") || is_loopback(&self.base_url)) {
            let remedy = "must begin with https://, since the API key is sent there; http:// only goes with loopback";
            return wrong("elevenlabs.reconcile.base_url", remedy);
        }
        Ok(())
    }

    /// What to look with; `None` without a key.
    ///
    /// # Errors
    /// `Config` when the file of the key cannot be read or is empty.
    pub(crate) fn settings(&self) -> Result<Option<MissedSettings>> {
        let api_key = match (&self.api_key, &self.api_key_file) {
            (Some(key), _) => key.clone(),
            (None, None) => return Ok(None),
            (None, Some(path)) => {
                const KEY: &str = "elevenlabs.reconcile.api_key_file";
                let text = read_file(KEY, path)?;
                if text.trim().is_empty() {
                    let what = format!("{KEY}: {} is empty; write the key into it", path.display());
                    return Err(hark_core::Error::config(what));
                }
                Secret::new(text.trim())
            }
        };
        Ok(Some(MissedSettings {
            base_url: self.base_url.clone(),
            api_key,
            every: Duration::from_secs(self.every_secs),
            first_look: Duration::from_secs(self.first_look_secs),
            overlap: Duration::from_secs(self.max_call_secs + self.analysis_secs),
            at_once: self.at_once,
        }))
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.strip_prefix("http://").unwrap_or_default().split('/').next().unwrap_or_default();
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host == *name || host.starts_with(&format!("{name}:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_by_its_key() {
        assert!(MissedConfig::default().check().is_ok());
        let key = || Some(Secret::new("xi_1"));
        let d = MissedConfig::default;
        for (config, expected) in [
            (MissedConfig { api_key: Some(Secret::new(" ")), ..d() }, "api_key"),
            (MissedConfig { api_key: key(), api_key_file: Some("x".into()), ..d() }, "api_key"),
            (MissedConfig { every_secs: 59, ..d() }, "every_secs"),
            (MissedConfig { at_once: 0, ..d() }, "at_once"),
            (MissedConfig { first_look_secs: u64::MAX, ..d() }, "first_look_secs"),
            (MissedConfig { base_url: "http://api.elevenlabs.io".to_owned(), ..d() }, "base_url"),
            (MissedConfig { base_url: "http://localhost.evil.example".to_owned(), ..d() }, "base_url"),
            (MissedConfig { base_url: "api.elevenlabs.io".to_owned(), ..d() }, "base_url"),
        ] {
            assert_eq!(config.check().unwrap_err().0, format!("elevenlabs.reconcile.{expected}"));
        }
        for region in ["", ".us", ".eu.residency", ".in.residency", ".sg.residency"] {
            let base_url = format!("https://api{region}.elevenlabs.io");
            assert!(MissedConfig { base_url, ..d() }.check().is_ok());
        }
        assert!(MissedConfig { base_url: "http://127.0.0.1:4000".to_owned(), ..d() }.check().is_ok());
    }

    #[test]
    fn without_a_key_nothing_is_asked_and_a_file_may_hold_it() {
        assert!(MissedConfig::default().settings().unwrap().is_none());
        let file = tempfile::NamedTempFile::new().unwrap();
        let config = MissedConfig { api_key_file: Some(file.path().to_owned()), ..MissedConfig::default() };
        assert!(config.settings().unwrap_err().context().contains("is empty"));
        std::fs::write(file.path(), "xi_1\n").unwrap();
        let settings = config.settings().unwrap().unwrap();
        assert_eq!((settings.api_key.expose(), settings.overlap.as_secs()), ("xi_1", 10_800));
    }
}
