//! What fades, and who looks after it.

use super::state::State;
use crate::ram::page::earliest_first;
use crate::store::{Leadership, LinkUse};
use crate::{
    Change, Link, LinkId, LinkKind, Memory, MemoryId, MemoryState, Page, PageRequest, Result, Scope, Standing,
    Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

impl State {
    pub(super) fn links_of(&self, scope: &Scope, ends: &[MemoryId]) -> Vec<Link> {
        let ends: BTreeSet<_> = ends.iter().collect();
        let own = self.links.get(scope).into_iter().flat_map(BTreeMap::values);
        let mut found: Vec<_> = own.filter(|l| ends.contains(&l.a) || ends.contains(&l.b)).cloned().collect();
        found.sort_by(|x, y| y.weight.total_cmp(&x.weight).then_with(|| x.id.cmp(&y.id)));
        found
    }

    pub(super) fn put_links(&mut self, scope: &Scope, links: &[Link]) {
        for link in links {
            self.put_link(scope, link);
        }
        self.written(scope);
    }

    pub(super) fn remove_link(&mut self, scope: &Scope, id: &LinkId) {
        if self.links.get_mut(scope).and_then(|own| own.remove(id)).is_some() {
            self.written(scope);
        }
    }

    pub(super) fn put_link(&mut self, scope: &Scope, link: &Link) {
        let ours = [&link.a, &link.b].into_iter().all(|end| self.owners.get(end) == Some(scope));
        if !ours || link.a == link.b {
            return;
        }
        let made = Link::new(link.a.clone(), link.b.clone(), link.weight, link.kind, link.created_at);
        let link = Link { used_at: link.used_at, ..made };
        let own = self.links.entry(scope.clone()).or_default();
        if link.kind == LinkKind::Manual || !own.contains_key(&link.id) {
            own.insert(link.id.clone(), link);
        }
    }

    pub(super) fn restand(&mut self, scope: &Scope, changes: &[Change]) -> u64 {
        let mut changed = 0;
        let mut own = self.memories.get_mut(scope);
        for change in changes {
            let memory = own.as_mut().and_then(|own| own.get_mut(&change.memory));
            if let Some(memory) = memory.filter(|memory| Standing::of(memory) == change.before) {
                change.after.apply(memory);
                changed += 1;
            }
        }
        if changed > 0 {
            self.written(scope);
        }
        changed
    }

    pub(super) fn fading_memories(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Memory)>> {
        let fading = self
            .memories
            .iter()
            .flat_map(|(scope, own)| own.values().map(move |memory| (scope, memory)))
            .filter(|(_, memory)| memory.state == MemoryState::Active && memory.reinforced_at < before);
        earliest_first(
            "ram.fading_memories",
            fading,
            page,
            |(_, memory)| (memory.reinforced_at, memory.id.as_str()),
            |(scope, memory)| (scope.clone(), memory.clone()),
        )
    }

    pub(super) fn fading_links(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Link)>> {
        let fading = self
            .links
            .iter()
            .flat_map(|(scope, own)| own.values().map(move |link| (scope, link)))
            .filter(|(_, link)| link.kind == LinkKind::Similar && link.used_at.unwrap_or(link.created_at) < before);
        // By id alone: a link that is used while the walk goes on must not stand in its way.
        earliest_first(
            "ram.fading_links",
            fading,
            page,
            |(_, link)| (Timestamp::UNIX_EPOCH, link.id.as_str()),
            |(scope, link)| (scope.clone(), link.clone()),
        )
    }

    pub(super) fn use_links(&mut self, scope: &Scope, uses: &[LinkUse]) -> u64 {
        let Some(own) = self.links.get_mut(scope) else { return 0 };
        let mut written = 0;
        for LinkUse { id, known, weight, used_at } in uses {
            let link = own.get_mut(id).filter(|link| link.kind == LinkKind::Similar && link.used_at == *known);
            if let Some(link) = link {
                link.weight = *weight;
                link.used_at = Some(*used_at);
                written += 1;
            }
        }
        written
    }

    pub(super) fn prune_links(&mut self, scope: &Scope, links: &[Link]) -> u64 {
        let Some(own) = self.links.get_mut(scope) else { return 0 };
        let before = own.len();
        for link in links {
            let unused = |kept: &Link| kept.kind == LinkKind::Similar && kept.used_at == link.used_at;
            if own.get(&link.id).is_some_and(unused) {
                own.remove(&link.id);
            }
        }
        let gone = before - own.len();
        if gone > 0 {
            self.written(scope);
        }
        gone as u64
    }
}

#[derive(Debug)]
struct Held {
    holder: String,
    until: Option<Timestamp>,
    progress: Option<String>,
}

/// Who does what, by the name of the work.
#[derive(Debug, Default)]
pub(super) struct Leases(BTreeMap<String, Held>);

impl Leases {
    pub(super) fn take(
        &mut self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
        void_after: Timestamp,
    ) -> Option<Leadership> {
        let known = self.0.get(name);
        if known.is_some_and(|held| held.until.is_some_and(|until| now < until && until <= void_after)) {
            return None;
        }
        let progress = known.and_then(|held| held.progress.clone());
        let held = Held { holder: holder.to_owned(), until: Some(until), progress: progress.clone() };
        self.0.insert(name.to_owned(), held);
        Some(Leadership { progress })
    }

    pub(super) fn keep(&mut self, name: &str, holder: &str, until: Timestamp, progress: Option<&str>) -> bool {
        let Some(held) = self.0.get_mut(name).filter(|held| held.holder == holder) else { return false };
        held.until = Some(until);
        held.progress = progress.map(str::to_owned);
        true
    }

    pub(super) fn release(&mut self, name: &str, holder: &str) {
        if let Some(held) = self.0.get_mut(name).filter(|held| held.holder == holder) {
            held.holder.clear();
            held.until = None;
        }
    }
}
