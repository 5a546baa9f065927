//! The suites every vector store passes.
#![expect(clippy::unwrap_used, reason = "tests")]

use async_trait::async_trait;
use hark_core::backend::{OpenContext, Registry};
use hark_core::store::VectorStore;
use hark_core::testkit::{Guard, MockClock, Reopen, SeededEntropy};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

async fn open(dir: &Path) -> Arc<dyn VectorStore> {
    let mut registry = Registry::new();
    hark_lancedb::register(&mut registry);
    let context = OpenContext {
        data_dir: dir.to_owned(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    };
    registry.open("lancedb", "{}".parse().unwrap(), &context).await.unwrap().vectors().unwrap()
}

async fn store() -> (Arc<dyn VectorStore>, Guard) {
    let dir = tempfile::tempdir().unwrap();
    (open(dir.path()).await, Box::new(dir))
}

struct Place(TempDir);

#[async_trait]
impl Reopen<dyn VectorStore> for Place {
    async fn open(&self) -> Arc<dyn VectorStore> {
        open(self.0.path()).await
    }
}

async fn place() -> Place {
    Place(tempfile::tempdir().unwrap())
}

hark_core::vector_store_suite!(store);
hark_core::vector_store_durability_suite!(place);
