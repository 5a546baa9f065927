//! The truth, in memory.

mod conflicts;
mod conversations;
mod costs;
mod erasures;
mod indexed;
mod receipts;
mod retention;
mod sealed;
mod state;
mod transfers;
mod upkeep;

use super::locked;
use super::page::{earliest_first, latest_first};
use crate::cost::{CostFilter, CostGroup, CostRow, CostSum};
use crate::crypt::Sealed;
use crate::store::{ConflictFilter, Leadership, LinkUse, MemoryFilter, MemoryStore, Resolved, Space};
use crate::{
    AgentId, AuditEntry, AuditFilter, Change, Conflict, ConflictId, Consent, Conversation, ConversationId, Erased,
    Erasure, ErasureId, ErasureStep, Identity, Link, LinkId, Memory, MemoryId, MemoryState, NewErasure, NewTransfer,
    Page, PageRequest, Recalls, Receipt, Result, Review, Scope, Sector, Suppression, SuppressionKey, TenantId,
    Timestamp, Transfer, TransferId, User, UserId,
};
use async_trait::async_trait;
use state::State;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// A [`MemoryStore`] that forgets everything when it is dropped. One lock for everything: every method is one
/// transaction.
#[derive(Debug, Default)]
pub struct RamMemoryStore(Mutex<State>);

impl RamMemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.0)
    }
}

#[async_trait]
impl MemoryStore for RamMemoryStore {
    async fn find_user(&self, tenant: &TenantId, identities: &[Identity]) -> Result<Option<User>> {
        let state = self.state();
        Ok(state.find(tenant, identities).and_then(|caller| state.user(&Scope::new(tenant.clone(), caller))).cloned())
    }

    async fn ensure_user(
        &self,
        tenant: &TenantId,
        identities: &[Identity],
        new: &UserId,
        now: Timestamp,
    ) -> Result<Resolved> {
        let mut state = self.state();
        state.kept_out(tenant, identities, now)?;
        Ok(state.ensure(tenant, identities, new, now))
    }

    async fn join_identities(&self, scope: &Scope, identities: &[Identity]) -> Result<()> {
        self.state().join(scope, identities)
    }

    async fn user(&self, scope: &Scope) -> Result<Option<User>> {
        Ok(self.state().user(scope).cloned())
    }

    async fn identities(&self, scope: &Scope) -> Result<Vec<Identity>> {
        Ok(self.state().people.get(scope).map(|p| p.identities.clone()).unwrap_or_default())
    }

