//! The one writer: a thread that commits whatever waits, together.
//!
//! A commit writes a dozen files, so its price is the same for one document or a thousand. Callers that come
//! while one runs share the next. Nobody is answered before their change can be found.

use crate::error::{closed, panicked, translate};
use crate::folder::Folder;
use hark_core::{Error, ErrorKind, Result};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tantivy::index::SegmentId;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::Term;
use tantivy::{FutureResult, Index, IndexReader, IndexWriter, TantivyDocument, TantivyError};
use tokio::sync::oneshot;

const WRITE: &str = "tantivy.write";
const OPTIMISE: &str = "tantivy.optimise";
const PURGE: &str = "tantivy.purge";

/// Deletions that come meanwhile make another round necessary.
const PURGE_TRIES: usize = 5;

/// A commit is closed when it has so many changes, so that nobody waits for ever on a busy day.
const MAX_CHANGES: usize = 20_000;

/// One change; those of a caller are applied in order.
pub(crate) enum Change {
    /// Replaces the document under the key.
    Put(Term, Box<TantivyDocument>),
    /// Removes every document with the term.
    Remove(Term),
}

type Merge = FutureResult<Option<tantivy::SegmentMeta>>;

enum Message {
    Write(Vec<Change>, oneshot::Sender<Result<()>>),
    Clear(oneshot::Sender<Result<()>>),
    Merge(Worth, oneshot::Sender<Result<Option<Merge>>>),
    Tidy(oneshot::Sender<Result<()>>),
    Close(oneshot::Sender<Result<()>>),
}

/// Which segments are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worth {
    /// What makes searches quicker.
    Speed,
    /// Everything that still holds a deleted document.
    Forgetting,
}

/// The way to the thread. Dropping it ends the thread after the commit that runs.
#[derive(Debug)]
pub(crate) struct Writer {
    outbox: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    closed: AtomicBool,
}

impl Writer {
    pub(crate) fn start(folder: Folder, memory_bytes: usize, interval: Duration) -> Result<Self> {
        let (outbox, inbox) = channel();
        let mut worker = Worker {
            inbox,
            postponed: None,
            index: folder.index,
            reader: folder.reader,
            lock: Some(folder.lock),
            memory_bytes,
            interval,
            writer: None,
        };
        // The writer lock and the memory are claimed now, so that a wrong setting is an error of opening.
        worker.writer().map_err(|e| translate("tantivy.open", e))?;
        let thread = std::thread::Builder::new().name("hark-tantivy".into()).spawn(move || worker.run());
        let thread = thread.map_err(|e| {
            Error::new(ErrorKind::Unavailable, "tantivy.open", "the writer thread cannot be started").with_source(e)
        })?;
        Ok(Self { outbox: Some(outbox), thread: Some(thread), closed: AtomicBool::new(false) })
    }

    /// Returns when the changes are on disk and seen by every later search.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.ask(WRITE, |done| Message::Write(changes, done)).await
    }

    pub(crate) async fn clear(&self) -> Result<()> {
        self.ask(WRITE, Message::Clear).await
    }

    /// Merges what is worth merging; writes go on meanwhile.
    pub(crate) async fn optimise(&self) -> Result<()> {
        if let Some(merge) = self.ask(OPTIMISE, |done| Message::Merge(Worth::Speed, done)).await?
            && let Err(error) = merge.await
        {
            // tantivy's own merge of the same segments was there first, or everything was cleared meanwhile.
            tracing::debug!(%error, "merge given up");
        }
        self.ask(OPTIMISE, Message::Tidy).await
    }

    /// Rewrites every segment that holds a deleted document. A merge of tantivy's own that was there first has left them
    /// out as well, so what counts is that none is left.
    pub(crate) async fn purge(&self) -> Result<()> {
        for _ in 0..PURGE_TRIES {
            let Some(merge) = self.ask(PURGE, |done| Message::Merge(Worth::Forgetting, done)).await? else {
                return self.ask(PURGE, Message::Tidy).await;
            };
            if let Err(error) = merge.await {
                tracing::debug!(%error, "merge given up");
            }
        }
        Err(Error::new(ErrorKind::Unavailable, PURGE, "segments are deleted from faster than they can be rewritten"))
    }

    pub(crate) async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Ordering::AcqRel) || !self.is_alive() {
            return Ok(());
        }
        self.ask(WRITE, Message::Close).await
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.closed.load(Ordering::Acquire) && self.is_alive()
    }

    fn is_alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    async fn ask<T>(
        &self,
        operation: &'static str,
        message: impl FnOnce(oneshot::Sender<Result<T>>) -> Message,
    ) -> Result<T> {
        let (done, answer) = oneshot::channel();
        let outbox = self.outbox.as_ref().ok_or_else(|| closed(operation))?;
        outbox.send(message(done)).map_err(|_| closed(operation))?;
        answer.await.map_err(|_| closed(operation))?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.outbox = None;
        // Whoever opens the folder next must find it free.
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the keyword writer ended by a panic");
        }
    }
}

struct Worker {
    inbox: Receiver<Message>,
    /// A message that ended the gathering of a batch and comes next.
    postponed: Option<Message>,
    index: Index,
    reader: IndexReader,
    lock: Option<File>,
    memory_bytes: usize,
    interval: Duration,
    /// `None` after a failure: a new one starts from the last commit.
    writer: Option<IndexWriter>,
}

