//! What is in the derived stores, and the walks that fill them.

use super::super::page::latest_first;
use super::state::State;
use crate::{IndexState, Memory, MemoryId, Page, PageRequest, Result, Scope};
use chrono::DateTime;

impl State {
    pub(super) fn mark_indexed(&mut self, scope: &Scope, ids: &[MemoryId]) {
        let Some(own) = self.memories.get_mut(scope) else { return };
        for id in ids {
            if let Some(memory) = own.get_mut(id) {
                memory.index = IndexState::Indexed;
            }
        }
        self.written(scope);
    }

    pub(super) fn pending(&self, limit: usize) -> Vec<(Scope, Memory)> {
        let mut pending: Vec<_> = self
            .owners
            .iter()
            .filter_map(|(id, scope)| Some((scope, self.memories.get(scope)?.get(id)?)))
            .filter(|(_, memory)| memory.index == IndexState::Pending)
            .collect();
        pending.sort_by(|(_, x), (_, y)| x.learnt_at.cmp(&y.learnt_at).then_with(|| x.id.cmp(&y.id)));
        pending.into_iter().take(limit).map(|(scope, memory)| (scope.clone(), memory.clone())).collect()
    }

    pub(super) fn scan(&self, page: &PageRequest) -> Result<Page<(Scope, Memory)>> {
        let all = self.owners.iter().filter_map(|(id, scope)| Some((scope, self.memories.get(scope)?.get(id)?)));
        // By id alone: the one thing about a memory that never changes.
        latest_first(
            "ram.scan_memories",
            all,
            page,
            |(_, memory)| (DateTime::UNIX_EPOCH, memory.id.as_str()),
            |(scope, memory)| (scope.clone(), memory.clone()),
        )
    }
}
