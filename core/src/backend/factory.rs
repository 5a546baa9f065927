//! A factory turns a configuration section into an open backend.

use super::{Backend, Role};
use crate::crypt::Vault;
use crate::{Clock, Entropy, Error, ErrorKind, Result};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What every backend is given when it is opened.
#[derive(Debug, Clone)]
pub struct OpenContext {
    /// The data folder; exists and is writable. Relative paths of a section are meant from here unless the
    /// section's documentation says otherwise.
    pub data_dir: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// With what a store seals what it is handed in the clear and keeps on a disk: callers' names and summaries
    /// ([`Purpose::is_sealed_by_store`](crate::crypt::Purpose::is_sealed_by_store)). `None` where nobody asks for them: then they are
    /// neither written nor read, which is an error of kind `Config`.
    pub vault: Option<Vault>,
}

/// How a kind of backend comes to be. Implement this for a unit struct and register it.
#[async_trait]
pub trait Factory: Send + Sync + 'static {
    /// The value of `kind` in the section.
    const KIND: &'static str;
    /// The roles its backends offer.
    const ROLES: &'static [Role];
    /// The section without `kind`. Derive `Deserialize` with `deny_unknown_fields` and a `Debug` without
    /// secrets; its doc comments become the configuration's documentation.
    type Config: DeserializeOwned + JsonSchema + Send;

    /// Opens a backend. Validates everything before it touches anything; schema is left to
    /// [`crate::store::Migrate`], which the server runs before any role is used.
    ///
    /// # Errors
    /// `Config`, naming field and remedy; `Unavailable` when the system does not answer; `Conflict` when
    /// another process holds it.
    async fn open(&self, config: Self::Config, context: &OpenContext) -> Result<Arc<dyn Backend>>;

    /// Puts a copy that [`Backup::copy_to`](crate::store::Backup::copy_to) made in `from` where a backend of this section
    /// will look for it: all of it, or nothing if it breaks off. `from` is only read. Nothing may be open there.
    ///
    /// # Errors
    /// `Conflict` when there is something already, which stays as it is; `Corrupt` when `from` is no such copy;
    /// `Config` as [`Factory::open`]; `Unavailable` when a disk is full or fails; `Unsupported`, as here, where the kind
    /// makes no copies.
    async fn restore(&self, _config: Self::Config, _context: &OpenContext, _from: &Path) -> Result<()> {
        let what = format!("kind `{}` makes no copies of its own", Self::KIND);
        Err(Error::new(ErrorKind::Unsupported, "backend.restore", what))
    }
}
