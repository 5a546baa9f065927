//! How a test comes to a database: a schema of its own on the server that `cargo xtask test` starts.

use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::crypt::{Keyring, Vault};
use hark_core::store::{JobQueue, KeywordStore, MemoryStore, Migrate, VectorStore};
use hark_core::testkit::{MockClock, SeededEntropy};
use hark_core::{Entropy, Result, SystemEntropy};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// The server's address, as a superuser.
pub(crate) fn server() -> String {
    std::env::var("HARK_TEST_POSTGRES_URL").expect(
        "HARK_TEST_POSTGRES_URL is not set: this test is run by `cargo xtask test` (or `cargo xtask services -- COMMAND`), \
         which starts PostgreSQL",
    )
}

/// The same every time, so that what was sealed opens when the schema is opened again.
pub(crate) fn vault() -> Vault {
    Vault::new(Keyring::generate(&SeededEntropy::new(21)), Arc::new(SystemEntropy))
}

/// A schema of its own; it goes with the value.
pub(crate) struct Place {
    /// Its name, and how its connections call themselves.
    pub(crate) name: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { name: format!("test_{}", SystemEntropy.hex(8)) }
    }

    /// A section for this schema, with more in it.
    pub(crate) fn section(&self, more: serde_json::Value) -> serde_json::Value {
        let address = format!("{}?application_name={}", server(), self.name);
        let mut section = serde_json::json!({ "url": address, "schema": self.name, "max_connections": 8 });
        for (field, value) in more.as_object().expect("a table") {
            section[field] = value.clone();
        }
        section
    }

    pub(crate) async fn opened(&self, more: serde_json::Value, vault: Option<Vault>) -> Result<Arc<dyn Backend>> {
        let mut registry = Registry::default();
        hark_postgres::register(&mut registry);
        let context = OpenContext {
            data_dir: PathBuf::from("."),
            clock: Arc::new(MockClock::default()),
            entropy: Arc::new(SystemEntropy),
            vault,
        };
        registry.open("postgres", self.section(more), &context).await
    }

    /// Opens and runs the migrations, as the server does.
    pub(crate) async fn migrated(&self) -> Store {
        self.tuned(serde_json::json!({})).await
    }

    /// As [`Place::migrated`], with more in the section.
    pub(crate) async fn tuned(&self, more: serde_json::Value) -> Store {
        let store = Store(self.opened(more, Some(vault())).await.expect("it opens"));
        store.schema().run().await.expect("it migrates");
        store
    }

    /// A connection beside the store's, to the same schema.
    pub(crate) async fn stranger(&self) -> PgConnection {
        let options = PgConnectOptions::from_str(&server()).expect("an address");
        options.options([("search_path", self.name.as_str())]).connect().await.expect("it connects")
    }

    /// Does something to the tables behind the store's back.
    pub(crate) async fn tamper(&self, sql: impl Into<String>) {
        self.stranger().await.execute(AssertSqlSafe(sql.into())).await.expect("the statement runs");
    }

    /// Does something in another database of the server, as its superuser.
    pub(crate) async fn elsewhere(&self, database: &str, sql: impl Into<String>) {
        let options = PgConnectOptions::from_str(&server()).expect("an address").database(database);
        let mut connection = options.connect().await.expect("it connects");
        connection.execute(AssertSqlSafe(sql.into())).await.expect("the statement runs");
    }

    /// Ends every connection of this place's stores, as an administrator or a failover does.
    pub(crate) async fn end_connections(&self) {
        let ended = sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1")
            .bind(&self.name)
            .execute(&mut self.stranger().await)
            .await
            .expect("they end");
        assert!(ended.rows_affected() > 0, "there was one to end");
    }

    /// Waits until the server knows of no connection of this place's stores.
    pub(crate) async fn no_connections(&self) {
        let mut stranger = self.stranger().await;
        loop {
            let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1")
                .bind(&self.name)
                .fetch_one(&mut stranger)
                .await
                .expect("it answers");
            if left == 0 {
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let name = self.name.clone();
        // A drop cannot wait for the runtime it may be called in.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let options = PgConnectOptions::from_str(&server()).expect("an address");
                let mut connection = options.connect().await.expect("it connects");
                // Whoever still holds a row of it is sent away.
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
                sqlx::query(end).bind(&name).execute(&mut connection).await.expect("they end");
                let gone =
                    AssertSqlSafe(format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS {name} CASCADE"));
                connection.execute(gone).await.expect("it goes");
            });
        });
        assert!(dropping.join().is_ok() || std::thread::panicking(), "the schema was dropped");
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

    pub(crate) fn vectors(&self) -> Arc<dyn VectorStore> {
        self.0.vectors().expect("the role")
    }

    pub(crate) fn keywords(&self) -> Arc<dyn KeywordStore> {
        self.0.keywords().expect("the role")
    }

    pub(crate) fn schema(&self) -> Arc<dyn Migrate> {
        self.0.migrate().expect("the role")
    }
}
