//! What keeps a table quick: small files merged, the index up to date, old versions removed.
//!
//! It runs beside the writer. LanceDB settles the rare conflict of a delete with a merge of the same file by
//! trying the delete again; a merge that loses is simply tried the next time.

use crate::error::translate;
use crate::orphans::Orphans;
use crate::schema::{SCOPE, SCOPE_INDEX};
use crate::table::ask;
use crate::writer::Message;
use hark_core::Result;
use lancedb::Table;
use lancedb::index::Index;
use lancedb::index::scalar::BTreeIndexBuilder;
use lancedb::table::{CompactionOptions, Duration, OptimizeAction, OptimizeOptions};
use std::time::Duration as StdDuration;
use tokio::sync::{Mutex, Notify, mpsc};

/// In the background, files are merged up to so many rows: a few megabytes to write every time.
const SMALL_FILE_ROWS: usize = 8_192;

/// On request, up to so many: at 384 numbers a vector about 100 MB.
const LARGE_FILE_ROWS: usize = 65_536;

/// Reading so many scopes without the index takes a few milliseconds.
const UNINDEXED_ROWS: usize = 5_000;

/// Readers keep a version for as long as a search takes; this is ample.
const KEEP_VERSIONS_MINUTES: i64 = 10;

/// Every so many runs in the background, old versions are removed as well: thousands of them would pile up in a
/// busy day.
const RUNS_PER_PRUNE: u32 = 20;

/// Where other nodes commit too, a file that no version names belongs to no commit that is under way when it has lain there
/// for so long.
const ORPHANS_REST: StdDuration = StdDuration::from_secs(60 * 60);

/// So a merge has to end well before, there.
const MOST_MERGING: StdDuration = StdDuration::from_secs(60 * 45);

/// How often everything is tried when another node's commit comes in between.
const ATTEMPTS: u32 = 3;

/// What happens to files that no version names: those of a merge that lost against a commit, or of a process that died before
/// its commit. Vectors are in them, also of people who have been erased since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unnamed {
    /// LanceDB leaves them for a week, since they may belong to a commit that is under way.
    Keep,
    /// They go. Only for whoever knows that nothing is being written.
    Remove,
}

pub(crate) struct Upkeep {
    table: Table,
    writer: mpsc::WeakUnboundedSender<Message>,
    bell: Notify,
    /// One run at a time; how many there were.
    runs: Mutex<u32>,
    /// Where other nodes commit too, and nobody knows when nothing is being written.
    orphans: Option<Mutex<Orphans>>,
}

impl Upkeep {
    pub(crate) fn new(table: Table, is_shared: bool, writer: mpsc::WeakUnboundedSender<Message>) -> Self {
        let orphans = is_shared.then(Mutex::default);
        Self { table, writer, bell: Notify::new(), runs: Mutex::new(0), orphans }
    }

    fn is_shared(&self) -> bool {
        self.orphans.is_some()
    }

    /// Asks for a run in the background.
    pub(crate) fn wake(&self) {
        self.bell.notify_one();
    }

    /// The task in the background; it is aborted when the table is closed.
    pub(crate) async fn run(self: std::sync::Arc<Self>) {
        loop {
            self.bell.notified().await;
            if let Err(error) = self.light().await {
                tracing::warn!(%error, "the upkeep of a vector table failed; it is tried again after further writes");
            }
        }
    }

    async fn light(&self) -> lancedb::Result<()> {
        let mut runs = self.runs.lock().await;
        *runs += 1;
        self.compact(SMALL_FILE_ROWS, 0.1).await?;
        let rows = self.table.count_rows(None).await?;
        self.index(UNINDEXED_ROWS.max(rows / 100)).await?;
        if runs.is_multiple_of(RUNS_PER_PRUNE) {
            self.prune(Unnamed::Keep).await?;
        }
        self.show().await;
        Ok(())
    }

