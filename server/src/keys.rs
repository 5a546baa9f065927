//! The encryption keyring: configured, or generated on the first start.

use crate::config::{Config, read_file};
use crate::data_dir::{DataDir, warn_if_open, write_private};
use hark_core::crypt::Keyring;
use hark_core::{Entropy, Error, Result};
use std::path::Path;

/// The file in the data folder, and in a backup that has it.
pub(crate) const FILE: &str = "keys";

/// The keyring: `encryption.keys`, `encryption.keys_file`, or the folder's `keys`, which is made on the first
/// start. Never made beside data: data sealed with lost keys must not be joined by data sealed with new ones.
///
/// # Errors
/// `Config` when it cannot be read or means nothing, or when the folder holds data but no keys.
pub fn ensure(config: &Config, folder: &DataDir, entropy: &dyn Entropy) -> Result<Keyring> {
    if let Some(keyring) = configured(config)? {
        return Ok(keyring);
    }
    let path = folder.path().join(FILE);
    if path.exists() {
        warn_if_open(&path);
        return read_file_of(&path);
    }
    if let Some(database) = database_in(folder.path()) {
        return Err(Error::config(format!(
            "{} is missing, but {database} is there and needs it; put the file back, or name the keys with \
             encryption.keys_file",
            path.display()
        )));
    }
    let keyring = Keyring::generate(entropy);
    write_private(&path, &keyring.to_text())?;
    tracing::info!(file = %path.display(), "generated the encryption keys; back this file up apart from the data");
    Ok(keyring)
}

/// As [`ensure`], for a process beside the server: nothing is made.
///
/// # Errors
/// `Config` when there are none, or they cannot be read.
pub fn read(config: &Config, folder: &Path) -> Result<Keyring> {
    match configured(config)? {
        Some(keyring) => Ok(keyring),
        None => read_file_of(&folder.join(FILE)),
    }
}

/// Whether neither configuration nor folder has keys.
pub(crate) fn are_missing(config: &Config, folder: &Path) -> bool {
    config.encryption.keys.is_none() && config.encryption.keys_file.is_none() && !folder.join(FILE).exists()
}

/// Reads a file of keys.
///
/// # Errors
/// `Config` when it cannot be read or means nothing.
pub(crate) fn read_file_of(path: &Path) -> Result<Keyring> {
    parse(&read_file("encryption keys", path)?, path)
}

/// Reads the keys that are configured, if any, and nothing else.
///
/// # Errors
/// `Config` when they cannot be read or mean nothing.
pub fn check(config: &Config) -> Result<()> {
    configured(config).map(drop)
}

fn configured(config: &Config) -> Result<Option<Keyring>> {
    if let Some(keys) = &config.encryption.keys {
        return Keyring::parse(keys.expose()).map(Some);
    }
    match &config.encryption.keys_file {
        Some(path) => parse(&read_file("encryption.keys_file", path)?, path).map(Some),
        None => Ok(None),
    }
}

fn parse(text: &str, path: &Path) -> Result<Keyring> {
    Keyring::parse(text).map_err(|e| Error::config(format!("{}: {}", path.display(), e.context())))
}

/// A database in the folder, if there is one.
fn database_in(folder: &Path) -> Option<String> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).find(|name| name.ends_with(".db"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use hark_core::SystemEntropy;

    fn folder() -> (tempfile::TempDir, DataDir) {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataDir::open(&parent.path().join("data")).unwrap();
        (parent, folder)
    }

    #[test]
    fn keys_are_generated_once_and_read_afterwards() {
        let (_parent, folder) = folder();
        let config = Config::default();
        let first = ensure(&config, &folder, &SystemEntropy).unwrap();
        std::fs::write(folder.path().join("memory.db"), "").unwrap();
        let again = ensure(&config, &folder, &SystemEntropy).unwrap();
        assert_eq!(first.to_text(), again.to_text());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn data_without_its_keys_is_refused_and_nothing_is_made() {
        let (_parent, folder) = folder();
        std::fs::write(folder.path().join("memory.db"), "").unwrap();
        let error = ensure(&Config::default(), &folder, &SystemEntropy).unwrap_err();
        assert!(error.context().contains("memory.db") && error.context().contains("keys_file"), "{error}");
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn configured_keys_win_and_a_broken_file_is_named_by_line() {
        let (_parent, folder) = folder();
        let given = Keyring::generate(&SystemEntropy);
        let mut config = Config::default();
        config.encryption.keys = Some(Secret::new(given.to_text().to_string()));
        assert_eq!(ensure(&config, &folder, &SystemEntropy).unwrap().to_text(), given.to_text());
        config.encryption.keys = None;
        let file = folder.path().join("ring");
        std::fs::write(&file, "lookup 12\n").unwrap();
        config.encryption.keys_file = Some(file);
        let error = ensure(&config, &folder, &SystemEntropy).unwrap_err();
        assert!(error.context().contains("ring") && error.context().contains("line 1"), "{error}");
        assert!(!folder.path().join(FILE).exists());
    }
}
