//! The data folder: made, checked, and locked to one process.

use hark_core::{Error, ErrorKind, Result};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LOCK: &str = "lock";

/// There while a restore into the folder is under way, and after it was broken off.
const RESTORING: &str = "restore.unfinished";

/// The data folder, ours until this and every copy of it is dropped. The lock belongs to the open file, so a killed process leaves
/// none behind.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
    _lock: Arc<File>,
}

impl DataDir {
    /// Makes the folder if it is missing (for its owner only), and locks it.
    ///
    /// # Errors
    /// `Config` when it cannot be made or written to, or a restore into it was broken off; `Conflict` when another
    /// process holds it.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self::hold(path)?;
        match path.join(RESTORING).exists() {
            true => Err(folder.half_restored()),
            false => Ok(folder),
        }
    }

    /// As [`DataDir::open`], for a restore: the folder must be empty but for files of these names.
    ///
    /// # Errors
    /// As [`DataDir::open`], and `Conflict` when something else is in it.
    pub(crate) fn for_restore(path: &Path, but_for: &[&str]) -> Result<Self> {
        let folder = Self::open(path)?;
        let unreadable =
            |e: io::Error| Error::config(format!("data folder {}: cannot be read: {e}", path.display())).with_source(e);
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
            // The second is what a freshly made file system comes with.
            if ![LOCK, "lost+found"].contains(&name.as_str()) && !but_for.contains(&name.as_str()) {
                let what = format!(
                    "data folder {}: it holds `{name}`; a restore writes over nothing, so move the folder's content away \
                     (but keep `keys`), or choose another with --data-dir",
                    path.display()
                );
                return Err(Error::new(ErrorKind::Conflict, "restore.folder", what));
            }
        }
        Ok(folder)
    }

    /// Marks the folder, so that nobody starts on what is half restored.
    ///
    /// # Errors
    /// `Unavailable`, naming the file.
    pub(crate) fn begin_restore(&self) -> Result<()> {
        let text = "A restore into this folder is under way, or was broken off.\n";
        write_private(&self.path.join(RESTORING), text)
    }

    /// Takes the mark away: everything that must not be missing is in place.
    ///
    /// # Errors
    /// `Unavailable`, naming the file.
    pub(crate) fn end_restore(&self) -> Result<()> {
        let mark = self.path.join(RESTORING);
        let sync = || File::open(&self.path).and_then(|folder| folder.sync_all());
        std::fs::remove_file(&mark).and_then(|()| sync()).map_err(|e| {
            let what = format!("cannot remove {}: {e}", mark.display());
            Error::new(ErrorKind::Unavailable, "data_dir.end_restore", what).retriable(false).with_source(e)
        })
    }

    fn half_restored(&self) -> Error {
        Error::config(format!(
            "data folder {}: a restore into it is not finished; remove everything in it but `keys` and \
             `credentials.toml`, and run `hark restore` again",
            self.path.display()
        ))
    }

    fn hold(path: &Path) -> Result<Self> {
        let unusable = |what: &str, e: io::Error| {
            let remedy = remedy(e.kind());
            Error::config(format!("data folder {}: {what}: {e}; {remedy}", path.display())).with_source(e)
        };
        make_private(path).map_err(|e| unusable("cannot be made", e))?;
        let lock = private(OpenOptions::new().create(true).truncate(false))
            .write(true)
            .open(path.join(LOCK))
            .map_err(|e| unusable("cannot be written to", e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::Conflict,
                "data_dir.open",
                format!(
                    "data folder {}: another hark process uses it; stop that process, or choose another folder with \
                     server.data_dir",
                    path.display()
                ),
            )),
            Err(TryLockError::Error(e)) => Err(unusable("cannot be locked", e)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a start failed with, and the folder, the cause and the remedy where the disk is the reason. Backends say that
    /// something could not be read or written, each in its own words, and seldom why.
    pub(crate) fn explain(&self, error: Error) -> Error {
        self.explain_by(error, || self.probe())
    }

    fn explain_by(&self, error: Error, probe: impl FnOnce() -> io::Result<()>) -> Error {
        if !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Config | ErrorKind::Internal) {
            return error;
        }
        let cause = match probe() {
            Err(e) if is_of_the_disk(e.kind()) => e,
            _ => return error,
        };
        let what =
            format!("{}; data folder {}: {cause}; {}", error.context(), self.path.display(), remedy(cause.kind()));
        Error::new(ErrorKind::Unavailable, error.operation(), what).retriable(false).with_source(error)
    }

    /// Writes as much as a start needs at the least, and takes it away again.
    fn probe(&self) -> io::Result<()> {
        let path = self.path.join("probe.new");
        let written =
            private(OpenOptions::new().create(true).truncate(true)).write(true).open(&path).and_then(|mut file| {
                file.write_all(&vec![0; PROBE])?;
                file.sync_all()
            });
        std::fs::remove_file(&path).ok();
        written
    }
}

