//! What files take.

use crate::Outcome;
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes as mebibytes.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// Bytes of all files of a folder, however deep they lie.
pub(crate) fn bytes(folder: &Path) -> Outcome<u64> {
    Ok(parts(folder)?.into_values().sum())
}

/// The same for each thing that lies in it.
pub(crate) fn parts(folder: &Path) -> Outcome<BTreeMap<String, u64>> {
    let mut parts = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let size = if entry.file_type()?.is_dir() { bytes(&entry.path())? } else { entry.metadata()?.len() };
        parts.insert(entry.file_name().to_string_lossy().into_owned(), size);
    }
    Ok(parts)
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
}
