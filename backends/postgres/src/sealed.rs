//! [`SealedStore`] on the same schema.

use crate::db::Db;
use crate::error::Fault;
use crate::row;
use async_trait::async_trait;
use hark_core::Result;
use hark_core::crypt::{Purpose, Sealed};
use hark_core::store::{Resealed, SealedStore, SealedValue};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};
use std::sync::Arc;

/// A column that holds something sealed. There is an index on each by the key that sealed it (`sealing_key`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealedColumn {
    pub(crate) purpose: Purpose,
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// What rows of a tenant are told apart by.
    place: &'static str,
    /// What they are ordered by: as the index on the key has them, so that nothing is sorted.
    order: &'static str,
    /// The column whose value it is bound to.
    record: &'static str,
}

const fn column(purpose: Purpose, (table, column): (&'static str, &'static str)) -> SealedColumn {
    SealedColumn { purpose, table, column, place: "id", order: "id", record: "id" }
}

/// Of a table whose rows have no id of one column.
const fn numbered(purpose: Purpose, named: (&'static str, &'static str), record: &'static str) -> SealedColumn {
    SealedColumn { place: "seq", order: "seq", record, ..column(purpose, named) }
}

/// Of a table that is ordered by tenant and id.
const fn profile(purpose: Purpose, named: (&'static str, &'static str)) -> SealedColumn {
    SealedColumn { order: "tenant, id", ..column(purpose, named) }
}

/// Every column that holds something sealed, in the order of the purposes. A test sees to it that none of the schema is
/// forgotten.
pub(crate) const SEALED: [SealedColumn; 11] = [
    column(Purpose::Event, ("events", "body")),
    column(Purpose::Transcript, ("conversations", "transcript")),
    column(Purpose::Extraction, ("conversations", "extraction")),
    numbered(Purpose::Identity, ("identities", "sealed"), "kind"),
    column(Purpose::Receipt, ("receipts", "words")),
    numbered(Purpose::Review, ("reviews", "words"), "memory"),
    column(Purpose::WebhookSecret, ("keys", "sealed")),
    column(Purpose::Erasure, ("erasures", "work")),
    profile(Purpose::Name, ("users", "sealed_name")),
    profile(Purpose::Summary, ("users", "sealed_summary")),
    column(Purpose::Transfer, ("transfers", "sealed_moved")),
];

/// What the schema keeps sealed.
#[derive(Debug)]
pub(crate) struct PostgresSealed {
    db: Arc<Db>,
}

