//! How a test comes to a database.

use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::crypt::{Keyring, Vault};
use hark_core::store::{JobQueue, MemoryStore, Migrate};
use hark_core::testkit::{MockClock, SeededEntropy};
use hark_core::{Error, Result, SystemEntropy};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Executor};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// The same every time, so that what was sealed opens when the file is opened again.
pub(crate) fn vault() -> Vault {
    Vault::new(Keyring::generate(&SeededEntropy::new(21)), Arc::new(SystemEntropy))
}

/// A folder of its own; it goes with the value.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    /// The database file.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("memory.db")
    }

    pub(crate) async fn try_open(&self, section: serde_json::Value) -> Result<Arc<dyn Backend>> {
        self.opened(section, Some(vault())).await
    }

    /// Opens what was migrated, with these keys.
    pub(crate) async fn with_vault(&self, vault: Option<Vault>) -> Store {
        Store(self.opened(serde_json::json!({}), vault).await.expect("it opens"))
    }

    async fn opened(&self, section: serde_json::Value, vault: Option<Vault>) -> Result<Arc<dyn Backend>> {
        let mut registry = Registry::default();
        hark_sqlite::register(&mut registry);
        let context = OpenContext {
            data_dir: self.0.path().to_owned(),
            clock: Arc::new(MockClock::default()),
            entropy: Arc::new(SeededEntropy::new(1)),
            vault,
        };
        registry.open("sqlite", section, &context).await
    }

    /// Opens without migrating; gives up on a locked file at once.
    pub(crate) async fn open(&self) -> Store {
        Store(self.try_open(serde_json::json!({"busy_timeout_ms": 50})).await.expect("it opens"))
    }

    /// Opens with all migrations run, as the server does.
    pub(crate) async fn migrated(&self) -> Store {
        let store = Store(self.try_open(serde_json::json!({})).await.expect("it opens"));
        store.schema().run().await.expect("it migrates");
        store
    }

    /// A connection beside the store, as another process would have it.
    pub(crate) async fn stranger(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.file()).connect().await.expect("it connects")
    }

    pub(crate) async fn tamper(&self, sql: &'static str) {
        self.stranger().await.execute(sql).await.expect("the statement runs");
    }
}

pub(crate) struct Store(pub(crate) Arc<dyn Backend>);

impl Store {
    pub(crate) fn memory(&self) -> Arc<dyn MemoryStore> {
        self.0.memory().expect("the role")
    }

    pub(crate) fn jobs(&self) -> Arc<dyn JobQueue> {
        self.0.jobs().expect("the role")
    }

    pub(crate) fn schema(&self) -> Arc<dyn Migrate> {
        self.0.migrate().expect("the role")
    }
}

/// What a caller of ours decides by.
pub(crate) fn verdict(error: &Error) -> (hark_core::ErrorKind, bool) {
    (error.kind(), error.is_retriable())
}
