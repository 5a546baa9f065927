//! What the upkeep of the truth needs: who does it, and what became of links.

use crate::{LinkId, Timestamp};

/// That the lease was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    /// How far the last holder had come, in its own words; `None` from the beginning.
    pub progress: Option<String>,
}

/// That a link led to a memory that was shown.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkUse {
    /// Which.
    pub id: LinkId,
    /// When it was last used, as it was read: nothing is written if it was used since.
    pub known: Option<Timestamp>,
    /// Its weight from now on.
    pub weight: f32,
    /// When it was used.
    pub used_at: Timestamp,
}
