//! A person who calls.

use crate::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// What is kept about a caller beside the memories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Our own id (`usr_…`).
    pub id: UserId,
    /// How the caller wants to be called; empty when not known.
    pub name: String,
    /// Conversations whose transcript was learnt from.
    pub call_count: u64,
    /// When the caller was first seen.
    pub first_contact: Timestamp,
    /// When the last learnt call started, or the first contact.
    pub last_contact: Timestamp,
    /// Two or three speakable sentences about the caller; empty when nothing is known.
    pub summary: String,
    /// Grows with every write to this caller's memories or links; what was read at one revision and is asked
    /// for at the same is still true.
    pub revision: u64,
}
