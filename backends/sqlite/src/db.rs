//! The file: one connection that writes, several that read.

use crate::config::{SqliteConfig, Synchronous};
use crate::error::Fault;
use crate::veil::Veil;
use hark_core::crypt::Vault;
use hark_core::{Error, ErrorKind, Result};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Executor, Row, Sqlite, Transaction};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a call waits for its turn on a connection. Longer than any healthy queue of writes; who is in a
/// hurry gives up earlier, by the timeout layer.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a look whether writing works again may take: whoever asks how the store is does not wait for a lock.
const LOOK: Duration = Duration::from_millis(500);

/// Writes page 1 with what stands there. Nothing reads this number.
const TOUCH: &str = "PRAGMA user_version = 0";

/// An open database.
#[derive(Debug)]
pub(crate) struct Db {
    /// For statements that read. They see what was committed before they began, and are never in a writer's way.
    pub(crate) reader: SqlitePool,
    /// For single statements that write; several go by [`Db::begin`]. SQLite knows one writer at a time: with one
    /// connection they queue up here, fairly, rather than in the busy handler, which is not fair.
    pub(crate) writer: SqlitePool,
    /// What keeps names and summaries out of the file.
    pub(crate) veil: Veil,
    options: SqliteConnectOptions,
    file: String,
    /// Why the last write was refused, until one is known to have gone through again.
    refused: Mutex<Option<String>>,
}

impl Db {
    /// Opens the file, creating it if it is not there. The schema is left alone.
    pub(crate) async fn open(path: &Path, config: &SqliteConfig, vault: Option<Vault>) -> Result<Self> {
        let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if path.parent().is_some_and(|folder| !folder.is_dir()) {
            return Err(Error::config(format!(
                "kind `sqlite`: path: the folder of `{file}` does not exist, create it"
            )));
        }
        create_private(path).map_err(|error| {
            Error::new(ErrorKind::Unavailable, OPEN, format!("`{file}` cannot be opened: {}", error.kind()))
                .retriable(false)
        })?;
        Self::connect(path, config, file.clone(), vault).await.map_err(|fault| fault.into_error(OPEN, &file))
    }

    async fn connect(path: &Path, config: &SqliteConfig, file: String, vault: Option<Vault>) -> Result<Self, Fault> {
        let common = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(Duration::from_millis(config.busy_timeout_ms))
            .foreign_keys(true)
            .pragma("temp_store", "MEMORY")
            .pragma("cache_size", "-8192");
        let writing = common
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match config.synchronous {
                Synchronous::Full => SqliteSynchronous::Full,
                Synchronous::Normal => SqliteSynchronous::Normal,
            })
            // The log shrinks again after a burst.
            .pragma("journal_size_limit", "67108864")
            // What was forgotten is overwritten, not merely unlinked.
            .pragma("secure_delete", "ON")
            .pragma("analysis_limit", "400");
        let writer = pool(1).connect_with(writing).await?;
        // A file that may be read but not written opens all the same; better to hear of it now.
        writer.begin_with(IMMEDIATE).await?.rollback().await?;
        let reader = pool(config.read_connections).connect_lazy_with(common.clone().pragma("query_only", "ON"));
        Ok(Self { reader, writer, veil: Veil::new(vault), options: common, file, refused: Mutex::default() })
    }

    /// A connection of its own, for what takes long: it stands in nobody's way.
    pub(crate) async fn beside(&self) -> Result<SqliteConnection, Fault> {
        Ok(self.options.connect().await?)
    }

    /// Begins a transaction that writes. It holds the write lock from the start: one that has read first and
    /// writes later could fail half-way for another's sake. Dropped without `commit` it is rolled back.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, Fault> {
        Ok(self.writer.begin_with(IMMEDIATE).await?)
    }

    /// Reads a page of the file. Where the last write was refused it is looked whether one goes through again.
    pub(crate) async fn ping(&self) -> Result<(), Fault> {
        self.reader.execute("SELECT count(*) FROM sqlite_schema").await?;
        let Some(why) = self.refused() else { return Ok(()) };
        match tokio::time::timeout(LOOK, self.touch()).await {
            Ok(Ok(())) => {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Ok(())
            }
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(Fault::Unwritable(why)),
        }
    }

    /// The smallest write there is.
    async fn touch(&self) -> Result<(), Fault> {
        let mut tx = self.begin().await?;
        tx.execute(TOUCH).await?;
        Ok(tx.commit().await?)
    }

    fn refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Empties the log: the pages of removed rows are overwritten in the file (`secure_delete`), but the log may still hold
    /// how they were.
    pub(crate) async fn purge(&self) -> Result<(), Fault> {
        let mut connection = self.writer.acquire().await?;
        let busy: i64 = connection.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await?.try_get(0)?;
        match busy {
            0 => Ok(()),
            _ => Err(Fault::Again(ErrorKind::Unavailable, "the log is being read and cannot be emptied now")),
        }
    }

    /// Moves the log into the file and lets go of both. Twice is the same as once.
    pub(crate) async fn close(&self) -> Result<(), Fault> {
        // Readers first: an open snapshot would keep the log from being emptied.
        self.reader.close().await;
        if self.writer.is_closed() {
            return Ok(());
        }
        let mut connection = self.writer.acquire().await?;
        connection.execute("PRAGMA optimize").await?;
        let busy: i64 = connection.fetch_one("PRAGMA wal_checkpoint(TRUNCATE)").await?.try_get(0)?;
        if busy != 0 {
            tracing::info!(file = self.file, "the log stays, another process is using the database");
        }
        drop(connection);
        self.writer.close().await;
        Ok(())
    }

    /// Gives a result its operation's name: the edge of this crate.
    pub(crate) fn named<T>(&self, operation: &'static str, result: Result<T, Fault>) -> Result<T> {
        result.map_err(|fault| {
            let error = fault.into_error(operation, &self.file);
            if error.is_unwritable() {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.context().to_owned());
            }
            error
        })
    }
}

const OPEN: &str = "sqlite.open";
const IMMEDIATE: &str = "BEGIN IMMEDIATE";

fn pool(connections: u32) -> SqlitePoolOptions {
    // A file does not go away as a server does: connections, with their prepared statements, are kept.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        // When a disk is full, SQLite rolls back by itself; the driver's own rollback then fails, and the driver would
        // take the connection to be in a transaction for ever, so that none could be begun on it any more.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

/// Makes the file readable for its owner only; SQLite gives its log the same permissions. A file that is there
/// keeps the permissions it has.
pub(crate) fn create_private(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

#[cfg(test)]
mod tests;
