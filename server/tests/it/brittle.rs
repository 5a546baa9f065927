//! An SQLite file whose tables break while they are carried over.

use async_trait::async_trait;
use hark_core::backend::{Backend, Factory, OpenContext, Role};
use hark_core::store::archive::{Cell, Row, Table};
use hark_core::store::{Archive, EmbeddingCache, JobQueue, KeyStore, MemoryStore, Migrate, SealedStore, View};
use hark_core::{Error, ErrorKind, Result};
use hark_sqlite::{SqliteConfig, SqliteFactory};
use std::sync::{Arc, Mutex, PoisonError};

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Break {
    #[default]
    Never,
    /// So many writes go well.
    AfterWrites(usize),
    /// The first row of this table is acknowledged and not written, each time.
    Losing(&'static str),
    /// No row of this table can be read.
    Damaged(&'static str),
}

/// Kind `brittle`. What is set holds for every backend it has opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Brittle(Arc<Mutex<(Break, bool)>>);

impl Brittle {
    pub(crate) fn set(&self, how: Break) {
        self.state().0 = how;
    }

    /// Whether anything was ever noted.
    pub(crate) fn is_noted(&self) -> bool {
        self.state().1
    }

    fn state(&self) -> std::sync::MutexGuard<'_, (Break, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn how(&self) -> Break {
        self.state().0
    }

    fn written(&self) -> Result<()> {
        match &mut self.state().0 {
            Break::AfterWrites(0) => Err(Error::new(ErrorKind::Unavailable, "brittle.put", "it broke")),
            Break::AfterWrites(left) => {
                *left -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Factory for Brittle {
    const KIND: &'static str = "brittle";
    const ROLES: &'static [Role] = SqliteFactory::ROLES;
    type Config = SqliteConfig;

    async fn open(&self, config: SqliteConfig, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(Opened { inner: SqliteFactory.open(config, context).await?, brittle: self.clone() }))
    }
}

#[derive(Debug)]
struct Opened {
    inner: Arc<dyn Backend>,
    brittle: Brittle,
}

#[async_trait]
impl Backend for Opened {
    fn memory(&self) -> Option<Arc<dyn MemoryStore>> {
        self.inner.memory()
    }

    fn jobs(&self) -> Option<Arc<dyn JobQueue>> {
        self.inner.jobs()
    }

    fn cache(&self) -> Option<Arc<dyn EmbeddingCache>> {
        self.inner.cache()
    }

    fn keys(&self) -> Option<Arc<dyn KeyStore>> {
        self.inner.keys()
    }

    fn migrate(&self) -> Option<Arc<dyn Migrate>> {
        self.inner.migrate()
    }

    fn sealed(&self) -> Vec<Arc<dyn SealedStore>> {
        self.inner.sealed()
    }

    fn archive(&self) -> Option<Arc<dyn Archive>> {
        let inner = self.inner.archive()?;
        Some(Arc::new(Tables { inner, brittle: self.brittle.clone() }))
    }

    async fn health(&self) -> Result<()> {
        self.inner.health().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[derive(Debug)]
struct Tables {
    inner: Arc<dyn Archive>,
    brittle: Brittle,
}

#[async_trait]
impl Archive for Tables {
    async fn view(&self) -> Result<Box<dyn View>> {
        Ok(Box::new(Looked { inner: self.inner.view().await?, brittle: self.brittle.clone() }))
    }

    async fn put(&self, table: &'static Table, rows: &[Row]) -> Result<()> {
        self.brittle.written()?;
        match self.brittle.how() {
            Break::Losing(name) if name == table.name => self.inner.put(table, rows.get(1..).unwrap_or_default()).await,
            _ => self.inner.put(table, rows).await,
        }
    }

    async fn remove(&self, table: &'static Table, keys: &[Row]) -> Result<()> {
        self.brittle.written()?;
        self.inner.remove(table, keys).await
    }

    async fn noted(&self) -> Result<Option<String>> {
        self.inner.noted().await
    }

    async fn note(&self, text: &str) -> Result<()> {
        self.brittle.written()?;
        self.inner.note(text).await?;
        self.brittle.state().1 = true;
        Ok(())
    }
}

#[derive(Debug)]
struct Looked {
    inner: Box<dyn View>,
    brittle: Brittle,
}

#[async_trait]
impl View for Looked {
    async fn read(&mut self, table: &'static Table, after: Option<&[Cell]>, limit: usize) -> Result<Vec<Row>> {
        match self.brittle.how() {
            Break::Damaged(name) if name == table.name => {
                Err(Error::new(ErrorKind::Corrupt, "brittle.read", "stored transcript cannot be read"))
            }
            _ => self.inner.read(table, after, limit).await,
        }
    }
}
