//! The folder of the tables: held by one process; a damaged table in it is set aside.

use hark_core::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

const OPEN: &str = "lancedb.open";

/// Makes the folder and takes it. The system drops the lock when its holder dies, whatever way; a lock file left
/// behind means nothing.
///
/// # Errors
/// `Config` when the folder cannot be made or written; `Conflict` when another process holds it.
pub(crate) fn hold(root: &Path) -> Result<File> {
    let refused = |e: io::Error| {
        let context = format!("uri: the folder {} cannot be written; correct uri or its permissions", root.display());
        Error::new(ErrorKind::Config, OPEN, context).with_source(e)
    };
    fs::create_dir_all(root).map_err(refused)?;
    let lock = File::options().create(true).truncate(false).write(true).open(beside(root, "lock")).map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let context = format!("uri: another process holds the folder {}", root.display());
            Err(Error::new(ErrorKind::Conflict, OPEN, context))
        }
        Err(TryLockError::Error(e)) => Err(refused(e)),
    }
}

/// The tables that have a folder. LanceDB itself does not list those it cannot open.
pub(crate) fn tables(root: &Path) -> Result<Vec<String>> {
    let unreadable = |e| Error::new(ErrorKind::Unavailable, OPEN, "the folder cannot be read").with_source(e);
    let mut names = Vec::new();
    for entry in fs::read_dir(root).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(".lance")).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Renames a table's folder to the first free `<table>.lance.broken-<n>`.
pub(crate) fn set_aside(root: &Path, table: &str) -> Result<PathBuf> {
    let path = root.join(format!("{table}.lance"));
    let free = (1..).map(|n| beside(&path, &format!("broken-{n}"))).find(|candidate| !candidate.exists());
    let aside = free.expect("numbers do not run out");
    fs::rename(&path, &aside)
        .map_err(|e| Error::new(ErrorKind::Unavailable, OPEN, "a damaged table cannot be set aside").with_source(e))?;
    Ok(aside)
}

/// `vectors` and `lock` make `vectors.lock`, in the same folder.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}
