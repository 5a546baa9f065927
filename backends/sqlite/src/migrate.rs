//! The schema, embedded in the binary.

use crate::db::Db;
use crate::error::Fault;
use async_trait::async_trait;
use hark_core::Result;
use hark_core::store::{Migrate, Migration};
use sqlx::migrate::Migrator;
use std::sync::Arc;

static MIGRATOR: Migrator = sqlx::migrate!();

/// [`Migrate`] on one file.
#[derive(Debug)]
pub(crate) struct SqliteSchema {
    db: Arc<Db>,
}

impl SqliteSchema {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn find_pending(&self) -> Result<Vec<Migration>, Fault> {
        let applied = self.applied().await?;
        if applied.iter().any(|version| !MIGRATOR.version_exists(*version)) {
            return Err(Fault::NEWER_SCHEMA);
        }
        let missing = MIGRATOR.iter().filter(|step| !applied.contains(&step.version));
        Ok(missing.map(|step| Migration { version: step.version, description: step.description.to_string() }).collect())
    }

    async fn applied(&self) -> Result<Vec<i64>, Fault> {
        let known: i64 =
            sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'")
                .fetch_one(&self.db.reader)
                .await?;
        if known == 0 {
            return Ok(Vec::new());
        }
        Ok(sqlx::query_scalar("SELECT version FROM _sqlx_migrations").fetch_all(&self.db.reader).await?)
    }

    async fn run_pending(&self) -> Result<(), Fault> {
        // sqlx takes no lock on SQLite, so two processes would both run the first step. The write lock of this
        // outer transaction is the lock, and all steps stand or fall together.
        let mut tx = self.db.begin().await?;
        MIGRATOR.run_direct(None, &mut *tx, false).await?;
        Ok(tx.commit().await?)
    }
}

#[async_trait]
impl Migrate for SqliteSchema {
    async fn pending(&self) -> Result<Vec<Migration>> {
        self.db.named("sqlite.pending_migrations", self.find_pending().await)
    }

    async fn run(&self) -> Result<()> {
        self.db.named("sqlite.migrate", self.run_pending().await)
    }
}
