#![doc = include_str!("../README.md")]

mod backend;
mod chat;
mod client;
mod config;
mod embedder;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod keys;
mod retry_after;
mod schema;

pub use backend::{KIND, OpenAiFactory};
pub use config::{MaxTokensField, OpenAiConfig, Structured};

use hark_core::backend::Registry;

/// Adds kind `openai`.
pub fn register(registry: &mut Registry) {
    registry.register(OpenAiFactory);
}
