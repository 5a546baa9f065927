//! Turns that say what is no longer true.

use super::TurnIndex;
use super::blend::places;
use crate::engine::Engine;
use crate::store::MemoryFilter;
use crate::{Conflict, Memory, MemoryId, MemoryState, PageRequest, RecallQuery, Resolution, Result, Scope};
use std::collections::HashSet;

/// Superseded memories looked at, the latest first.
const LOOKED_AT: usize = 500;

/// The places of turns whose memory gave way to another: what the caller said last year must not be read out as if it
/// were true today. A turn that only said the same once more is as true as what stands.
pub(in crate::recall) async fn stale(
    engine: &Engine,
    scope: &Scope,
    query: &RecallQuery,
    index: &TurnIndex,
) -> Result<HashSet<usize>> {
    let filter = MemoryFilter { states: vec![MemoryState::Superseded], ..MemoryFilter::default() };
    let mut gone = engine.memory.list_memories(scope, &filter, &PageRequest::first(LOOKED_AT)).await?.items;
    // As of then it was still true.
    gone.retain(|memory| query.as_of.is_none_or(|then| memory.valid_to.is_none_or(|end| end <= then)));
    if gone.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<MemoryId> = gone.iter().map(|memory| memory.id.clone()).collect();
    let decided = engine.memory.conflicts_of(scope, &ids).await?;
    gone.retain(|memory| !decided.iter().any(|conflict| repeats(conflict, memory)));
    Ok(gone.iter().flat_map(|memory| places(index, memory)).collect())
}

fn repeats(conflict: &Conflict, memory: &Memory) -> bool {
    let pair = [&conflict.old, &conflict.new];
    conflict.resolution == Some(Resolution::Reinforced)
        && pair.contains(&&memory.id)
        && memory.superseded_by.as_ref().is_some_and(|by| pair.contains(&by))
}
