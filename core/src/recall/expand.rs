//! One hop along the links of the best hits (single waypoint).

use super::config::RecallConfig;
use super::score::{may_be_shown, sort};
use crate::engine::Engine;
use crate::{Hit, Item, Link, MemoryId, MemoryState, RecallQuery, Result, Scope, ScoreParts, Via};
use std::collections::{HashMap, HashSet};

/// A linked memory enters with its parent's score times the link's weight times the configured damping.
/// What was found directly keeps its own score. Dropped before it has ended, it has changed nothing.
pub(super) async fn follow_links(
    engine: &Engine,
    config: &RecallConfig,
    scope: &Scope,
    query: &RecallQuery,
    hits: &mut Vec<Hit>,
) -> Result<()> {
    let parents: Vec<MemoryId> =
        hits.iter().filter_map(Hit::memory).take(config.expand).map(|memory| memory.id.clone()).collect();
    if parents.is_empty() {
        return Ok(());
    }
    let links = engine.memory.links(scope, &parents).await?;
    let linked = strongest(hits, &parents, &links);
    let ids: Vec<MemoryId> = linked.keys().cloned().collect();
    for memory in engine.memory.memories(scope, &ids).await? {
        let Some(&(parent_score, weight)) = linked.get(&memory.id) else { continue };
        let faded = memory.state == MemoryState::Archived && !query.include_archived;
        if faded || !may_be_shown(&memory, query) {
            continue;
        }
        let parts = ScoreParts {
            salience: memory.effective_salience(engine.clock.now()) as f32,
            link: weight,
            ..ScoreParts::default()
        };
        let score = (parent_score * weight * config.weights.link).clamp(0.0, 1.0);
        hits.push(Hit { item: Item::Memory(Box::new(memory)), evidence: None, score, via: Via::Link, parts });
    }
    sort(hits);
    Ok(())
}

/// For each memory that was not found directly: the parent's score and the weight of its best link.
fn strongest(hits: &[Hit], parents: &[MemoryId], links: &[Link]) -> HashMap<MemoryId, (f32, f32)> {
    let direct: HashSet<&MemoryId> = hits.iter().filter_map(Hit::memory).map(|memory| &memory.id).collect();
    let mut linked: HashMap<MemoryId, (f32, f32)> = HashMap::new();
    for (hit, parent) in hits.iter().filter(|hit| hit.memory().is_some()).zip(parents) {
        for link in links {
            let Some(other) = link.other(parent) else { continue };
            if direct.contains(other) {
                continue;
            }
            let best = linked.entry(other.clone()).or_insert((0.0, 0.0));
            if hit.score * link.weight > best.0 * best.1 {
                *best = (hit.score, link.weight);
            }
        }
    }
    linked
}
