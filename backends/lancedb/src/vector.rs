//! The vector store.

use crate::batch::Change;
use crate::error::{closed, translate};
use crate::schema::{DISTANCE, ID, SECTOR, VECTOR, of_scope, scope_key, table_name, to_hits, to_rows, width_in};
use crate::store::{self, StoreOptions, in_time};
use crate::table::SpaceTable;
use async_trait::async_trait;
use futures::TryStreamExt;
use futures::future::try_join_all;
use hark_core::store::{ScoredId, Space, VectorCaps, VectorRow, VectorStore};
use hark_core::{Error, MemoryId, Result, Scope, Sector};
use lancedb::query::{ExecutableQuery, QueryBase, Select};
use lancedb::{Connection, DistanceType, Table};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

const SEARCH: &str = "lancedb.search";
const LOAD: &str = "lancedb.load";
const COUNT: &str = "lancedb.count";

/// Vectors on disk or in an object store: one table a space.
pub(crate) struct LanceVectors {
    connection: Connection,
    compact_after: u32,
    /// By table name; `None` once closed.
    tables: RwLock<Option<BTreeMap<String, Arc<SpaceTable>>>>,
    creating: Mutex<()>,
    /// The folder is ours for as long as this is open.
    lock: RwLock<Option<File>>,
    /// Where other nodes write too, and make tables: how the place is reached.
    shared: Option<StoreOptions>,
}

impl fmt::Debug for LanceVectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LanceVectors").field("tables", &self.tables).finish_non_exhaustive()
    }
}

impl LanceVectors {
    /// Of a folder that is held.
    pub(crate) fn new(
        connection: Connection,
        compact_after: u32,
        tables: BTreeMap<String, Arc<SpaceTable>>,
        lock: File,
    ) -> Self {
        let (tables, lock) = (RwLock::new(Some(tables)), RwLock::new(Some(lock)));
        Self { connection, compact_after, tables, creating: Mutex::new(()), lock, shared: None }
    }

    /// Of a place where other nodes write too. Tables are opened when they are asked for.
    pub(crate) fn shared(connection: Connection, options: StoreOptions, compact_after: u32) -> Self {
        let (tables, lock) = (RwLock::new(Some(BTreeMap::new())), RwLock::new(None));
        Self { connection, compact_after, tables, creating: Mutex::new(()), lock, shared: Some(options) }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.opened("lancedb.health").is_ok_and(|tables| tables.iter().all(|table| table.is_running()))
    }

    /// Opens the tables that other nodes have made since.
    pub(crate) async fn refresh(&self, operation: &'static str) -> Result<()> {
        let listing = async { self.connection.table_names().execute().await.map_err(|e| translate(operation, e)) };
        for name in in_time(operation, store::LOOK, listing).await? {
            if let Some(width) = width_in(&name) {
                self.join(operation, &name, width).await?;
            }
        }
        Ok(())
    }

    /// Ends every table's tasks, after the commits that are under way.
    pub(crate) async fn close(&self) -> Result<()> {
        let tables = self.tables.write().unwrap_or_else(PoisonError::into_inner).take();
        let closed = try_join_all(tables.unwrap_or_default().values().map(|table| table.close())).await;
        *self.lock.write().unwrap_or_else(PoisonError::into_inner) = None;
        closed.map(|_| ())
    }

    fn opened(&self, operation: &'static str) -> Result<Vec<Arc<SpaceTable>>> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let tables = tables.as_ref().ok_or_else(|| closed(operation))?;
        Ok(tables.values().cloned().collect())
    }

    /// Every space's table.
    async fn all(&self, operation: &'static str) -> Result<Vec<Arc<SpaceTable>>> {
        if self.shared.is_some() {
            self.opened(operation)?;
            self.refresh(operation).await?;
        }
        self.opened(operation)
    }

    fn find_opened(&self, operation: &'static str, name: &str) -> Result<Option<Arc<SpaceTable>>> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tables.as_ref().ok_or_else(|| closed(operation))?.get(name).cloned())
    }

