//! A caller in a few sentences, without a model.

use super::config::IngestConfig;
use crate::engine::Engine;
use crate::recall::speak;
use crate::store::MemoryFilter;
use crate::{Memory, MemoryState, PageRequest, Result, Scope};

/// Memories looked at to choose from.
const LOOKED_AT: usize = 200;

pub(super) async fn write(engine: &Engine, config: &IngestConfig, scope: &Scope) -> Result<()> {
    let filter = MemoryFilter { states: vec![MemoryState::Active], ..MemoryFilter::default() };
    let mut memories = engine.memory.list_memories(scope, &filter, &PageRequest::first(LOOKED_AT)).await?.items;
    let now = engine.clock.now();
    let left = |m: &Memory| m.effective_salience(now);
    memories.sort_by(|a, b| left(b).total_cmp(&left(a)).then_with(|| a.id.cmp(&b.id)));
    memories.truncate(config.summary_sentences);
    let sentences: Vec<String> = memories.iter().map(speak).collect();
    engine.memory.set_summary(scope, &sentences.join(" ")).await
}
