//! API keys and webhook secrets: configured, or generated on the first start.

use crate::config::{Config, Secrets, read_lines};
use crate::data_dir::{DataDir, warn_if_open, write_private};
use hark_core::{Entropy, Error, Result, Secret};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file in the data folder, and in a backup that has it.
pub(crate) const FILE: &str = "credentials.toml";

/// What opens the doors.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Accepted as `Authorization: Bearer …`; at least one.
    pub api_keys: Secrets,
    /// Accepted as signers of the post-call webhook; at least one.
    pub webhook_secrets: Secrets,
    /// The keys whose values were generated rather than configured.
    generated: Vec<&'static str>,
    /// Where the generated ones are; `None` when all are configured.
    pub file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generated {
    api_keys: Secrets,
    webhook_secrets: Secrets,
}

impl Credentials {
    /// What is configured; what is not comes from the folder's `credentials.toml`, which is made on the first
    /// start.
    ///
    /// # Errors
    /// `Config` when a file cannot be read or means nothing, `Unavailable` when it cannot be written.
    pub fn ensure(config: &Config, folder: &DataDir, entropy: &dyn Entropy) -> Result<Self> {
        let path = folder.path().join(FILE);
        if configured(config)?.file_is_needed() && !path.exists() {
            write_private(&path, &generate(entropy))?;
            tracing::info!(file = %path.display(), "generated an API key and a webhook secret");
        }
        Self::read(config, folder.path())
    }

    /// As [`Credentials::ensure`], for a process beside the server: nothing is made.
    ///
    /// # Errors
    /// `Config` when something is missing or cannot be read.
    pub fn read(config: &Config, folder: &Path) -> Result<Self> {
        let mut credentials = configured(config)?;
        if !credentials.file_is_needed() {
            return Ok(credentials);
        }
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            let remedy = "start the server once to have them generated, or set auth.api_keys and \
                          elevenlabs.webhook_secrets";
            Error::config(format!("no credentials: cannot read {}: {e}; {remedy}", path.display())).with_source(e)
        })?;
        warn_if_open(&path);
        // The parser's own text quotes the line it stumbles over.
        let found: Generated = toml::from_str(&text).map_err(|_| {
            Error::config(format!(
                "{}: expected lists api_keys and webhook_secrets; delete it to have it made anew",
                path.display()
            ))
        })?;
        if credentials.api_keys.is_empty() {
            credentials.api_keys = found.api_keys;
            credentials.generated.push("auth.api_keys");
        }
        if credentials.webhook_secrets.is_empty() {
            credentials.webhook_secrets = found.webhook_secrets;
            credentials.generated.push("elevenlabs.webhook_secrets");
        }
        if credentials.file_is_needed() {
            return Err(Error::config(format!("{}: a list is empty; delete it to have it made anew", path.display())));
        }
        credentials.file = Some(path);
        Ok(credentials)
    }

    /// Reads every file that is named, and nothing else.
    ///
    /// # Errors
    /// `Config` when one cannot be read or holds nothing.
    pub fn check(config: &Config) -> Result<()> {
        configured(config).map(drop)
    }

    /// Refuses to face a network with credentials nobody chose.
    ///
    /// # Errors
    /// `Config`, naming the keys to set.
    pub fn allow_binding(&self, addresses: &[SocketAddr]) -> Result<()> {
        if self.generated.is_empty() || addresses.iter().all(|a| a.ip().is_loopback()) {
            return Ok(());
        }
        Err(Error::config(format!(
            "server.bind: only loopback may be bound while {} {} not configured; set {} (or bind 127.0.0.1)",
            self.generated.join(" and "),
            if self.generated.len() == 1 { "is" } else { "are" },
            if self.generated.len() == 1 { "it" } else { "them" },
        )))
    }

    fn file_is_needed(&self) -> bool {
        self.api_keys.is_empty() || self.webhook_secrets.is_empty()
    }

    /// The key our own commands use.
    ///
    /// # Errors
    /// `Config` when there is none.
    pub fn first_api_key(&self) -> Result<&Secret> {
        self.api_keys.iter().next().ok_or_else(|| Error::config("auth.api_keys: there is no API key"))
    }

    /// The secret our own commands sign with.
    ///
    /// # Errors
    /// `Config` when there is none.
    pub fn first_webhook_secret(&self) -> Result<&Secret> {
        let none = || Error::config("elevenlabs.webhook_secrets: there is no webhook secret");
        self.webhook_secrets.iter().next().ok_or_else(none)
    }
}

