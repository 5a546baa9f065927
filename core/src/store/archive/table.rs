//! What a table is, as every engine tells it.

use super::{Cell, TABLES};
use crate::backend::Role;
use crate::{Error, Result};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// [`Cell::Int`]
    Int,
    /// [`Cell::Real`]
    Real,
    /// [`Cell::Bool`]
    Bool,
    /// [`Cell::Text`]
    Text,
    /// [`Cell::Bytes`]
    Bytes,
    /// [`Cell::Text`] that is JSON as `serde_json` writes it, maps in the order of their keys: engines that keep JSON in a way
    /// of their own tell it so.
    Json,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it may be [`Cell::Null`].
    pub nullable: bool,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Who keeps it: whoever plays this role.
    pub role: Role,
    /// Its columns, the key first.
    pub columns: &'static [Column],
    /// So many of them are the key.
    pub keyed_by: usize,
    /// Whether the key is a number that the store gives out, in the order in which rows come.
    pub is_numbered: bool,
    /// Whether a row that is there never changes and never goes.
    pub is_append_only: bool,
    /// So many rows are carried at once, so that they fit into memory and not too many are lost where it breaks off.
    pub batch: usize,
}

impl Table {
    /// The table of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// What a row is told apart by.
    pub fn key<'a>(&self, row: &'a [Cell]) -> &'a [Cell] {
        row.get(..self.keyed_by).unwrap_or(row)
    }

    /// The columns of the key.
    pub fn key_columns(&self) -> &'static [Column] {
        self.columns.get(..self.keyed_by).unwrap_or_default()
    }

    /// Whether a row has these columns.
    ///
    /// # Errors
    /// `Invalid`, naming table and column.
    pub fn check(&self, row: &[Cell]) -> Result<()> {
        self.check_against(self.columns, row)
    }

    /// Whether these are the cells of a key.
    ///
    /// # Errors
    /// `Invalid`, naming table and column.
    pub fn check_key(&self, key: &[Cell]) -> Result<()> {
        self.check_against(self.key_columns(), key)
    }

    fn check_against(&self, columns: &[Column], cells: &[Cell]) -> Result<()> {
        let wrong = |what: String| Err(Error::invalid("archive.check", format!("a row of {}: {what}", self.name)));
        if cells.len() != columns.len() {
            return wrong(format!("it has {} columns instead of {}", cells.len(), columns.len()));
        }
        for (column, cell) in columns.iter().zip(cells) {
            if !column.takes(cell) {
                return wrong(format!("`{}` is of another kind", column.name));
            }
        }
        Ok(())
    }
}

impl Column {
    fn takes(&self, cell: &Cell) -> bool {
        match cell {
            Cell::Null => self.nullable,
            Cell::Int(_) => self.kind == ColumnKind::Int,
            Cell::Real(_) => self.kind == ColumnKind::Real,
            Cell::Bool(_) => self.kind == ColumnKind::Bool,
            Cell::Text(_) => matches!(self.kind, ColumnKind::Text | ColumnKind::Json),
            Cell::Bytes(_) => self.kind == ColumnKind::Bytes,
        }
    }

    pub(super) const fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }
}
