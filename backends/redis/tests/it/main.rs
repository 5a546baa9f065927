//! What is particular to Redis: what nodes share, what is to be seen there, and how a node goes on without it.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(unreachable_pub, reason = "modules of a test binary")]

mod away;
#[path = "../common/mod.rs"]
mod common;
mod kept;
mod nodes;

use hark_core::Scope;
use hark_core::limit::Quota;
use hark_core::store::{EmbeddingKey, NewEmbedding, Space};

/// Three at once, one a second.
const QUOTA: Quota = Quota { per_minute: 60, burst: 3 };

fn space() -> Space {
    Space { model: "small".to_owned(), dimensions: 2 }
}

fn key(n: u8) -> EmbeddingKey {
    EmbeddingKey([n; 32])
}

fn embedding(n: u8, scope: &Scope) -> NewEmbedding {
    NewEmbedding { key: key(n), owner: scope.caller.clone(), vector: vec![f32::from(n), 1.0] }
}
