//! One space: its table, its view for readers, its writer and its upkeep.

use crate::batch::Change;
use crate::error::{closed, is_disk, panicked, translate};
use crate::folder;
use crate::known::Known;
use crate::schema::{ID, SCOPE, columns, of_scope, strings};
use crate::upkeep::Upkeep;
use crate::writer::{Message, Writer};
use futures::TryStreamExt;
use hark_core::{Error, Result};
use lancedb::query::{ExecutableQuery, QueryBase, Select};
use lancedb::{Connection, Table};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

const OPEN: &str = "lancedb.open";

/// What readers see: the table as of the last complete commit, so that nobody catches a row between its deletion
/// and its return.
#[derive(Debug, Clone)]
pub(crate) struct View(Arc<RwLock<Table>>);

impl View {
    pub(crate) fn get(&self) -> Table {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn show(&self, table: &Table) -> lancedb::Result<()> {
        let snapshot = table.query_snapshot().await?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        Ok(())
    }
}

/// A space's table. Dropping it ends its tasks: the writer after the commit that runs, the upkeep at once.
#[derive(Debug)]
pub(crate) struct SpaceTable {
    view: View,
    outbox: mpsc::UnboundedSender<Message>,
    upkeep: Arc<Upkeep>,
    background: JoinHandle<()>,
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
            Ok(Ok((table, known))) => return Self::start(table, known, dimensions, compact_after).await.map(Some),
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
        Self::start(table, Known::default(), dimensions, compact_after).await
    }

    async fn start(table: Table, known: Known, dimensions: usize, compact_after: u32) -> Result<Self> {
        let snapshot = table.query_snapshot().await.map_err(|e| translate(OPEN, e))?;
        let view = View(Arc::new(RwLock::new(snapshot)));
        let (outbox, inbox) = mpsc::unbounded_channel();
        let upkeep = Arc::new(Upkeep::new(table.clone(), outbox.downgrade()));
        let writer = Writer::new(table, dimensions, view.clone(), known, upkeep.clone(), compact_after);
        tokio::spawn(writer.run(inbox));
        let background = tokio::spawn(upkeep.clone().run());
        Ok(Self { view, outbox, upkeep, background })
    }

    pub(crate) fn view(&self) -> Table {
        self.view.get()
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
    let (found, expected) = (table.schema().await?, columns(dimensions).map_err(other)?);
    let same = found
        .fields()
        .iter()
        .map(|f| (f.name(), f.data_type()))
        .eq(expected.fields().iter().map(|f| (f.name(), f.data_type())));
    if !same {
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
