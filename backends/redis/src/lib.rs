#![doc = include_str!("../README.md")]

mod backend;
mod config;
mod embeddings;
mod error;
mod limits;
mod link;

pub use backend::{KIND, RedisFactory};
pub use config::RedisConfig;

use hark_core::backend::Registry;

/// Adds kind `redis`.
pub fn register(registry: &mut Registry) {
    registry.register(RedisFactory);
}
