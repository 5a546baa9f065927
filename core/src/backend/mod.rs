//! How anything pluggable comes to be: a [`Registry`] of [`Factory`]s, each of which opens a [`Backend`] that
//! offers roles.

mod factory;
mod registry;
mod role;

pub use factory::{Factory, OpenContext};
pub use registry::{KindInfo, Registry};
pub use role::Role;

use crate::Result;
use crate::ai::{ChatModel, Classifier, Embedder, Extractor};
use crate::limit::RateLimiter;
use crate::store::{
    Archive, Backup, EmbeddingCache, JobQueue, KeyStore, KeywordStore, MemoryStore, Migrate, SealedStore, VectorStore,
};
use async_trait::async_trait;
use std::fmt::Debug;
use std::sync::Arc;

/// An open connection to an outside system (or a built-in one), offering one or more roles. What it offers
/// must agree with the roles its factory states, unless its section switches one off ([`Backend::why_not`]).
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// The truth.
    fn memory(&self) -> Option<Arc<dyn MemoryStore>> {
        None
    }
    /// The durable queue.
    fn jobs(&self) -> Option<Arc<dyn JobQueue>> {
        None
    }
    /// Vectors.
    fn vectors(&self) -> Option<Arc<dyn VectorStore>> {
        None
    }
    /// Words.
    fn keywords(&self) -> Option<Arc<dyn KeywordStore>> {
        None
    }
    /// Embeddings that were paid for.
    fn cache(&self) -> Option<Arc<dyn EmbeddingCache>> {
        None
    }
    /// Rates, counted for all nodes that share the backend.
    fn limits(&self) -> Option<Arc<dyn RateLimiter>> {
        None
    }
    /// API keys and webhook secrets. No role of its own: asked of whoever plays the truth. Without it only configured
    /// keys open anything.
    fn keys(&self) -> Option<Arc<dyn KeyStore>> {
        None
    }
    /// Embeddings.
    fn embedder(&self) -> Option<Arc<dyn Embedder>> {
        None
    }
    /// Chat.
    fn chat(&self) -> Option<Arc<dyn ChatModel>> {
        None
    }
    /// Extraction.
    fn extractor(&self) -> Option<Arc<dyn Extractor>> {
        None
    }
    /// Classification.
    fn classifier(&self) -> Option<Arc<dyn Classifier>> {
        None
    }
    /// Its schema, if it has one.
    fn migrate(&self) -> Option<Arc<dyn Migrate>> {
        None
    }
    /// A copy of all it holds, taken while it is used. No role of its own: asked of whoever plays the truth or the queue.
    /// Without it that part cannot be backed up by us.
    fn backup(&self) -> Option<Arc<dyn Backup>> {
        None
    }
    /// Its tables as they stand, to be carried over to another engine. No role of its own: asked of whoever plays the truth,
    /// the queue or the cache. Without it nothing can be carried into it or out of it by us.
    fn archive(&self) -> Option<Arc<dyn Archive>> {
        None
    }
    /// What it keeps sealed, whichever roles it plays: so that an encryption key can be taken out of use. Empty for what
    /// keeps nothing sealed.
    fn sealed(&self) -> Vec<Arc<dyn SealedStore>> {
        Vec::new()
    }
    /// Why it does not offer a role that its factory states: the key that switches it off, and what to do about
    /// it. `None` where there is no such thing.
    fn why_not(&self, _role: Role) -> Option<String> {
        None
    }
    /// Whether it answers now: the cheapest real request.
    async fn health(&self) -> Result<()>;
    /// Writes out what is buffered and lets go. Called once, at the end; safe to call twice.
    async fn close(&self) -> Result<()>;
}
