//! Backups: a copy of what cannot be derived again, taken beside a running server, and how it comes back.
//!
//! A backup is a folder: one folder a backend that plays the truth or the queue, and `manifest.json`, which is written last.
//! Without a manifest it is no backup. Vectors and words are not in it: they are rebuilt from the truth. Whoever was erased
//! after it was taken must not come back with it, so a ledger of erasures travels apart, in a file that is small and
//! names nobody.

mod files;
mod ledger;
mod make;
mod manifest;
mod restore;

pub use ledger::write_ledger;
pub use make::back_up;
pub(crate) use make::put_on_record;
pub use manifest::{Listed, Manifest, NeededKeys, Part};
pub use restore::{Again, Restored, Told, forget_again, restore};

use hark_core::backend::Role;
use hark_core::store::Backup;

/// The roles whose backends hold what cannot be derived, in the order in which they are copied. The queue comes first: a job
/// that is done between the two copies is then done once more, which changes nothing; the other way round it would be
/// missing in both.
pub(crate) const COPIED: [Role; 2] = [Role::Jobs, Role::Memory];

/// One backend that is copied: its place in the backup, what it plays, and how it is copied.
pub(crate) type Source = (String, Vec<Role>, crate::config::Instance, std::sync::Arc<dyn Backup>);
