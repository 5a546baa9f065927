#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod archive;
mod backend;
mod bell;
mod config;
mod db;
mod embeddings;
mod error;
mod job;
mod keys;
mod keywords;
mod language;
mod memory;
mod migrate;
mod old_events;
mod page;
mod row;
mod sealed;
mod spaces;
mod turns;
mod vectors;
mod veil;

pub use backend::PostgresFactory;
pub use config::PostgresConfig;

use hark_core::backend::Registry;

/// Adds the kind `postgres`.
pub fn register(registry: &mut Registry) {
    registry.register(PostgresFactory);
}
