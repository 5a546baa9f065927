#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod analysis;
mod backend;
mod config;
mod error;
mod folder;
mod keyword;
mod schema;
mod unsynced;
mod writer;

pub use backend::TantivyFactory;
pub use config::TantivyConfig;

use hark_core::backend::Registry;

/// Adds the kind `tantivy`.
pub fn register(registry: &mut Registry) {
    registry.register(TantivyFactory);
}
