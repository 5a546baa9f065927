//! The vector store in an object store: against a fake of S3 on loopback, by `cargo xtask object-storage`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod fake;
mod faults;
mod nodes;
mod proxy;

use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::store::{Space, VectorRow, VectorStore};
use hark_core::testkit::{MockClock, SeededEntropy};
use hark_core::{Result, Scope, Sector};
use std::path::Path;
use std::sync::Arc;

/// What a backend is opened with: an address below the fake's bucket, and the fake's own, or something in front of it.
fn section(prefix: &str, endpoint: &str) -> String {
    format!(
        r#"{{"uri": "s3://{}/{prefix}", "endpoint": "{endpoint}", "region": "us-east-1",
            "access_key_id": "{}", "secret_access_key": "{}"}}"#,
        fake::BUCKET,
        fake::KEY,
        fake::SECRET
    )
}

async fn open(section: &str) -> Result<Arc<dyn Backend>> {
    let mut registry = Registry::new();
    hark_lancedb::register(&mut registry);
    let context = OpenContext {
        // Nothing is written there.
        data_dir: Path::new("/nonexistent").to_owned(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    };
    registry.open("lancedb", section.parse().unwrap(), &context).await
}

/// A node: its backend and its store, straight on the fake.
async fn node(prefix: &str) -> (Arc<dyn Backend>, Arc<dyn VectorStore>) {
    let backend = open(&section(prefix, &fake::get().endpoint())).await.unwrap();
    let store = backend.vectors().unwrap();
    (backend, store)
}

fn space() -> Space {
    Space { model: "m".into(), dimensions: 2 }
}

fn row(id: &str, vector: [f32; 2]) -> VectorRow {
    VectorRow { id: id.into(), sector: Sector::Semantic, vector: vector.to_vec() }
}

async fn ids(store: &Arc<dyn VectorStore>, scope: &Scope) -> Vec<String> {
    let found = store.search(scope, &space(), &[1.0, 0.0], &[], 1000).await.unwrap();
    found.into_iter().map(|hit| hit.id.as_str().to_owned()).collect()
}
