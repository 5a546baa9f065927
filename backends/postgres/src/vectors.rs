//! [`VectorStore`] by pgvector: exact inside a caller.
//!
//! A space is a table, and in its key a caller's vectors stand together, so a search reads that caller's and computes every
//! distance; nobody else's are looked at. An approximate index over all callers would look at the nearest of everybody and
//! throw nearly all of them away.

use crate::db::Db;
use crate::error::Fault;
use crate::page::as_i64;
use crate::spaces::{Spaces, Table};
use async_trait::async_trait;
use hark_core::store::{ScoredId, Space, VectorCaps, VectorRow, VectorStore};
use hark_core::{ErrorKind, MemoryId, Result, Scope, Sector};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Executor, Postgres, Row, Transaction};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Vectors that are written by one statement.
const BATCH: usize = 500;

/// A vector that a table of this width takes.
fn fits(space: &Space, vector: &[f32]) -> Result<(), Fault> {
    if vector.len() != space.dimensions {
        return Err(Fault::Refused(ErrorKind::Invalid, "a vector has not the space's width"));
    }
    if !vector.iter().all(|number| number.is_finite()) {
        return Err(Fault::Refused(ErrorKind::Invalid, "a vector holds something that is not a number"));
    }
    Ok(())
}

/// Vectors of one schema.
#[derive(Debug)]
pub(crate) struct PostgresVectors {
    db: Arc<Db>,
    spaces: Spaces,
}

/// What is to be written, each memory once, in the order of the key: two writers of the same rows then never wait for each
/// other in a ring.
type Rows<'a> = BTreeMap<(&'a str, &'a str, &'a str), &'a VectorRow>;

