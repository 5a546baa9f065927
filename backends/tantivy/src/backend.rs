//! Opening, health and the role that is offered.

use crate::config::TantivyConfig;
use crate::error::{closed, panicked};
use crate::keyword::TantivyKeywords;
use async_trait::async_trait;
use hark_core::backend::{Backend, Factory, OpenContext, Role};
use hark_core::store::KeywordStore;
use hark_core::{Error, ErrorKind, Result};
use std::path::PathBuf;
use std::sync::Arc;

/// Kind `tantivy`: offers keywords.
#[derive(Debug, Clone, Copy)]
pub struct TantivyFactory;

#[async_trait]
impl Factory for TantivyFactory {
    const KIND: &'static str = "tantivy";
    const ROLES: &'static [Role] = &[Role::Keywords];
    type Config = TantivyConfig;

    async fn open(&self, config: TantivyConfig, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        config.validate()?;
        let path = context.data_dir.join(&config.path);
        let folder = path.clone();
        let opened = tokio::task::spawn_blocking(move || TantivyKeywords::open(&folder, &config)).await;
        let keywords = opened.map_err(|_| panicked("tantivy.open"))??;
        Ok(Arc::new(TantivyBackend { path, keywords: Arc::new(keywords) }))
    }
}

#[derive(Debug)]
struct TantivyBackend {
    path: PathBuf,
    keywords: Arc<TantivyKeywords>,
}

#[async_trait]
impl Backend for TantivyBackend {
    fn keywords(&self) -> Option<Arc<dyn KeywordStore>> {
        Some(self.keywords.clone())
    }

    async fn health(&self) -> Result<()> {
        if !self.keywords.is_running() {
            return Err(closed("tantivy.health"));
        }
        // A folder that was removed or unmounted under a running server still answers from memory.
        match self.path.join("meta.json").try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::new(ErrorKind::Unavailable, "tantivy.health", "the index folder is gone")),
            Err(e) => {
                Err(Error::new(ErrorKind::Unavailable, "tantivy.health", "the disk does not answer").with_source(e))
            }
        }
    }

    async fn close(&self) -> Result<()> {
        self.keywords.close().await
    }
}