fn configured(config: &Config) -> Result<Credentials> {
    let from = |given: &Secrets, key, file: &Option<PathBuf>| match file {
        Some(path) => Ok(given.clone().and(read_lines(key, path)?)),
        None => Ok::<_, Error>(given.clone()),
    };
    Ok(Credentials {
        api_keys: from(&config.auth.api_keys, "auth.api_keys_file", &config.auth.api_keys_file)?,
        webhook_secrets: from(
            &config.elevenlabs.webhook_secrets,
            "elevenlabs.webhook_secrets_file",
            &config.elevenlabs.webhook_secrets_file,
        )?,
        generated: Vec::new(),
        file: None,
    })
}

fn generate(entropy: &dyn Entropy) -> String {
    format!(
        "# Generated on the first start because none were configured. Secret: keep the mode 0600.\n\
         # The API key is sent as `Authorization: Bearer …`; the webhook secret signs the post-call webhook.\n\
         api_keys = [\"hark_{}\"]\nwebhook_secrets = [\"wsec_{}\"]\n",
        entropy.hex(32),
        entropy.hex(32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::SystemEntropy;

    fn folder() -> (tempfile::TempDir, DataDir) {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataDir::open(&parent.path().join("data")).unwrap();
        (parent, folder)
    }

    #[test]
    fn they_are_generated_once_and_only_for_their_owner() {
        let (_parent, folder) = folder();
        let config = Config::default();
        assert!(Credentials::read(&config, folder.path()).is_err(), "reading makes nothing");
        let first = Credentials::ensure(&config, &folder, &SystemEntropy).unwrap();
        let again = Credentials::ensure(&config, &folder, &SystemEntropy).unwrap();
        let key = first.first_api_key().unwrap();
        assert!(key.expose().starts_with("hark_") && key.expose().len() == 5 + 64);
        assert!(first.first_webhook_secret().unwrap().expose().starts_with("wsec_"));
        assert_eq!(key, again.first_api_key().unwrap());
        let file = first.file.unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(file.ends_with("credentials.toml"));
    }

    #[test]
    fn configured_ones_win_and_nothing_is_generated() {
        let (_parent, folder) = folder();
        let keys = folder.path().join("more");
        std::fs::write(&keys, "from_file\n").unwrap();
        let mut config = Config::default();
        config.auth.api_keys = [Secret::new("given")].into_iter().collect();
        config.auth.api_keys_file = Some(keys);
        config.elevenlabs.webhook_secrets = [Secret::new("wsec_given")].into_iter().collect();
        let credentials = Credentials::ensure(&config, &folder, &SystemEntropy).unwrap();
        let keys: Vec<_> = credentials.api_keys.iter().map(Secret::expose).collect();
        assert_eq!(keys, ["given", "from_file"]);
        assert!(credentials.file.is_none() && !folder.path().join(FILE).exists());
        credentials.allow_binding(&["0.0.0.0:8080".parse().unwrap()]).unwrap();
    }

    #[test]
    fn a_network_is_not_faced_with_generated_credentials() {
        let (_parent, folder) = folder();
        let mut config = Config::default();
        config.auth.api_keys = [Secret::new("given")].into_iter().collect();
        let credentials = Credentials::ensure(&config, &folder, &SystemEntropy).unwrap();
        for loopback in ["127.0.0.1:1", "[::1]:1"] {
            credentials.allow_binding(&[loopback.parse().unwrap()]).unwrap();
        }
        let error = credentials.allow_binding(&["0.0.0.0:8080".parse().unwrap()]).unwrap_err();
        assert!(error.context().contains("elevenlabs.webhook_secrets is not configured"), "{error}");
        assert!(!error.context().contains("auth.api_keys"), "{error}");
    }

    #[test]
    fn a_broken_file_is_named_and_not_quoted() {
        let (_parent, folder) = folder();
        std::fs::write(folder.path().join(FILE), "api_keys = [\"hark_top_secret\"").unwrap();
        let error = Credentials::ensure(&Config::default(), &folder, &SystemEntropy).unwrap_err();
        assert!(error.context().contains(FILE), "{error}");
        assert!(!format!("{error:?}").contains("top_secret"), "{error:?}");
    }
}
