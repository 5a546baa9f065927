//! The suites every keyword store passes.
#![expect(clippy::unwrap_used, reason = "tests")]

use async_trait::async_trait;
use hark_core::backend::{OpenContext, Registry};
use hark_core::store::KeywordStore;
use hark_core::testkit::{Guard, MockClock, Reopen, SeededEntropy};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

async fn open(dir: &Path) -> Arc<dyn KeywordStore> {
    let mut registry = Registry::new();
    hark_tantivy::register(&mut registry);
    let context = OpenContext {
        data_dir: dir.to_owned(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    };
    registry.open("tantivy", "{}".parse().unwrap(), &context).await.unwrap().keywords().unwrap()
}

async fn store() -> (Arc<dyn KeywordStore>, Guard) {
    let dir = tempfile::tempdir().unwrap();
    (open(dir.path()).await, Box::new(dir))
}

struct Place(TempDir);

#[async_trait]
impl Reopen<dyn KeywordStore> for Place {
    async fn open(&self) -> Arc<dyn KeywordStore> {
        open(self.0.path()).await
    }
}

async fn place() -> Place {
    Place(tempfile::tempdir().unwrap())
}

hark_core::keyword_store_suite!(store);
hark_core::keyword_store_durability_suite!(place);
