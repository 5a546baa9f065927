//! Opening: from the section to a model that answers.

use crate::builtin::BuiltinModel;
use crate::catalogue::BUILTIN;
use crate::config::LocalConfig;
use crate::embedder::LocalEmbedder;
use crate::error::{LOAD, task};
use crate::model::TextModel;
use crate::onnx::OnnxModel;
use async_trait::async_trait;
use hark_core::Result;
use hark_core::ai::Embedder;
use hark_core::backend::{Backend, Factory, OpenContext, Role};
use std::sync::Arc;

/// The value of `kind`.
pub const KIND: &str = "local";

/// Kind `local`: offers embeddings without any service.
#[derive(Debug, Clone, Copy)]
pub struct LocalFactory;

#[async_trait]
impl Factory for LocalFactory {
    const KIND: &'static str = KIND;
    const ROLES: &'static [Role] = &[Role::Embedder];
    type Config = LocalConfig;

    /// Loads the model on a blocking thread, which takes a fraction of a second.
    async fn open(&self, config: LocalConfig, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        config.validate()?;
        let models_dir = config.models_dir(context);
        let name = config.model.clone();
        let load = move || -> Result<Arc<dyn TextModel>> {
            if name == BUILTIN {
                return Ok(Arc::new(BuiltinModel::load()?));
            }
            Ok(Arc::new(OnnxModel::open(&models_dir, &name)?))
        };
        let model = tokio::task::spawn_blocking(load).await.map_err(|error| task(LOAD, error))??;
        let space = model.space();
        tracing::info!(space = %space.model, dimensions = space.dimensions, "embedding model loaded");
        let embedder = LocalEmbedder::new(model, config.threads, config.link_threshold, config.cache_texts);
        Ok(Arc::new(LocalBackend { embedder: Arc::new(embedder) }))
    }
}

#[derive(Debug)]
struct LocalBackend {
    embedder: Arc<LocalEmbedder>,
}

#[async_trait]
impl Backend for LocalBackend {
    fn embedder(&self) -> Option<Arc<dyn Embedder>> {
        Some(Arc::clone(&self.embedder) as Arc<dyn Embedder>)
    }

    async fn health(&self) -> Result<()> {
        self.embedder.probe().await
    }

    async fn close(&self) -> Result<()> {
        self.embedder.close();
        Ok(())
    }
}
