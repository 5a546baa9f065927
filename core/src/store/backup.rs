//! How the truth and the queue come to a copy of themselves.

use super::Space;
use crate::Result;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

/// What a copy holds, read from the copy itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Copied {
    /// The last schema step that has run ([`super::Migration::version`]); 0 without a schema.
    pub schema: i64,
    /// How many rows there are of each kind, by the kind's name in the backend.
    pub rows: BTreeMap<String, u64>,
    /// The ids of the keys that something in it is sealed with: without one of them, part of it cannot be opened.
    pub sealed_with: BTreeSet<String>,
    /// The space the memories' vectors were complete in; `None` where none is noted.
    pub space: Option<Space>,
}

/// A backend that can be copied while it is used. What brings a copy back is
/// [`Factory::restore`](crate::backend::Factory::restore), since nothing may be open there.
#[async_trait]
pub trait Backup: Debug + Send + Sync + 'static {
    /// Writes a copy of everything the backend holds into `folder`, which exists, is empty, and is ours. It is how things
    /// stood at one moment, whoever reads and writes meanwhile, and nobody waits for it; what was removed before is not
    /// in it. Its files are for their owner only, were read through once for damage, and are on the disk when this
    /// answers. After an error `folder` may hold anything.
    ///
    /// # Errors
    /// `Conflict` when the schema was never made, so that there is nothing to copy, or when `folder` holds something,
    /// which stays as it is; `Corrupt` when what is stored is damaged; `Unavailable` when a disk is full or fails.
    async fn copy_to(&self, folder: &Path) -> Result<Copied>;
}
