//! Files that no version of a table names, with vectors in them: what a merge leaves behind when another commit was quicker,
//! and what a process leaves that dies before its commit.
//!
//! LanceDB lets them lie for a week, since they might belong to a commit that is under way. Somebody who was erased may be in
//! them, so they go sooner: once they have been found twice, so far apart that no commit lasts as long.

use lance::dataset::cleanup::CleanupPolicy;
use lancedb::Table;
use object_store::path::Path;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What is looked at in one go; the others have their turn when these are gone.
const MOST: usize = 10_000;

/// The files that nobody named when they were last looked for, and since when.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    since: HashMap<String, Instant>,
}

impl Orphans {
    /// Removes those that were found before, at least `rest` ago, and notes the others. Answers how many went.
    pub(crate) async fn sweep(&mut self, table: &Table, rest: Duration) -> lancedb::Result<usize> {
        let Some(tracked) = table.dataset() else {
            return Ok(0);
        };
        let dataset = tracked.get().await?;
        // No version is given up here: only what none names.
        let policy = CleanupPolicy { before_version: Some(0), delete_unverified: true, ..CleanupPolicy::default() };
        let found = dataset.cleanup(policy).with_max_candidate_files(MOST).explain().await?;
        let now = Instant::now();
        let found = found.candidate_files.into_iter().filter(|file| file.unverified).map(|file| file.path);
        let found: HashMap<String, Instant> =
            found.map(|path| (path.clone(), self.since.get(&path).copied().unwrap_or(now))).collect();
        self.since = found;
        let due: Vec<String> = {
            let due = self.since.iter().filter(|(_, since)| **since < now && now.duration_since(**since) >= rest);
            due.map(|(path, _)| path.clone()).collect()
        };
        let files = dataset.object_store(None).await?;
        for path in &due {
            files.delete(&Path::parse(path).map_err(lancedb::Error::from)?).await?;
            self.since.remove(path);
        }
        Ok(due.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{columns, to_batch};
    use hark_core::Sector;
    use hark_core::store::VectorRow;
    use std::fs;

    #[tokio::test]
    async fn what_no_version_names_goes_when_it_is_found_again_later() {
        let dir = tempfile::tempdir().unwrap();
        let connection = lancedb::connect(dir.path().to_str().unwrap()).execute().await.unwrap();
        let table = connection.create_empty_table("t", columns(2).unwrap()).execute().await.unwrap();
        let row = |id: &str| VectorRow { id: id.into(), sector: Sector::Semantic, vector: vec![1.0, 0.5] };
        for id in ["m1", "m2"] {
            table.add(to_batch(2, &[("s", &row(id))]).unwrap()).execute().await.unwrap();
        }
        let orphan = dir.path().join("t.lance/data/0123.lance");
        fs::write(&orphan, "half a file").unwrap();
        let files = || fs::read_dir(dir.path().join("t.lance/data")).unwrap().count();
        assert_eq!(files(), 3);
        let (mut orphans, hour) = (Orphans::default(), Duration::from_secs(3_600));
        for _ in 0..2 {
            assert_eq!(orphans.sweep(&table, hour).await.unwrap(), 0);
            assert!(orphan.exists(), "it may belong to a commit that is under way");
        }
        assert_eq!(orphans.sweep(&table, Duration::ZERO).await.unwrap(), 1);
        assert!(!orphan.exists());
        assert_eq!((files(), orphans.since.len()), (2, 0));
        assert_eq!(table.count_rows(None).await.unwrap(), 2);
        // Files of older versions are named by them, and stay until those go.
        table.delete("id = 'm1'").await.unwrap();
        assert_eq!(orphans.sweep(&table, Duration::ZERO).await.unwrap(), 0);
        assert_eq!(orphans.sweep(&table, Duration::ZERO).await.unwrap(), 0);
        assert_eq!(files(), 2);
    }
}
