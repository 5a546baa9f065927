//! What files take.

use crate::Outcome;
use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::io;
use std::path::Path;

/// Bytes as mebibytes.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// Bytes of all files of a folder, however deep they lie.
pub(crate) fn bytes(folder: &Path) -> Outcome<u64> {
    Ok(parts(folder)?.into_values().sum())
}

/// The same for each thing that lies in it. What goes away meanwhile takes nothing: stores are still closing, or working.
pub(crate) fn parts(folder: &Path) -> Outcome<BTreeMap<String, u64>> {
    let mut parts = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(size) = unless_gone(of(&entry))? {
            parts.insert(entry.file_name().to_string_lossy().into_owned(), size);
        }
    }
    Ok(parts)
}

fn of(entry: &DirEntry) -> io::Result<u64> {
    if !entry.file_type()?.is_dir() {
        return Ok(entry.metadata()?.len());
    }
    let mut sum = 0;
    for inner in std::fs::read_dir(entry.path())? {
        sum += unless_gone(of(&inner?))?.unwrap_or(0);
    }
    Ok(sum)
}

fn unless_gone(size: io::Result<u64>) -> io::Result<Option<u64>> {
    match size {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_however_deep_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/c"), vec![0; 1 << 20]).unwrap();
        std::fs::write(folder.path().join("d"), vec![0; 1 << 19]).unwrap();
        assert_eq!(parts(folder.path()).unwrap(), [("a".to_owned(), 1 << 20), ("d".to_owned(), 1 << 19)].into());
        assert_eq!(mebibytes(bytes(folder.path()).unwrap()), 1.5);
    }

    #[test]
    fn a_file_that_goes_away_while_it_is_looked_for_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), [0; 9]).unwrap();
        let entry = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        std::fs::remove_file(entry.path()).unwrap();
        assert_eq!(unless_gone(of(&entry)).unwrap(), None);
        assert!(parts(&folder.path().join("b")).is_err(), "a folder that never was is another thing");
    }
}
