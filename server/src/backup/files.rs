//! Files of a backup: listed with their hashes, and compared with them.

use super::manifest::Listed;
use hark_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Every file under `folder`, by its path from `root`, in the order of the paths.
///
/// # Errors
/// `Unavailable`, naming the file.
pub(super) async fn list(root: &Path, folder: &str) -> Result<Vec<Listed>> {
    let (root, folder) = (root.to_owned(), folder.to_owned());
    blocking(move || {
        let mut paths = Vec::new();
        walk(&root, &folder, &mut paths)?;
        paths.sort();
        paths.into_iter().map(|path| describe(&root, path)).collect()
    })
    .await
}

/// Compares every listed file with what is there.
///
/// # Errors
/// `Corrupt`, naming the first file that is missing or is not what it was; `Unavailable` when one cannot be read.
pub(super) async fn check(root: &Path, listed: &[Listed]) -> Result<()> {
    let (root, listed) = (root.to_owned(), listed.to_vec());
    blocking(move || {
        for known in listed {
            let wrong = |what: &str| {
                let what = format!("{} of the backup {what}; use another backup", known.path);
                Err(Error::new(ErrorKind::Corrupt, "restore.check", what))
            };
            if !is_inside(&known.path) {
                return wrong("is not a path inside of it");
            }
            if !root.join(&known.path).is_file() {
                return wrong("is missing");
            }
            let found = describe(&root, known.path.clone())?;
            if found.bytes != known.bytes {
                return wrong(&format!("has {} bytes instead of {}", found.bytes, known.bytes));
            }
            if found.sha256 != known.sha256 {
                return wrong("was changed since it was written: its SHA-256 is another one");
            }
        }
        Ok(())
    })
    .await
}

/// Neither absolute nor upwards: the manifest is signed, but costs nothing to distrust.
fn is_inside(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|_| Error::new(ErrorKind::Internal, "backup.files", "reading files panicked"))?
}

fn walk(root: &Path, folder: &str, paths: &mut Vec<String>) -> Result<()> {
    let whole = root.join(folder);
    for entry in std::fs::read_dir(&whole).map_err(|e| unreadable(&whole, e))? {
        let entry = entry.map_err(|e| unreadable(&whole, e))?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() { walk(root, &path, paths)? } else { paths.push(path) }
    }
    Ok(())
}

/// A file as the manifest lists it.
pub(super) fn describe(root: &Path, path: String) -> Result<Listed> {
    let whole = root.join(&path);
    let read = || -> io::Result<(u64, String)> {
        let (mut file, mut hash, mut bytes) = (File::open(&whole)?, Sha256::new(), 0u64);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hash.update(buffer.get(..n).unwrap_or_default());
            bytes += n as u64;
        }
        Ok((bytes, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    };
    let (bytes, sha256) = read().map_err(|e| unreadable(&whole, e))?;
    Ok(Listed { path, bytes, sha256 })
}

pub(super) fn unreadable(path: &Path, error: io::Error) -> Error {
    let what = format!("cannot read or write {}: {error}", path.display());
    Error::new(ErrorKind::Unavailable, "backup.files", what).retriable(false).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_a_shorter_and_a_changed_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/one"), "one").unwrap();
        std::fs::write(folder.path().join("a/two"), "two").unwrap();
        let listed = list(folder.path(), "a").await.unwrap();
        assert_eq!(
            listed.iter().map(|f| (f.path.as_str(), f.bytes)).collect::<Vec<_>>(),
            [("a/b/one", 3), ("a/two", 3)]
        );
        assert!(listed[1].sha256.starts_with("3fc4ccfe745870e2"), "{listed:?}");
        check(folder.path(), &listed).await.unwrap();
        for (content, told) in [(Some("twi"), "SHA-256"), (Some("tw"), "2 bytes instead of 3"), (None, "is missing")] {
            match content {
                Some(content) => std::fs::write(folder.path().join("a/two"), content).unwrap(),
                None => std::fs::remove_file(folder.path().join("a/two")).unwrap(),
            }
            let error = check(folder.path(), &listed).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.context().contains("a/two") && error.context().contains(told), "{error}");
        }
        for path in ["/etc/hosts", "../two", "a/../../two"] {
            let outside = Listed { path: path.to_owned(), ..listed[0].clone() };
            assert!(check(folder.path(), &[outside]).await.unwrap_err().context().contains("inside"), "{path}");
        }
    }
}
