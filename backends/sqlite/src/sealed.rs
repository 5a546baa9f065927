//! [`SealedStore`] on the same file.

use crate::db::Db;
use crate::error::Fault;
use crate::row;
use async_trait::async_trait;
use hark_core::Result;
use hark_core::crypt::{Purpose, Sealed};
use hark_core::store::{Resealed, SealedStore, SealedValue};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};
use std::sync::Arc;

/// A column that holds something sealed. Beside each stands a computed and indexed one, `<column>_key`: by which key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealedColumn {
    pub(crate) purpose: Purpose,
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    /// What rows of a tenant are told apart by.
    place: &'static str,
    /// What they are ordered by: as the index on the key has them, so that nothing is sorted.
    order: &'static str,
    /// The condition that finds a row by its place as text.
    found: &'static str,
    /// The column whose value it is bound to.
    record: &'static str,
}

const fn column(purpose: Purpose, (table, column): (&'static str, &'static str), record: &'static str) -> SealedColumn {
    SealedColumn { purpose, table, column, place: "rowid", order: "rowid", found: "rowid = CAST(? AS INTEGER)", record }
}

/// Of a table without a rowid.
const fn by_id(purpose: Purpose, named: (&'static str, &'static str), order: &'static str) -> SealedColumn {
    SealedColumn { place: "id", order, found: "id = ?", ..column(purpose, named, "id") }
}

/// Every column that holds something sealed, in the order of the purposes. A test sees to it that none of the schema is
/// forgotten.
pub(crate) const SEALED: [SealedColumn; 11] = [
    column(Purpose::Event, ("events", "body"), "id"),
    column(Purpose::Transcript, ("conversations", "transcript"), "id"),
    column(Purpose::Extraction, ("conversations", "extraction"), "id"),
    column(Purpose::Identity, ("identities", "sealed"), "kind"),
    column(Purpose::Receipt, ("receipts", "words"), "id"),
    column(Purpose::Review, ("reviews", "words"), "memory"),
    by_id(Purpose::WebhookSecret, ("keys", "sealed"), "id"),
    column(Purpose::Erasure, ("erasures", "work"), "id"),
    by_id(Purpose::Name, ("users", "sealed_name"), "tenant, id"),
    by_id(Purpose::Summary, ("users", "sealed_summary"), "tenant, id"),
    column(Purpose::Transfer, ("transfers", "sealed_moved"), "id"),
];

/// What the file keeps sealed.
#[derive(Debug)]
pub(crate) struct SqliteSealed {
    db: Arc<Db>,
}

impl SqliteSealed {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    async fn keys(&self) -> Result<Vec<(Purpose, String)>, Fault> {
        let mut found = Vec::new();
        for SealedColumn { purpose, table, column, .. } in SEALED {
            // From one id to the next along the index: a `DISTINCT` would look at every row.
            let ids = AssertSqlSafe(format!(
                "WITH RECURSIVE known (id) AS (
                     SELECT min({column}_key) FROM {table} WHERE {column}_key IS NOT NULL
                     UNION ALL
                     SELECT (SELECT min({column}_key) FROM {table} WHERE {column}_key > known.id) FROM known
                     WHERE known.id IS NOT NULL
                 )
                 SELECT CAST(id AS BLOB) FROM known WHERE id IS NOT NULL"
            ));
            let ids: Vec<Vec<u8>> = sqlx::query_scalar(ids).fetch_all(&self.db.reader).await?;
            // What is no text was never an id.
            found.extend(ids.into_iter().filter_map(|id| Some((purpose, String::from_utf8(id).ok()?))));
        }
        Ok(found)
    }

    async fn count(&self, purpose: Purpose, key: &str) -> Result<u64, Fault> {
        let mut count = 0;
        for SealedColumn { table, column, .. } in of(purpose) {
            let counted = AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE {column}_key = ?"));
            let rows: i64 = sqlx::query_scalar(counted).bind(key).fetch_one(&self.db.reader).await?;
            count += rows.unsigned_abs();
        }
        Ok(count)
    }

    async fn read(&self, purpose: Purpose, key: &str, skip: u64, limit: usize) -> Result<Vec<SealedValue>, Fault> {
        let Some(SealedColumn { table, column, place, order, record, .. }) = of(purpose).next() else {
            return Ok(Vec::new());
        };
        let asked = AssertSqlSafe(format!(
            "SELECT tenant, CAST({place} AS TEXT) AS place, {record} AS record, {column} AS value FROM {table}
             WHERE {column}_key = ? ORDER BY {order} LIMIT ? OFFSET ?"
        ));
        let rows = sqlx::query(asked)
            .bind(key)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(i64::try_from(skip).unwrap_or(i64::MAX))
            .fetch_all(&self.db.reader)
            .await?;
        rows.iter().map(value).collect()
    }

    async fn replace(&self, purpose: Purpose, values: &[Resealed]) -> Result<u64, Fault> {
        let Some(SealedColumn { table, column, found, .. }) = of(purpose).next() else { return Ok(0) };
        let update = format!("UPDATE {table} SET {column} = ? WHERE {found} AND tenant = ? AND {column} = ?");
        let mut replaced = 0;
        let mut tx = self.db.begin().await?;
        for Resealed { tenant, place, standing, new } in values {
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

fn value(row: &SqliteRow) -> Result<SealedValue, Fault> {
    Ok(SealedValue {
        tenant: row::tenant(row)?,
        place: row.try_get("place")?,
        record: row.try_get("record")?,
        sealed: Sealed::from_bytes(row.try_get("value")?),
    })
}

#[async_trait]
impl SealedStore for SqliteSealed {
    async fn sealing_keys(&self) -> Result<Vec<(Purpose, String)>> {
        self.db.named("sqlite.sealing_keys", self.keys().await)
    }

    async fn count_sealed(&self, purpose: Purpose, key: &str) -> Result<u64> {
        self.db.named("sqlite.count_sealed", self.count(purpose, key).await)
    }

    async fn sealed_by(&self, purpose: Purpose, key: &str, skip: u64, limit: usize) -> Result<Vec<SealedValue>> {
        self.db.named("sqlite.sealed_by", self.read(purpose, key, skip, limit).await)
    }

    async fn reseal(&self, purpose: Purpose, values: &[Resealed]) -> Result<u64> {
        self.db.named("sqlite.reseal", self.replace(purpose, values).await)
    }
}
