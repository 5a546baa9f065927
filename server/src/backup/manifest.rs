//! What a backup says of itself.

use crate::data_dir::write_private;
use hark_core::backend::Role;
use hark_core::crypt::{Keyring, Vault};
use hark_core::store::Copied;
use hark_core::{Error, ErrorKind, Result, SystemEntropy, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// The file that makes a folder a backup.
pub(super) const MANIFEST: &str = "manifest.json";

/// How manifests and ledgers are written now.
pub(super) const FORMAT: u32 = 1;

/// What a backup holds, and what it needs to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// How it is written.
    pub format: u32,
    /// The Hark that wrote it.
    pub hark: String,
    /// When the copying began: what was written before is in it.
    pub created_at: Timestamp,
    /// The copies, in the order in which they were made.
    pub parts: Vec<Part>,
    /// The keys without which it is worth nothing.
    pub keys: NeededKeys,
    /// Every file beside the manifest.
    pub files: Vec<Listed>,
}

/// The copy of one backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its folder in the backup.
    pub folder: String,
    /// The roles the backend played.
    pub roles: Vec<Role>,
    /// Its kind.
    pub kind: String,
    /// What is in it.
    pub holds: Copied,
}

/// Keys by their marks: hashes that tell a key from every other, and nothing about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeededKeys {
    /// The mark of the look-up key.
    pub lookup: String,
    /// The marks of the sealing keys something in the backup is sealed with, by id.
    pub sealing: BTreeMap<String, String>,
    /// Whether the keys are in the backup (`--with-keys`).
    pub included: bool,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its path from the backup's folder, with `/`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, as hex.
    pub sha256: String,
}

impl NeededKeys {
    /// What `sealed_with` needs of this keyring.
    ///
    /// # Errors
    /// `Config` where the keyring lacks one: what it sealed cannot be opened even now.
    pub(super) fn of(keyring: &Keyring, sealed_with: &BTreeSet<String>, included: bool) -> Result<Self> {
        let mut marks = keyring.sealing_marks();
        if let Some(id) = sealed_with.iter().find(|id| !marks.contains_key(*id)) {
            return Err(Error::config(format!(
                "encryption keys: something stored is sealed with the key `{id}`, which is not in the keyring, so that \
                 no backup of it could ever be opened; add its `seal` line again"
            )));
        }
        marks.retain(|id, _| sealed_with.contains(id));
        Ok(Self { lookup: keyring.lookup_mark(), sealing: marks, included })
    }

    /// Whether this keyring opens it.
    ///
    /// # Errors
    /// `Config`, naming the key that is missing or another one, and where it is to be put.
    pub(super) fn check(&self, keyring: &Keyring) -> Result<()> {
        self.check_lookup(keyring)?;
        let marks = keyring.sealing_marks();
        for (id, mark) in &self.sealing {
            let what = match marks.get(id) {
                Some(known) if known == mark => continue,
                Some(_) => "is another key than the one of that id here",
                None => "is missing here",
            };
            return Err(Error::config(format!(
                "encryption keys: the backup is sealed with the key `{id}`, which {what}; put the keys that were in use \
                 when it was made into the data folder's file `keys`, or name them with encryption.keys_file"
            )));
        }
        Ok(())
    }

    fn check_lookup(&self, keyring: &Keyring) -> Result<()> {
        check_lookup("the backup", &self.lookup, keyring)
    }
}

/// Whether people are found, and kept out, under this keyring as they were.
pub(super) fn check_lookup(what: &str, mark: &str, keyring: &Keyring) -> Result<()> {
    if keyring.lookup_mark() == mark {
        return Ok(());
    }
    Err(Error::config(format!(
        "encryption keys: {what} was made under another `lookup` key than the one here, so that nobody in it would be \
         found; put the keys that were in use then into the data folder's file `keys`, or name them with \
         encryption.keys_file"
    )))
}

/// Something with the signature that says it is ours.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed<T> {
    content: T,
    signature: String,
}

/// Writes something signed, whole or not at all, for its owner only.
///
/// # Errors
/// `Unavailable`, naming the file.
pub(super) fn write<T: Serialize>(path: &Path, what: &str, content: T, keyring: &Keyring) -> Result<()> {
    let signature = vault(keyring).sign_copy(what, &text(&content)?);
    let mut signed = serde_json::to_string_pretty(&Signed { content, signature }).map_err(|_| unwritable())?;
    signed.push('\n');
    write_private(path, &signed)
}

/// Reads what [`write`] wrote. `check` sees the content before its signature is looked at, so that a wrong key is
/// called a wrong key.
///
/// # Errors
/// `Corrupt`, naming the file, when it cannot be understood or was changed; what `check` says.
pub(super) fn read<T: Serialize + DeserializeOwned>(
    path: &Path,
    what: &str,
    keyring: &Keyring,
    check: impl FnOnce(&T) -> Result<()>,
) -> Result<T> {
    let corrupt = |why: &str| {
        Error::new(ErrorKind::Corrupt, "backup.read", format!("{}: {why}; use another {what}", path.display()))
    };
    let signed = std::fs::read_to_string(path).map_err(|e| super::files::unreadable(path, e))?;
    let value: serde_json::Value = serde_json::from_str(&signed).map_err(|_| corrupt("it is broken off or no JSON"))?;
    let format = value.pointer("/content/format").and_then(serde_json::Value::as_u64);
    if format.is_some_and(|format| format > u64::from(FORMAT)) {
        return Err(corrupt("a later Hark wrote it, which this one cannot read"));
    }
    let signed: Signed<T> = serde_json::from_value(value).map_err(|_| corrupt("it does not say what it should"))?;
    check(&signed.content)?;
    if !vault(keyring).verifies_copy(what, &text(&signed.content)?, &signed.signature) {
        return Err(corrupt("it was changed since it was written: its signature does not fit"));
    }
    Ok(signed.content)
}

fn vault(keyring: &Keyring) -> Vault {
    Vault::new(keyring.clone(), Arc::new(SystemEntropy))
}

fn text(content: &impl Serialize) -> Result<String> {
    serde_json::to_string(content).map_err(|_| unwritable())
}

fn unwritable() -> Error {
    Error::new(ErrorKind::Internal, "backup.write", "it cannot be written as JSON")
}
