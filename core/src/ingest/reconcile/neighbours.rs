//! What a new memory is held against: its nearest of the same caller, by meaning and by words.

use super::config::ReconcileConfig;
use crate::engine::Engine;
use crate::ingest::outcomes;
use crate::recall::CallerCache;
use crate::store::KeywordQuery;
use crate::{Memory, MemoryId, Result, Scope};
use std::collections::HashMap;

/// So many times the wanted number are looked up, since what was superseded stays indexed.
const SPARE: usize = 8;

/// A memory nearby.
#[derive(Debug, Clone)]
pub(super) struct Neighbour {
    pub(super) memory: Memory,
    /// Whether their vectors are about as close as those that are linked.
    pub(super) close: bool,
}

/// The caller's memories nearest to this one, archived ones among them, nearest first: what it settles, the best by vector,
/// then the best by words.
/// Without vectors, words alone.
pub(super) async fn find(
    engine: &Engine,
    cache: &CallerCache,
    config: &ReconcileConfig,
    scope: &Scope,
    memory: &Memory,
) -> Result<Vec<Neighbour>> {
    let by_vector = by_vector(engine, cache, config, scope, memory).await?;
    let words = KeywordQuery {
        text: memory.content.clone(),
        sectors: Vec::new(),
        limit: config.candidates.saturating_mul(SPARE),
    };
    let by_words = engine.keywords.search(scope, &words).await?;
    let close: HashMap<&MemoryId, bool> = by_vector.iter().map(|(id, close)| (id, *close)).collect();

    let mut neighbours: Vec<Neighbour> = Vec::new();
    for ids in [
        outcomes::settles(memory).into_iter().collect::<Vec<_>>(),
        by_vector.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(),
        by_words.into_iter().map(|found| found.id).collect(),
    ] {
        let current = current(engine, scope, &ids).await?;
        let others = current.into_iter().filter(|(m, _)| m.state.stands() && m.id != memory.id);
        for (memory, found) in others.take(config.candidates) {
            if neighbours.iter().all(|known| known.memory.id != memory.id) {
                let close = close.get(&found).copied().unwrap_or_default();
                neighbours.push(Neighbour { memory, close });
            }
        }
    }
    Ok(neighbours)
}

/// These memories, each once and in this order; for what gave way, what stands in its place. So a fact that was repeated
/// a hundred times is found however many of its repetitions are nearer. With each goes the id it was found by.
async fn current(engine: &Engine, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<(Memory, MemoryId)>> {
    let mut known: HashMap<MemoryId, Memory> = HashMap::new();
    let mut wanted = ids.to_vec();
    // Every round goes one step on; chains are as short as there were changes, and a ring ends.
    while !wanted.is_empty() {
        let found = engine.memory.memories(scope, &wanted).await?;
        wanted = found.iter().filter_map(|memory| memory.superseded_by.clone()).collect();
        known.extend(found.into_iter().map(|memory| (memory.id.clone(), memory)));
        wanted.retain(|id| !known.contains_key(id));
        wanted.sort();
        wanted.dedup();
    }
    let mut current: Vec<(Memory, MemoryId)> = Vec::new();
    for found in ids {
        let mut at = known.get(found);
        for _ in 0..known.len() {
            match at.and_then(|memory| memory.superseded_by.as_ref()) {
                Some(next) => at = known.get(next),
                None => break,
            }
        }
        if let Some(memory) = at
            && current.iter().all(|(met, _)| met.id != memory.id)
        {
            current.push((memory.clone(), found.clone()));
        }
    }
    Ok(current)
}

/// Ids by cosine, nearest first, and whether each is about as close as what is linked.
async fn by_vector(
    engine: &Engine,
    cache: &CallerCache,
    config: &ReconcileConfig,
    scope: &Scope,
    memory: &Memory,
) -> Result<Vec<(MemoryId, bool)>> {
    let Some(embedder) = &engine.embedder else { return Ok(Vec::new()) };
    let Some(user) = engine.memory.user(scope).await? else { return Ok(Vec::new()) };
    let info = embedder.background.info();
    // Callers with too many vectors to hold are compared by words alone, as they go without links.
    let Some(warm) = cache.get(&*engine.vectors, scope, &info.space, user.revision).await? else {
        return Ok(Vec::new());
    };
    let Some(vector) = warm.vector(&memory.id) else { return Ok(Vec::new()) };
    let mut near: Vec<(&MemoryId, f32)> = warm.cosines(vector).map(|(id, _, cosine)| (id, cosine)).collect();
    near.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    near.truncate(config.candidates.saturating_mul(SPARE));
    let threshold = engine.link_threshold(info);
    Ok(near.into_iter().map(|(id, cosine)| (id.clone(), cosine >= threshold)).collect())
}
