//! A PostgreSQL to measure on, and the schemas that are made there for it.

use crate::{Options, Outcome};
use hark_core::{Entropy, SystemEntropy};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};
use std::collections::BTreeMap;
use std::str::FromStr;

/// Connections that fill a schema.
pub(crate) const LANES: usize = 4;

/// The server, as somebody who may make schemas and clean up.
#[derive(Clone)]
pub(crate) struct Postgres {
    url: String,
    /// What of its settings decides on the figures.
    pub(crate) settings: String,
}

impl Postgres {
    /// The one that the options name; asked once, so that nothing is measured for nothing.
    pub(crate) async fn find(options: &Options) -> Outcome<Self> {
        let url = options.postgres_url.clone().filter(|url| !url.trim().is_empty()).ok_or(
            "a PostgreSQL with pgvector is wanted: run this by `cargo xtask bench --postgres -- …`, which starts one, or name one \
             by --postgres-url or HARK_TEST_POSTGRES_URL (`cargo xtask services -- …` sets that)",
        )?;
        // The driver's error may quote what it could not read, which may hold a password.
        let options = PgConnectOptions::from_str(&url)
            .map_err(|_| "--postgres-url: it looks like postgres://user@host/database")?;
        let mut connection = options.connect().await.map_err(|e| format!("--postgres-url: no connection: {e}"))?;
        let settings: String = sqlx::query_scalar(
            "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1) || ', ' || string_agg(
                 name || '=' || current_setting(name), ', ' ORDER BY name)
             FROM unnest(ARRAY['fsync', 'shared_buffers', 'synchronous_commit', 'max_wal_size']) AS name",
        )
        .fetch_one(&mut connection)
        .await?;
        Ok(Self { url, settings })
    }

    /// A schema that nobody uses yet; the program's migrations make it.
    pub(crate) fn schema(&self) -> Schema {
        Schema { url: self.url.clone(), name: format!("bench_{}", SystemEntropy.hex(6)) }
    }
}

// Without the address: there may be a password in it.
impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What lies in a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Space {
    /// With its indexes, in bytes.
    pub(crate) bytes: u64,
    /// Of them, those of its indexes.
    pub(crate) indexes: u64,
}

/// A schema of our own. It is to be dropped when it has been measured.
#[derive(Clone)]
pub(crate) struct Schema {
    url: String,
    name: String,
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schema").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Schema {
    /// As the server knows the connections of those who are `called` so.
    pub(crate) fn application(&self, called: &str) -> String {
        format!("{}_{called}", self.name)
    }

    fn address(&self, called: &str) -> String {
        let sign = if self.url.contains('?') { '&' } else { '?' };
        format!("{}{sign}application_name={}", self.url, self.application(called))
    }

    /// What puts every role but the models here, for processes that are `called` so.
    pub(crate) fn settings(&self, called: &str) -> Vec<(String, String)> {
        let roles =
            ["MEMORY", "JOBS", "VECTORS", "KEYWORDS"].map(|role| (format!("HARK_ROLES__{role}"), "main".to_owned()));
        let rest = [("KIND", "postgres".to_owned()), ("URL", self.address(called)), ("SCHEMA", self.name.clone())];
        roles.into_iter().chain(rest.map(|(field, value)| (format!("HARK_BACKENDS__MAIN__{field}"), value))).collect()
    }

    /// The section of the backend, for what fills it.
    pub(crate) fn section(&self) -> Value {
        json!({
            "url": self.address("seed"),
            "schema": self.name,
            "max_connections": LANES,
            "acquire_timeout_ms": 60_000,
            "statement_timeout_ms": 600_000,
        })
    }

    /// A connection that sees its tables.
    pub(crate) async fn connect(&self) -> Outcome<PgConnection> {
        let options = PgConnectOptions::from_str(&self.url)?.options([("search_path", self.name.as_str())]);
        Ok(options.application_name(&self.application("bench")).connect().await?)
    }

    /// What every table takes. Parts that the next rows will be put into count as taken.
    pub(crate) async fn tables(&self) -> Outcome<BTreeMap<String, Space>> {
        let rows = sqlx::query(
            "SELECT relname::text AS name, pg_total_relation_size(oid) AS bytes, pg_indexes_size(oid) AS indexes
             FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'",
        )
        .bind(&self.name)
        .fetch_all(&mut self.connect().await?)
        .await?;
        let table = |row: &sqlx::postgres::PgRow| -> Outcome<(String, Space)> {
            let (bytes, indexes): (i64, i64) = (row.try_get("bytes")?, row.try_get("indexes")?);
            let space = Space { bytes: bytes.unsigned_abs(), indexes: indexes.unsigned_abs() };
            Ok((row.try_get("name")?, space))
        };
        rows.iter().map(table).collect()
    }

    /// Does at once what the server would do beside the measurement: dead rows, statistics, a checkpoint.
    pub(crate) async fn tidy(&self) -> Outcome {
        let tables: Vec<String> = self.tables().await?.into_keys().collect();
        let mut connection = self.connect().await?;
        // Without a name it would be every table of the database.
        if !tables.is_empty() {
            connection.execute(AssertSqlSafe(format!("VACUUM (ANALYZE) {}", tables.join(", ")))).await?;
        }
        connection.execute("CHECKPOINT").await?;
        Ok(())
    }

    /// Takes it away.
    pub(crate) async fn remove(&self) -> Outcome {
        let statement = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        self.connect().await?.execute(AssertSqlSafe(statement)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_somebody_s_own_and_its_settings_are_whole() {
        let postgres =
            Postgres { url: "postgres://sam:tortoise@db/calls?sslmode=require".to_owned(), settings: String::new() };
        let (one, other) = (postgres.schema(), postgres.schema());
        assert_ne!(one.name, other.name);
        let settings: BTreeMap<_, _> = one.settings("worker").into_iter().collect();
        assert_eq!(settings.len(), 7);
        assert_eq!(settings["HARK_ROLES__VECTORS"], "main");
        assert_eq!(settings["HARK_BACKENDS__MAIN__SCHEMA"], one.name);
        let url = &settings["HARK_BACKENDS__MAIN__URL"];
        assert_eq!(*url, format!("{}&application_name={}_worker", postgres.url, one.name));
        assert!(!format!("{postgres:?} {one:?}").contains("tortoise"));
    }
}
