//! The encryption keyring: configured, told by a program, or generated on the first start; and how it is changed.

use crate::config::{Config, read_file};
use crate::data_dir::{DataDir, warn_if_open, write_private};
use hark_core::crypt::Keyring;
use hark_core::{Entropy, Error, ErrorKind, Result};
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The file in the data folder, and in a backup that has it.
pub(crate) const FILE: &str = "keys";

/// Where the keyring is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// In the configuration itself: `encryption.keys`.
    Text,
    /// A file, that of the data folder or `encryption.keys_file`.
    File(PathBuf),
    /// What `encryption.keys_command` tells.
    Command,
}

/// Where the configured keyring is, or the folder's.
pub(crate) fn source(config: &Config, folder: &Path) -> Source {
    let encryption = &config.encryption;
    match (&encryption.keys, &encryption.keys_command, &encryption.keys_file) {
        (Some(_), _, _) => Source::Text,
        (None, Some(_), _) => Source::Command,
        (None, None, Some(file)) => Source::File(file.clone()),
        (None, None, None) => Source::File(folder.join(FILE)),
    }
}

/// Changes the keyring of a file as `change` says, whole or not at all; comments in it are lost. Answers the new one.
///
/// # Errors
/// As [`read`], what `change` says, `Conflict` while somebody else changes it, `Unavailable` when it cannot be written;
/// the file is as it was then.
pub(crate) fn rewrite(path: &Path, change: impl FnOnce(Keyring) -> Result<Keyring>) -> Result<Keyring> {
    let unreadable =
        |e: io::Error| Error::config(format!("encryption keys: cannot read {}: {e}", path.display())).with_source(e);
    let held = File::open(path).map_err(unreadable)?;
    held.try_lock().map_err(|e| match e {
        TryLockError::WouldBlock => Error::new(
            ErrorKind::Conflict,
            "keyring.rewrite",
            format!("{} is just being changed by another process; try again", path.display()),
        ),
        TryLockError::Error(e) => unreadable(e),
    })?;
    let changed = change(read_file_of(path)?)?;
    write_private(path, &changed.to_text())?;
    Ok(changed)
}

/// The keyring: `encryption.keys`, `encryption.keys_file`, `encryption.keys_command`, or the folder's `keys`, which is made on the first
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
    source(config, folder) == Source::File(folder.join(FILE)) && !folder.join(FILE).exists()
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
    if let Some(command) = &config.encryption.keys_command {
        let patience = Duration::from_secs(config.encryption.keys_command_timeout_secs);
        return told_by(command, patience).map(Some);
    }
    match &config.encryption.keys_file {
        Some(path) => parse(&read_file("encryption.keys_file", path)?, path).map(Some),
        None => Ok(None),
    }
}

/// A keyring is of a few hundred bytes; what tells more means something else.
const MOST_TOLD: u64 = 64 << 10;

/// Runs a program that writes the keyring to its standard output. What it writes is never repeated, on neither channel:
/// a program that fails may well have written half a key.
fn told_by(command: &[String], patience: Duration) -> Result<Keyring> {
    let fail = |what: String| {
        Error::config(format!(
            "encryption.keys_command: {what}; run it by hand, as the user that Hark runs as, to see why"
        ))
    };
    let Some((program, arguments)) = command.split_first() else { return Err(fail("names no program".to_owned())) };
    let started =
        Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = started.map_err(|e| fail(format!("`{program}` cannot be started: {e}")))?;
    let deadline = Instant::now() + patience;
    let (tell, told) = mpsc::channel();
    if let Some(output) = child.stdout.take() {
        // Apart, since a program that hangs keeps whoever reads it.
        std::thread::spawn(move || {
            let mut text = Zeroizing::new(String::new());
            let read = output.take(MOST_TOLD + 1).read_to_string(&mut text);
            // Nobody waits any more: it took too long.
            drop(tell.send(read.map(|_| text)));
        });
    }
    let text = told.recv_timeout(patience);
    let ended = ended(&mut child, deadline);
    if ended.is_none() {
        // One that has ended just now is what is wanted.
        drop(child.kill());
        drop(child.wait());
    }
    let (Some(status), Ok(text)) = (ended, text) else {
        return Err(fail(format!("`{program}` did not end within {} s", patience.as_secs())));
    };
    // First, since whoever is not listened to any more may well end by a signal.
    if text.as_ref().is_ok_and(|text| text.len() as u64 > MOST_TOLD) {
        return Err(fail(format!("`{program}` writes more than {MOST_TOLD} bytes, so it is no keyring")));
    }
    if !status.success() {
        return Err(fail(format!("`{program}` ended with {status}")));
    }
    let text = text.map_err(|_| fail(format!("what `{program}` writes cannot be read as UTF-8")))?;
    Keyring::parse(&text).map_err(|e| fail(format!("what `{program}` writes is no keyring: {}", e.context())))
}

