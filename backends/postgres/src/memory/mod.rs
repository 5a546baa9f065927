//! [`MemoryStore`] on one schema. Each part of the trait has a file of its own; here they get their names.

/// Takes the names of conversations away from what they cost, where `$which` says; `$1` is the tenant. One statement, so that
/// what is added meanwhile is neither lost nor counted twice.
macro_rules! unname_costs {
    ($which:literal) => {
        concat!(
            "WITH unnamed AS (DELETE FROM costs WHERE tenant = $1 AND conversation <> '' AND ",
            $which,
            " RETURNING *)
             INSERT INTO costs (tenant, day, agent, spend, model, calls, unpriced, input_tokens, output_tokens, money)
             SELECT tenant, day, agent, spend, model, sum(calls)::bigint, sum(unpriced)::bigint, sum(input_tokens)::bigint,
                    sum(output_tokens)::bigint, sum(money)::bigint
             FROM unnamed
             GROUP BY tenant, day, agent, spend, model
             ON CONFLICT (tenant, day, conversation, agent, spend, model) DO UPDATE SET
                 calls = costs.calls + excluded.calls,
                 unpriced = costs.unpriced + excluded.unpriced,
                 input_tokens = costs.input_tokens + excluded.input_tokens,
                 output_tokens = costs.output_tokens + excluded.output_tokens,
                 money = costs.money + excluded.money"
        )
    };
}

mod audit;
mod conflicts;
mod conversations;
mod costs;
mod erasures;
mod leases;
mod links;
mod memories;
mod receipts;
mod retention;
mod transfer_rows;
mod transfers;
mod upkeep;
mod users;
mod walks;

use crate::db::{Db, FORGETFUL};
use crate::error::Fault;
use async_trait::async_trait;
use hark_core::cost::{CostFilter, CostGroup, CostRow, CostSum};
use hark_core::crypt::Sealed;
use hark_core::store::{ConflictFilter, Leadership, LinkUse, MemoryFilter, MemoryStore, Resolved, Space};
use hark_core::{
    AgentId, AuditEntry, AuditFilter, Change, Conflict, ConflictId, Consent, Conversation, ConversationId, Erased,
    Erasure, ErasureId, ErasureStep, Identity, Link, LinkId, Memory, MemoryId, MemoryState, NewErasure, NewTransfer,
    Page, PageRequest, Recalls, Receipt, Result, Review, Scope, Sector, Suppression, SuppressionKey, TenantId,
    Timestamp, Transfer, TransferId, User, UserId,
};
use sqlx::PgConnection;
use std::sync::Arc;

/// The truth.
#[derive(Debug)]
pub(crate) struct PostgresMemory {
    db: Arc<Db>,
}

impl PostgresMemory {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }
}

