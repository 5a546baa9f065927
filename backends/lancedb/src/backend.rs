//! Opening, health and the role that is offered.

use crate::config::LanceDbConfig;
use crate::error::{closed, translate};
use crate::folder;
use crate::schema::width_in;
use crate::store::{self, StoreOptions};
use crate::table::SpaceTable;
use crate::vector::LanceVectors;
use async_trait::async_trait;
use hark_core::backend::{Backend, Factory, OpenContext, Role};
use hark_core::store::VectorStore;
use hark_core::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

const OPEN: &str = "lancedb.open";
const HEALTH: &str = "lancedb.health";

/// Kind `lancedb`: offers vectors.
#[derive(Debug, Clone, Copy)]
pub struct LanceDbFactory;

#[async_trait]
impl Factory for LanceDbFactory {
    const KIND: &'static str = "lancedb";
    const ROLES: &'static [Role] = &[Role::Vectors];
    type Config = LanceDbConfig;

    async fn open(&self, config: LanceDbConfig, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        config.validate()?;
        if config.is_shared() {
            return open_shared(&config).await;
        }
        let root = context.data_dir.join(&config.uri);
        let lock = folder::hold(&root)?;
        let uri = root.to_str().ok_or_else(|| Error::config("uri: the folder's name must be UTF-8"))?;
        let connection = lancedb::connect(uri).execute().await.map_err(|e| translate(OPEN, e))?;
        let mut tables = BTreeMap::new();
        for name in folder::tables(&root)? {
            let Some(width) = width_in(&name) else {
                continue;
            };
            let table = SpaceTable::open(&connection, &root, &name, width, config.compact_after).await?;
            tables.extend(table.map(|table| (name, Arc::new(table))));
        }
        let vectors = Arc::new(LanceVectors::new(connection, config.compact_after, tables, lock));
        Ok(Arc::new(LanceDbBackend { root: Some(root), vectors }))
    }
}

async fn open_shared(config: &LanceDbConfig) -> Result<Arc<dyn Backend>> {
    let options = StoreOptions::of(config);
    let connection = store::connect(OPEN, config, &options).await?;
    let vectors = Arc::new(LanceVectors::shared(connection, options, config.compact_after));
    // Finds wrong keys and addresses, and damage, before anybody is on the phone.
    vectors.refresh(OPEN).await?;
    Ok(Arc::new(LanceDbBackend { root: None, vectors }))
}

#[derive(Debug)]
struct LanceDbBackend {
    /// The folder; `None` in an object store.
    root: Option<PathBuf>,
    vectors: Arc<LanceVectors>,
}

#[async_trait]
impl Backend for LanceDbBackend {
    fn vectors(&self) -> Option<Arc<dyn VectorStore>> {
        Some(self.vectors.clone())
    }

    async fn health(&self) -> Result<()> {
        if !self.vectors.is_running() {
            return Err(closed(HEALTH));
        }
        let Some(root) = &self.root else {
            return self.vectors.refresh(HEALTH).await;
        };
        match root.try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::new(ErrorKind::Unavailable, HEALTH, "the folder is gone")),
            Err(e) => Err(Error::new(ErrorKind::Unavailable, HEALTH, "the disk does not answer").with_source(e)),
        }
    }

    async fn close(&self) -> Result<()> {
        self.vectors.close().await
    }
}
