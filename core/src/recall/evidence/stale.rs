//! Turns that say what is no longer true.

use super::TurnIndex;
use super::blend::places;
use crate::engine::Engine;
use crate::store::MemoryFilter;
use crate::{Conflict, Memory, MemoryId, MemoryState, PageRequest, RecallQuery, Resolution, Result, Scope, Timestamp};
use std::collections::HashSet;

/// Superseded memories looked at, the latest first.
const LOOKED_AT: usize = 500;

/// What of a caller gave way to something else, as of one revision and one set of calls.
#[derive(Debug, Default)]
pub(in crate::recall) struct GaveWay(Vec<Gone>);

#[derive(Debug)]
struct Gone {
    /// The turns it was derived from, as places in the index.
    places: Vec<usize>,
    /// Until when it was true; `None` where that is not known.
    until: Option<Timestamp>,
}

impl GaveWay {
    /// Reads it. A turn that only said the same once more is as true as what stands.
    pub(in crate::recall) async fn read(engine: &Engine, scope: &Scope, index: &TurnIndex) -> Result<Self> {
        if index.turns().is_empty() {
            return Ok(Self::default());
        }
        let filter = MemoryFilter { states: vec![MemoryState::Superseded], ..MemoryFilter::default() };
        let mut gone = engine.memory.list_memories(scope, &filter, &PageRequest::first(LOOKED_AT)).await?.items;
        if gone.is_empty() {
            return Ok(Self::default());
        }
        let ids: Vec<MemoryId> = gone.iter().map(|memory| memory.id.clone()).collect();
        let decided = engine.memory.conflicts_of(scope, &ids).await?;
        gone.retain(|memory| !decided.iter().any(|conflict| repeats(conflict, memory)));
        let places = |memory: &Memory| places(index, memory).collect::<Vec<_>>();
        let gone = gone.iter().map(|memory| Gone { places: places(memory), until: memory.valid_to });
        Ok(Self(gone.filter(|gone| !gone.places.is_empty()).collect()))
    }

    /// The places of turns whose memory gave way to another: what the caller said last year must not be read out as if it
    /// were true today. Where the question is as of an earlier day, only of what was no longer true by then.
    pub(in crate::recall) fn stale(&self, query: &RecallQuery) -> HashSet<usize> {
        let over = |gone: &&Gone| query.as_of.is_none_or(|then| gone.until.is_none_or(|end| end <= then));
        self.0.iter().filter(over).flat_map(|gone| gone.places.iter().copied()).collect()
    }
}

fn repeats(conflict: &Conflict, memory: &Memory) -> bool {
    let pair = [&conflict.old, &conflict.new];
    conflict.resolution == Some(Resolution::Reinforced)
        && pair.contains(&&memory.id)
        && memory.superseded_by.as_ref().is_some_and(|by| pair.contains(&by))
}
