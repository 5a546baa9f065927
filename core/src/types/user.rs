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
    /// Whether several people call as this one, such as a couple with one telephone: then nobody is greeted by name, and
    /// memories say whose they are where the call told it.
    #[serde(default)]
    pub shared: bool,
    /// Grows with every write to this caller's memories or links; what was read at one revision and is asked
    /// for at the same is still true.
    pub revision: u64,
}
