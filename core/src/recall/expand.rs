//! One hop along the links of the best hits (single waypoint).

use super::answer::Room;
use super::config::RecallConfig;
use super::evidence::cost;
use super::score::{may_be_shown, sort};
use crate::engine::Engine;
use crate::{Hit, Item, Link, MemoryId, MemoryState, RecallQuery, Result, Scope, ScoreParts, Timestamp, Via};
use std::collections::{HashMap, HashSet};

/// Puts what the best hits are linked to behind them, as far as there is room, and answers the links that led there.
///
/// A linked memory's score is its parent's times what is left of the link's weight times the configured damping, but
/// never above that of a hit that was found directly. It takes no place that such a hit could have had: where anything
/// was left out there is no room, and nothing is looked up. Dropped before it has ended, it has changed nothing.
pub(super) async fn follow_links(
    engine: &Engine,
    config: &RecallConfig,
    scope: &Scope,
    query: &RecallQuery,
    hits: &mut Vec<Hit>,
    room: &mut Room,
) -> Result<Vec<Link>> {
    let parents: Vec<MemoryId> =
        hits.iter().filter_map(Hit::memory).take(config.expand).map(|memory| memory.id.clone()).collect();
    if parents.is_empty() || room.places == 0 || room.words == 0 {
        return Ok(Vec::new());
    }
    let now = engine.clock.now();
    let mut links = engine.memory.links(scope, &parents).await?;
    links.retain(|link| !engine.decay.prunes(link, now));
    let linked = strongest(engine, hits, &parents, &links, now);
    let ids: Vec<MemoryId> = linked.keys().cloned().collect();
    let least = hits.iter().map(|hit| hit.score).fold(1.0, f32::min);
    let mut found = Vec::new();
    for memory in engine.memory.memories(scope, &ids).await? {
        let Some(way) = linked.get(&memory.id) else { continue };
        let faded = memory.state == MemoryState::Archived && !query.include_archived;
        if faded || !may_be_shown(&memory, query) {
            continue;
        }
        let parts = ScoreParts {
            salience: memory.effective_salience(&engine.decay.per_day, now) as f32,
            link: way.weight,
            ..ScoreParts::default()
        };
        let score = (way.parent_score * way.weight * config.weights.link).clamp(0.0, least.max(0.0));
        found.push(Hit { item: Item::Memory(Box::new(memory)), evidence: None, score, via: Via::Link, parts });
    }
    sort(&mut found);
    Ok(fill(hits, room, found).iter().filter_map(|id| linked.get(id)).map(|way| way.link.clone()).collect())
}

/// Appends what there is room for, best first; answers which that was.
fn fill(hits: &mut Vec<Hit>, room: &mut Room, found: Vec<Hit>) -> Vec<MemoryId> {
    let mut shown = Vec::new();
    for hit in found.into_iter().take(room.places) {
        let words = cost(&hit);
        if words > room.words {
            break;
        }
        room.words -= words;
        shown.extend(hit.memory().map(|memory| memory.id.clone()));
        hits.push(hit);
    }
    room.places -= shown.len();
    shown
}

/// How a memory is reached.
struct Way<'a> {
    parent_score: f32,
    weight: f32,
    link: &'a Link,
}

/// For each memory that was not found directly: its best link.
fn strongest<'a>(
    engine: &Engine,
    hits: &[Hit],
    parents: &[MemoryId],
    links: &'a [Link],
    now: Timestamp,
) -> HashMap<MemoryId, Way<'a>> {
    let direct: HashSet<&MemoryId> = hits.iter().filter_map(Hit::memory).map(|memory| &memory.id).collect();
    let mut linked: HashMap<MemoryId, Way<'a>> = HashMap::new();
    for (hit, parent) in hits.iter().filter(|hit| hit.memory().is_some()).zip(parents) {
        for link in links {
            let Some(other) = link.other(parent).filter(|other| !direct.contains(other)) else { continue };
            let way = Way { parent_score: hit.score, weight: link.weight_left(engine.decay.link_per_day, now), link };
            let better = |known: &Way<'_>| way.parent_score * way.weight > known.parent_score * known.weight;
            if linked.get(other).is_none_or(better) {
                linked.insert(other.clone(), way);
            }
        }
    }
    linked
}
