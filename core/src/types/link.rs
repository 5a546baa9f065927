//! A link joins two memories of one caller.

use crate::{LinkId, MemoryId, Timestamp};
use serde::{Deserialize, Serialize};

/// How a link came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Their vectors are close.
    Similar,
    /// Somebody joined them by hand.
    Manual,
}

/// One link per pair, standing for both directions: `a < b` always (see [`Link::new`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Derived from the pair.
    pub id: LinkId,
    /// The memory with the smaller id.
    pub a: MemoryId,
    /// The memory with the greater id.
    pub b: MemoryId,
    /// The cosine, or what somebody set; 0 to 1.
    pub weight: f32,
    /// How it came to be.
    pub kind: LinkKind,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Link {
    /// A link between two memories, the same from either side.
    pub fn new(one: MemoryId, other: MemoryId, weight: f32, kind: LinkKind, created_at: Timestamp) -> Self {
        let (a, b) = if one <= other { (one, other) } else { (other, one) };
        Self { id: LinkId::between(&a, &b), a, b, weight: weight.clamp(0.0, 1.0), kind, created_at }
    }

    /// The other end, if `end` is one of the two.
    pub fn other(&self, end: &MemoryId) -> Option<&MemoryId> {
        match end {
            e if *e == self.a => Some(&self.b),
            e if *e == self.b => Some(&self.a),
            _ => None,
        }
    }
}
