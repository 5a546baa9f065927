#![doc = include_str!("../README.md")]

mod backend;
mod chat;
mod client;
mod config;
mod embedder;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod retry_after;
mod schema;

pub use backend::{KIND, OllamaFactory};
pub use config::OllamaConfig;

use hark_core::backend::Registry;

/// Adds kind `ollama`.
pub fn register(registry: &mut Registry) {
    registry.register(OllamaFactory);
}
