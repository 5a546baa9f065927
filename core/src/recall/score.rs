//! Candidates become ranked hits.

use super::config::RecallConfig;
use super::search::{Found, Raw};
use crate::decay::DecayRates;
use crate::engine::Engine;
use crate::{Hit, Item, Memory, MemoryId, MemoryState, RecallQuery, Result, Scope, ScoreParts, Timestamp, Via};
use std::collections::HashMap;

/// Days after which a memory's recency has fallen to 1/e.
const RECENCY_DAYS: f64 = 45.0;

/// How much more recency counts when the question asks for the latest.
const LATEST_FACTOR: f32 = 5.0;

/// Ranks the candidates that may be shown; archived ones only where asked for, or where nothing else matches.
pub(super) async fn rank(
    engine: &Engine,
    config: &RecallConfig,
    scope: &Scope,
    query: &RecallQuery,
    found: &Found,
) -> Result<Vec<Hit>> {
    let relevant: HashMap<&MemoryId, &Raw> = found
        .candidates
        .iter()
        .filter(|(_, raw)| raw.bm25.is_some() || raw.cosine.is_some_and(|c| c >= config.min_cosine))
        .collect();
    let mut ids: Vec<MemoryId> = relevant.keys().map(|id| (*id).clone()).collect();
    ids.sort();
    let memories = engine.memory.memories(scope, &ids).await?;
    let scale = Scale::over(relevant.values().copied());
    let now = engine.clock.now();
    let latest = asks_for_latest(&query.text);
    let mut hits: Vec<Hit> = memories
        .into_iter()
        .filter(|memory| may_be_shown(memory, query))
        .map(|memory| {
            let raw = relevant.get(&memory.id).copied().copied().unwrap_or_default();
            hit(memory, raw, &scale, config, (&engine.decay.per_day, now), latest)
        })
        .collect();
    if !hits.iter().all(is_faded) && !query.include_archived {
        hits.retain(|hit| !is_faded(hit));
    }
    sort(&mut hits);
    Ok(hits)
}

/// Whether it is something that was archived.
pub(super) fn is_faded(hit: &Hit) -> bool {
    hit.memory().is_some_and(|memory| memory.state == MemoryState::Archived)
}

/// Best first; equal scores by id, so that the same question has the same answer.
pub(super) fn sort(hits: &mut [Hit]) {
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key().cmp(&b.key())));
}

/// Only current truth; or, as of a moment, what was true then as far as it was known, whatever took its place since.
pub(super) fn may_be_shown(memory: &Memory, query: &RecallQuery) -> bool {
    let sector = query.sectors.is_empty() || query.sectors.contains(&memory.sector);
    let current = memory.state.stands();
    let shown = match query.as_of {
        None => current,
        Some(_) if memory.state == MemoryState::Quarantined => false,
        Some(then) => memory.learnt_at <= then && memory.valid_to.map_or(current, |end| then < end),
    };
    sector && shown
}

fn hit(
    memory: Memory,
    raw: Raw,
    scale: &Scale,
    config: &RecallConfig,
    (rates, now): (&DecayRates, Timestamp),
    latest: bool,
) -> Hit {
    let weights = &config.weights;
    let recency_weight = if latest { weights.recency * LATEST_FACTOR } else { weights.recency };
    let parts = ScoreParts {
        similarity: scale.cosine(raw.cosine),
        keyword: scale.bm25(raw.bm25),
        salience: memory.effective_salience(rates, now) as f32,
        recency: recency(memory.occurred_at, now),
        ..ScoreParts::default()
    };
    let total = weights.similarity + weights.keyword + weights.salience + recency_weight;
    let sum = weights.similarity * parts.similarity
        + weights.keyword * parts.keyword
        + weights.salience * parts.salience
        + recency_weight * parts.recency;
    let score = if total > 0.0 { (sum / total).clamp(0.0, 1.0) } else { 0.0 };
    Hit { item: Item::Memory(Box::new(memory)), evidence: None, score, via: Via::Direct, parts }
}

/// `e^(−days/45)`; what lies ahead is as recent as today.
fn recency(occurred_at: Timestamp, now: Timestamp) -> f32 {
    let days = (now - occurred_at).num_seconds().max(0) as f64 / 86_400.0;
    (-days / RECENCY_DAYS).exp() as f32
}

fn asks_for_latest(text: &str) -> bool {
    let text = text.to_lowercase();
    ["latest", "last time", "most recent", "recently", "newest", "last call", "right now", "currently"]
        .iter()
        .any(|cue| text.contains(cue))
}

/// Brings both scores to 0..1 over the candidates of this question: their raw scales differ from embedder to
/// embedder and from question to question, and a sum of scaled scores beats rank fusion (memory-model.md).
struct Scale {
    low: f32,
    high: f32,
    most: f32,
}

impl Scale {
    fn over<'a>(raws: impl Iterator<Item = &'a Raw>) -> Self {
        let mut scale = Self { low: f32::INFINITY, high: f32::NEG_INFINITY, most: 0.0 };
        for raw in raws {
            if let Some(cosine) = raw.cosine {
                scale.low = scale.low.min(cosine);
                scale.high = scale.high.max(cosine);
            }
            scale.most = scale.most.max(raw.bm25.unwrap_or(0.0));
        }
        scale
    }

    fn cosine(&self, raw: Option<f32>) -> f32 {
        let Some(raw) = raw else { return 0.0 };
        let span = self.high - self.low;
        // A single candidate, or all alike: nothing to scale by, so the cosine speaks for itself.
        if span < 1e-6 { raw.clamp(0.0, 1.0) } else { (raw - self.low) / span }
    }

    fn bm25(&self, raw: Option<f32>) -> f32 {
        if self.most > 0.0 { raw.unwrap_or(0.0).max(0.0) / self.most } else { 0.0 }
    }
}
