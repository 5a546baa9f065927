#![doc = include_str!("../README.md")]

mod backend;
mod builtin;
mod catalogue;
mod config;
mod embedder;
mod error;
mod fetch;
mod lanes;
mod manifest;
mod model;
mod onnx;
mod wheel;

pub use backend::{KIND, LocalFactory};
pub use catalogue::{BUILTIN, ModelListing, list};
pub use config::LocalConfig;
pub use fetch::{Fetched, Progress, Source, fetch};

use hark_core::backend::Registry;

/// Adds kind `local`.
pub fn register(registry: &mut Registry) {
    registry.register(LocalFactory);
}