    /// Everything, at once, down to the vectors of deleted rows, which are then no longer in any current file.
    pub(crate) async fn thorough(&self) -> Result<()> {
        let _runs = self.runs.lock().await;
        let failed = |e| translate("lancedb.optimise", e);
        let mut attempt = 1;
        while let Err(error) = self.compact(LARGE_FILE_ROWS, 0.0).await {
            if !self.is_shared() || attempt == ATTEMPTS {
                return Err(failed(error));
            }
            tracing::debug!(%error, "files of a vector table were not merged; once more");
            attempt += 1;
        }
        self.index(UNINDEXED_ROWS / 5).await.map_err(failed)?;
        self.show().await;
        if self.is_shared() {
            return self.prune(Unnamed::Keep).await.map_err(failed);
        }
        // No merge runs meanwhile, and this process has the folder for itself: the writer alone could be in the middle of
        // something.
        if let Some(writer) = self.writer.upgrade() {
            ask("lancedb.optimise", |message| writer.send(message).is_ok(), Message::Prune).await?;
        }
        Ok(())
    }

    /// Removes what no version names where other nodes commit too, of what was there at a call an hour ago. In a folder
    /// [`Upkeep::thorough`] has done it.
    pub(crate) async fn sweep(&self) -> lancedb::Result<()> {
        let Some(orphans) = &self.orphans else {
            return Ok(());
        };
        // Ours do not run meanwhile.
        let _runs = self.runs.lock().await;
        let swept = orphans.lock().await.sweep(&self.table, ORPHANS_REST).await?;
        if swept > 0 {
            tracing::debug!(files = swept, "files that no version of a vector table names are gone");
        }
        Ok(())
    }

    async fn compact(&self, rows_per_file: usize, deleted: f32) -> lancedb::Result<()> {
        let options = CompactionOptions {
            target_rows_per_fragment: rows_per_file,
            materialize_deletions_threshold: deleted,
            num_threads: Some(1),
            ..CompactionOptions::default()
        };
        let merging = self.table.optimize(OptimizeAction::Compact { options, remap_options: None });
        if !self.is_shared() {
            return merging.await.map(|_| ());
        }
        match tokio::time::timeout(MOST_MERGING, merging).await {
            Ok(outcome) => outcome.map(|_| ()),
            Err(_) => Err(lancedb::Error::Timeout { message: "merging files took too long".into() }),
        }
    }

    /// Makes the index, or brings it up to date, once so many rows are outside it.
    async fn index(&self, tolerated: usize) -> lancedb::Result<()> {
        let indices = self.table.list_indices().await?;
        if !indices.iter().any(|index| index.name == SCOPE_INDEX) {
            if self.table.count_rows(None).await? >= UNINDEXED_ROWS {
                let index = Index::BTree(BTreeIndexBuilder::default());
                self.table.create_index(&[SCOPE], index).name(SCOPE_INDEX.into()).execute().await?;
            }
            return Ok(());
        }
        let outside = self.table.index_stats(SCOPE_INDEX).await?.map_or(0, |stats| stats.num_unindexed_rows);
        if outside >= tolerated {
            self.table.optimize(OptimizeAction::Index(OptimizeOptions::merge(1))).await?;
        }
        Ok(())
    }

    /// Removes versions that no reader can still be at.
    pub(crate) async fn prune(&self, unnamed: Unnamed) -> lancedb::Result<()> {
        let prune = OptimizeAction::Prune {
            older_than: Some(Duration::minutes(KEEP_VERSIONS_MINUTES)),
            delete_unverified: Some(unnamed == Unnamed::Remove),
            error_if_tagged_old_versions: None,
        };
        self.table.optimize(prune).await?;
        Ok(())
    }

    /// By way of the writer, which alone knows when the table is between two commits.
    async fn show(&self) {
        if let Some(writer) = self.writer.upgrade()
            && let Err(error) = ask("lancedb.optimise", |message| writer.send(message).is_ok(), Message::Show).await
        {
            tracing::debug!(%error, "readers stay with the version before the upkeep");
        }
    }
}