    /// The table of a space; `None` when nobody has written to it.
    async fn find(&self, operation: &'static str, space: &Space) -> Result<Option<Arc<SpaceTable>>> {
        let name = table_name(space);
        match self.find_opened(operation, &name)? {
            None if self.shared.is_some() => self.join(operation, &name, space.dimensions).await,
            found => Ok(found),
        }
    }

    /// Opens a table that another node may have made.
    async fn join(&self, operation: &'static str, name: &str, dimensions: usize) -> Result<Option<Arc<SpaceTable>>> {
        let work = async {
            let _creating = self.creating.lock().await;
            if let Some(table) = self.find_opened(operation, name)? {
                return Ok(Some(table));
            }
            match SpaceTable::join(&self.connection, name, dimensions, self.compact_after).await? {
                Some(table) => self.keep(operation, name, table).map(Some),
                None => Ok(None),
            }
        };
        in_time(operation, store::LOOK, work).await
    }

    async fn find_or_create(&self, space: &Space) -> Result<Arc<SpaceTable>> {
        const UPSERT: &str = "lancedb.upsert";
        let name = table_name(space);
        if let Some(table) = self.find_opened(UPSERT, &name)? {
            return Ok(table);
        }
        let _creating = self.creating.lock().await;
        if let Some(table) = self.find_opened(UPSERT, &name)? {
            return Ok(table);
        }
        let (connection, width, compact_after) = (&self.connection, space.dimensions, self.compact_after);
        let table = match &self.shared {
            Some(options) => SpaceTable::create_or_join(connection, options, &name, width, compact_after).await?,
            None => SpaceTable::create(connection, &name, width, compact_after).await?,
        };
        self.keep(UPSERT, &name, table)
    }

    fn keep(&self, operation: &'static str, name: &str, table: SpaceTable) -> Result<Arc<SpaceTable>> {
        let table = Arc::new(table);
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.as_mut().ok_or_else(|| closed(operation))?.insert(name.to_owned(), table.clone());
        Ok(table)
    }

    /// Reading, which nobody waits for longer than it is worth; a disk answers or fails.
    async fn read<T>(&self, operation: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        if self.shared.is_some() { in_time(operation, store::LOOK, work).await } else { work.await }
    }

    async fn write(&self, space: &Space, changes: Vec<Change>) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.find_or_create(space).await?.write(changes).await
    }
}

fn check(operation: &'static str, space: &Space, vector: &[f32]) -> Result<()> {
    if vector.len() != space.dimensions {
        let context = format!("the vector has {} numbers, the space {}", vector.len(), space.dimensions);
        return Err(Error::invalid(operation, context));
    }
    if !vector.iter().all(|x| x.is_finite()) {
        return Err(Error::invalid(operation, "the vector holds something that is not a number"));
    }
    Ok(())
}

async fn nearest(
    table: &Table,
    scope: &str,
    query: &[f32],
    sectors: &[Sector],
    limit: usize,
) -> lancedb::Result<Vec<lancedb::arrow::arrow_array::RecordBatch>> {
    let query = table.query().nearest_to(query)?.column(VECTOR).distance_type(DistanceType::Cosine);
    // Exact: a caller has thousands of vectors at most, found by the index on the scope.
    let query = query.bypass_vector_index().only_if_expr(of_scope(scope, sectors)).limit(limit);
    query.select(Select::columns(&[ID, DISTANCE])).execute().await?.try_collect().await
}

#[async_trait]
impl VectorStore for LanceVectors {
    fn caps(&self) -> VectorCaps {
        VectorCaps { durable: true, exact: true }
    }

    async fn upsert(&self, scope: &Scope, space: &Space, rows: &[VectorRow]) -> Result<()> {
        rows.iter().try_for_each(|row| check("lancedb.upsert", space, &row.vector))?;
        let scope = scope_key(scope);
        self.write(space, rows.iter().map(|row| Change::Put(scope.clone(), row.clone())).collect()).await
    }

