//! One space: its table, its view for readers, its writer and its upkeep.

use crate::batch::Change;
use crate::error::{closed, is_disk, is_of_store, panicked, translate};
use crate::folder;
use crate::known::Known;
use crate::schema::{ID, SCOPE, columns, keyed_columns, of_scope, strings};
use crate::store::{self, StoreOptions, in_time};
use crate::upkeep::Upkeep;
use crate::writer::{Message, Writer};
use futures::TryStreamExt;
use hark_core::{Error, ErrorKind, Result};
use lancedb::query::{ExecutableQuery, QueryBase, Select};
use lancedb::{Connection, Table};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

const OPEN: &str = "lancedb.open";

/// What readers see.
#[derive(Clone)]
pub(crate) enum View {
    /// Nobody else writes: the table as of our last complete commit, so that nobody catches a row between its deletion
    /// and its return.
    Alone(Arc<RwLock<Table>>),
    /// Other nodes write too: the table as it is when somebody looks. Rows are replaced in one commit there.
    Shared(Table),
}

impl View {
    async fn get(&self) -> lancedb::Result<Table> {
        match self {
            Self::Alone(table) => Ok(table.read().unwrap_or_else(PoisonError::into_inner).clone()),
            Self::Shared(table) => table.query_snapshot().await,
        }
    }

    pub(crate) async fn show(&self, table: &Table) -> lancedb::Result<()> {
        if let Self::Alone(shown) = self {
            let snapshot = table.query_snapshot().await?;
            *shown.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        }
        Ok(())
    }
}

/// A space's table. Dropping it ends its tasks: the writer after the commit that runs, the upkeep at once.
pub(crate) struct SpaceTable {
    view: View,
    outbox: mpsc::UnboundedSender<Message>,
    upkeep: Arc<Upkeep>,
    background: JoinHandle<()>,
}

/// LanceDB's own shows everything it was given, an object store's keys among it.
impl fmt::Debug for SpaceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpaceTable").field("is_running", &self.is_running()).finish_non_exhaustive()
    }
}

impl Drop for SpaceTable {
    fn drop(&mut self) {
        self.background.abort();
    }
}

impl SpaceTable {
    /// Opens a table that has a folder; a damaged one is set aside and `None` returned.
    pub(crate) async fn open(
        connection: &Connection,
        root: &Path,
        name: &str,
        dimensions: usize,
        compact_after: u32,
    ) -> Result<Option<Self>> {
        let (opening, table) = (connection.clone(), name.to_owned());
        // In a task of its own, because a damaged file may make the reader panic.
        let reason = match tokio::spawn(async move { open_checked(&opening, table, dimensions).await }).await {
            Ok(Ok((table, known))) => {
                return Self::start(table, Some(known), dimensions, compact_after).await.map(Some);
            }
            Ok(Err(error)) if is_disk(&error) => return Err(translate(OPEN, error)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "opening it panicked".into(),
        };
        let aside = folder::set_aside(root, name)?;
        tracing::warn!(table = name, %reason, aside = %aside.display(), "a vector table is unusable; starting empty, to be rebuilt");
        Ok(None)
    }

    /// Makes the table of a new space.
    pub(crate) async fn create(
        connection: &Connection,
        name: &str,
        dimensions: usize,
        compact_after: u32,
    ) -> Result<Self> {
        let created = connection.create_empty_table(name, columns(dimensions)?).execute().await;
        let table = created.map_err(|e| translate(OPEN, e))?;
        Self::start(table, Some(Known::default()), dimensions, compact_after).await
    }

    /// Opens a table that other nodes may write to; `None` when there is none. A damaged one is left where it is: they may be
    /// using it, and what looks damaged to one node only may not be.
    pub(crate) async fn join(
        connection: &Connection,
        name: &str,
        dimensions: usize,
        compact_after: u32,
    ) -> Result<Option<Self>> {
        let table = match connection.open_table(name).execute().await {
            Ok(table) => table,
            Err(lancedb::Error::TableNotFound { .. }) => return Ok(None),
            Err(error) if is_of_store(&error) => return Err(translate(OPEN, error)),
            Err(error) => return Err(deletable(name, "the table cannot be opened").with_source(error)),
        };
        if !is_ours(&table, dimensions).await.map_err(|e| translate(OPEN, e))? {
            return Err(deletable(name, "the columns are not those of this version"));
        }
        Self::start(table, None, dimensions, compact_after).await.map(Some)
    }

    /// Makes the table of a new space, or opens it where another node was quicker.
    pub(crate) async fn create_or_join(
        connection: &Connection,
        options: &StoreOptions,
        name: &str,
        dimensions: usize,
        compact_after: u32,
    ) -> Result<Self> {
        let work = async {
            let made = store::create(connection, options, name, &*keyed_columns(dimensions)?).await;
            // Ours, or that of the node that was quicker; what went wrong otherwise is told by both.
            let joined = Self::join(connection, name, dimensions, compact_after).await?;
            let missing = || match made {
                Ok(()) => Error::new(ErrorKind::Unavailable, OPEN, "the table was made and is gone again"),
                Err(error) => translate(OPEN, error),
            };
            joined.ok_or_else(missing)
        };
        in_time(OPEN, store::LOOK, work).await
    }

    /// Without `known` others write to the table too.
    async fn start(table: Table, known: Option<Known>, dimensions: usize, compact_after: u32) -> Result<Self> {
        let view = match known {
            Some(_) => {
                let snapshot = table.query_snapshot().await.map_err(|e| translate(OPEN, e))?;
                View::Alone(Arc::new(RwLock::new(snapshot)))
            }
            None => View::Shared(table.clone()),
        };
        let (outbox, inbox) = mpsc::unbounded_channel();
        let upkeep = Arc::new(Upkeep::new(table.clone(), known.is_none(), outbox.downgrade()));
        let writer = Writer::new(table, dimensions, view.clone(), known, upkeep.clone(), compact_after);
        tokio::spawn(writer.run(inbox));
        let background = tokio::spawn(upkeep.clone().run());
        Ok(Self { view, outbox, upkeep, background })
    }

    /// The table for one reader, who sees one version of it however often he asks.
    pub(crate) async fn view(&self) -> lancedb::Result<Table> {
        self.view.get().await
    }

    /// Returns when the changes are on disk and seen by every later search.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        ask("lancedb.write", |message| self.outbox.send(message).is_ok(), |done| Message::Write(changes, done)).await
    }