    async fn users(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<User>> {
        let state = self.state();
        let users = state.people.iter().filter(|(scope, _)| scope.tenant == *tenant).map(|(_, person)| &person.user);
        latest_first("ram.users", users, page, |u| (u.last_contact, u.id.as_str()), User::clone)
    }

    async fn set_name(&self, scope: &Scope, name: &str) -> Result<()> {
        self.state().change(scope, |user| name.clone_into(&mut user.name));
        Ok(())
    }

    async fn set_summary(&self, scope: &Scope, summary: &str) -> Result<()> {
        self.state().change(scope, |user| summary.clone_into(&mut user.summary));
        Ok(())
    }

    async fn set_consent(&self, scope: &Scope, consent: Consent) -> Result<()> {
        self.state().change(scope, |user| user.consent = consent);
        Ok(())
    }

    async fn set_shared(&self, scope: &Scope, shared: bool) -> Result<()> {
        self.state().change(scope, |user| user.shared = shared);
        Ok(())
    }

    async fn transfer(&self, tenant: &TenantId, new: &NewTransfer, now: Timestamp) -> Result<Transfer> {
        self.state().transfer(tenant, new, now)
    }

    async fn undo_transfer(&self, tenant: &TenantId, id: &TransferId, now: Timestamp) -> Result<Option<Transfer>> {
        self.state().undo_transfer(tenant, id, now)
    }

    async fn transfer_by_id(&self, tenant: &TenantId, id: &TransferId) -> Result<Option<Transfer>> {
        Ok(self.state().transfers.get(&(tenant.clone(), id.clone())).cloned())
    }

    async fn transfers(
        &self,
        tenant: &TenantId,
        caller: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<Transfer>> {
        self.state().listed_transfers(tenant, caller, page)
    }

    async fn unsettled_transfers(&self, limit: usize) -> Result<Vec<(TenantId, Transfer)>> {
        Ok(self.state().unsettled(limit))
    }

    async fn settle_transfer(&self, tenant: &TenantId, transfer: &Transfer) -> Result<()> {
        self.state().note_settled(tenant, transfer);
        Ok(())
    }

    async fn alias(&self, tenant: &TenantId, id: &UserId) -> Result<Option<UserId>> {
        Ok(self.state().aliases.get(&(tenant.clone(), id.clone())).cloned())
    }

    async fn aliases(&self, scope: &Scope) -> Result<Vec<UserId>> {
        Ok(self.state().aliases_of(scope))
    }

    async fn sector_counts(&self, scope: &Scope) -> Result<Vec<(Sector, u64)>> {
        let mut counts = BTreeMap::new();
        for memory in self.state().of(scope).filter(|m| m.state == MemoryState::Active) {
            *counts.entry(memory.sector).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    async fn erase_user(&self, scope: &Scope, erasure: &NewErasure) -> Result<Erased> {
        self.state().erase_noted(scope, erasure)
    }

    async fn append_audit(&self, tenant: &TenantId, entries: &[AuditEntry]) -> Result<()> {
        let mut state = self.state();
        for entry in entries {
            state.audit.entry(entry.id.clone()).or_insert_with(|| (tenant.clone(), entry.clone()));
        }
        Ok(())
    }

    async fn audit_log(&self, tenant: &TenantId, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditEntry>> {
        let state = self.state();
        let own = state.audit.values().filter(|(owner, entry)| owner == tenant && filter.passes(entry));
        let own = own.map(|(_, entry)| entry);
        latest_first("ram.audit_log", own, page, |entry| (entry.at, entry.id.as_str()), AuditEntry::clone)
    }

    async fn suppressions(&self, tenant: &TenantId, keys: &[SuppressionKey]) -> Result<Vec<Suppression>> {
        Ok(self.state().erasures.of(tenant, keys))
    }

    async fn erasure(&self, tenant: &TenantId, id: &ErasureId) -> Result<Option<Erasure>> {
        Ok(self.state().erasures.get(tenant, id).cloned())
    }

    async fn erasures(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Erasure>> {
        self.state().erasures.list(tenant, page)
    }

    async fn suppressed_by(&self, tenant: &TenantId, id: &ErasureId) -> Result<Vec<SuppressionKey>> {
        Ok(self.state().erasures.keys(tenant, id))
    }

    async fn note_erasure(&self, tenant: &TenantId, erasure: &Erasure, keys: &[SuppressionKey]) -> Result<()> {
        self.state().erasures.note(tenant, erasure, keys);
        Ok(())
    }

    async fn step_erasure(&self, tenant: &TenantId, id: &ErasureId, step: ErasureStep, at: Timestamp) -> Result<()> {
        self.state().erasures.step(tenant, id, step, at);
        Ok(())
    }

    async fn open_erasures(&self, limit: usize) -> Result<Vec<(TenantId, Erasure)>> {
        Ok(self.state().erasures.open(limit))
    }

    async fn scan_erasures(&self, page: &PageRequest) -> Result<Page<(TenantId, Erasure)>> {
        self.state().erasures.scan(page)
    }

    async fn delete_unowned(&self, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64> {
        Ok(self.state().delete_unowned(tenant, ids))
    }

    async fn bind_conversation(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        agent: Option<&AgentId>,
        now: Timestamp,
    ) -> Result<UserId> {
        self.state().bind(scope, conversation, agent, now)
    }

    async fn conversation(&self, tenant: &TenantId, id: &ConversationId) -> Result<Option<Conversation>> {
        Ok(self.state().conversations.get(&(tenant.clone(), id.clone())).cloned())
    }

    async fn save_conversation(&self, tenant: &TenantId, conversation: &Conversation) -> Result<Conversation> {
        self.state().save_conversation(tenant, conversation)
    }

    async fn replace_extraction(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        standing: &Sealed,
        new: &Sealed,
    ) -> Result<bool> {
        Ok(self.state().replace_extraction(tenant, id, standing, new))
    }

    async fn finish_conversation(&self, scope: &Scope, id: &ConversationId, now: Timestamp) -> Result<()> {
        self.state().finish(scope, id, now);
        Ok(())
    }

    async fn conversations(
        &self,
        tenant: &TenantId,
        caller: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<Conversation>> {
        self.state().listed_conversations(tenant, caller, page)
    }

    async fn put_memories(&self, scope: &Scope, memories: &[Memory]) -> Result<()> {
        self.state().put(scope, memories)
    }

    async fn memories(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<Memory>> {
        let state = self.state();
        let Some(own) = state.memories.get(scope) else { return Ok(Vec::new()) };
        Ok(ids.iter().filter_map(|id| own.get(id)).cloned().collect())
    }

    async fn memory_owner(&self, tenant: &TenantId, id: &MemoryId) -> Result<Option<Scope>> {
        Ok(self.state().owners.get(id).filter(|scope| scope.tenant == *tenant).cloned())
    }

    async fn list_memories(&self, scope: &Scope, filter: &MemoryFilter, page: &PageRequest) -> Result<Page<Memory>> {
        let state = self.state();
        let listed = state.of(scope).filter(|m| {
            (filter.sectors.is_empty() || filter.sectors.contains(&m.sector))
                && (filter.states.is_empty() || filter.states.contains(&m.state))
        });
        latest_first("ram.list_memories", listed, page, |m| (m.occurred_at, m.id.as_str()), Memory::clone)
    }

    async fn delete_memories(&self, scope: &Scope, ids: &[MemoryId]) -> Result<u64> {
        Ok(self.state().delete(scope, ids))
    }

    async fn mark_indexed(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        self.state().mark_indexed(scope, ids);
        Ok(())
    }

    async fn put_links(&self, scope: &Scope, links: &[Link]) -> Result<()> {
        self.state().put_links(scope, links);
        Ok(())
    }

    async fn links(&self, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Link>> {
        Ok(self.state().links_of(scope, ends))
    }

    async fn delete_link(&self, scope: &Scope, id: &LinkId) -> Result<()> {
        self.state().remove_link(scope, id);
        Ok(())
    }

    // ---- decay and leases

    async fn restand(&self, scope: &Scope, changes: &[Change]) -> Result<u64> {
        Ok(self.state().restand(scope, changes))
    }

    async fn fading_memories(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Memory)>> {
        self.state().fading_memories(before, page)
    }

    async fn fading_links(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Link)>> {
        self.state().fading_links(before, page)
    }

    async fn use_links(&self, scope: &Scope, uses: &[LinkUse]) -> Result<u64> {
        Ok(self.state().use_links(scope, uses))
    }

    async fn prune_links(&self, scope: &Scope, links: &[Link]) -> Result<u64> {
        Ok(self.state().prune_links(scope, links))
    }

    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
        void_after: Timestamp,
    ) -> Result<Option<Leadership>> {
        Ok(self.state().leases.take(name, holder, until, now, void_after))
    }

    async fn keep_lease(&self, name: &str, holder: &str, until: Timestamp, progress: Option<&str>) -> Result<bool> {
        Ok(self.state().leases.keep(name, holder, until, progress))
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<()> {
        self.state().leases.release(name, holder);
        Ok(())
    }

    async fn tenants(&self) -> Result<Vec<TenantId>> {
        Ok(self.state().tenants())
    }

    async fn spoken_before(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Option<UserId>)>> {
        Ok(self.state().spoken_before(tenant, before, limit))
    }

    async fn take_words(&self, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64> {
        Ok(self.state().take_words(tenant, ids))
    }

    async fn aged_memories(
        &self,
        tenant: &TenantId,
        states: &[MemoryState],
        before: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<(Scope, Memory)>> {
        self.state().aged_memories(tenant, states, before, page)
    }

    async fn idle_callers(&self, tenant: &TenantId, before: Timestamp, page: &PageRequest) -> Result<Page<User>> {
        self.state().idle_callers(tenant, before, page)
    }

    async fn settle_conflict(
        &self,
        scope: &Scope,
        known: Option<&Conflict>,
        conflict: &Conflict,
        changes: &[Change],
    ) -> Result<bool> {
        Ok(self.state().settle(scope, known, conflict, changes))
    }

    async fn conflict(&self, tenant: &TenantId, id: &ConflictId) -> Result<Option<Conflict>> {
        let state = self.state();
        let mut tenants = state.conflicts.iter().filter(|(scope, _)| scope.tenant == *tenant);
        Ok(tenants.find_map(|(_, own)| own.get(id)).cloned())
    }

    async fn conflicts_of(&self, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Conflict>> {
        Ok(self.state().conflicts_between(scope, ends))
    }

    async fn conflicts(
        &self,
        tenant: &TenantId,
        filter: &ConflictFilter,
        page: &PageRequest,
    ) -> Result<Page<Conflict>> {
        self.state().listed_conflicts(tenant, filter, page)
    }

    async fn history(&self, scope: &Scope, id: &MemoryId) -> Result<Vec<Memory>> {
        Ok(self.state().history(scope, id))
    }

    async fn add_costs(&self, tenant: &TenantId, rows: &[CostRow]) -> Result<()> {
        self.state().costs.add(tenant, rows)
    }

    async fn costs(&self, tenant: &TenantId, filter: &CostFilter, by: CostGroup) -> Result<Vec<CostSum>> {
        Ok(self.state().costs.sums(tenant, filter, by))
    }

    async fn put_receipts(&self, tenant: &TenantId, receipts: &[Receipt]) -> Result<()> {
        self.state().put_receipts(tenant, receipts);
        Ok(())
    }

    async fn receipts_of(&self, tenant: &TenantId, conversation: &ConversationId) -> Result<Vec<Receipt>> {
        Ok(self.state().receipts_of(tenant, conversation))
    }

    async fn loose_receipts(&self, scope: &Scope, page: &PageRequest) -> Result<Page<Receipt>> {
        let state = self.state();
        let own = state.receipts.kept.iter().filter(|((tenant, _), receipt)| {
            *tenant == scope.tenant && receipt.caller.as_ref() == Some(&scope.caller) && receipt.conversation.is_none()
        });
        let own = own.map(|(_, receipt)| receipt);
        earliest_first("ram.loose_receipts", own, page, |r| (r.at, r.id.as_str()), Receipt::clone)
    }

    async fn claim_receipts(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<u64> {
        Ok(self.state().claim_receipts(scope, conversation, from, until))
    }

    async fn blank_receipts(&self, scope: &Scope, memories: &[MemoryId]) -> Result<u64> {
        Ok(self.state().blank_receipts(scope, memories))
    }

    async fn prune_receipts(&self, before: Timestamp) -> Result<u64> {
        let mut state = self.state();
        let there = state.receipts.kept.len();
        state.receipts.kept.retain(|_, receipt| receipt.at >= before);
        Ok((there - state.receipts.kept.len()) as u64)
    }

    async fn recalls(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<(MemoryId, Recalls)>> {
        let state = self.state();
        let own = ids.iter().filter(|id| state.owners.get(*id) == Some(scope));
        Ok(own.filter_map(|id| Some((id.clone(), *state.receipts.recalls.get(id)?))).collect())
    }

    async fn put_review(&self, scope: &Scope, review: &Review) -> Result<()> {
        self.state().put_review(scope, review)
    }

    async fn reviews(&self, scope: &Scope) -> Result<Vec<Review>> {
        Ok(self.state().reviews_of(scope))
    }

    async fn labels(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Review>> {
        self.state().labels(tenant, page)
    }

    async fn count_of(&self, tenant: &TenantId, states: &[MemoryState]) -> Result<u64> {
        let state = self.state();
        let own = state.memories.iter().filter(|(scope, _)| scope.tenant == *tenant).flat_map(|(_, own)| own.values());
        Ok(own.filter(|m| states.is_empty() || states.contains(&m.state)).count() as u64)
    }

    async fn pending_memories(&self, limit: usize) -> Result<Vec<(Scope, Memory)>> {
        Ok(self.state().pending(limit))
    }

    async fn scan_memories(&self, page: &PageRequest) -> Result<Page<(Scope, Memory)>> {
        self.state().scan(page)
    }

    async fn space(&self) -> Result<Option<Space>> {
        Ok(self.state().space.clone())
    }

    async fn set_space(&self, space: &Space) -> Result<()> {
        self.state().space = Some(space.clone());
        Ok(())
    }

    async fn count_memories(&self) -> Result<u64> {
        Ok(self.state().owners.len() as u64)
    }

    async fn purge(&self) -> Result<()> {
        Ok(())
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }
}
