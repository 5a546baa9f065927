//! Lists are read page by page.

use serde::{Deserialize, Serialize};

/// Where the next page starts: opaque, made by the store that reads it.
pub type Cursor = String;

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many items, 1 to 1,000.
    pub limit: usize,
    /// The last page's `next_cursor`; `None` for the first page.
    pub cursor: Option<Cursor>,
}

impl PageRequest {
    /// The first page of at most `limit` items.
    pub fn first(limit: usize) -> Self {
        Self { limit, cursor: None }
    }
}

/// One page. Items are neither left out nor repeated while the list only grows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next_cursor: Option<Cursor>,
}