impl PostgresSealed {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn keys(&self) -> Result<Vec<(Purpose, String)>, Fault> {
        let mut found = Vec::new();
        for SealedColumn { purpose, table, column, .. } in SEALED {
            // From one id to the next along the index: a `DISTINCT` would look at every row.
            let ids = AssertSqlSafe(format!(
                "WITH RECURSIVE known (id) AS (
                     (SELECT sealing_key({column}) FROM {table} WHERE sealing_key({column}) IS NOT NULL
                      ORDER BY sealing_key({column}) LIMIT 1)
                     UNION ALL
                     SELECT (SELECT sealing_key({column}) FROM {table} WHERE sealing_key({column}) > known.id
                             ORDER BY sealing_key({column}) LIMIT 1)
                     FROM known WHERE known.id IS NOT NULL
                 )
                 SELECT id FROM known WHERE id IS NOT NULL"
            ));
            let ids: Vec<Vec<u8>> = sqlx::query_scalar(ids).fetch_all(&self.db.pool).await?;
            // What is no text was never an id.
            found.extend(ids.into_iter().filter_map(|id| Some((purpose, String::from_utf8(id).ok()?))));
        }
        Ok(found)
    }

    async fn count(&self, purpose: Purpose, key: &str) -> Result<u64, Fault> {
        let mut count = 0;
        for SealedColumn { table, column, .. } in of(purpose) {
            let counted = AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE sealing_key({column}) = $1"));
            let rows: i64 = sqlx::query_scalar(counted).bind(key.as_bytes()).fetch_one(&self.db.pool).await?;
            count += rows.unsigned_abs();
        }
        Ok(count)
    }

    async fn read(&self, purpose: Purpose, key: &str, skip: u64, limit: usize) -> Result<Vec<SealedValue>, Fault> {
        let Some(SealedColumn { table, column, place, order, record, .. }) = of(purpose).next() else {
            return Ok(Vec::new());
        };
        let asked = AssertSqlSafe(format!(
            "SELECT tenant, {place}::text AS place, {record} AS record, {column} AS value FROM {table}
             WHERE sealing_key({column}) = $1 ORDER BY {order} LIMIT $2 OFFSET $3"
        ));
        let rows = sqlx::query(asked)
            .bind(key.as_bytes())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(i64::try_from(skip).unwrap_or(i64::MAX))
            .fetch_all(&self.db.pool)
            .await?;
        rows.iter().map(value).collect()
    }

    async fn replace(&self, purpose: Purpose, values: &[Resealed]) -> Result<u64, Fault> {
        let Some(SealedColumn { table, column, place, .. }) = of(purpose).next() else { return Ok(0) };
        let numbered = place == "seq";
        let found = if numbered { "seq = $2::bigint" } else { "id = $2" };
        let update = format!("UPDATE {table} SET {column} = $1 WHERE {found} AND tenant = $3 AND {column} = $4");
        let mut replaced = 0;
        let mut tx = self.db.begin().await?;
        for Resealed { tenant, place, standing, new } in values {
            // What is no number is the place of no numbered row.
            if numbered && place.parse::<i64>().is_err() {
                continue;
            }
            let done = sqlx::query(AssertSqlSafe(update.clone()))
                .bind(new.as_bytes())
                .bind(place.as_str())
                .bind(tenant.as_str())
                .bind(standing.as_bytes())
                .execute(&mut *tx)
                .await?;
            replaced += done.rows_affected();
        }
        tx.commit().await?;
        Ok(replaced)
    }
}

fn of(purpose: Purpose) -> impl Iterator<Item = SealedColumn> {
    SEALED.into_iter().filter(move |column| column.purpose == purpose)
}

fn value(row: &PgRow) -> Result<SealedValue, Fault> {
    Ok(SealedValue {
        tenant: row::tenant(row)?,
        place: row.try_get("place")?,
        record: row.try_get("record")?,
        sealed: Sealed::from_bytes(row.try_get("value")?),
    })
}

#[async_trait]
impl SealedStore for PostgresSealed {
    async fn sealing_keys(&self) -> Result<Vec<(Purpose, String)>> {
        self.db.read("postgres.sealing_keys", || self.keys()).await
    }

    async fn count_sealed(&self, purpose: Purpose, key: &str) -> Result<u64> {
        self.db.read("postgres.count_sealed", || self.count(purpose, key)).await
    }

    async fn sealed_by(&self, purpose: Purpose, key: &str, skip: u64, limit: usize) -> Result<Vec<SealedValue>> {
        self.db.read("postgres.sealed_by", || self.read(purpose, key, skip, limit)).await
    }

    async fn reseal(&self, purpose: Purpose, values: &[Resealed]) -> Result<u64> {
        self.db.write("postgres.reseal", || self.replace(purpose, values)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = include_str!("../migrations/0001_init.sql");

    /// Columns of bytes that hold no sealed value: hashes, and vectors.
    const PLAIN: [&str; 4] = ["hash", "person", "key", "vector"];

    #[test]
    fn every_sealed_column_of_the_schema_is_known_and_indexed_by_its_key() {
        for SealedColumn { table, column, order, .. } in SEALED {
            let index =
                format!(" ON {table} (sealing_key({column}), {order}) WHERE sealing_key({column}) IS NOT NULL;");
            assert!(SCHEMA.contains(&index), "{table}.{column}");
        }
        let mut table = "";
        for line in SCHEMA.lines() {
            if let Some(begun) = line.strip_prefix("CREATE TABLE ") {
                table = begun.trim_end_matches(" (");
            }
            let mut words = line.split_whitespace();
            if let (Some(column), Some("BYTEA" | "BYTEA,")) = (words.next(), words.next()) {
                let known = SEALED.iter().any(|sealed| (sealed.table, sealed.column) == (table, column));
                assert!(known != PLAIN.contains(&column), "{table}.{column}");
            }
        }
    }
}
