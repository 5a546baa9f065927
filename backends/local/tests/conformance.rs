//! The contract of `Embedder`, kept by the built-in model and by a model from a file. Nothing is kept in memory
//! here, so that every vector that is compared was computed.

mod common;

use hark_core::ai::{EmbedPurpose, Embedder};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

async fn builtin() -> (Arc<dyn Embedder>, ()) {
    (common::embedder(json!({"cache_texts": 0}), Path::new("unused")).await, ())
}

async fn tiny() -> (Arc<dyn Embedder>, TempDir) {
    let data = common::with_tiny().await;
    (common::embedder(json!({"model": "tiny", "cache_texts": 0}), data.path()).await, data)
}

mod builtin_model {
    use super::*;
    hark_core::embedder_suite!(builtin);
}

mod model_from_a_file {
    use super::*;
    hark_core::embedder_suite!(tiny);
}

/// Longer than the built-in model's crate takes, and cut in the middle of a character if cut carelessly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_beyond_every_limit_are_read_from_their_beginning() {
    let long = [".".repeat(200_000), "word ".repeat(40_000), format!("a{}", "é".repeat(70_000))];
    for embedder in [builtin().await.0, tiny().await.0] {
        for text in &long {
            let cut: String = text.chars().take(30_000).collect();
            let vectors = embedder.embed(&[text.clone(), cut], EmbedPurpose::Query).await.unwrap().vectors;
            assert!(vectors[0].iter().zip(&vectors[1]).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }
}
