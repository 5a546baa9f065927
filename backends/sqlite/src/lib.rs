#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod archive;
mod backend;
mod backup;
mod config;
mod db;
mod embeddings;
mod error;
mod job;
mod keys;
mod memory;
mod migrate;
mod old_events;
mod page;
mod row;
mod sealed;
mod turns;
mod veil;

pub use backend::SqliteFactory;
pub use config::{SqliteConfig, Synchronous};

use hark_core::backend::Registry;

/// Adds the kind `sqlite`.
pub fn register(registry: &mut Registry) {
    registry.register(SqliteFactory);
}
