//! The connections of one process, and how a call is made on them.

use crate::config::PostgresConfig;
use crate::error::Fault;
use crate::veil::Veil;
use hark_core::crypt::Vault;
use hark_core::{Error, ErrorKind, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Postgres, Transaction};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The oldest server whose SQL we speak.
const OLDEST: i32 = 14;

/// How long a look whether writing works again may take: whoever asks how the store is does not wait for a lock.
const LOOK: Duration = Duration::from_millis(500);

/// A connection that lay idle for so long is asked whether it still lives before it is used. Under load none does, and nobody
/// pays for asking.
const DOUBT: Duration = Duration::from_millis(100);

/// Connections give way to new ones, so that after a failover, or a change of the address's host, none lasts for ever.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// So often a call is made in all where what ended it left no trace.
const ATTEMPTS: u32 = 5;

/// Where something of the truth and of the queue is removed for somebody's sake; what else there is goes by autovacuum.
pub(crate) const FORGETFUL: &str = "users, identities, aliases, conversations, memories, links, conflicts, transfers, \
                                    receipts, recalls, reviews, costs, embeddings, keys, events, jobs, erasures";

/// Where the server is, and who we are there, with the password: `Debug` tells nothing of it.
struct Address(PgConnectOptions);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}

/// An open database.
#[derive(Debug)]
pub(crate) struct Db {
    /// For single statements; several that belong together go by [`Db::begin`].
    pub(crate) pool: PgPool,
    /// What keeps names and summaries out of the tables.
    pub(crate) veil: Veil,
    /// Where the tables are. Of plain letters, so that it needs no quoting.
    pub(crate) schema: String,
    /// For connections that are nobody else's.
    address: Address,
    /// How long to wait for transactions that may still see removed rows, before the caller is told to come again.
    patience: Duration,
    /// Why the last write was refused, until one is known to have gone through again.
    refused: Mutex<Option<String>>,
    /// When the schema was last seen to have changed: what older connections have prepared no longer fits.
    changed: Arc<Mutex<Option<Instant>>>,
}

