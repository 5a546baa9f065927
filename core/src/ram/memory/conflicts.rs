//! What was decided about two memories, and what took whose place.

use super::super::page::latest_first;
use super::state::State;
use crate::store::ConflictFilter;
use crate::{Change, Conflict, Memory, MemoryId, MemoryState, Page, PageRequest, Result, Scope, Standing, TenantId};
use std::collections::{BTreeMap, BTreeSet};

impl State {
    pub(super) fn settle(
        &mut self,
        scope: &Scope,
        known: Option<&Conflict>,
        conflict: &Conflict,
        changes: &[Change],
    ) -> bool {
        let stored = self.conflicts.get(scope).and_then(|own| own.get(&conflict.id));
        let as_known = stored.map(|c| (c.state, c.resolved_at)) == known.map(|c| (c.state, c.resolved_at));
        let Some(own) = self.memories.get_mut(scope) else { return false };
        let stand = changes.iter().all(|c| own.get(&c.memory).is_some_and(|m| Standing::of(m) == c.before));
        if !as_known || !stand || ![&conflict.old, &conflict.new].into_iter().all(|end| own.contains_key(end)) {
            return false;
        }
        for change in changes {
            if let Some(memory) = own.get_mut(&change.memory) {
                change.after.apply(memory);
            }
        }
        self.conflicts.entry(scope.clone()).or_default().insert(conflict.id.clone(), conflict.clone());
        self.written(scope);
        true
    }

    pub(super) fn history(&self, scope: &Scope, id: &MemoryId) -> Vec<Memory> {
        let Some(own) = self.memories.get(scope).filter(|own| own.contains_key(id)) else { return Vec::new() };
        let mut met = BTreeSet::from([id]);
        loop {
            let before = met.len();
            for memory in own.values() {
                let Some(next) = memory.superseded_by.as_ref().and_then(|next| own.get(next)) else { continue };
                if met.contains(&memory.id) || met.contains(&next.id) {
                    met.extend([&memory.id, &next.id]);
                }
            }
            if met.len() == before {
                break;
            }
        }
        let mut history: Vec<Memory> = met.into_iter().filter_map(|id| own.get(id)).cloned().collect();
        history.sort_by(|x, y| (x.learnt_at, &x.id).cmp(&(y.learnt_at, &y.id)));
        history
    }

    pub(super) fn conflicts_between(&self, scope: &Scope, ends: &[MemoryId]) -> Vec<Conflict> {
        let own = self.conflicts.get(scope).into_iter().flat_map(BTreeMap::values);
        let mut found: Vec<_> = own.filter(|c| ends.contains(&c.old) || ends.contains(&c.new)).cloned().collect();
        found.sort_by(|x, y| (x.created_at, &x.id).cmp(&(y.created_at, &y.id)));
        found
    }

    pub(super) fn listed_conflicts(
        &self,
        tenant: &TenantId,
        filter: &ConflictFilter,
        page: &PageRequest,
    ) -> Result<Page<Conflict>> {
        let listed = self
            .conflicts
            .iter()
            .filter(|(scope, _)| scope.tenant == *tenant)
            .filter(|(scope, _)| filter.caller.as_ref().is_none_or(|caller| scope.caller == *caller))
            .flat_map(|(_, own)| own.values())
            .filter(|conflict| filter.state.is_none_or(|state| conflict.state == state));
        latest_first("ram.conflicts", listed, page, |c| (c.created_at, c.id.as_str()), Conflict::clone)
    }
}

/// Leads what pointed to a memory that is gone on to that one's successor, or makes it current again.
pub(super) fn close_ranks(own: &mut BTreeMap<MemoryId, Memory>, gone: &BTreeMap<MemoryId, Option<MemoryId>>) {
    let orphans: Vec<MemoryId> = own
        .values()
        .filter(|m| m.superseded_by.as_ref().is_some_and(|next| gone.contains_key(next)))
        .map(|m| m.id.clone())
        .collect();
    for id in orphans {
        let mut next = own.get(&id).and_then(|m| m.superseded_by.clone());
        for _ in 0..=gone.len() {
            match next.as_ref().and_then(|at| gone.get(at)) {
                Some(further) => next.clone_from(further),
                None => break,
            }
        }
        let next = next.filter(|next| *next != id && own.contains_key(next));
        let Some(memory) = own.get_mut(&id) else { continue };
        if next.is_none() {
            memory.valid_to = None;
            if memory.state == MemoryState::Superseded {
                memory.state = MemoryState::Active;
            }
        }
        memory.superseded_by = next;
    }
}
