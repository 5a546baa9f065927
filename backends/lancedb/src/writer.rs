//! The one writer of a table: a task that commits whatever waits, together.
//!
//! A commit writes a file and a manifest, so its price is nearly the same for one row or a thousand. Callers that
//! come while one runs share the next. Nobody is answered before their change can be found.

use crate::batch::{Batch, Change};
use crate::known::Known;
use crate::schema::{ID, SCOPE, keyed, to_batch};
use crate::store::{self, in_time};
use crate::table::{View, or_panicked};
use crate::upkeep::{Unnamed, Upkeep};
use futures::FutureExt;
use hark_core::{Error, Result};
use lancedb::Table;
use lancedb::arrow::arrow_array::{RecordBatch, RecordBatchIterator};
use lancedb::table::AddDataMode;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

const WRITE: &str = "lancedb.write";
const CLEAR: &str = "lancedb.clear";

/// A commit is closed when it has so many changes, so that nobody waits for ever on a busy day.
const MAX_CHANGES: usize = 10_000;

type Done = oneshot::Sender<Result<()>>;

#[derive(Debug)]
pub(crate) enum Message {
    Write(Vec<Change>, Done),
    Clear(Done),
    /// Lets readers see what the upkeep has done.
    Show(Done),
    /// Removes old versions, and files that no version names: now, since nothing is being written.
    Prune(Done),
    Close(Done),
}

pub(crate) struct Writer {
    table: Table,
    dimensions: usize,
    view: View,
    /// `None` where other nodes write too: then only the table knows.
    known: Option<Known>,
    upkeep: Arc<Upkeep>,
    compact_after: u32,
    appends: u32,
}

impl Writer {
    pub(crate) fn new(
        table: Table,
        dimensions: usize,
        view: View,
        known: Option<Known>,
        upkeep: Arc<Upkeep>,
        compact_after: u32,
    ) -> Self {
        Self { table, dimensions, view, known, upkeep, compact_after, appends: 0 }
    }

    /// Works until it is told to close or everybody who could ask is gone.
    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let mut postponed = None;
        loop {
            let message = match postponed.take() {
                Some(message) => message,
                None => match inbox.recv().await {
                    Some(message) => message,
                    None => return,
                },
            };
            match message {
                Message::Write(changes, done) => {
                    let mut batch = Batch::default();
                    let mut waiting = vec![done];
                    changes.into_iter().for_each(|change| batch.push(change));
                    while batch.len() < MAX_CHANGES && postponed.is_none() {
                        match inbox.try_recv() {
                            Ok(Message::Write(more, done)) => {
                                more.into_iter().for_each(|change| batch.push(change));
                                waiting.push(done);
                            }
                            Ok(other) => postponed = Some(other),
                            Err(_) => break,
                        }
                    }
                    let outcome = self.commit(batch).await;
                    waiting.into_iter().for_each(|done| answer(done, copy(&outcome)));
                }
                Message::Clear(done) => answer(done, self.clear().await),
                Message::Show(done) => {
                    let shown = AssertUnwindSafe(self.view.show(&self.table)).catch_unwind().await;
                    answer(done, or_panicked(WRITE, shown));
                }
                Message::Prune(done) => {
                    let pruned = AssertUnwindSafe(self.upkeep.prune(Unnamed::Remove)).catch_unwind().await;
                    answer(done, or_panicked(WRITE, pruned));
                }
                Message::Close(done) => {
                    inbox.close();
                    return answer(done, Ok(()));
                }
            }
        }
    }

    async fn commit(&mut self, batch: Batch) -> Result<()> {
        let deletes = match &mut self.known {
            Some(known) => {
                let deletes = batch.deletes(known);
                batch.expect(known);
                deletes
            }
            None => batch.removals(),
        };
        let is_shared = self.known.is_none();
        let apply = self.apply(deletes, &batch);
        let work = async { if is_shared { in_time(WRITE, store::COMMIT, apply).await } else { apply.await } };
        let outcome = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(_) => Err(crate::error::panicked(WRITE)),
        };
        match (&outcome, &mut self.known) {
            (Ok(()), Some(known)) => batch.forget(known),
            // Where others write too, every commit starts from what is there.
            (_, None) => {}
            // The commit may have happened all the same; the next one must start from what is there.
            (Err(_), Some(_)) => {
                if let Err(error) = self.table.checkout_latest().await {
                    tracing::debug!(%error, "the table could not be read again after a failed write");
                }
            }
        }
        outcome
    }

    async fn apply(&mut self, deletes: Vec<lancedb::expr::DfExpr>, batch: &Batch) -> Result<()> {
        let failed = |e| crate::error::translate(WRITE, e);
        let mut changed = !deletes.is_empty();
        for delete in deletes {
            self.table.delete(&delete).await.map_err(failed)?;
        }
        let rows = batch.rows();
        if !rows.is_empty() {
            let data = to_batch(self.dimensions, &rows)?;
            match self.known {
                Some(_) => self.table.add(data).write_parallelism(1).execute().await.map(|_| ()),
                None => self.merge(data).await,
            }
            .map_err(failed)?;
            changed = true;
        }
        if !changed {
            return Ok(());
        }
        self.view.show(&self.table).await.map_err(failed)?;
        self.appends += 1;
        if self.appends >= self.compact_after {
            self.appends = 0;
            self.upkeep.wake();
        }
        Ok(())
    }

    /// Replaces the rows that are there and adds the others, in one commit; of two nodes that write the same id at once, the
    /// second looks again and replaces. That reads every row's scope and id.
    async fn merge(&self, rows: RecordBatch) -> lancedb::Result<()> {
        let mut merge = self.table.merge_insert(&[SCOPE, ID]);
        merge.when_matched_update_all(None).when_not_matched_insert_all();
        let schema = rows.schema();
        merge.execute(Box::new(RecordBatchIterator::new([Ok(rows)], schema))).await?;
        Ok(())
    }

    async fn clear(&mut self) -> Result<()> {
        let mut empty = to_batch(self.dimensions, &[])?;
        if self.known.is_none() {
            empty = keyed(self.dimensions, empty)?;
        }
        let work = async {
            self.table.add(empty).mode(AddDataMode::Overwrite).execute().await?;
            self.view.show(&self.table).await
        };
        let work = async { or_panicked(CLEAR, AssertUnwindSafe(work).catch_unwind().await) };
        let outcome = match self.known {
            Some(_) => work.await,
            None => in_time(CLEAR, store::COMMIT, work).await,
        };
        if outcome.is_ok() {
            self.known = self.known.take().map(|_| Known::default());
            self.appends = 0;
        }
        outcome
    }
}

fn answer(done: Done, outcome: Result<()>) {
    // Whoever asked may have given up; what was done is done.
    let _ = done.send(outcome);
}

/// The same outcome for everybody who shared the commit; the driver's own error is told in the context's place.
fn copy(outcome: &Result<()>) -> Result<()> {
    outcome.as_ref().copied().map_err(|error| {
        let copy = Error::new(error.kind(), error.operation(), error.context()).retriable(error.is_retriable());
        match std::error::Error::source(error) {
            Some(source) => copy.with_source(source.to_string()),
            None => copy,
        }
    })
}
