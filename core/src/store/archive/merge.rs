//! One table becomes what another is.

use super::{Archive, Cell, Row, Table, View, order};
use crate::{Error, Result};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// What a [`merge`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merged {
    /// Rows of the source.
    pub read: u64,
    /// Rows that were missing or differed, and were written.
    pub written: u64,
    /// Rows of the target that the source does not have, and were removed.
    pub removed: u64,
}

impl Merged {
    /// Whether anything had to be done.
    pub fn is_changed(&self) -> bool {
        self.written + self.removed > 0
    }
}

/// Makes the table in `target` what it is in `source`: what is missing or differs is written, what is too much is removed,
/// what is the same is left alone. Broken off, at whatever step, it is begun again. `tell` hears how many rows of the source
/// are done with.
///
/// # Errors
/// What the stores say, with the table's name and how far it had come; what was written by then stays written.
pub async fn merge(
    table: &'static Table,
    source: &mut dyn View,
    target: &dyn Archive,
    tell: &(dyn Fn(u64) + Send + Sync),
) -> Result<Merged> {
    let mut done = Merged::default();
    let outcome = walk(table, source, target, tell, &mut done).await;
    outcome.map(|()| done).map_err(|error| {
        let context = format!("{}, behind row {}: {}", table.name, done.read, error.context());
        Error::new(error.kind(), error.operation(), context).retriable(error.is_retriable()).with_source(error)
    })
}

async fn walk(
    table: &'static Table,
    source: &mut dyn View,
    target: &dyn Archive,
    tell: &(dyn Fn(u64) + Send + Sync),
    done: &mut Merged,
) -> Result<()> {
    // As it stands before the first row is written: nothing is written behind what was read of it.
    let mut standing = target.view().await?;
    let (mut wanted, mut there) = (Side::new(table), Side::new(table));
    let (mut missing, mut surplus): (Vec<Row>, Vec<Row>) = (Vec::new(), Vec::new());
    loop {
        wanted.fill(source).await?;
        there.fill(standing.as_mut()).await?;
        let ahead = match (wanted.rows.front(), there.rows.front()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(wanted), Some(there)) => order(table.key(wanted), table.key(there)),
        };
        let new = if ahead.is_le() { wanted.rows.pop_front() } else { None };
        let old = if ahead.is_ge() { there.rows.pop_front() } else { None };
        match (new, old) {
            (Some(new), old) => {
                if old.as_ref() != Some(&new) {
                    missing.push(new);
                }
                done.read += 1;
                if done.read.is_multiple_of(table.batch as u64) {
                    tell(done.read);
                }
            }
            (None, Some(old)) => surplus.push(table.key(&old).to_vec()),
            (None, None) => {}
        }
        if missing.len() >= table.batch || surplus.len() >= table.batch {
            flush(table, target, (&mut missing, &mut surplus), done).await?;
        }
    }
    flush(table, target, (&mut missing, &mut surplus), done).await?;
    tell(done.read);
    Ok(())
}

/// What goes, goes first: it may hold what only one row may have.
async fn flush(
    table: &'static Table,
    target: &dyn Archive,
    (missing, surplus): (&mut Vec<Row>, &mut Vec<Row>),
    done: &mut Merged,
) -> Result<()> {
    if !surplus.is_empty() {
        target.remove(table, surplus).await?;
        done.removed += surplus.len() as u64;
        surplus.clear();
    }
    if !missing.is_empty() {
        target.put(table, missing).await?;
        done.written += missing.len() as u64;
        missing.clear();
    }
    Ok(())
}

/// A side that is read page by page.
struct Side {
    table: &'static Table,
    rows: VecDeque<Row>,
    last: Option<Vec<Cell>>,
    ended: bool,
}

impl Side {
    fn new(table: &'static Table) -> Self {
        Self { table, rows: VecDeque::new(), last: None, ended: false }
    }

    async fn fill(&mut self, view: &mut dyn View) -> Result<()> {
        if !self.rows.is_empty() || self.ended {
            return Ok(());
        }
        let page = view.read(self.table, self.last.as_deref(), self.table.batch).await?;
        self.ended = page.len() < self.table.batch;
        if let Some(last) = page.last() {
            self.last = Some(self.table.key(last).to_vec());
        }
        self.rows = page.into();
        Ok(())
    }
}
