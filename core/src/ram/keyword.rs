//! Words, in memory: BM25 over one caller's documents.

use crate::store::{KeywordCaps, KeywordDoc, KeywordQuery, KeywordStore, ScoredId};
use crate::text::words;
use crate::{MemoryId, Result, Scope, Sector};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How soon further occurrences of a word stop to count.
const K1: f32 = 1.2;
/// How much the length of a document counts.
const B: f32 = 0.75;

#[derive(Debug)]
struct Document {
    sector: Sector,
    words: BTreeMap<String, u32>,
    length: u32,
}

impl Document {
    fn new(doc: &KeywordDoc) -> Self {
        let mut counted = Self { sector: doc.sector, words: BTreeMap::new(), length: 0 };
        for word in words(&doc.text) {
            *counted.words.entry(word).or_default() += 1;
            counted.length += 1;
        }
        counted
    }
}

type Documents = BTreeMap<MemoryId, Document>;
type Scopes = BTreeMap<Scope, Documents>;

/// A [`KeywordStore`] that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct RamKeywordStore(RwLock<Scopes>);

impl RamKeywordStore {
    fn read(&self) -> RwLockReadGuard<'_, Scopes> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Scopes> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn put<'a>(&self, docs: impl Iterator<Item = (&'a Scope, &'a KeywordDoc)>) {
        let mut scopes = self.write();
        for (scope, doc) in docs {
            scopes.entry(scope.clone()).or_default().insert(doc.id.clone(), Document::new(doc));
        }
    }
}

/// The weight of each asked word that is in at least one document.
fn weights(documents: &Documents, asked: &BTreeSet<String>) -> BTreeMap<String, f32> {
    let all = documents.len() as f32;
    let weight = |word: &String| {
        let holding = documents.values().filter(|d| d.words.contains_key(word)).count() as f32;
        (holding > 0.0).then(|| (word.clone(), (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln()))
    };
    asked.iter().filter_map(weight).collect()
}

fn score(document: &Document, weights: &BTreeMap<String, f32>, mean_length: f32) -> f32 {
    let length = 1.0 - B + B * document.length as f32 / mean_length;
    let part = |(word, weight): (&String, &f32)| {
        let count = document.words.get(word).copied().unwrap_or(0) as f32;
        weight * count * (K1 + 1.0) / (count + K1 * length)
    };
    weights.iter().map(part).sum()
}

#[async_trait]
impl KeywordStore for RamKeywordStore {
    fn caps(&self) -> KeywordCaps {
        KeywordCaps { durable: false, stemming: true }
    }

    async fn upsert(&self, scope: &Scope, docs: &[KeywordDoc]) -> Result<()> {
        self.put(docs.iter().map(|doc| (scope, doc)));
        Ok(())
    }

    async fn upsert_many(&self, docs: &[(Scope, KeywordDoc)]) -> Result<()> {
        self.put(docs.iter().map(|(scope, doc)| (scope, doc)));
        Ok(())
    }

    async fn search(&self, scope: &Scope, query: &KeywordQuery) -> Result<Vec<ScoredId>> {
        let asked: BTreeSet<String> = words(&query.text).collect();
        let scopes = self.read();
        let Some(documents) = scopes.get(scope) else { return Ok(Vec::new()) };
        let weights = weights(documents, &asked);
        let total: f32 = documents.values().map(|d| d.length as f32).sum();
        let mean_length = (total / documents.len().max(1) as f32).max(1.0);
        let mut hits: Vec<_> = documents
            .iter()
            .filter(|(_, d)| query.sectors.is_empty() || query.sectors.contains(&d.sector))
            .map(|(id, d)| ScoredId { id: id.clone(), score: score(d, &weights, mean_length) })
            .filter(|hit| hit.score > 0.0)
            .collect();
        hits.sort_by(|x, y| y.score.total_cmp(&x.score).then_with(|| x.id.cmp(&y.id)));
        hits.truncate(query.limit);
        Ok(hits)
    }

    async fn delete(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        if let Some(documents) = self.write().get_mut(scope) {
            for id in ids {
                documents.remove(id);
            }
        }
        Ok(())
    }

    async fn erase(&self, scope: &Scope) -> Result<()> {
        self.write().remove(scope);
        Ok(())
    }

    async fn count(&self) -> Result<u64> {
        Ok(self.read().values().map(|documents| documents.len() as u64).sum())
    }

    async fn clear(&self) -> Result<()> {
        self.write().clear();
        Ok(())
    }

    async fn optimise(&self) -> Result<()> {
        Ok(())
    }

    async fn purge(&self) -> Result<()> {
        Ok(())
    }
}
