//! How everything a store keeps is carried over to another one, of whatever engine.
//!
//! What is kept stands in [`TABLES`], the same for every engine: which tables there are, in an order in which nothing comes
//! before what it belongs to, and which columns they have. A row is a row of [`Cell`]s, so that two engines that hold the same
//! give the same [`Digest`], and what is sealed is carried as it is sealed: nothing here opens anything.
//!
//! Carrying over is [`merge`]: both sides are read along their keys, what differs is written, what is too much is removed. A
//! copy that broke off is therefore simply made again: what is there already costs a reading and no writing.

mod digest;
mod merge;
mod row;
mod table;
mod tables;

pub use digest::{Digest, digest};
pub use merge::{Merged, merge};
pub use row::{Cell, Row, order};
pub use table::{Column, ColumnKind, Table};
pub use tables::TABLES;

use crate::Result;
use async_trait::async_trait;
use std::fmt::Debug;

/// A store whose tables can be read and written as they stand: ids, times, numbers, revisions and states among them. For
/// moving house; nobody else uses the store that is written to.
#[async_trait]
pub trait Archive: Debug + Send + Sync + 'static {
    /// Everything as it stands now, whoever writes meanwhile. Lasts until it is dropped; while it lasts, what is changed or
    /// removed may take up room twice.
    ///
    /// # Errors
    /// `Unavailable` when the store does not answer or its schema was never made.
    async fn view(&self) -> Result<Box<dyn View>>;

    /// Writes rows of a table, all or none. One whose key is there is replaced, unless rows of the table
    /// [never change](Table::is_append_only): then the one that is there stays. Twice is the same as once. Whatever is
    /// numbered by the store afterwards is numbered behind what was written.
    ///
    /// # Errors
    /// `Invalid` when a row does not have the table's columns, or holds what the engine cannot keep; `Conflict` when what a
    /// row belongs to is not there, or when another row has what only one may have; `Unavailable` when the store does not
    /// take it.
    async fn put(&self, table: &'static Table, rows: &[Row]) -> Result<()>;

    /// Removes rows by their keys, all or none, and what belongs to them in other tables; missing ones are fine. Keys are
    /// the first cells of a row, as [`Table::key`] takes them.
    ///
    /// # Errors
    /// `Conflict` for a row that is never removed: what is append-only, or an erasure that still keeps somebody out.
    async fn remove(&self, table: &'static Table, keys: &[Row]) -> Result<()>;

    /// What was last noted; `None` in a store that nothing was ever carried into.
    async fn noted(&self) -> Result<Option<String>>;

    /// Notes something about what is carried into this store, in place of what was noted before. No row of [`TABLES`] holds
    /// it.
    async fn note(&self, text: &str) -> Result<()>;
}

/// An [`Archive`] as it stood at one moment.
#[async_trait]
pub trait View: Debug + Send {
    /// Rows of a table in the order of their keys ([`order`]), those behind `after`, at most `limit`. Fewer than that are the
    /// last ones.
    ///
    /// # Errors
    /// `Corrupt` when a stored value is none of the column's; `Unavailable` when the store does not answer.
    async fn read(&mut self, table: &'static Table, after: Option<&[Cell]>, limit: usize) -> Result<Vec<Row>>;
}

#[cfg(test)]
mod tests;