/// Bytes: the schema of an empty database, its log, and empty indexes.
const PROBE: usize = 1 << 20;

fn is_of_the_disk(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::ReadOnlyFilesystem)
}

/// What to do where something cannot be written.
fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on that disk and start again (docs/operations/incidents.md, disk full), or choose another with \
             server.data_dir"
        }
        io::ErrorKind::ReadOnlyFilesystem => "mount it to be written to, or choose another with server.data_dir",
        _ => "check its owner and permissions, or choose another with server.data_dir",
    }
}

/// Makes a folder, and those above it, for its owner only; one that is there stays as it is.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Writes a file that only its owner can read, whole or not at all: it is never seen half written, nor readable
/// by others in between.
///
/// # Errors
/// `Unavailable`, naming the file.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let unwritable = |e: io::Error| {
        let context = match is_of_the_disk(e.kind()) {
            true => format!("cannot write {}: {e}; {}", path.display(), remedy(e.kind())),
            false => format!("cannot write {}: {e}", path.display()),
        };
        Error::new(ErrorKind::Unavailable, "data_dir.write", context).retriable(false).with_source(e)
    };
    let temporary = path.with_extension("new");
    // Left by a process that was killed; we hold the folder's lock, so it is nobody's.
    match std::fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(unwritable(e)),
        _ => {}
    }
    let mut file = private(OpenOptions::new().create_new(true)).write(true).open(&temporary).map_err(unwritable)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)?;
    std::fs::rename(&temporary, path).map_err(unwritable)?;
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|f| f.sync_all()).map_err(unwritable)?;
    }
    Ok(())
}

/// Warns of a secret file that others can read.
pub(crate) fn warn_if_open(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|m| m.permissions().mode()).unwrap_or_default();
        if mode & 0o077 != 0 {
            tracing::warn!(file = %path.display(), "a file with secrets can be read by others; run chmod 600 on it");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_failed_for_the_disk_says_where_why_and_what_to_do() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataDir::open(parent.path()).unwrap();
        let failed = |kind| Error::new(kind, "sqlite.open", "disk input or output failed");
        for (cause, remedy) in [
            (io::ErrorKind::StorageFull, "make room on that disk"),
            (io::ErrorKind::QuotaExceeded, "make room on that disk"),
            (io::ErrorKind::ReadOnlyFilesystem, "mount it to be written to"),
        ] {
            let told = folder.explain_by(failed(ErrorKind::Unavailable), || Err(cause.into()));
            for part in ["disk input or output failed", &parent.path().display().to_string(), remedy] {
                assert!(told.context().contains(part), "{told}");
            }
            assert!(!told.is_retriable());
        }
        let as_it_was = |kind, probed: io::Result<()>| folder.explain_by(failed(kind), || probed).context().to_owned();
        for (kind, probed) in [
            (ErrorKind::Unavailable, Ok(())),
            (ErrorKind::Unavailable, Err(io::ErrorKind::PermissionDenied.into())),
            // Damage has a remedy of its own.
            (ErrorKind::Corrupt, Err(io::ErrorKind::StorageFull.into())),
        ] {
            assert_eq!(as_it_was(kind, probed), "disk input or output failed");
        }
        assert_eq!(folder.explain(failed(ErrorKind::Unavailable)).context(), "disk input or output failed");
        assert!(std::fs::read_dir(parent.path()).unwrap().all(|entry| entry.unwrap().file_name() == LOCK));
    }

    #[test]
    fn the_folder_is_private_and_used_by_one_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = DataDir::open(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let second = DataDir::open(&path).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::Conflict);
        assert!(second.context().contains(&path.display().to_string()), "{second}");
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_the_remedy() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = DataDir::open(&file.join("data")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.context().contains("server.data_dir"), "{error}");
    }

    #[test]
    fn a_private_file_replaces_what_a_killed_process_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(path.with_extension("new"), "half").unwrap();
        write_private(&path, "whole").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
