//! Where a program under measurement runs, and with what settings.

use crate::Outcome;
use crate::server::{KEY, SECRET};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// A program, its folder and its settings.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    hark: PathBuf,
    folder: PathBuf,
    keys: PathBuf,
    settings: Vec<(String, String)>,
}

impl Home {
    /// Of a program in a folder, which is there.
    pub(crate) fn new(hark: &Path, folder: &Path) -> Outcome<Self> {
        let keys = folder.join("keys");
        Ok(Self { hark: std::path::absolute(hark)?, folder: folder.to_owned(), keys, settings: Vec::new() })
    }

    /// The same with these settings beside, as environment variables.
    pub(crate) fn with(mut self, settings: Vec<(String, String)>) -> Self {
        self.settings.extend(settings);
        self
    }

    /// A folder for another process of the same deployment: with the same keys, and a data folder of its own.
    pub(crate) fn beside(&self, name: &str) -> Outcome<Self> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, ..self.clone() })
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Its keyring.
    pub(crate) fn keys(&self) -> &Path {
        &self.keys
    }

    /// The program, with the settings that everything here runs with.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.hark);
        command
            .current_dir(&self.folder)
            .env("HARK_SERVER__BIND", "127.0.0.1:0")
            .env("HARK_SERVER__DATA_DIR", self.data())
            .env("HARK_AUTH__API_KEYS", format!("[\"{KEY}\"]"))
            .env("HARK_ELEVENLABS__WEBHOOK_SECRETS", format!("[\"{SECRET}\"]"))
            .env("HARK_ENCRYPTION__KEYS_FILE", &self.keys)
            .env("HARK_LOG__LEVEL", "warn")
            .env("HARK_LIMITS__TOOLS_PER_MINUTE", "1000000")
            .env("HARK_LIMITS__WEBHOOKS_PER_MINUTE", "1000000")
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn processes_of_one_deployment_share_keys_and_settings_and_no_data() {
        let folder = tempfile::tempdir().unwrap();
        let settings = vec![("HARK_ROLES__MEMORY".to_owned(), "main".to_owned())];
        let home = Home::new(Path::new("hark"), folder.path()).unwrap().with(settings);
        let worker = home.beside("worker").unwrap();
        assert!(worker.data().parent().unwrap().is_dir());
        assert_ne!(worker.data(), home.data());
        assert_eq!(worker.keys(), home.keys());
        let command = worker.command();
        let told = |name: &str| command.as_std().get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value);
        assert_eq!(told("HARK_ROLES__MEMORY"), Some(OsStr::new("main")));
        assert_eq!(told("HARK_ENCRYPTION__KEYS_FILE"), Some(home.keys().as_os_str()));
        assert_eq!(told("HARK_SERVER__DATA_DIR"), Some(worker.data().as_os_str()));
    }
}