/// How it ended, if it does before the deadline. One that has closed its output is about to.
fn ended(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::park_timeout(Duration::from_millis(5)),
            Ok(None) | Err(_) => return None,
        }
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
    use hark_core::Secret;
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

    /// A keyring told by `sh -c`, which is what these tests have.
    fn told(script: &str) -> Result<Keyring> {
        let (_parent, folder) = folder();
        let mut config = Config::default();
        config.encryption.keys_command = Some(["sh", "-c", script].map(str::to_owned).to_vec());
        config.encryption.keys_command_timeout_secs = 1;
        let read = ensure(&config, &folder, &SystemEntropy);
        assert!(!folder.path().join(FILE).exists(), "nothing is made beside it");
        read
    }

    #[cfg(unix)]
    #[test]
    fn a_program_tells_the_keyring_and_what_it_tells_is_never_repeated() {
        let given = Keyring::generate(&SystemEntropy);
        let told_right = told(&format!("printf '%s' '{}'", given.to_text().as_str())).unwrap();
        assert_eq!(told_right.to_text(), given.to_text());
        let secret = "5ec2e7".repeat(10);
        for (script, needle) in [
            (format!("echo lookup {secret}"), "line 1"),
            (format!("echo {secret}; echo {secret} >&2; exit 3"), "exit status: 3"),
            (format!("echo {secret}; exec sleep 60"), "within 1 s"),
            // It goes on after it has closed its output.
            (format!("echo {secret}; exec >&-; sleep 60"), "within 1 s"),
            ("exec head -c 100000 /dev/zero".to_owned(), "more than 65536 bytes"),
            ("printf '\\377'".to_owned(), "UTF-8"),
        ] {
            let error = told(&script).unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(error.context().contains("encryption.keys_command") && text.contains(needle), "{needle}: {text}");
            assert!(!text.contains("5ec2e7"), "{needle}");
        }
        let mut config = Config::default();
        config.encryption.keys_command = Some(vec!["/no/such/program".to_owned()]);
        let error = check(&config).unwrap_err();
        assert!(error.context().contains("`/no/such/program` cannot be started"), "{error}");
    }

    #[test]
    fn a_keyring_that_is_being_changed_is_left_alone_and_what_fails_changes_nothing() {
        let (_parent, folder) = folder();
        let given = ensure(&Config::default(), &folder, &SystemEntropy).unwrap();
        let path = folder.path().join(FILE);
        let text = || std::fs::read_to_string(&path).unwrap();
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        let error = rewrite(&path, |ring| Ok(ring.rotated(&SystemEntropy))).unwrap_err();
        assert!(error.kind() == ErrorKind::Conflict && error.context().contains("try again"), "{error}");
        drop(held);
        rewrite(&path, |ring| ring.without("k0")).unwrap_err();
        assert_eq!(text(), *given.to_text());
        let rotated = rewrite(&path, |ring| Ok(ring.rotated(&SystemEntropy))).unwrap();
        assert_eq!(text(), *rotated.to_text());
    }
}
