//! The suites every vector store passes.

use crate::node;
use async_trait::async_trait;
use hark_core::store::VectorStore;
use hark_core::testkit::{Guard, Reopen};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A place of one's own below the bucket.
fn prefix() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("suite/{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

async fn store() -> (Arc<dyn VectorStore>, Guard) {
    (node(&prefix()).await.1, Box::new(()))
}

struct Place(String);

#[async_trait]
impl Reopen<dyn VectorStore> for Place {
    async fn open(&self) -> Arc<dyn VectorStore> {
        node(&self.0).await.1
    }
}

async fn place() -> Place {
    Place(prefix())
}

hark_core::vector_store_suite!(store);
hark_core::vector_store_durability_suite!(place);
