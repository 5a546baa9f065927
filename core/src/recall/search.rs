//! Both searches, side by side, under one deadline.

use super::cache::CallerCache;
use super::config::RecallConfig;
use super::deadline::{Deadline, by};
use super::fallback::{self, Degraded, VectorSide};
use crate::ai::EmbedPurpose;
use crate::engine::Engine;
use crate::layer::spoken_by;
use crate::store::{KeywordQuery, ScoredId};
use crate::{MemoryId, Mode, RecallQuery, Result, Scope, StepTimes};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::time::timeout_at;

/// A real union of the candidates of both searches; where one side does not know a memory its part is `None`.
#[derive(Debug)]
pub(super) struct Found {
    pub candidates: HashMap<MemoryId, Raw>,
    pub mode: Mode,
    pub degraded: Option<Degraded>,
    /// The question, where it could be embedded in time.
    pub vector: Option<Vec<f32>>,
}

/// Raw scores of a candidate.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Raw {
    pub cosine: Option<f32>,
    pub bm25: Option<f32>,
}

pub(super) async fn both(
    engine: &Engine,
    cache: &CallerCache,
    config: &RecallConfig,
    scope: &Scope,
    query: &RecallQuery,
    deadline: &Deadline,
    times: &mut StepTimes,
) -> Result<Found> {
    let begun = Instant::now();
    let words = KeywordQuery { text: query.text.clone(), sectors: query.sectors.clone(), limit: config.candidates };
    let words = by(deadline.searches, "recall.words", engine.keywords.search(scope, &words));
    let (words, VectorAnswer { side, cosines, vector, took: embed_time }) =
        tokio::join!(words, vector_side(engine, cache, config, scope, query, deadline));
    times.embed = embed_time;
    times.search = begun.elapsed().saturating_sub(embed_time);

    let (words, outcome) = match words {
        Ok(words) => (words, Ok(())),
        Err(error) => (Vec::new(), Err(error)),
    };
    let verdict = fallback::decide(side, outcome)?;
    let mut candidates: HashMap<MemoryId, Raw> = HashMap::with_capacity(words.len() + config.candidates);
    for ScoredId { id, score } in words {
        candidates.entry(id).or_default().bm25 = Some(score);
    }
    merge_cosines(&mut candidates, cosines, config.candidates);
    Ok(Found { candidates, mode: verdict.mode, degraded: verdict.degraded, vector })
}

/// The best cosines join; memories found by their words get theirs too.
fn merge_cosines(candidates: &mut HashMap<MemoryId, Raw>, mut cosines: Vec<ScoredId>, best: usize) {
    cosines.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    for (rank, ScoredId { id, score }) in cosines.into_iter().enumerate() {
        if rank < best {
            candidates.entry(id).or_default().cosine = Some(score);
        } else if let Some(raw) = candidates.get_mut(&id) {
            raw.cosine = Some(score);
        }
    }
}

async fn vector_side(
    engine: &Engine,
    cache: &CallerCache,
    config: &RecallConfig,
    scope: &Scope,
    query: &RecallQuery,
    deadline: &Deadline,
) -> VectorAnswer {
    let none = |side, took| VectorAnswer { side, cosines: Vec::new(), vector: None, took };
    let Some(embedder) = &engine.embedder else { return none(VectorSide::NoEmbedder, Duration::ZERO) };
    let begun = Instant::now();
    let texts = [query.text.clone()];
    let embedding = spoken_by(vec![scope.clone()], embedder.interactive.embed(&texts, EmbedPurpose::Query));
    let embedded = timeout_at(deadline.embedding, embedding).await;
    let took = begun.elapsed();
    let vector = match embedded {
        Err(_) => return none(VectorSide::EmbeddingLate, took),
        Ok(Err(error)) => return none(VectorSide::EmbeddingFailed(error), took),
        Ok(Ok(embedded)) => embedded.vectors.into_iter().next().unwrap_or_default(),
    };
    let nearest = nearest(engine, cache, config, scope, query, &vector);
    let (side, cosines) = match by(deadline.searches, "recall.vectors", nearest).await {
        Ok(cosines) => (VectorSide::Answered, cosines),
        Err(error) => (VectorSide::SearchFailed(error), Vec::new()),
    };
    VectorAnswer { side, cosines, vector: Some(vector), took }
}

/// How the vector side ended, and what it found.
struct VectorAnswer {
    side: VectorSide,
    cosines: Vec<ScoredId>,
    vector: Option<Vec<f32>>,
    took: Duration,
}

/// Exact inside the caller: from memory when the caller fits, else from the store.
async fn nearest(
    engine: &Engine,
    cache: &CallerCache,
    config: &RecallConfig,
    scope: &Scope,
    query: &RecallQuery,
    vector: &[f32],
) -> Result<Vec<ScoredId>> {
    let Some(embedder) = &engine.embedder else { return Ok(Vec::new()) };
    let space = &embedder.interactive.info().space;
    let Some(user) = engine.memory.user(scope).await? else { return Ok(Vec::new()) };
    let Some(warm) = cache.get(&*engine.vectors, scope, space, user.revision).await? else {
        return engine.vectors.search(scope, space, vector, &query.sectors, config.candidates).await;
    };
    let wanted = |sector| query.sectors.is_empty() || query.sectors.contains(&sector);
    Ok(warm
        .cosines(vector)
        .filter(|(_, sector, _)| wanted(*sector))
        .map(|(id, _, score)| ScoredId { id: id.clone(), score })
        .collect())
}