impl Db {
    /// Makes sure that a server is there that takes us and is new enough. The schema is left alone.
    pub(crate) async fn open(
        options: PgConnectOptions,
        config: &PostgresConfig,
        vault: Option<Vault>,
    ) -> Result<Self, Fault> {
        // Not by way of the pool, which would go on trying until its time is over, and then say no more than that.
        let mut first = match timeout(config.acquire_timeout(), options.connect()).await {
            Ok(connected) => connected?,
            Err(_) => return Err(Fault::Again(ErrorKind::Unavailable, "the server does not answer")),
        };
        let version: i32 =
            sqlx::query_scalar("SELECT current_setting('server_version_num')::int").fetch_one(&mut first).await?;
        first.close().await?;
        if version / 10_000 < OLDEST {
            return Err(Fault::Refused(ErrorKind::Config, "url: the server is older than PostgreSQL 14; upgrade it"));
        }
        let changed = Arc::<Mutex<Option<Instant>>>::default();
        let since = Arc::clone(&changed);
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .min_connections(config.min_connections)
            .acquire_timeout(config.acquire_timeout())
            .max_lifetime(LIFETIME)
            .test_before_acquire(false)
            .before_acquire(move |connection, known| {
                let outdated =
                    since.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| known.age > at.elapsed());
                Box::pin(async move { Ok(!outdated && (known.idle_for < DOUBT || connection.ping().await.is_ok())) })
            })
            .connect_lazy_with(options.clone());
        let (schema, patience) = (config.schema.clone(), config.statement_timeout());
        Ok(Self {
            pool,
            veil: Veil::new(vault),
            schema,
            address: Address(options),
            patience,
            refused: Mutex::default(),
            changed,
        })
    }

    /// A pool of its own for a single connection that lasts: it takes no place away from those who ask.
    pub(crate) fn beside(&self) -> PgPool {
        PgPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(self.address.0.clone())
    }

    /// A connection of its own, for what takes long: it takes no place away from those who ask.
    pub(crate) async fn alone(&self) -> Result<PgConnection, Fault> {
        Ok(self.address.0.connect().await?)
    }

    /// Begins a transaction. Each of its statements sees what was committed before it (READ COMMITTED), so one that locks
    /// a row first decides on what stands then. Dropped without `commit` it is rolled back.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Postgres>, Fault> {
        match self.pool.begin().await.map_err(Fault::from) {
            // Nothing has begun yet, so nothing can be done twice.
            Err(fault) if fault.lost_the_connection() => Ok(self.pool.begin().await?),
            begun => begun,
        }
    }

    /// Makes a call that only reads, and gives its error the operation's name: the edge of this crate. A connection that
    /// broke costs another attempt.
    pub(crate) async fn read<T, F>(&self, operation: &'static str, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        self.attempted(operation, Fault::lost_the_connection, call).await
    }

    /// As [`Db::read`], for what writes: it is made again only where nothing can have been written.
    pub(crate) async fn write<T, F>(&self, operation: &'static str, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        self.attempted(operation, Fault::left_no_trace, call).await
    }

    async fn attempted<T, F>(
        &self,
        operation: &'static str,
        again: fn(&Fault) -> bool,
        call: impl Fn() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(fault) if left > 0 && fault.is_outdated() => {
                    *self.changed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                }
                Err(fault) if left > 0 && again(&fault) => {}
                Err(fault) => return Err(self.error(operation, fault)),
            }
        }
    }

    fn error(&self, operation: &'static str, fault: Fault) -> Error {
        let error = fault.into_error(operation);
        if error.is_unwritable() {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.context().to_owned());
        }
        error
    }

    /// The cheapest question there is. Where the last write was refused it is looked whether one goes through again.
    pub(crate) async fn ping(&self) -> Result<(), Fault> {
        self.pool.execute("SELECT 1").await?;
        let Some(why) = self.refused() else { return Ok(()) };
        match timeout(LOOK, self.pool.execute("UPDATE job_turn SET tenant = tenant")).await {
            Ok(Ok(_)) => {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
                Ok(())
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Fault::Unwritable(why)),
        }
    }

    fn refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes removed rows out of these tables. While a transaction that is older than this call may still see them, they would
    /// stay, so such transactions are waited for, and if they last longer than a statement may, it is an error that may be
    /// tried again.
    pub(crate) async fn purge(&self, tables: &str) -> Result<(), Fault> {
        const READ: Fault = Fault::Again(
            ErrorKind::Unavailable,
            "a transaction that is still open may see what was removed; it goes when that has ended",
        );
        let now: i64 = sqlx::query_scalar("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            .fetch_one(&self.pool)
            .await?;
        timeout(self.patience, self.unseen(now)).await.map_err(|_| READ)??;
        // On a connection of its own: it takes longer than a statement may.
        let mut connection = self.address.0.connect().await?;
        connection.execute("SET statement_timeout = 0").await?;
        connection.execute(AssertSqlSafe(format!("VACUUM {tables}"))).await?;
        Ok(connection.close().await?)
    }

    /// Ends when every transaction of this database began after that one. Of the whole database, whatever schema they are in:
    /// a vacuum leaves what any of them could see, and one that has written holds it back as one that reads does.
    async fn unseen(&self, before: i64) -> Result<(), Fault> {
        const OLDEST_SEEN: &str = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
               AND greatest(age(backend_xmin), age(backend_xid)) > age(($1 % 4294967296)::text::xid)";
        loop {
            let old: i64 = sqlx::query_scalar(OLDEST_SEEN).bind(before).fetch_one(&self.pool).await?;
            if old == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets go of all connections. Twice is the same as once.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Locks a caller's row, so that whatever is read of the caller's from now on stays as it is until the transaction ends, and
/// answers whether there is such a caller. Every write to a caller's memories, links and conflicts begins with it: what one
/// writer gives the other store, this lock gives here. As all take it first, none waits for another in a ring.
pub(crate) async fn hold(connection: &mut PgConnection, scope: &hark_core::Scope) -> Result<bool, Fault> {
    let held = sqlx::query("SELECT FROM users WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(held.is_some())
}

/// Memories, as something that is numbered.
pub(crate) const MEMORIES: &str = "memories";
/// Erasures, likewise.
pub(crate) const ERASURES: &str = "erasures";

/// Comes before rows are written that get a number in the order of their coming. Numbers are given out at once and rows seen
/// only when they are committed: without this, a walk along the numbers could pass a row by that is committed behind it.
pub(crate) async fn number_in_order(connection: &mut PgConnection, what: &'static str) -> Result<(), Fault> {
    order(connection, "SELECT pg_advisory_xact_lock_shared(hashtextextended(current_schema() || $1, 0))", what).await
}

/// Comes before a walk reads its next rows: waits for those who were given numbers and have not committed yet.
pub(crate) async fn walk_in_order(connection: &mut PgConnection, what: &'static str) -> Result<(), Fault> {
    order(connection, "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || $1, 0))", what).await
}

async fn order(connection: &mut PgConnection, statement: &'static str, what: &'static str) -> Result<(), Fault> {
    sqlx::query(statement).bind(what).execute(connection).await?;
    Ok(())
}
