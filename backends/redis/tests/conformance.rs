//! The suites every cache of embeddings and every counter of rates passes.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(unreachable_pub, reason = "modules of a test binary")]

mod common;

use async_trait::async_trait;
use hark_core::limit::RateLimiter;
use hark_core::store::EmbeddingCache;
use hark_core::testkit::Reopen;
use std::sync::Arc;

async fn cache() -> (Arc<dyn EmbeddingCache>, ()) {
    (common::node(&common::prefix()).await.cache().unwrap(), ())
}

async fn limits() -> (Arc<dyn RateLimiter>, ()) {
    (common::node(&common::prefix()).await.limits().unwrap(), ())
}

struct Place(String);

#[async_trait]
impl Reopen<dyn EmbeddingCache> for Place {
    async fn open(&self) -> Arc<dyn EmbeddingCache> {
        common::node(&self.0).await.cache().unwrap()
    }
}

async fn place() -> Place {
    Place(common::prefix())
}

hark_core::embedding_cache_suite!(cache);
hark_core::embedding_cache_durability_suite!(place);
hark_core::rate_limiter_suite!(limits);
