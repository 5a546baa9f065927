//! Kind `sqlite`: opens the file and gives out its roles.

use crate::archive::SqliteArchive;
use crate::backup::{self, SqliteBackup};
use crate::config::SqliteConfig;
use crate::db::Db;
use crate::embeddings::SqliteEmbeddings;
use crate::job::SqliteQueue;
use crate::keys::SqliteKeys;
use crate::memory::SqliteMemory;
use crate::migrate::SqliteSchema;
use crate::sealed::SqliteSealed;
use async_trait::async_trait;
use hark_core::backend::{Backend, Factory, OpenContext, Role};
use hark_core::store::{Archive, Backup, EmbeddingCache, JobQueue, KeyStore, MemoryStore, Migrate, SealedStore};
use hark_core::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

/// Opens backends of the kind `sqlite`.
#[derive(Debug, Clone, Copy)]
pub struct SqliteFactory;

#[async_trait]
impl Factory for SqliteFactory {
    const KIND: &'static str = "sqlite";
    const ROLES: &'static [Role] = &[Role::Memory, Role::Jobs, Role::Cache];
    type Config = SqliteConfig;

    async fn open(&self, config: SqliteConfig, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        let path = config.resolve(&context.data_dir)?;
        let db = Arc::new(Db::open(&path, &config, context.vault.clone()).await?);
        Ok(Arc::new(SqliteBackend {
            memory: Arc::new(SqliteMemory::new(db.clone())),
            jobs: Arc::new(SqliteQueue::new(db.clone())),
            cache: Arc::new(SqliteEmbeddings::new(db.clone())),
            keys: Arc::new(SqliteKeys::new(db.clone())),
            sealed: Arc::new(SqliteSealed::new(db.clone())),
            schema: Arc::new(SqliteSchema::new(db.clone())),
            backup: Arc::new(SqliteBackup::new(db.clone())),
            archive: Arc::new(SqliteArchive::new(db.clone())),
            db,
        }))
    }

    async fn restore(&self, config: SqliteConfig, context: &OpenContext, from: &Path) -> Result<()> {
        let (data_dir, from) = (context.data_dir.clone(), from.to_owned());
        let restored = tokio::task::spawn_blocking(move || backup::restore(&config, &data_dir, &from)).await;
        restored.map_err(|_| Error::new(ErrorKind::Internal, "sqlite.restore", "copying the file panicked"))?
    }
}

/// An open file.
#[derive(Debug)]
struct SqliteBackend {
    db: Arc<Db>,
    memory: Arc<SqliteMemory>,
    jobs: Arc<SqliteQueue>,
    cache: Arc<SqliteEmbeddings>,
    keys: Arc<SqliteKeys>,
    sealed: Arc<SqliteSealed>,
    schema: Arc<SqliteSchema>,
    backup: Arc<SqliteBackup>,
    archive: Arc<SqliteArchive>,
}

#[async_trait]
impl Backend for SqliteBackend {
    fn memory(&self) -> Option<Arc<dyn MemoryStore>> {
        Some(self.memory.clone())
    }

    fn jobs(&self) -> Option<Arc<dyn JobQueue>> {
        Some(self.jobs.clone())
    }

    fn cache(&self) -> Option<Arc<dyn EmbeddingCache>> {
        Some(self.cache.clone())
    }

    fn keys(&self) -> Option<Arc<dyn KeyStore>> {
        Some(self.keys.clone())
    }

    fn migrate(&self) -> Option<Arc<dyn Migrate>> {
        Some(self.schema.clone())
    }

    fn backup(&self) -> Option<Arc<dyn Backup>> {
        Some(self.backup.clone())
    }

    fn archive(&self) -> Option<Arc<dyn Archive>> {
        Some(self.archive.clone())
    }

    fn sealed(&self) -> Vec<Arc<dyn SealedStore>> {
        vec![self.sealed.clone()]
    }

    async fn health(&self) -> Result<()> {
        self.db.named("sqlite.health", self.db.ping().await)
    }

    async fn close(&self) -> Result<()> {
        self.db.named("sqlite.close", self.db.close().await)
    }
}
