//! What can be set.

use hark_core::{Error, Result, Secret};
use redis::{Client, ConnectionInfo, IntoConnectionInfo};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DEFAULT_URL: &str = "redis://127.0.0.1:6379";

/// A Redis or Valkey server, from Redis 6.2 on, that all nodes share.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedisConfig {
    /// Where it is: `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS.
    // There is nothing to hide in the default, and a schema that hides it would not tell it.
    #[schemars(extend("default" = DEFAULT_URL))]
    pub url: Secret,
    /// A file that holds the password, relative to the data folder; the one in `url` does not count then.
    pub password_file: Option<PathBuf>,
    /// What every key begins with, so that several deployments can share a server: 1 to 40 of `a`-`z`, `0`-`9`, `_`, `-`, `.`.
    pub prefix: String,
    /// How long whoever is on the phone waits for an answer, in milliseconds, 1 to 10,000. Then the node goes on alone.
    pub timeout_ms: u64,
    /// How long everything else does, 1 to 600,000.
    pub background_timeout_ms: u64,
    /// For how long a server that did not answer is not asked again, in milliseconds, 1 to 600,000.
    pub retry_ms: u64,
    /// After so many days without being used an embedding goes by itself, 1 to 36,500. Longer than `embedding_cache.days`,
    /// by which the workers clear up.
    pub keep_days: u32,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: Secret::new(DEFAULT_URL),
            password_file: None,
            prefix: "hark".to_owned(),
            timeout_ms: 50,
            background_timeout_ms: 5_000,
            retry_ms: 1_000,
            keep_days: 200,
        }
    }
}

impl RedisConfig {
    /// Checks every field before anything is opened.
    ///
    /// # Errors
    /// `Config`, naming field and remedy.
    pub fn validate(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::config(what));
        self.address()?;
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
        if !(1..=40).contains(&self.prefix.len()) || !self.prefix.chars().all(fits) {
            return wrong("prefix: must be 1 to 40 of a-z, 0-9, `_`, `-` and `.`");
        }
        if !(1..=10_000).contains(&self.timeout_ms) {
            return wrong("timeout_ms: must be 1 to 10000");
        }
        if !(1..=600_000).contains(&self.background_timeout_ms) {
            return wrong("background_timeout_ms: must be 1 to 600000");
        }
        if !(1..=600_000).contains(&self.retry_ms) {
            return wrong("retry_ms: must be 1 to 600000");
        }
        if !(1..=36_500).contains(&self.keep_days) {
            return wrong("keep_days: must be 1 to 36500");
        }
        Ok(())
    }

    /// What to connect to.
    ///
    /// # Errors
    /// `Config`; nothing of the address is quoted, which may hold a password.
    pub(crate) fn client(&self, data_dir: &Path) -> Result<Client> {
        let mut address = self.address()?;
        if let Some(file) = &self.password_file {
            let path = data_dir.join(file);
            let text = std::fs::read_to_string(&path)
                .map_err(|e| Error::config(format!("password_file: cannot read {}: {e}", path.display())))?;
            let password = text.lines().next().unwrap_or_default().trim();
            if password.is_empty() {
                return Err(Error::config(format!("password_file: {} holds no password", path.display())));
            }
            let settings = address.redis_settings().clone().set_password(password);
            address = address.set_redis_settings(settings);
        }
        Client::open(address).map_err(|_| Error::config("url: is not understood"))
    }

    fn address(&self) -> Result<ConnectionInfo> {
        let url = self.url.expose();
        if !["redis://", "rediss://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(Error::config("url: must start with redis:// or rediss://"));
        }
        url.into_connection_info()
            .map_err(|_| Error::config("url: is no address; write it like redis://user:password@host:6379/0"))
    }

    /// How long whoever is on the phone waits.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// How long everything else does.
    pub(crate) fn long_patience(&self) -> Duration {
        Duration::from_millis(self.background_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::ErrorKind;
    use serde_json::json;

    fn parse(section: serde_json::Value) -> RedisConfig {
        serde_json::from_value(section).unwrap()
    }

    #[test]
    fn an_empty_section_is_a_server_on_this_machine() {
        let config = parse(json!({}));
        assert_eq!(config, RedisConfig::default());
        let schema = schemars::schema_for!(RedisConfig);
        assert_eq!(schema.as_value()["properties"]["url"]["default"], DEFAULT_URL, "the schema tells where");
        config.validate().unwrap();
        let client = config.client(Path::new("unused")).unwrap();
        assert_eq!(client.get_connection_info().addr().to_string(), "127.0.0.1:6379");
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_field_and_no_address_is_quoted() {
        for (section, field) in [
            (json!({"url": "http://geheim@host"}), "url"),
            (json!({"url": "redis://user:geheim@host:port"}), "url"),
            (json!({"url": "redis://:geheim@host/words"}), "url"),
            (json!({"prefix": ""}), "prefix"),
            (json!({"prefix": "a{b}"}), "prefix"),
            (json!({"prefix": "x".repeat(41)}), "prefix"),
            (json!({"timeout_ms": 0}), "timeout_ms"),
            (json!({"timeout_ms": 10_001}), "timeout_ms"),
            (json!({"background_timeout_ms": 0}), "background_timeout_ms"),
            (json!({"retry_ms": 0}), "retry_ms"),
            (json!({"keep_days": 0}), "keep_days"),
        ] {
            let error = parse(section.clone()).validate().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.context().starts_with(&format!("{field}: ")), "{section}: {error}");
            assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        }
        let unknown = serde_json::from_value::<RedisConfig>(json!({"urls": "x"})).unwrap_err().to_string();
        assert!(unknown.contains("urls"), "{unknown}");
    }

    #[test]
    fn the_password_is_read_from_its_file_and_shown_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "geheim\n").unwrap();
        let config = parse(json!({"url": "rediss://me:old-geheim@host/3", "password_file": "secret"}));
        let client = config.client(folder.path()).unwrap();
        let settings = client.get_connection_info().redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("me"), Some("geheim"), 3));
        assert!(!format!("{config:?}").contains("geheim"), "{config:?}");
        std::fs::write(folder.path().join("secret"), "\n").unwrap();
        let empty = config.client(folder.path()).unwrap_err();
        assert!(empty.context().starts_with("password_file: "), "{empty}");
        let gone = parse(json!({"password_file": "gone"})).client(folder.path()).unwrap_err();
        assert!(gone.context().starts_with("password_file: cannot read"), "{gone}");
    }
}
