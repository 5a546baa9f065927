//! Kind `postgres`: connects to the database and gives out its roles.

use crate::archive::PostgresArchive;
use crate::config::PostgresConfig;
use crate::db::Db;
use crate::embeddings::PostgresEmbeddings;
use crate::job::PostgresQueue;
use crate::keys::PostgresKeys;
use crate::keywords::PostgresKeywords;
use crate::memory::PostgresMemory;
use crate::migrate::PostgresSchema;
use crate::sealed::PostgresSealed;
use crate::spaces::{self, can_be_made};
use crate::vectors::PostgresVectors;
use async_trait::async_trait;
use hark_core::Result;
use hark_core::backend::{Backend, Factory, OpenContext, Role};
use hark_core::store::{
    Archive, EmbeddingCache, JobQueue, KeyStore, KeywordStore, MemoryStore, Migrate, SealedStore, VectorStore,
};
use std::sync::Arc;

/// Opens backends of the kind `postgres`.
#[derive(Debug, Clone, Copy)]
pub struct PostgresFactory;

#[async_trait]
impl Factory for PostgresFactory {
    const KIND: &'static str = "postgres";
    const ROLES: &'static [Role] = &[Role::Memory, Role::Jobs, Role::Vectors, Role::Keywords, Role::Cache];
    type Config = PostgresConfig;

    async fn open(&self, config: PostgresConfig, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        let options = config.resolve(&context.data_dir)?;
        let db = Db::open(options, &config, context.vault.clone()).await;
        let db = Arc::new(db.map_err(|fault| fault.into_error("postgres.open"))?);
        let keywords = PostgresKeywords::new(db.clone(), &config);
        keywords.check().await?;
        let has_vectors = db.read("postgres.open", || can_be_made(&db)).await?;
        Ok(Arc::new(PostgresBackend {
            memory: Arc::new(PostgresMemory::new(db.clone())),
            jobs: Arc::new(PostgresQueue::new(db.clone(), context.entropy.hex(8))),
            vectors: has_vectors.then(|| Arc::new(PostgresVectors::new(db.clone()))),
            keywords: Arc::new(keywords),
            cache: Arc::new(PostgresEmbeddings::new(db.clone())),
            keys: Arc::new(PostgresKeys::new(db.clone())),
            sealed: Arc::new(PostgresSealed::new(db.clone())),
            schema: Arc::new(PostgresSchema::new(db.clone())),
            archive: Arc::new(PostgresArchive::new(db.clone())),
            db,
        }))
    }
}

/// An open database. It makes no copies of itself: `pg_dump` does, or the server's own archive.
#[derive(Debug)]
struct PostgresBackend {
    db: Arc<Db>,
    memory: Arc<PostgresMemory>,
    jobs: Arc<PostgresQueue>,
    /// Where there is pgvector.
    vectors: Option<Arc<PostgresVectors>>,
    keywords: Arc<PostgresKeywords>,
    cache: Arc<PostgresEmbeddings>,
    keys: Arc<PostgresKeys>,
    sealed: Arc<PostgresSealed>,
    schema: Arc<PostgresSchema>,
    archive: Arc<PostgresArchive>,
}

#[async_trait]
impl Backend for PostgresBackend {
    fn memory(&self) -> Option<Arc<dyn MemoryStore>> {
        Some(self.memory.clone())
    }

    fn jobs(&self) -> Option<Arc<dyn JobQueue>> {
        Some(self.jobs.clone())
    }

    fn vectors(&self) -> Option<Arc<dyn VectorStore>> {
        let vectors = self.vectors.clone()?;
        Some(vectors)
    }

    fn keywords(&self) -> Option<Arc<dyn KeywordStore>> {
        Some(self.keywords.clone())
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

    fn archive(&self) -> Option<Arc<dyn Archive>> {
        Some(self.archive.clone())
    }

    fn sealed(&self) -> Vec<Arc<dyn SealedStore>> {
        vec![self.sealed.clone()]
    }

    fn why_not(&self, role: Role) -> Option<String> {
        (role == Role::Vectors && self.vectors.is_none()).then(|| spaces::REMEDY.to_owned())
    }

    async fn health(&self) -> Result<()> {
        self.db.read("postgres.health", || self.db.ping()).await
    }

    async fn close(&self) -> Result<()> {
        self.jobs.stop();
        self.db.close().await;
        Ok(())
    }
}
