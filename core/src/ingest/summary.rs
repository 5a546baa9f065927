//! A caller in a few sentences: by the chat model where there is one, else and whenever it fails by rules.

use super::config::IngestConfig;
use crate::ai::by_prompt::summarise;
use crate::cost::{Account, charged_to};
use crate::engine::Engine;
use crate::recall::{is_open, speak};
use crate::store::MemoryFilter;
use crate::{Memory, MemoryState, PageRequest, Result, Scope};

/// Memories looked at to choose from.
const LOOKED_AT: usize = 200;

pub(super) async fn write(engine: &Engine, config: &IngestConfig, scope: &Scope) -> Result<()> {
    let filter = MemoryFilter { states: vec![MemoryState::Active], ..MemoryFilter::default() };
    let mut memories = engine.memory.list_memories(scope, &filter, &PageRequest::first(LOOKED_AT)).await?.items;
    let now = engine.clock.now();
    let left = |m: &Memory| m.effective_salience(&engine.decay.per_day, now);
    // What somebody waits for comes before what is known.
    memories.sort_by(|a, b| {
        let by_salience = || left(b).total_cmp(&left(a)).then_with(|| a.id.cmp(&b.id));
        is_open(b, now).cmp(&is_open(a, now)).then_with(by_salience)
    });
    let shared = engine.memory.user(scope).await?.is_some_and(|user| user.shared);
    let sentences: Vec<String> = memories.iter().map(|memory| speak(memory, shared)).collect();
    let most = config.summary_sentences;
    let by_model = match &engine.chat {
        Some(chat) => charged_to(Account::of(scope.tenant.clone()), summarise(&**chat, &sentences, most))
            .await
            .inspect_err(|error| tracing::warn!(error = ?error, "summarised by rules, the model gave no summary"))
            .ok(),
        None => None,
    };
    let by_rules = || sentences.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(" ");
    let summary = by_model.unwrap_or_else(by_rules);
    engine.memory.set_summary(scope, &engine.redaction.text(&summary)).await
}
