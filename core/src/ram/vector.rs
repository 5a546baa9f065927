//! Vectors, in memory: every search looks at all of a caller's.

use crate::store::{ScoredId, Space, VectorCaps, VectorRow, VectorStore};
use crate::{Error, MemoryId, Result, Scope, Sector};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

type Rows = BTreeMap<MemoryId, VectorRow>;
type Spaces = BTreeMap<Space, BTreeMap<Scope, Rows>>;

/// A [`VectorStore`] that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct RamVectorStore(RwLock<Spaces>);

impl RamVectorStore {
    fn read(&self) -> RwLockReadGuard<'_, Spaces> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Spaces> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn put<'a>(&self, space: &Space, rows: impl Iterator<Item = (&'a Scope, &'a VectorRow)> + Clone) -> Result<()> {
        for (_, row) in rows.clone() {
            fits(space, &row.vector)?;
        }
        let mut spaces = self.write();
        for (scope, row) in rows {
            let scopes = spaces.entry(space.clone()).or_default();
            scopes.entry(scope.clone()).or_default().insert(row.id.clone(), row.clone());
        }
        Ok(())
    }
}

fn fits(space: &Space, vector: &[f32]) -> Result<()> {
    if vector.len() == space.dimensions {
        return Ok(());
    }
    let context = format!("the vector has {} numbers, its space {}", vector.len(), space.dimensions);
    Err(Error::invalid("ram.vectors", context))
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
}

#[async_trait]
impl VectorStore for RamVectorStore {
    fn caps(&self) -> VectorCaps {
        VectorCaps { durable: false, exact: true }
    }

    async fn upsert(&self, scope: &Scope, space: &Space, rows: &[VectorRow]) -> Result<()> {
        self.put(space, rows.iter().map(|row| (scope, row)))
    }

    async fn upsert_many(&self, space: &Space, rows: &[(Scope, VectorRow)]) -> Result<()> {
        self.put(space, rows.iter().map(|(scope, row)| (scope, row)))
    }

    async fn search(
        &self,
        scope: &Scope,
        space: &Space,
        query: &[f32],
        sectors: &[Sector],
        limit: usize,
    ) -> Result<Vec<ScoredId>> {
        fits(space, query)?;
        let spaces = self.read();
        let Some(rows) = spaces.get(space).and_then(|scopes| scopes.get(scope)) else { return Ok(Vec::new()) };
        let mut hits: Vec<_> = rows
            .values()
            .filter(|row| sectors.is_empty() || sectors.contains(&row.sector))
            .map(|row| ScoredId { id: row.id.clone(), score: cosine(&row.vector, query) })
            .collect();
        hits.sort_by(|x, y| y.score.total_cmp(&x.score).then_with(|| x.id.cmp(&y.id)));
        hits.truncate(limit);
        Ok(hits)
    }

    async fn load(&self, scope: &Scope, space: &Space, limit: usize) -> Result<Option<Vec<VectorRow>>> {
        let spaces = self.read();
        let Some(rows) = spaces.get(space).and_then(|scopes| scopes.get(scope)) else { return Ok(Some(Vec::new())) };
        Ok((rows.len() <= limit).then(|| rows.values().cloned().collect()))
    }

    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        for rows in self.write().values_mut().filter_map(|scopes| scopes.get_mut(scope)) {
            for id in ids {
                rows.remove(id);
            }
        }
        Ok(())
    }

    async fn erase(&self, scope: &Scope) -> Result<()> {
        for scopes in self.write().values_mut() {
            scopes.remove(scope);
        }
        Ok(())
    }

    async fn count(&self, space: &Space) -> Result<u64> {
        let spaces = self.read();
        Ok(spaces.get(space).into_iter().flat_map(BTreeMap::values).map(|rows| rows.len() as u64).sum())
    }

    async fn clear(&self, space: &Space) -> Result<()> {
        self.write().remove(space);
        Ok(())
    }

    async fn optimise(&self) -> Result<()> {
        Ok(())
    }

    async fn purge(&self) -> Result<()> {
        Ok(())
    }
}