    pub(crate) async fn clear(&self) -> Result<()> {
        ask("lancedb.clear", |message| self.outbox.send(message).is_ok(), Message::Clear).await
    }

    pub(crate) async fn optimise(&self) -> Result<()> {
        self.upkeep.thorough().await
    }

    /// As [`SpaceTable::optimise`], and what no version of the table names goes too.
    pub(crate) async fn purge(&self) -> Result<()> {
        self.optimise().await?;
        self.upkeep.sweep().await.map_err(|e| translate("lancedb.purge", e))
    }

    /// Waits for the commits that are under way and ends the tasks.
    pub(crate) async fn close(&self) -> Result<()> {
        self.background.abort();
        match ask("lancedb.close", |message| self.outbox.send(message).is_ok(), Message::Close).await {
            Err(error) if !error.is_retriable() => Ok(()),
            other => other,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.outbox.is_closed()
    }
}

/// Sends a message and waits for its answer.
pub(crate) async fn ask(
    operation: &'static str,
    send: impl FnOnce(Message) -> bool,
    message: impl FnOnce(oneshot::Sender<Result<()>>) -> Message,
) -> Result<()> {
    let (done, answer) = oneshot::channel();
    if !send(message(done)) {
        return Err(closed(operation));
    }
    answer.await.map_err(|_| closed(operation))?
}

/// Opens a table and reads every row's scope and id: they have to be known, and it proves that every file is there
/// and readable.
async fn open_checked(
    connection: &Connection,
    name: String,
    dimensions: usize,
) -> Result<(Table, Known), lancedb::Error> {
    let other = |error: Error| lancedb::Error::Schema { message: error.context().to_owned() };
    let table = connection.open_table(name).execute().await?;
    if !is_ours(&table, dimensions).await? {
        return Err(lancedb::Error::Schema { message: "the columns are not those of this version".into() });
    }
    let mut known = Known::default();
    let mut batches = table.query().select(Select::columns(&[SCOPE, ID])).execute().await?;
    while let Some(batch) = batches.try_next().await? {
        let (scopes, ids) = (strings(&batch, SCOPE).map_err(other)?, strings(&batch, ID).map_err(other)?);
        (0..batch.num_rows()).for_each(|n| known.insert(scopes.value(n), ids.value(n)));
    }
    // The index, if there is one, has files of its own.
    let probe = table.query().only_if_expr(of_scope("", &[])).select(Select::columns(&[ID])).execute().await?;
    probe.try_collect::<Vec<_>>().await?;
    Ok((table, known))
}

/// Whether a table has this version's columns.
async fn is_ours(table: &Table, dimensions: usize) -> Result<bool, lancedb::Error> {
    let other = |error: Error| lancedb::Error::Schema { message: error.context().to_owned() };
    let (found, expected) = (table.schema().await?, columns(dimensions).map_err(other)?);
    let found = found.fields().iter().map(|f| (f.name(), f.data_type()));
    Ok(found.eq(expected.fields().iter().map(|f| (f.name(), f.data_type()))))
}

/// Says what to do about a damaged table that is shared.
fn deletable(name: &str, what: &str) -> Error {
    let context = format!(
        "{what}: with every node stopped, delete everything below {name}.lance in the bucket; the vectors are computed anew at \
         the next start"
    );
    Error::new(ErrorKind::Corrupt, OPEN, context)
}

/// Turns a panic of the closure's future into an error.
pub(crate) fn or_panicked<T>(
    operation: &'static str,
    outcome: std::thread::Result<Result<T, lancedb::Error>>,
) -> Result<T> {
    match outcome {
        Ok(outcome) => outcome.map_err(|e| translate(operation, e)),
        Err(_) => Err(panicked(operation)),
    }
}
