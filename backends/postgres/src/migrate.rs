//! The schema, embedded in the binary.

use crate::db::Db;
use crate::error::Fault;
use async_trait::async_trait;
use hark_core::Result;
use hark_core::store::{Migrate, Migration};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Executor};
use std::sync::{Arc, LazyLock};

static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!();
    // The driver's own lock is the database's, belongs to the session, and would stay held on a connection that goes back to
    // the pool after a failure; ours is the schema's and ends with the transaction.
    migrator.set_locking(false);
    migrator
});

/// [`Migrate`] on one schema.
#[derive(Debug)]
pub(crate) struct PostgresSchema {
    db: Arc<Db>,
}

impl PostgresSchema {
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
        // By way of `search_path`, which holds our schema and nothing else.
        let known: bool =
            sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(&self.db.pool).await?;
        if !known {
            return Ok(Vec::new());
        }
        Ok(sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success").fetch_all(&self.db.pool).await?)
    }

    /// All steps stand or fall together, whichever node comes first; the others wait for it and find nothing to do.
    async fn run_pending(&self) -> Result<(), Fault> {
        let schema = self.db.schema.as_str();
        let mut tx = self.db.begin().await?;
        // Building an index may take long, and so may waiting for the node that builds it.
        tx.execute("SET LOCAL statement_timeout = 0").await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('hark migrations of ' || $1, 0))")
            .bind(schema)
            .execute(&mut *tx)
            .await?;
        let there: bool =
            sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL").bind(schema).fetch_one(&mut *tx).await?;
        // IF NOT EXISTS alone would want the privilege to make one even where there is nothing to be made.
        if !there {
            tx.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await?;
        }
        MIGRATOR.run_direct(None, &mut *tx, false).await?;
        Ok(tx.commit().await?)
    }
}

#[async_trait]
impl Migrate for PostgresSchema {
    async fn pending(&self) -> Result<Vec<Migration>> {
        self.db.read("postgres.pending_migrations", || self.find_pending()).await
    }

    async fn run(&self) -> Result<()> {
        self.db.write("postgres.migrate", || self.run_pending()).await
    }
}
