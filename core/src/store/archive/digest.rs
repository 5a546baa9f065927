//! What a table holds, in two numbers.

use super::{Cell, Table, View};
use crate::Result;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// How many rows a table has, and a sum over their hashes: the same wherever the same rows are, whatever the engine and the
/// order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest {
    /// Rows.
    pub rows: u64,
    sum: u128,
}

impl Digest {
    /// Takes a row in.
    pub fn add(&mut self, table: &Table, row: &[Cell]) {
        let mut hash = Sha256::new();
        hash.update(table.name.as_bytes());
        for cell in row {
            cell.canonical(|bytes| hash.update(bytes));
        }
        let whole: [u8; 32] = hash.finalize().into();
        let half = whole.iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte));
        self.rows += 1;
        self.sum = self.sum.wrapping_add(half);
    }
}

/// The checksum alone, as a person compares it.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.sum)
    }
}

/// Reads a whole table.
///
/// # Errors
/// What the view says.
pub async fn digest(view: &mut dyn View, table: &'static Table) -> Result<Digest> {
    let mut digest = Digest::default();
    let mut after = None;
    loop {
        let rows = view.read(table, after.as_deref(), table.batch).await?;
        for row in &rows {
            digest.add(table, row);
        }
        match rows.last() {
            Some(last) if rows.len() >= table.batch => after = Some(table.key(last).to_vec()),
            _ => return Ok(digest),
        }
    }
}
