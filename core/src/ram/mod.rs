//! Honest in-memory stores: kind `ram`, always there, passing the same suites as every other backend.

mod embeddings;
mod job;
mod keys;
mod keyword;
mod limits;
mod memory;
mod page;
mod sealed;
mod vector;

pub use embeddings::RamEmbeddingCache;
pub use job::RamJobQueue;
pub use keys::RamKeyStore;
pub use keyword::RamKeywordStore;
pub use limits::RamRateLimiter;
pub use memory::RamMemoryStore;
pub use vector::RamVectorStore;

use crate::Result;
use crate::backend::{Backend, Factory, OpenContext, Role};
use crate::limit::RateLimiter;
use crate::store::{EmbeddingCache, JobQueue, KeyStore, KeywordStore, MemoryStore, SealedStore, VectorStore};
use async_trait::async_trait;
use schemars::JsonSchema;
use sealed::RamSealed;
use serde::Deserialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Nothing to configure.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RamConfig {}

/// Kind `ram`.
#[derive(Debug, Clone, Copy)]
pub struct RamFactory;

#[async_trait]
impl Factory for RamFactory {
    const KIND: &'static str = "ram";
    const ROLES: &'static [Role] =
        &[Role::Memory, Role::Jobs, Role::Vectors, Role::Keywords, Role::Cache, Role::Limits];
    type Config = RamConfig;

    async fn open(&self, _: RamConfig, _: &OpenContext) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(RamBackend::default()))
    }
}

/// All stores. What they hold is gone when the last of them is dropped.
#[derive(Debug, Default)]
pub struct RamBackend {
    memory: Arc<RamMemoryStore>,
    jobs: Arc<RamJobQueue>,
    vectors: Arc<RamVectorStore>,
    keywords: Arc<RamKeywordStore>,
    cache: Arc<RamEmbeddingCache>,
    limits: Arc<RamRateLimiter>,
    keys: Arc<RamKeyStore>,
}

#[async_trait]
impl Backend for RamBackend {
    fn memory(&self) -> Option<Arc<dyn MemoryStore>> {
        Some(Arc::clone(&self.memory) as _)
    }

    fn jobs(&self) -> Option<Arc<dyn JobQueue>> {
        Some(Arc::clone(&self.jobs) as _)
    }

    fn vectors(&self) -> Option<Arc<dyn VectorStore>> {
        Some(Arc::clone(&self.vectors) as _)
    }

    fn keywords(&self) -> Option<Arc<dyn KeywordStore>> {
        Some(Arc::clone(&self.keywords) as _)
    }

    fn cache(&self) -> Option<Arc<dyn EmbeddingCache>> {
        Some(Arc::clone(&self.cache) as _)
    }

    fn limits(&self) -> Option<Arc<dyn RateLimiter>> {
        Some(Arc::clone(&self.limits) as _)
    }

    fn keys(&self) -> Option<Arc<dyn KeyStore>> {
        Some(Arc::clone(&self.keys) as _)
    }

    fn sealed(&self) -> Vec<Arc<dyn SealedStore>> {
        let holders: [Arc<dyn sealed::Holds>; 3] = [self.memory.clone(), self.jobs.clone(), self.keys.clone()];
        holders.into_iter().map(|holder| Arc::new(RamSealed(holder)) as _).collect()
    }

    async fn health(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// The lock, also after a panic of somebody who held it: no method leaves anything half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
