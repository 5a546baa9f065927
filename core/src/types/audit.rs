//! Who has looked at, changed, exported or erased what is known of whom.

use crate::{AuditId, KeyedHash, Timestamp};
use serde::{Deserialize, Serialize};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAction {
    /// An agent was told.
    Recall,
    /// Somebody looked.
    Read,
    /// Something was written, corrected, merged or forgotten.
    Change,
    /// Everything about a person left the house.
    Export,
    /// A person was erased.
    Erase,
    /// A key or a webhook secret was made or revoked.
    Key,
}

impl AuditAction {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Recall, Self::Read, Self::Change, Self::Export, Self::Erase, Self::Key];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Read => "read",
            Self::Change => "change",
            Self::Export => "export",
            Self::Erase => "erase",
            Self::Key => "key",
        }
    }

    /// Whether it must be on record before it is answered.
    pub fn is_grave(self) -> bool {
        matches!(self, Self::Export | Self::Erase | Self::Key)
    }
}

/// One line of the log: ids, times and codes, never what anybody said, is called or can be reached by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its id (`aud_…`).
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// With which key, by its id; `configured` for one of the configuration, `folder` for a command beside the data,
    /// `schedule` for what was older than it is kept, `call` for what a call has said of its caller.
    pub actor: String,
    /// What was done.
    pub action: AuditAction,
    /// By which route (method and pattern) or command.
    pub route: String,
    /// About whom, by a keyed hash: an erased person is not named here either.
    pub person: Option<KeyedHash>,
    /// What it was about beside, by an id of ours; of the schedule the periods, of a consent what it is now.
    pub object: Option<String>,
    /// How it ended: an HTTP status; of a command 0 if it was done, else 1.
    pub status: u16,
}

/// Which entries to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Only about this person.
    pub person: Option<KeyedHash>,
    /// Only by this key.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<AuditAction>,
}

impl AuditFilter {
    /// Whether an entry passes.
    pub fn passes(&self, entry: &AuditEntry) -> bool {
        self.person.is_none_or(|person| entry.person == Some(person))
            && self.actor.as_ref().is_none_or(|actor| entry.actor == *actor)
            && self.action.is_none_or(|action| entry.action == action)
    }
}