    async fn upsert_many(&self, space: &Space, rows: &[(Scope, VectorRow)]) -> Result<()> {
        rows.iter().try_for_each(|(_, row)| check("lancedb.upsert", space, &row.vector))?;
        let changes = rows.iter().map(|(scope, row)| Change::Put(scope_key(scope), row.clone()));
        self.write(space, changes.collect()).await
    }

    async fn search(
        &self,
        scope: &Scope,
        space: &Space,
        query: &[f32],
        sectors: &[Sector],
        limit: usize,
    ) -> Result<Vec<ScoredId>> {
        check(SEARCH, space, query)?;
        let Some(table) = self.find(SEARCH, space).await? else {
            return Ok(Vec::new());
        };
        let work = async {
            let failed = |e| translate(SEARCH, e);
            let table = table.view().await.map_err(failed)?;
            let limit = limit.min(table.count_rows(None).await.map_err(failed)?);
            if limit == 0 {
                return Ok(Vec::new());
            }
            let batches = nearest(&table, &scope_key(scope), query, sectors, limit).await.map_err(failed)?;
            let mut hits = Vec::new();
            for batch in &batches {
                hits.extend(to_hits(batch)?);
            }
            hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
            Ok(hits)
        };
        self.read(SEARCH, work).await
    }

    async fn load(&self, scope: &Scope, space: &Space, limit: usize) -> Result<Option<Vec<VectorRow>>> {
        let Some(table) = self.find(LOAD, space).await? else {
            return Ok(Some(Vec::new()));
        };
        let work = async {
            let failed = |e| translate(LOAD, e);
            let table = table.view().await.map_err(failed)?;
            let most = limit.min(table.count_rows(None).await.map_err(failed)?) + 1;
            let query = table.query().only_if_expr(of_scope(&scope_key(scope), &[])).limit(most);
            let query = query.select(Select::columns(&[ID, SECTOR, VECTOR]));
            let mut batches = query.execute().await.map_err(failed)?;
            let mut rows = Vec::new();
            while let Some(batch) = batches.try_next().await.map_err(failed)? {
                rows.extend(to_rows(&batch)?);
            }
            Ok((rows.len() <= limit).then_some(rows))
        };
        self.read(LOAD, work).await
    }

    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        let scope = scope_key(scope);
        let changes: Vec<_> = ids.iter().map(|id| Change::Remove(scope.clone(), id.clone())).collect();
        if changes.is_empty() {
            return Ok(());
        }
        try_join_all(self.all("lancedb.delete").await?.iter().map(|table| table.write(changes.clone()))).await?;
        Ok(())
    }

    async fn erase(&self, scope: &Scope) -> Result<()> {
        let change = Change::Erase(scope_key(scope));
        try_join_all(self.all("lancedb.erase").await?.iter().map(|table| table.write(vec![change.clone()]))).await?;
        Ok(())
    }

    async fn count(&self, space: &Space) -> Result<u64> {
        let Some(table) = self.find(COUNT, space).await? else {
            return Ok(0);
        };
        let work = async { table.view().await?.count_rows(None).await };
        let count = self.read(COUNT, async { work.await.map_err(|e| translate(COUNT, e)) }).await?;
        Ok(count as u64)
    }

    async fn clear(&self, space: &Space) -> Result<()> {
        match self.find("lancedb.clear", space).await? {
            Some(table) => table.clear().await,
            None => Ok(()),
        }
    }

    async fn optimise(&self) -> Result<()> {
        for table in self.all("lancedb.optimise").await? {
            table.optimise().await?;
        }
        Ok(())
    }

    async fn purge(&self) -> Result<()> {
        // Deletions are rewritten however few they are, and older versions removed when their time is up.
        for table in self.all("lancedb.purge").await? {
            table.purge().await?;
        }
        Ok(())
    }
}