/// Raises the caller's revision. Answers whether there is such a caller.
async fn raise_revision(connection: &mut PgConnection, scope: &Scope) -> Result<bool, Fault> {
    let done = sqlx::query("UPDATE users SET revision = revision + 1 WHERE tenant = $1 AND id = $2")
        .bind(scope.tenant.as_str())
        .bind(scope.caller.as_str())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

#[async_trait]
impl MemoryStore for PostgresMemory {
    async fn find_user(&self, tenant: &TenantId, identities: &[Identity]) -> Result<Option<User>> {
        self.db.read("postgres.find_user", || users::find(&self.db, tenant, identities)).await
    }

    async fn ensure_user(
        &self,
        tenant: &TenantId,
        identities: &[Identity],
        new: &UserId,
        now: Timestamp,
    ) -> Result<Resolved> {
        self.db.write("postgres.ensure_user", || users::ensure(&self.db, tenant, identities, new, now)).await
    }

    async fn join_identities(&self, scope: &Scope, identities: &[Identity]) -> Result<()> {
        self.db.write("postgres.join_identities", || users::join(&self.db, scope, identities)).await
    }

    async fn user(&self, scope: &Scope) -> Result<Option<User>> {
        self.db.read("postgres.user", || users::get(&self.db, scope)).await
    }

    async fn identities(&self, scope: &Scope) -> Result<Vec<Identity>> {
        self.db.read("postgres.identities", || users::identities(&self.db, scope)).await
    }

    async fn users(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<User>> {
        self.db.read("postgres.users", || users::list(&self.db, tenant, page)).await
    }

    async fn set_name(&self, scope: &Scope, name: &str) -> Result<()> {
        self.db.write("postgres.set_name", || users::set_name(&self.db, scope, name)).await
    }

    async fn set_summary(&self, scope: &Scope, summary: &str) -> Result<()> {
        self.db.write("postgres.set_summary", || users::set_summary(&self.db, scope, summary)).await
    }

    async fn set_consent(&self, scope: &Scope, consent: Consent) -> Result<()> {
        self.db.write("postgres.set_consent", || users::set_consent(&self.db, scope, consent)).await
    }

    async fn set_shared(&self, scope: &Scope, shared: bool) -> Result<()> {
        self.db.write("postgres.set_shared", || users::set_shared(&self.db, scope, shared)).await
    }

    async fn transfer(&self, tenant: &TenantId, new: &NewTransfer, now: Timestamp) -> Result<Transfer> {
        self.db.write("postgres.transfer", || transfers::transfer(&self.db, tenant, new, now)).await
    }

    async fn undo_transfer(&self, tenant: &TenantId, id: &TransferId, now: Timestamp) -> Result<Option<Transfer>> {
        self.db.write("postgres.undo_transfer", || transfers::undo(&self.db, tenant, id, now)).await
    }

    async fn transfer_by_id(&self, tenant: &TenantId, id: &TransferId) -> Result<Option<Transfer>> {
        self.db.read("postgres.transfer_by_id", || transfers::get(&self.db, tenant, id)).await
    }

    async fn transfers(
        &self,
        tenant: &TenantId,
        caller: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<Transfer>> {
        self.db.read("postgres.transfers", || transfers::list(&self.db, tenant, caller, page)).await
    }

    async fn unsettled_transfers(&self, limit: usize) -> Result<Vec<(TenantId, Transfer)>> {
        self.db.read("postgres.unsettled_transfers", || transfers::unsettled(&self.db, limit)).await
    }

    async fn settle_transfer(&self, tenant: &TenantId, transfer: &Transfer) -> Result<()> {
        self.db.write("postgres.settle_transfer", || transfers::settle(&self.db, tenant, transfer)).await
    }

    async fn alias(&self, tenant: &TenantId, id: &UserId) -> Result<Option<UserId>> {
        self.db.read("postgres.alias", || transfers::alias(&self.db, tenant, id)).await
    }

    async fn aliases(&self, scope: &Scope) -> Result<Vec<UserId>> {
        self.db.read("postgres.aliases", || transfers::aliases(&self.db, scope)).await
    }

    async fn sector_counts(&self, scope: &Scope) -> Result<Vec<(Sector, u64)>> {
        self.db.read("postgres.sector_counts", || memories::sector_counts(&self.db, scope)).await
    }

    async fn erase_user(&self, scope: &Scope, erasure: &NewErasure) -> Result<Erased> {
        self.db.write("postgres.erase_user", || users::erase(&self.db, scope, erasure)).await
    }

    async fn append_audit(&self, tenant: &TenantId, entries: &[AuditEntry]) -> Result<()> {
        self.db.write("postgres.append_audit", || audit::append(&self.db, tenant, entries)).await
    }

    async fn audit_log(&self, tenant: &TenantId, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditEntry>> {
        self.db.read("postgres.audit_log", || audit::list(&self.db, tenant, filter, page)).await
    }

    async fn suppressions(&self, tenant: &TenantId, keys: &[SuppressionKey]) -> Result<Vec<Suppression>> {
        self.db.read("postgres.suppressions", || erasures::suppressions(&self.db, tenant, keys)).await
    }

    async fn erasure(&self, tenant: &TenantId, id: &ErasureId) -> Result<Option<Erasure>> {
        self.db.read("postgres.erasure", || erasures::get(&self.db, tenant, id)).await
    }

    async fn erasures(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Erasure>> {
        self.db.read("postgres.erasures", || erasures::list(&self.db, tenant, page)).await
    }

    async fn suppressed_by(&self, tenant: &TenantId, id: &ErasureId) -> Result<Vec<SuppressionKey>> {
        self.db.read("postgres.suppressed_by", || erasures::keys(&self.db, tenant, id)).await
    }

    async fn note_erasure(&self, tenant: &TenantId, erasure: &Erasure, keys: &[SuppressionKey]) -> Result<()> {
        self.db.write("postgres.note_erasure", || erasures::note(&self.db, tenant, erasure, keys)).await
    }

    async fn step_erasure(&self, tenant: &TenantId, id: &ErasureId, step: ErasureStep, at: Timestamp) -> Result<()> {
        self.db.write("postgres.step_erasure", || erasures::step(&self.db, tenant, id, step, at)).await
    }

    async fn open_erasures(&self, limit: usize) -> Result<Vec<(TenantId, Erasure)>> {
        self.db.read("postgres.open_erasures", || erasures::open(&self.db, limit)).await
    }

    async fn scan_erasures(&self, page: &PageRequest) -> Result<Page<(TenantId, Erasure)>> {
        self.db.read("postgres.scan_erasures", || erasures::scan(&self.db, page)).await
    }

    async fn delete_unowned(&self, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64> {
        self.db.write("postgres.delete_unowned", || conversations::delete_unowned(&self.db, tenant, ids)).await
    }

    async fn bind_conversation(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        agent: Option<&AgentId>,
        now: Timestamp,
    ) -> Result<UserId> {
        self.db
            .write("postgres.bind_conversation", || conversations::bind(&self.db, scope, conversation, agent, now))
            .await
    }

    async fn conversation(&self, tenant: &TenantId, id: &ConversationId) -> Result<Option<Conversation>> {
        self.db.read("postgres.conversation", || conversations::get(&self.db, tenant, id)).await
    }

    async fn save_conversation(&self, tenant: &TenantId, conversation: &Conversation) -> Result<Conversation> {
        self.db.write("postgres.save_conversation", || conversations::save(&self.db, tenant, conversation)).await
    }

    async fn replace_extraction(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        standing: &Sealed,
        new: &Sealed,
    ) -> Result<bool> {
        self.db
            .write("postgres.replace_extraction", || {
                conversations::replace_extraction(&self.db, tenant, id, standing, new)
            })
            .await
    }

    async fn finish_conversation(&self, scope: &Scope, id: &ConversationId, now: Timestamp) -> Result<()> {
        self.db.write("postgres.finish_conversation", || conversations::finish(&self.db, scope, id, now)).await
    }

    async fn conversations(
        &self,
        tenant: &TenantId,
        caller: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<Conversation>> {
        self.db.read("postgres.conversations", || conversations::list(&self.db, tenant, caller, page)).await
    }

    async fn put_memories(&self, scope: &Scope, memories: &[Memory]) -> Result<()> {
        self.db.write("postgres.put_memories", || memories::put(&self.db, scope, memories)).await
    }

    async fn memories(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<Memory>> {
        self.db.read("postgres.memories", || memories::get(&self.db, scope, ids)).await
    }

    async fn memory_owner(&self, tenant: &TenantId, id: &MemoryId) -> Result<Option<Scope>> {
        self.db.read("postgres.memory_owner", || memories::owner(&self.db, tenant, id)).await
    }

    async fn list_memories(&self, scope: &Scope, filter: &MemoryFilter, page: &PageRequest) -> Result<Page<Memory>> {
        self.db.read("postgres.list_memories", || memories::list(&self.db, scope, filter, page)).await
    }

    async fn delete_memories(&self, scope: &Scope, ids: &[MemoryId]) -> Result<u64> {
        self.db.write("postgres.delete_memories", || memories::delete(&self.db, scope, ids)).await
    }

    async fn mark_indexed(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        self.db.write("postgres.mark_indexed", || memories::mark_indexed(&self.db, scope, ids)).await
    }

    async fn put_links(&self, scope: &Scope, links: &[Link]) -> Result<()> {
        self.db.write("postgres.put_links", || links::put(&self.db, scope, links)).await
    }

    async fn links(&self, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Link>> {
        self.db.read("postgres.links", || links::list(&self.db, scope, ends)).await
    }

    async fn delete_link(&self, scope: &Scope, id: &LinkId) -> Result<()> {
        self.db.write("postgres.delete_link", || links::delete(&self.db, scope, id)).await
    }

    // ---- decay and leases

    async fn restand(&self, scope: &Scope, changes: &[Change]) -> Result<u64> {
        self.db.write("postgres.restand", || upkeep::restand(&self.db, scope, changes)).await
    }

    async fn fading_memories(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Memory)>> {
        self.db.read("postgres.fading_memories", || upkeep::fading_memories(&self.db, before, page)).await
    }

    async fn fading_links(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Link)>> {
        self.db.read("postgres.fading_links", || upkeep::fading_links(&self.db, before, page)).await
    }

    async fn use_links(&self, scope: &Scope, uses: &[LinkUse]) -> Result<u64> {
        self.db.write("postgres.use_links", || upkeep::use_links(&self.db, scope, uses)).await
    }

    async fn prune_links(&self, scope: &Scope, links: &[Link]) -> Result<u64> {
        self.db.write("postgres.prune_links", || upkeep::prune_links(&self.db, scope, links)).await
    }

    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
        void_after: Timestamp,
    ) -> Result<Option<Leadership>> {
        self.db.write("postgres.take_lease", || leases::take(&self.db, name, holder, until, now, void_after)).await
    }

    async fn keep_lease(&self, name: &str, holder: &str, until: Timestamp, progress: Option<&str>) -> Result<bool> {
        self.db.write("postgres.keep_lease", || leases::keep(&self.db, name, holder, until, progress)).await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<()> {
        self.db.write("postgres.release_lease", || leases::release(&self.db, name, holder)).await
    }

    async fn tenants(&self) -> Result<Vec<TenantId>> {
        self.db.read("postgres.tenants", || retention::tenants(&self.db)).await
    }

    async fn spoken_before(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Option<UserId>)>> {
        self.db.read("postgres.spoken_before", || retention::spoken_before(&self.db, tenant, before, limit)).await
    }

    async fn take_words(&self, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64> {
        self.db.write("postgres.take_words", || retention::take_words(&self.db, tenant, ids)).await
    }

    async fn aged_memories(
        &self,
        tenant: &TenantId,
        states: &[MemoryState],
        before: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<(Scope, Memory)>> {
        self.db
            .read("postgres.aged_memories", || retention::aged_memories(&self.db, tenant, states, before, page))
            .await
    }

    async fn idle_callers(&self, tenant: &TenantId, before: Timestamp, page: &PageRequest) -> Result<Page<User>> {
        self.db.read("postgres.idle_callers", || retention::idle_callers(&self.db, tenant, before, page)).await
    }

    async fn settle_conflict(
        &self,
        scope: &Scope,
        known: Option<&Conflict>,
        conflict: &Conflict,
        changes: &[Change],
    ) -> Result<bool> {
        self.db.write("postgres.settle_conflict", || conflicts::settle(&self.db, scope, known, conflict, changes)).await
    }

    async fn conflict(&self, tenant: &TenantId, id: &ConflictId) -> Result<Option<Conflict>> {
        self.db.read("postgres.conflict", || conflicts::get(&self.db, tenant, id)).await
    }

    async fn conflicts_of(&self, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Conflict>> {
        self.db.read("postgres.conflicts_of", || conflicts::of(&self.db, scope, ends)).await
    }

    async fn conflicts(
        &self,
        tenant: &TenantId,
        filter: &ConflictFilter,
        page: &PageRequest,
    ) -> Result<Page<Conflict>> {
        self.db.read("postgres.conflicts", || conflicts::list(&self.db, tenant, filter, page)).await
    }

    async fn history(&self, scope: &Scope, id: &MemoryId) -> Result<Vec<Memory>> {
        self.db.read("postgres.history", || conflicts::history(&self.db, scope, id)).await
    }

    async fn add_costs(&self, tenant: &TenantId, rows: &[CostRow]) -> Result<()> {
        self.db.write("postgres.add_costs", || costs::add(&self.db, tenant, rows)).await
    }

    async fn costs(&self, tenant: &TenantId, filter: &CostFilter, by: CostGroup) -> Result<Vec<CostSum>> {
        self.db.read("postgres.costs", || costs::sums(&self.db, tenant, filter, by)).await
    }

    async fn put_receipts(&self, tenant: &TenantId, receipts: &[Receipt]) -> Result<()> {
        self.db.write("postgres.put_receipts", || receipts::put(&self.db, tenant, receipts)).await
    }

    async fn receipts_of(&self, tenant: &TenantId, conversation: &ConversationId) -> Result<Vec<Receipt>> {
        self.db.read("postgres.receipts_of", || receipts::of(&self.db, tenant, conversation)).await
    }

    async fn loose_receipts(&self, scope: &Scope, page: &PageRequest) -> Result<Page<Receipt>> {
        self.db.read("postgres.loose_receipts", || receipts::loose(&self.db, scope, page)).await
    }

    async fn claim_receipts(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<u64> {
        self.db.write("postgres.claim_receipts", || receipts::claim(&self.db, scope, conversation, from, until)).await
    }

    async fn blank_receipts(&self, scope: &Scope, memories: &[MemoryId]) -> Result<u64> {
        self.db.write("postgres.blank_receipts", || receipts::blank(&self.db, scope, memories)).await
    }

    async fn prune_receipts(&self, before: Timestamp) -> Result<u64> {
        self.db.write("postgres.prune_receipts", || receipts::prune(&self.db, before)).await
    }

    async fn recalls(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<(MemoryId, Recalls)>> {
        self.db.read("postgres.recalls", || receipts::recalls(&self.db, scope, ids)).await
    }

    async fn put_review(&self, scope: &Scope, review: &Review) -> Result<()> {
        self.db.write("postgres.put_review", || receipts::review(&self.db, scope, review)).await
    }

    async fn reviews(&self, scope: &Scope) -> Result<Vec<Review>> {
        self.db.read("postgres.reviews", || receipts::reviews(&self.db, scope)).await
    }

    async fn labels(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Review>> {
        self.db.read("postgres.labels", || receipts::labels(&self.db, tenant, page)).await
    }

    async fn count_of(&self, tenant: &TenantId, states: &[MemoryState]) -> Result<u64> {
        self.db.read("postgres.count_of", || receipts::count_of(&self.db, tenant, states)).await
    }

    async fn pending_memories(&self, limit: usize) -> Result<Vec<(Scope, Memory)>> {
        self.db.read("postgres.pending_memories", || walks::pending(&self.db, limit)).await
    }

    async fn scan_memories(&self, page: &PageRequest) -> Result<Page<(Scope, Memory)>> {
        self.db.read("postgres.scan_memories", || walks::scan(&self.db, page)).await
    }

    async fn count_memories(&self) -> Result<u64> {
        self.db.read("postgres.count_memories", || walks::count(&self.db)).await
    }

    async fn space(&self) -> Result<Option<Space>> {
        self.db.read("postgres.space", || walks::space(&self.db)).await
    }

    async fn set_space(&self, space: &Space) -> Result<()> {
        self.db.write("postgres.set_space", || walks::set_space(&self.db, space)).await
    }

    async fn purge(&self) -> Result<()> {
        self.db.write("postgres.purge", || self.db.purge(FORGETFUL)).await
    }

    async fn ping(&self) -> Result<()> {
        self.db.read("postgres.ping", || self.db.ping()).await
    }
}
