#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod backend;
mod batch;
mod config;
mod error;
mod folder;
mod known;
mod orphans;
mod schema;
#[cfg(test)]
mod shared;
mod store;
mod table;
mod upkeep;
mod vector;
mod writer;

pub use backend::LanceDbFactory;
pub use config::LanceDbConfig;

use hark_core::backend::Registry;

/// Adds the kind `lancedb`.
pub fn register(registry: &mut Registry) {
    registry.register(LanceDbFactory);
}