impl Worker {
    fn run(&mut self) {
        while let Some(message) = self.postponed.take().or_else(|| self.inbox.recv().ok()) {
            match message {
                Message::Write(changes, done) => self.commit(changes, done),
                Message::Clear(done) => answer(done, self.attempt(Self::clear)),
                Message::Merge(worth, done) => answer(done, self.attempt(|worker| worker.start_merge(worth))),
                Message::Tidy(done) => answer(done, self.attempt(Self::tidy)),
                Message::Close(done) => {
                    self.writer = None;
                    self.lock = None;
                    return answer(done, Ok(()));
                }
            }
        }
    }

    fn commit(&mut self, changes: Vec<Change>, done: oneshot::Sender<Result<()>>) {
        let (changes, waiting) = self.gather(changes, done);
        let outcome = self.attempt(|worker| worker.apply(changes));
        for done in waiting {
            let outcome = outcome.as_ref().copied().map_err(Failure::clone);
            answer(done, outcome);
        }
    }

    /// Takes along every write that waits already, or comes within the interval.
    fn gather(
        &mut self,
        mut changes: Vec<Change>,
        done: oneshot::Sender<Result<()>>,
    ) -> (Vec<Change>, Vec<oneshot::Sender<Result<()>>>) {
        let mut waiting = vec![done];
        let until = Instant::now() + self.interval;
        while changes.len() < MAX_CHANGES {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Message::Write(more, done)) => {
                    changes.extend(more);
                    waiting.push(done);
                }
                Ok(other) => {
                    self.postponed = Some(other);
                    break;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        (changes, waiting)
    }

    /// After any failure the writer is dropped with all it had not committed, so that callers who are told of the
    /// failure do not see half of their change later.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut Self) -> tantivy::Result<T>) -> Result<T, Failure> {
        let outcome = match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(outcome) => outcome.map_err(Failure::Error),
            Err(_) => Err(Failure::Panic),
        };
        if outcome.is_err() {
            self.writer = None;
        }
        outcome
    }

    fn apply(&mut self, changes: Vec<Change>) -> tantivy::Result<()> {
        let writer = self.writer()?;
        for change in changes {
            match change {
                Change::Put(key, document) => {
                    writer.delete_term(key);
                    writer.add_document(*document)?;
                }
                Change::Remove(term) => {
                    writer.delete_term(term);
                }
            }
        }
        writer.commit()?;
        self.reader.reload()
    }

    fn clear(&mut self) -> tantivy::Result<()> {
        let writer = self.writer()?;
        writer.delete_all_documents()?;
        writer.commit()?;
        self.reader.reload()
    }

    fn start_merge(&mut self, worth: Worth) -> tantivy::Result<Option<Merge>> {
        let segments = match worth {
            Worth::Speed => self.worth_merging()?,
            Worth::Forgetting => {
                let metas = self.index.searchable_segment_metas()?;
                metas.iter().filter(|m| m.num_deleted_docs() > 0).map(|m| m.id()).collect()
            }
        };
        if segments.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.writer()?.merge(&segments)))
    }

    /// The small segments among large ones, and those with many deleted documents. The large and sound are left
    /// alone: rewriting a million documents for the sake of ten would not be cheap.
    fn worth_merging(&self) -> tantivy::Result<Vec<SegmentId>> {
        let metas = self.index.searchable_segment_metas()?;
        let largest = metas.iter().map(|m| m.num_docs()).max().unwrap_or(0);
        let wasteful = |m: &tantivy::SegmentMeta| m.num_deleted_docs() * 5 > m.max_doc();
        let mut chosen: Vec<_> = metas.iter().filter(|m| m.num_docs() < largest / 4 || wasteful(m)).collect();
        if metas.len() > 1 && chosen.is_empty() && metas.len() > 8 {
            chosen = metas.iter().collect();
        }
        let one_sound = chosen.len() == 1 && !wasteful(chosen[0]);
        Ok(if one_sound { Vec::new() } else { chosen.into_iter().map(|m| m.id()).collect() })
    }

    fn tidy(&mut self) -> tantivy::Result<()> {
        // Only what no reader holds can be removed: first let go of the old segments.
        self.reader.reload()?;
        self.writer()?.garbage_collect_files().wait()?;
        Ok(())
    }

    fn writer(&mut self) -> tantivy::Result<&mut IndexWriter> {
        if self.writer.is_none() {
            let options = IndexWriterOptions::builder()
                .memory_budget_per_thread(self.memory_bytes)
                .num_worker_threads(1)
                .num_merge_threads(1)
                .build();
            let writer: IndexWriter = self.index.writer_with_options(options)?;
            writer.set_merge_policy(Box::new(merge_policy()));
            self.writer = Some(writer);
        }
        Ok(self.writer.as_mut().expect("set above"))
    }
}

/// Most commits hold one to ten documents. Levels a factor of eight apart, with at most eight segments each, keep
/// a million documents in about 30 segments and rewrite a document about five times in its life.
fn merge_policy() -> LogMergePolicy {
    let mut policy = LogMergePolicy::default();
    policy.set_min_num_segments(8);
    policy.set_min_layer_size(64);
    policy.set_level_log_size(3.0);
    policy.set_del_docs_ratio_before_merge(0.4);
    policy
}

#[derive(Clone)]
enum Failure {
    Error(TantivyError),
    Panic,
}

fn answer<T>(done: oneshot::Sender<Result<T>>, outcome: Result<T, Failure>) {
    let outcome = outcome.map_err(|failure| match failure {
        Failure::Error(error) => translate(WRITE, error),
        Failure::Panic => panicked(WRITE),
    });
    // Whoever asked may have given up; what was done is done.
    let _ = done.send(outcome);
}
