//! Opening: from the section to roles.

use crate::config::RedisConfig;
use crate::embeddings::RedisEmbeddings;
use crate::limits::RedisLimits;
use crate::link::Link;
use async_trait::async_trait;
use hark_core::Result;
use hark_core::backend::{Backend, Factory, OpenContext, Role};
use hark_core::limit::RateLimiter;
use hark_core::store::EmbeddingCache;
use std::sync::Arc;

/// The value of `kind`.
pub const KIND: &str = "redis";

/// Kind `redis`: rate counters and embeddings that all nodes share.
#[derive(Debug, Clone, Copy)]
pub struct RedisFactory;

#[async_trait]
impl Factory for RedisFactory {
    const KIND: &'static str = KIND;
    const ROLES: &'static [Role] = &[Role::Cache, Role::Limits];
    type Config = RedisConfig;

    /// Connects to nothing: a server that is down must not keep a node from starting.
    async fn open(&self, config: RedisConfig, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        let link = Arc::new(Link::new(&config, &context.data_dir)?);
        Ok(Arc::new(RedisBackend {
            embeddings: Arc::new(RedisEmbeddings::new(&config, link.clone(), context.vault.clone())),
            limits: Arc::new(RedisLimits::new(&config, link.clone(), context.vault.clone())),
            link,
        }))
    }
}

#[derive(Debug)]
struct RedisBackend {
    link: Arc<Link>,
    embeddings: Arc<RedisEmbeddings>,
    limits: Arc<RedisLimits>,
}

#[async_trait]
impl Backend for RedisBackend {
    fn cache(&self) -> Option<Arc<dyn EmbeddingCache>> {
        Some(self.embeddings.clone())
    }

    fn limits(&self) -> Option<Arc<dyn RateLimiter>> {
        Some(self.limits.clone())
    }

    /// `PING`, also while nobody else is to ask: whoever wants to know how the server is, gets it back when it is.
    async fn health(&self) -> Result<()> {
        self.link.ping().await
    }

    async fn close(&self) -> Result<()> {
        self.link.close();
        Ok(())
    }
}
