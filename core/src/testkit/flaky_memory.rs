//! The truth, failing, hanging and recovering on a script.

use super::Script;
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
use std::sync::Arc;

/// A memory store that follows a script.
#[derive(Debug)]
pub struct FlakyMemory {
    inner: Arc<dyn MemoryStore>,
    script: Script,
}

impl FlakyMemory {
    /// Calls go to `inner` where the script lets them.
    pub fn new(inner: Arc<dyn MemoryStore>, script: Script) -> Self {
        Self { inner, script }
    }
}

/// Every method takes its step of the script, then is passed on.
macro_rules! scripted {
    ($(fn $method:ident($($name:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl MemoryStore for FlakyMemory {
            $(
                async fn $method(&self, $($name: $kind),*) -> Result<$answer> {
                    self.script.step(stringify!($method)).await?;
                    self.inner.$method($($name),*).await
                }
            )*
        }
    };
}

scripted! {
    fn find_user(tenant: &TenantId, identities: &[Identity]) -> Option<User>;
    fn ensure_user(tenant: &TenantId, identities: &[Identity], new: &UserId, now: Timestamp) -> Resolved;
    fn join_identities(scope: &Scope, identities: &[Identity]) -> ();
    fn user(scope: &Scope) -> Option<User>;
    fn identities(scope: &Scope) -> Vec<Identity>;
    fn users(tenant: &TenantId, page: &PageRequest) -> Page<User>;
    fn set_name(scope: &Scope, name: &str) -> ();
    fn set_consent(scope: &Scope, consent: Consent) -> ();
    fn set_shared(scope: &Scope, shared: bool) -> ();
    fn transfer(tenant: &TenantId, new: &NewTransfer, now: Timestamp) -> Transfer;
    fn undo_transfer(tenant: &TenantId, id: &TransferId, now: Timestamp) -> Option<Transfer>;
    fn transfer_by_id(tenant: &TenantId, id: &TransferId) -> Option<Transfer>;
    fn transfers(tenant: &TenantId, caller: Option<&UserId>, page: &PageRequest) -> Page<Transfer>;
    fn unsettled_transfers(limit: usize) -> Vec<(TenantId, Transfer)>;
    fn settle_transfer(tenant: &TenantId, transfer: &Transfer) -> ();
    fn alias(tenant: &TenantId, id: &UserId) -> Option<UserId>;
    fn aliases(scope: &Scope) -> Vec<UserId>;
    fn set_summary(scope: &Scope, summary: &str) -> ();
    fn sector_counts(scope: &Scope) -> Vec<(Sector, u64)>;
    fn erase_user(scope: &Scope, erasure: &NewErasure) -> Erased;
    fn append_audit(tenant: &TenantId, entries: &[AuditEntry]) -> ();
    fn audit_log(tenant: &TenantId, filter: &AuditFilter, page: &PageRequest) -> Page<AuditEntry>;
    fn suppressions(tenant: &TenantId, keys: &[SuppressionKey]) -> Vec<Suppression>;
    fn erasure(tenant: &TenantId, id: &ErasureId) -> Option<Erasure>;
    fn erasures(tenant: &TenantId, page: &PageRequest) -> Page<Erasure>;
    fn suppressed_by(tenant: &TenantId, id: &ErasureId) -> Vec<SuppressionKey>;
    fn note_erasure(tenant: &TenantId, erasure: &Erasure, keys: &[SuppressionKey]) -> ();
    fn step_erasure(tenant: &TenantId, id: &ErasureId, step: ErasureStep, at: Timestamp) -> ();
    fn open_erasures(limit: usize) -> Vec<(TenantId, Erasure)>;
    fn scan_erasures(page: &PageRequest) -> Page<(TenantId, Erasure)>;
    fn delete_unowned(tenant: &TenantId, ids: &[ConversationId]) -> u64;
    fn purge() -> ();
    fn bind_conversation(scope: &Scope, id: &ConversationId, agent: Option<&AgentId>, now: Timestamp) -> UserId;
    fn conversation(tenant: &TenantId, id: &ConversationId) -> Option<Conversation>;
    fn save_conversation(tenant: &TenantId, conversation: &Conversation) -> Conversation;
    fn finish_conversation(scope: &Scope, id: &ConversationId, now: Timestamp) -> ();
    fn conversations(tenant: &TenantId, caller: Option<&UserId>, page: &PageRequest) -> Page<Conversation>;
    fn put_memories(scope: &Scope, memories: &[Memory]) -> ();
    fn memories(scope: &Scope, ids: &[MemoryId]) -> Vec<Memory>;
    fn memory_owner(tenant: &TenantId, id: &MemoryId) -> Option<Scope>;
    fn list_memories(scope: &Scope, filter: &MemoryFilter, page: &PageRequest) -> Page<Memory>;
    fn delete_memories(scope: &Scope, ids: &[MemoryId]) -> u64;
    fn mark_indexed(scope: &Scope, ids: &[MemoryId]) -> ();
    fn put_links(scope: &Scope, links: &[Link]) -> ();
    fn links(scope: &Scope, ends: &[MemoryId]) -> Vec<Link>;
    fn delete_link(scope: &Scope, id: &LinkId) -> ();
    fn restand(scope: &Scope, changes: &[Change]) -> u64;
    fn fading_memories(before: Timestamp, page: &PageRequest) -> Page<(Scope, Memory)>;
    fn fading_links(before: Timestamp, page: &PageRequest) -> Page<(Scope, Link)>;
    fn use_links(scope: &Scope, uses: &[LinkUse]) -> u64;
    fn prune_links(scope: &Scope, links: &[Link]) -> u64;
    fn take_lease(name: &str, holder: &str, until: Timestamp, now: Timestamp, void_after: Timestamp) -> Option<Leadership>;
    fn keep_lease(name: &str, holder: &str, until: Timestamp, progress: Option<&str>) -> bool;
    fn release_lease(name: &str, holder: &str) -> ();
    fn tenants() -> Vec<TenantId>;
    fn spoken_before(tenant: &TenantId, before: Timestamp, limit: usize) -> Vec<(ConversationId, Option<UserId>)>;
    fn take_words(tenant: &TenantId, ids: &[ConversationId]) -> u64;
    fn aged_memories(tenant: &TenantId, states: &[MemoryState], before: Timestamp, page: &PageRequest) -> Page<(Scope, Memory)>;
    fn idle_callers(tenant: &TenantId, before: Timestamp, page: &PageRequest) -> Page<User>;
    fn settle_conflict(scope: &Scope, known: Option<&Conflict>, conflict: &Conflict, changes: &[Change]) -> bool;
    fn conflict(tenant: &TenantId, id: &ConflictId) -> Option<Conflict>;
    fn conflicts_of(scope: &Scope, ends: &[MemoryId]) -> Vec<Conflict>;
    fn conflicts(tenant: &TenantId, filter: &ConflictFilter, page: &PageRequest) -> Page<Conflict>;
    fn history(scope: &Scope, id: &MemoryId) -> Vec<Memory>;
    fn pending_memories(limit: usize) -> Vec<(Scope, Memory)>;
    fn scan_memories(page: &PageRequest) -> Page<(Scope, Memory)>;
    fn count_memories() -> u64;
    fn space() -> Option<Space>;
    fn set_space(space: &Space) -> ();
    fn replace_extraction(tenant: &TenantId, id: &ConversationId, standing: &Sealed, new: &Sealed) -> bool;
    fn add_costs(tenant: &TenantId, rows: &[CostRow]) -> ();
    fn costs(tenant: &TenantId, filter: &CostFilter, by: CostGroup) -> Vec<CostSum>;
    fn put_receipts(tenant: &TenantId, receipts: &[Receipt]) -> ();
    fn receipts_of(tenant: &TenantId, conversation: &ConversationId) -> Vec<Receipt>;
    fn loose_receipts(scope: &Scope, page: &PageRequest) -> Page<Receipt>;
    fn claim_receipts(scope: &Scope, id: &ConversationId, from: Timestamp, until: Timestamp) -> u64;
    fn blank_receipts(scope: &Scope, memories: &[MemoryId]) -> u64;
    fn prune_receipts(before: Timestamp) -> u64;
    fn recalls(scope: &Scope, ids: &[MemoryId]) -> Vec<(MemoryId, Recalls)>;
    fn put_review(scope: &Scope, review: &Review) -> ();
    fn reviews(scope: &Scope) -> Vec<Review>;
    fn labels(tenant: &TenantId, page: &PageRequest) -> Page<Review>;
    fn count_of(tenant: &TenantId, states: &[MemoryState]) -> u64;
    fn ping() -> ();
}
