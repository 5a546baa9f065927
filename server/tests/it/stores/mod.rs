//! Stores that can be taken away: in front of the in-memory ones stands a switch.

mod jobs;

use super::switches::{Fault, Part, Switches};
use async_trait::async_trait;
use hark_core::cost::{CostFilter, CostGroup, CostRow, CostSum};
use hark_core::ram::RamMemoryStore;
use hark_core::store::*;
use hark_core::*;
pub(crate) use jobs::SwitchedJobs;
use std::sync::Arc;

/// The truth, as long as it is switched on.
#[derive(Debug)]
pub(crate) struct SwitchedMemory {
    pub(crate) inner: RamMemoryStore,
    pub(crate) switches: Arc<Switches>,
}

#[async_trait]
impl MemoryStore for SwitchedMemory {
    async fn find_user(&self, tenant: &TenantId, identities: &[Identity]) -> Result<Option<User>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.find_user(tenant, identities).await
    }
    async fn ensure_user(
        &self,
        tenant: &TenantId,
        identities: &[Identity],
        new: &UserId,
        now: Timestamp,
    ) -> Result<Resolved> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.ensure_user(tenant, identities, new, now).await
    }
    async fn join_identities(&self, scope: &Scope, identities: &[Identity]) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.join_identities(scope, identities).await
    }
    async fn user(&self, scope: &Scope) -> Result<Option<User>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.user(scope).await
    }
    async fn identities(&self, scope: &Scope) -> Result<Vec<Identity>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.identities(scope).await
    }
    async fn users(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<User>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.users(tenant, page).await
    }
    async fn set_name(&self, scope: &Scope, name: &str) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.set_name(scope, name).await
    }
    async fn set_consent(&self, scope: &Scope, consent: Consent) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.set_consent(scope, consent).await
    }
    async fn set_shared(&self, scope: &Scope, shared: bool) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.set_shared(scope, shared).await
    }
    async fn transfer(&self, tenant: &TenantId, new: &NewTransfer, now: Timestamp) -> Result<Transfer> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.transfer(tenant, new, now).await
    }
    async fn undo_transfer(&self, tenant: &TenantId, id: &TransferId, now: Timestamp) -> Result<Option<Transfer>> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.undo_transfer(tenant, id, now).await
    }
    async fn transfer_by_id(&self, tenant: &TenantId, id: &TransferId) -> Result<Option<Transfer>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.transfer_by_id(tenant, id).await
    }
    async fn transfers(
        &self,
        tenant: &TenantId,
        caller: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<Transfer>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.transfers(tenant, caller, page).await
    }
    async fn unsettled_transfers(&self, limit: usize) -> Result<Vec<(TenantId, Transfer)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.unsettled_transfers(limit).await
    }
    async fn settle_transfer(&self, tenant: &TenantId, transfer: &Transfer) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.settle_transfer(tenant, transfer).await
    }
    async fn alias(&self, tenant: &TenantId, id: &UserId) -> Result<Option<UserId>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.alias(tenant, id).await
    }
    async fn aliases(&self, scope: &Scope) -> Result<Vec<UserId>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.aliases(scope).await
    }
    async fn set_summary(&self, scope: &Scope, summary: &str) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.set_summary(scope, summary).await
    }
    async fn sector_counts(&self, scope: &Scope) -> Result<Vec<(Sector, u64)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.sector_counts(scope).await
    }
    async fn erase_user(&self, scope: &Scope, erasure: &NewErasure) -> Result<Erased> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.erase_user(scope, erasure).await
    }
    async fn append_audit(&self, tenant: &TenantId, entries: &[AuditEntry]) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.append_audit(tenant, entries).await
    }
    async fn audit_log(&self, tenant: &TenantId, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditEntry>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.audit_log(tenant, filter, page).await
    }
    async fn suppressions(&self, tenant: &TenantId, keys: &[SuppressionKey]) -> Result<Vec<Suppression>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.suppressions(tenant, keys).await
    }
    async fn erasure(&self, tenant: &TenantId, id: &ErasureId) -> Result<Option<Erasure>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.erasure(tenant, id).await
    }
    async fn erasures(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Erasure>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.erasures(tenant, page).await
    }
    async fn suppressed_by(&self, tenant: &TenantId, id: &ErasureId) -> Result<Vec<SuppressionKey>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.suppressed_by(tenant, id).await
    }
    async fn note_erasure(&self, tenant: &TenantId, erasure: &Erasure, keys: &[SuppressionKey]) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.note_erasure(tenant, erasure, keys).await
    }
    async fn step_erasure(&self, tenant: &TenantId, id: &ErasureId, step: ErasureStep, at: Timestamp) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.step_erasure(tenant, id, step, at).await
    }
    async fn open_erasures(&self, limit: usize) -> Result<Vec<(TenantId, Erasure)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.open_erasures(limit).await
    }
    async fn scan_erasures(&self, page: &PageRequest) -> Result<Page<(TenantId, Erasure)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.scan_erasures(page).await
    }
    async fn delete_unowned(&self, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.delete_unowned(tenant, ids).await
    }
    async fn purge(&self) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        MemoryStore::purge(&self.inner).await
    }
    async fn bind_conversation(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        agent: Option<&AgentId>,
        now: Timestamp,
    ) -> Result<UserId> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.bind_conversation(scope, conversation, agent, now).await
    }
    async fn conversation(&self, tenant: &TenantId, id: &ConversationId) -> Result<Option<Conversation>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.conversation(tenant, id).await
    }
    async fn save_conversation(&self, tenant: &TenantId, conversation: &Conversation) -> Result<Conversation> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.save_conversation(tenant, conversation).await
    }
    async fn replace_extraction(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        standing: &crypt::Sealed,
        new: &crypt::Sealed,
    ) -> Result<bool> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.replace_extraction(tenant, id, standing, new).await
    }
    async fn finish_conversation(&self, scope: &Scope, id: &ConversationId, now: Timestamp) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.finish_conversation(scope, id, now).await
    }
    async fn conversations(
        &self,
        tenant: &TenantId,
        caller: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<Conversation>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.conversations(tenant, caller, page).await
    }
    async fn put_memories(&self, scope: &Scope, memories: &[Memory]) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.put_memories(scope, memories).await
    }
    async fn memories(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<Memory>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.memories(scope, ids).await
    }
    async fn memory_owner(&self, tenant: &TenantId, id: &MemoryId) -> Result<Option<Scope>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.memory_owner(tenant, id).await
    }
    async fn list_memories(&self, scope: &Scope, filter: &MemoryFilter, page: &PageRequest) -> Result<Page<Memory>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.list_memories(scope, filter, page).await
    }
    async fn delete_memories(&self, scope: &Scope, ids: &[MemoryId]) -> Result<u64> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.delete_memories(scope, ids).await
    }
    async fn mark_indexed(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.mark_indexed(scope, ids).await
    }
    async fn put_links(&self, scope: &Scope, links: &[Link]) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.put_links(scope, links).await
    }
    async fn links(&self, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Link>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.links(scope, ends).await
    }
    async fn delete_link(&self, scope: &Scope, id: &LinkId) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.delete_link(scope, id).await
    }
    async fn restand(&self, scope: &Scope, changes: &[Change]) -> Result<u64> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.restand(scope, changes).await
    }
    async fn fading_memories(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Memory)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.fading_memories(before, page).await
    }
    async fn fading_links(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Link)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.fading_links(before, page).await
    }
    async fn use_links(&self, scope: &Scope, uses: &[LinkUse]) -> Result<u64> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.use_links(scope, uses).await
    }
    async fn prune_links(&self, scope: &Scope, links: &[Link]) -> Result<u64> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.prune_links(scope, links).await
    }
    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
        void_after: Timestamp,
    ) -> Result<Option<Leadership>> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.take_lease(name, holder, until, now, void_after).await
    }
    async fn keep_lease(&self, name: &str, holder: &str, until: Timestamp, progress: Option<&str>) -> Result<bool> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.keep_lease(name, holder, until, progress).await
    }
    async fn release_lease(&self, name: &str, holder: &str) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.release_lease(name, holder).await
    }
    async fn tenants(&self) -> Result<Vec<TenantId>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.tenants().await
    }
    async fn spoken_before(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Option<UserId>)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.spoken_before(tenant, before, limit).await
    }
    async fn take_words(&self, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64> {
        self.switches.gate(Part::Truth).await?;
        self.inner.take_words(tenant, ids).await
    }
    async fn aged_memories(
        &self,
        tenant: &TenantId,
        states: &[MemoryState],
        before: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<(Scope, Memory)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.aged_memories(tenant, states, before, page).await
    }
    async fn idle_callers(&self, tenant: &TenantId, before: Timestamp, page: &PageRequest) -> Result<Page<User>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.idle_callers(tenant, before, page).await
    }
    async fn settle_conflict(
        &self,
        scope: &Scope,
        known: Option<&Conflict>,
        conflict: &Conflict,
        changes: &[Change],
    ) -> Result<bool> {
        self.switches.gate_write(Part::Truth).await?;
        if self.switches.is(Part::Truth, Fault::Outrun) {
            return Ok(false);
        }
        self.inner.settle_conflict(scope, known, conflict, changes).await
    }
    async fn conflict(&self, tenant: &TenantId, id: &ConflictId) -> Result<Option<Conflict>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.conflict(tenant, id).await
    }
    async fn conflicts_of(&self, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Conflict>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.conflicts_of(scope, ends).await
    }
    async fn conflicts(
        &self,
        tenant: &TenantId,
        filter: &ConflictFilter,
        page: &PageRequest,
    ) -> Result<Page<Conflict>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.conflicts(tenant, filter, page).await
    }
    async fn history(&self, scope: &Scope, id: &MemoryId) -> Result<Vec<Memory>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.history(scope, id).await
    }
    async fn put_receipts(&self, tenant: &TenantId, receipts: &[Receipt]) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.put_receipts(tenant, receipts).await
    }
    async fn receipts_of(&self, tenant: &TenantId, conversation: &ConversationId) -> Result<Vec<Receipt>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.receipts_of(tenant, conversation).await
    }
    async fn loose_receipts(&self, scope: &Scope, page: &PageRequest) -> Result<Page<Receipt>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.loose_receipts(scope, page).await
    }
    async fn claim_receipts(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<u64> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.claim_receipts(scope, conversation, from, until).await
    }
    async fn blank_receipts(&self, scope: &Scope, memories: &[MemoryId]) -> Result<u64> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.blank_receipts(scope, memories).await
    }
    async fn prune_receipts(&self, before: Timestamp) -> Result<u64> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.prune_receipts(before).await
    }
    async fn recalls(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<(MemoryId, Recalls)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.recalls(scope, ids).await
    }
    async fn put_review(&self, scope: &Scope, review: &Review) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.put_review(scope, review).await
    }
    async fn reviews(&self, scope: &Scope) -> Result<Vec<Review>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.reviews(scope).await
    }
    async fn labels(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Review>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.labels(tenant, page).await
    }
    async fn count_of(&self, tenant: &TenantId, states: &[MemoryState]) -> Result<u64> {
        self.switches.gate(Part::Truth).await?;
        self.inner.count_of(tenant, states).await
    }
    async fn add_costs(&self, tenant: &TenantId, rows: &[CostRow]) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.add_costs(tenant, rows).await
    }
    async fn costs(&self, tenant: &TenantId, filter: &CostFilter, by: CostGroup) -> Result<Vec<CostSum>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.costs(tenant, filter, by).await
    }
    async fn pending_memories(&self, limit: usize) -> Result<Vec<(Scope, Memory)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.pending_memories(limit).await
    }
    async fn scan_memories(&self, page: &PageRequest) -> Result<Page<(Scope, Memory)>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.scan_memories(page).await
    }
    async fn space(&self) -> Result<Option<Space>> {
        self.switches.gate(Part::Truth).await?;
        self.inner.space().await
    }
    async fn set_space(&self, space: &Space) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.set_space(space).await
    }
    async fn count_memories(&self) -> Result<u64> {
        self.switches.gate(Part::Truth).await?;
        self.inner.count_memories().await
    }
    async fn ping(&self) -> Result<()> {
        self.switches.gate_write(Part::Truth).await?;
        self.inner.ping().await
    }
}
