//! Rows as every engine tells them.

use std::cmp::Ordering;
use std::fmt;

/// A value of a row.
#[derive(Clone, PartialEq)]
pub enum Cell {
    /// There is none.
    Null,
    /// A whole number; moments are microseconds since 1970 (UTC).
    Int(i64),
    /// A number with a fraction. Never negative zero, which not every engine keeps.
    Real(f64),
    /// Yes or no.
    Bool(bool),
    /// Text, enums by their stable names among it.
    Text(String),
    /// Bytes: hashes, vectors, and what is sealed.
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of its table's columns; the first ones are its key.
pub type Row = Vec<Cell>;

impl Cell {
    /// A number with a fraction, without a sign where it is zero.
    pub fn real(number: f64) -> Self {
        Self::Real(if number == 0.0 { 0.0 } else { number })
    }

    /// JSON as [`super::ColumnKind::Json`] has it.
    pub fn json(mut value: serde_json::Value) -> Self {
        // Whether maps keep their order depends on who else is in the program.
        value.sort_all_objects();
        Self::Text(value.to_string())
    }

    /// What it is told by: one byte for what it is, and then a length and its bytes. No two cells have the same.
    pub(super) fn canonical(&self, mut tell: impl FnMut(&[u8])) {
        let (what, bytes): (u8, &[u8]) = match self {
            Self::Null => (0, &[]),
            Self::Int(number) => (1, &number.to_be_bytes()),
            Self::Real(number) => (2, &number.to_bits().to_be_bytes()),
            Self::Bool(yes) => (3, &[u8::from(*yes)]),
            Self::Text(text) => (4, text.as_bytes()),
            Self::Bytes(bytes) => (5, bytes),
        };
        tell(&[what]);
        tell(&(bytes.len() as u64).to_be_bytes());
        tell(bytes);
    }
}

/// Rows hold what people said: nothing of it is shown.
impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Int(_) => f.write_str("Int"),
            Self::Real(_) => f.write_str("Real"),
            Self::Bool(_) => f.write_str("Bool"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

/// The order of two keys of one table: cell by cell, numbers by their size, texts and bytes byte by byte.
pub fn order(a: &[Cell], b: &[Cell]) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| order_of_cells(a, b))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn order_of_cells(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Cell::Bytes(a), Cell::Bytes(b)) => a.cmp(b),
        // Keys are of no other kinds, and of the same one at the same place.
        _ => Ordering::Equal,
    }
}
