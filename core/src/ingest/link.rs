//! New memories are linked to their nearest neighbours of the same caller.

use super::config::IngestConfig;
use crate::engine::Engine;
use crate::recall::CallerCache;
use crate::store::ScoredId;
use crate::{Link, LinkKind, MemoryId, Result, Scope};

/// Links each memory to at most `max_links` neighbours whose cosine is from the threshold on (`[link]`, or the
/// embedder's own). A pair that is linked already keeps its link with the weight it has come to.
/// Without an embedder there are no links.
pub(super) async fn write(
    engine: &Engine,
    cache: &CallerCache,
    config: &IngestConfig,
    scope: &Scope,
    ids: &[MemoryId],
) -> Result<usize> {
    let Some(embedder) = &engine.embedder else { return Ok(0) };
    let Some(user) = engine.memory.user(scope).await? else { return Ok(0) };
    let info = embedder.background.info();
    // Callers with too many vectors to hold go without automatic links: no person says so much.
    let Some(warm) = cache.get(&*engine.vectors, scope, &info.space, user.revision).await? else { return Ok(0) };
    let threshold = engine.link_threshold(info);
    let now = engine.clock.now();
    let mut links: Vec<Link> = Vec::new();
    for id in ids {
        let Some(vector) = warm.vector(id) else { continue };
        let mut near: Vec<ScoredId> = warm
            .cosines(vector)
            .filter(|(other, _, cosine)| *other != id && *cosine >= threshold)
            .map(|(other, _, score)| ScoredId { id: other.clone(), score })
            .collect();
        near.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        near.truncate(config.max_links);
        links.extend(near.into_iter().map(|n| Link::new(id.clone(), n.id, n.score, LinkKind::Similar, now)));
    }
    links.sort_by(|a, b| a.id.cmp(&b.id));
    links.dedup_by(|a, b| a.id == b.id);
    if !links.is_empty() {
        engine.memory.put_links(scope, &links).await?;
    }
    Ok(links.len())
}