impl PostgresVectors {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db, spaces: Spaces::default() }
    }

    async fn put(&self, space: &Space, rows: &[(&Scope, &VectorRow)]) -> Result<(), Fault> {
        rows.iter().try_for_each(|(_, row)| fits(space, &row.vector))?;
        if rows.is_empty() {
            return Ok(());
        }
        let keyed =
            rows.iter().map(|&(scope, row)| ((scope.tenant.as_str(), scope.caller.as_str(), row.id.as_str()), row));
        let rows: Rows<'_> = keyed.collect();
        let table = self.spaces.ensure(&self.db, space).await?;
        let mut tx = self.db.begin().await?;
        for batch in rows.iter().collect::<Vec<_>>().chunks(BATCH) {
            put_batch(&mut tx, &table, space, batch).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn nearest(
        &self,
        scope: &Scope,
        space: &Space,
        query: &[f32],
        sectors: &[Sector],
        limit: usize,
    ) -> Result<Vec<ScoredId>, Fault> {
        fits(space, query)?;
        let Some(Table { name, vector, cosine }) = self.spaces.find(&self.db, space).await? else {
            return Ok(Vec::new());
        };
        let sectors: Vec<&str> = sectors.iter().map(|sector| sector.name()).collect();
        // A vector without a direction is as far as what stands across. The question is made a vector once, not for each row.
        let sql = format!(
            "SELECT id, coalesce(1 - nullif(vector {cosine} (SELECT $3::real[]::{vector}), 'NaN'), 0)::real AS score
             FROM {name} WHERE tenant = $1 AND caller = $2 AND (cardinality($4::text[]) = 0 OR sector = ANY($4))
             ORDER BY score DESC, id LIMIT $5"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(scope.tenant.as_str())
            .bind(scope.caller.as_str())
            .bind(query)
            .bind(sectors)
            .bind(as_i64(limit))
            .fetch_all(&self.db.pool)
            .await?;
        found.iter().map(scored).collect()
    }

    async fn all_of(&self, scope: &Scope, space: &Space, limit: usize) -> Result<Option<Vec<VectorRow>>, Fault> {
        let Some(Table { name, .. }) = self.spaces.find(&self.db, space).await? else { return Ok(Some(Vec::new())) };
        let sql = format!(
            "SELECT id, sector, vector::real[] AS numbers FROM {name} WHERE tenant = $1 AND caller = $2 LIMIT $3"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(scope.tenant.as_str())
            .bind(scope.caller.as_str())
            .bind(as_i64(limit.saturating_add(1)))
            .fetch_all(&self.db.pool)
            .await?;
        if rows.len() > limit {
            return Ok(None);
        }
        rows.iter().map(vector_row).collect::<Result<_, _>>().map(Some)
    }

    /// Removes rows of a caller from every space: those of the ids, or all.
    async fn remove(&self, scope: &Scope, ids: Option<&[MemoryId]>) -> Result<(), Fault> {
        let ids: Option<Vec<&str>> = ids.map(|ids| ids.iter().map(|id| id.as_str()).collect());
        let mut tx = self.db.begin().await?;
        for name in self.spaces.all(&mut tx).await? {
            let sql = format!(
                "DELETE FROM {name} WHERE tenant = $1 AND caller = $2 AND ($3::text[] IS NULL OR id = ANY($3))"
            );
            sqlx::query(AssertSqlSafe(sql))
                .bind(scope.tenant.as_str())
                .bind(scope.caller.as_str())
                .bind(ids.as_deref())
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    async fn rows(&self, space: &Space) -> Result<u64, Fault> {
        let Some(table) = self.spaces.find(&self.db, space).await? else { return Ok(0) };
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {}", table.name));
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&self.db.pool).await?;
        Ok(count.unsigned_abs())
    }

    async fn empty(&self, space: &Space) -> Result<(), Fault> {
        if let Some(table) = self.spaces.find(&self.db, space).await? {
            self.db.pool.execute(AssertSqlSafe(format!("TRUNCATE {}", table.name))).await?;
        }
        Ok(())
    }

    async fn vacuum(&self) -> Result<(), Fault> {
        match self.spaces.all(&mut *self.db.pool.acquire().await?).await?.as_slice() {
            // Without a name it would be every table of the database.
            [] => Ok(()),
            tables => self.db.purge(&tables.join(", ")).await,
        }
    }
}

async fn put_batch(
    tx: &mut Transaction<'static, Postgres>,
    table: &Table,
    space: &Space,
    rows: &[(&(&str, &str, &str), &&VectorRow)],
) -> Result<(), Fault> {
    let Table { name, vector, .. } = table;
    // All numbers are one array, of which each row takes its part: arrays of arrays would be taken apart one number at a time.
    let sql = format!(
        "INSERT INTO {name} (tenant, caller, id, sector, vector)
         SELECT tenant, caller, id, sector, ($5::real[])[((n - 1) * $6 + 1)::int : (n * $6)::int]::{vector}
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS t (tenant, caller, id, sector, n)
         ON CONFLICT (tenant, caller, id) DO UPDATE SET sector = excluded.sector, vector = excluded.vector"
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(rows.iter().map(|(key, _)| key.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|(key, _)| key.1).collect::<Vec<_>>())
        .bind(rows.iter().map(|(key, _)| key.2).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.sector.name()).collect::<Vec<_>>())
        .bind(rows.iter().flat_map(|(_, row)| row.vector.iter().copied()).collect::<Vec<f32>>())
        .bind(as_i64(space.dimensions))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn scored(row: &PgRow) -> Result<ScoredId, Fault> {
    Ok(ScoredId { id: MemoryId::new(row.try_get::<String, _>("id")?), score: row.try_get("score")? })
}

fn vector_row(row: &PgRow) -> Result<VectorRow, Fault> {
    let sector = Sector::parse(row.try_get("sector")?).ok_or(Fault::Stored("sector"))?;
    Ok(VectorRow { id: MemoryId::new(row.try_get::<String, _>("id")?), sector, vector: row.try_get("numbers")? })
}

#[async_trait]
impl VectorStore for PostgresVectors {
    fn caps(&self) -> VectorCaps {
        VectorCaps { durable: true, exact: true }
    }

    async fn upsert(&self, scope: &Scope, space: &Space, rows: &[VectorRow]) -> Result<()> {
        let rows: Vec<_> = rows.iter().map(|row| (scope, row)).collect();
        self.db.write("postgres.upsert_vectors", || self.put(space, &rows)).await
    }

    async fn upsert_many(&self, space: &Space, rows: &[(Scope, VectorRow)]) -> Result<()> {
        let rows: Vec<_> = rows.iter().map(|(scope, row)| (scope, row)).collect();
        self.db.write("postgres.upsert_vectors", || self.put(space, &rows)).await
    }

    async fn search(
        &self,
        scope: &Scope,
        space: &Space,
        query: &[f32],
        sectors: &[Sector],
        limit: usize,
    ) -> Result<Vec<ScoredId>> {
        self.db.read("postgres.search_vectors", || self.nearest(scope, space, query, sectors, limit)).await
    }

    async fn load(&self, scope: &Scope, space: &Space, limit: usize) -> Result<Option<Vec<VectorRow>>> {
        self.db.read("postgres.load_vectors", || self.all_of(scope, space, limit)).await
    }

    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.db.write("postgres.delete_vectors", || self.remove(scope, Some(ids))).await
    }

    async fn erase(&self, scope: &Scope) -> Result<()> {
        self.db.write("postgres.erase_vectors", || self.remove(scope, None)).await
    }

    async fn count(&self, space: &Space) -> Result<u64> {
        self.db.read("postgres.count_vectors", || self.rows(space)).await
    }

    async fn clear(&self, space: &Space) -> Result<()> {
        self.db.write("postgres.clear_vectors", || self.empty(space)).await
    }

    /// Autovacuum does it.
    async fn optimise(&self) -> Result<()> {
        Ok(())
    }

    async fn purge(&self) -> Result<()> {
        self.db.write("postgres.purge_vectors", || self.vacuum()).await
    }
}
