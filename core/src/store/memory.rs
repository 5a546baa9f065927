//! The truth: people, conversations, memories, links.

use super::{Leadership, LinkUse, Space};
use crate::cost::{CostFilter, CostGroup, CostRow, CostSum};
use crate::crypt::Sealed;
use crate::{
    AgentId, AuditEntry, AuditFilter, Change, Conflict, ConflictId, ConflictState, Consent, Conversation,
    ConversationId, Erased, Erasure, ErasureId, ErasureStep, Identity, Link, LinkId, Memory, MemoryId, MemoryState,
    NewErasure, NewTransfer, Page, PageRequest, Recalls, Receipt, Result, Review, Scope, Sector, Suppression,
    SuppressionKey, TenantId, Timestamp, Transfer, TransferId, User, UserId,
};
use async_trait::async_trait;
use std::fmt::Debug;

/// Who an identity turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The caller.
    pub user: User,
    /// Whether the caller was unknown until now.
    pub created: bool,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MemoryFilter {
    /// Only these sectors; empty for all.
    pub sectors: Vec<Sector>,
    /// Only these states; empty for all.
    pub states: Vec<MemoryState>,
}

/// Which conflicts to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConflictFilter {
    /// Only this caller's.
    pub caller: Option<UserId>,
    /// Only those in this state.
    pub state: Option<ConflictState>,
}

/// The store that is the truth; vectors and words can be thrown away and rebuilt from it.
///
/// Every write to a caller's memories, links or conflicts raises that caller's [`User::revision`] by at least one, in the
/// same transaction; but for [`MemoryStore::use_links`], which comes with every answer and changes nothing that is held
/// in memory.
#[async_trait]
pub trait MemoryStore: Debug + Send + Sync + 'static {
    // ---- people

    /// The caller with the first of `identities` that is known, in the given order; `None` when none is.
    async fn find_user(&self, tenant: &TenantId, identities: &[Identity]) -> Result<Option<User>>;

    /// As [`MemoryStore::find_user`], but an unknown caller is created with the id `new`, and every identity
    /// that is nobody's yet is joined to the caller found or created. An identity that is somebody else's stays
    /// theirs. One transaction: two racing calls with the same identity end with one caller.
    /// With no identities a caller without identities is created.
    ///
    /// Where one of the identities is suppressed for what is from `now` ([`Suppression::covers`]), it is an error of kind
    /// `Conflict` that may be tried again, and nothing is written: an erasure came in between, and whoever asks anew
    /// sees it.
    async fn ensure_user(
        &self,
        tenant: &TenantId,
        identities: &[Identity],
        new: &UserId,
        now: Timestamp,
    ) -> Result<Resolved>;

    /// Joins identities to a known caller. One that is somebody else's stays theirs; one that is the caller's
    /// already is left as it is. An unknown caller is an error of kind `NotFound` and nothing is joined.
    async fn join_identities(&self, scope: &Scope, identities: &[Identity]) -> Result<()>;

    /// The caller of this scope.
    async fn user(&self, scope: &Scope) -> Result<Option<User>>;

    /// Identities of the caller, in the order in which they were joined.
    async fn identities(&self, scope: &Scope) -> Result<Vec<Identity>>;

    /// All callers of a tenant, newest contact first.
    async fn users(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<User>>;

    /// Sets how the caller wants to be called; does nothing for an unknown caller.
    async fn set_name(&self, scope: &Scope, name: &str) -> Result<()>;

    /// Sets the caller's summary; does nothing for an unknown caller.
    async fn set_summary(&self, scope: &Scope, summary: &str) -> Result<()>;

    /// How many active memories the caller has, by sector; sectors without any are left out.
    async fn sector_counts(&self, scope: &Scope) -> Result<Vec<(Sector, u64)>>;

    /// Removes the caller and everything that is the caller's, aliases and transfers among it, and notes the erasure, in
    /// one transaction: from then on what `erasure` names, and every identity the caller had, is suppressed. An unknown
    /// caller is answered with zeros, and nothing is noted. An erasure whose id is there is an error of kind `Conflict`,
    /// and nothing is removed. What the caller's conversations cost stays counted, but no longer under their names.
    async fn erase_user(&self, scope: &Scope, erasure: &NewErasure) -> Result<Erased>;

    // ---- the audit log; it can be added to, and in no other way be changed

    /// Adds entries, all or none. An id that is there, whoever's it is, is left as it is.
    async fn append_audit(&self, tenant: &TenantId, entries: &[AuditEntry]) -> Result<()>;

    /// A tenant's entries that pass the filter, latest first (ties by id).
    async fn audit_log(&self, tenant: &TenantId, filter: &AuditFilter, page: &PageRequest) -> Result<Page<AuditEntry>>;

    // ---- erasures; they are never removed

    /// What is suppressed of these, latest erasure first (ties by id).
    async fn suppressions(&self, tenant: &TenantId, keys: &[SuppressionKey]) -> Result<Vec<Suppression>>;

    /// The erasure of that id.
    async fn erasure(&self, tenant: &TenantId, id: &ErasureId) -> Result<Option<Erasure>>;

    /// A tenant's erasures, latest first (ties by id).
    async fn erasures(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Erasure>>;

    /// Everything an erasure suppresses, in a stable order; empty for one that is not there.
    async fn suppressed_by(&self, tenant: &TenantId, id: &ErasureId) -> Result<Vec<SuppressionKey>>;

    /// Notes an erasure that was done elsewhere, with what it suppresses: how a ledger outlives a restored backup. One
    /// that is there stays as it is. Nothing but the ledger is written.
    async fn note_erasure(&self, tenant: &TenantId, erasure: &Erasure, keys: &[SuppressionKey]) -> Result<()>;

    /// Notes how far an erasure has come, and when. A step that was noted before stays as it was; [`ErasureStep::Clean`]
    /// also takes away what was left to be done. A missing erasure is ignored.
    async fn step_erasure(&self, tenant: &TenantId, id: &ErasureId, step: ErasureStep, at: Timestamp) -> Result<()>;

    /// Erasures of all tenants that still have something to be done, oldest first (ties by id), at most `limit`.
    async fn open_erasures(&self, limit: usize) -> Result<Vec<(TenantId, Erasure)>>;

    /// All erasures of all tenants, in a stable order that does not change while the walk goes on: for a backup.
    async fn scan_erasures(&self, page: &PageRequest) -> Result<Page<(TenantId, Erasure)>>;

    /// Sets whether the caller agrees to be remembered; does nothing for an unknown caller.
    async fn set_consent(&self, scope: &Scope, consent: Consent) -> Result<()>;

    /// Sets whether several people call as this one; does nothing for an unknown caller.
    async fn set_shared(&self, scope: &Scope, shared: bool) -> Result<()>;

    // ---- merging

    /// Merges two callers, or splits one, in one transaction. A merge moves everything of `from`'s: identities,
    /// conversations, memories, links and conflicts; `from` is a caller no more, but its id, and what had been an alias
    /// of it, becomes an alias of `into`. `into` takes the name and summary it lacks and the earlier first contact. A
    /// split moves the conversations named and the memories that come from them, and makes `into` if unknown, whose
    /// first contact is the first of these calls; links and conflicts between what goes and what stays are removed and
    /// what they did is taken back ([`crate::Parting`]). Calls are counted where they went, and
    /// `last_contact` follows. What is moved waits for its index (`Pending`), and the transfer is not settled. Both
    /// revisions are raised to their next epoch ([`User::next_epoch`]); what costs were is counted by conversation and moves along. Receipts and reviews go with their
    /// conversations and memories; a merge takes the rest of them too, which stays with `into` when it is undone, unless a
    /// memory that goes back tells whose it is.
    ///
    /// An unknown `from`, or an unknown `into` of a merge, is an error of kind `NotFound`; a caller into itself, a split
    /// of no conversation or of one that is not `from`'s is `Invalid`; an id that is taken is `Conflict`. Nothing is
    /// moved then.
    async fn transfer(&self, tenant: &TenantId, new: &NewTransfer, now: Timestamp) -> Result<Transfer>;

    /// Takes a transfer back, in one transaction: what was moved and is `into`'s still goes back, with the memories that
    /// come from those conversations, whenever they were learnt. What else `into` has learnt since stays. A merge's
    /// `from` is a caller again, as it was; a caller whom the split had made and who has nothing left becomes an alias
    /// of `from`. The rest is as in [`MemoryStore::transfer`]. Undone already, it is answered as it is; `None` when
    /// there is none of that id. An error of kind `Conflict` when one of the two has been merged away since, and nothing
    /// is moved.
    async fn undo_transfer(&self, tenant: &TenantId, id: &TransferId, now: Timestamp) -> Result<Option<Transfer>>;

    /// The transfer of that id.
    async fn transfer_by_id(&self, tenant: &TenantId, id: &TransferId) -> Result<Option<Transfer>>;

    /// A tenant's transfers, latest first (ties by id); of one caller, whichever of the two, if given.
    async fn transfers(&self, tenant: &TenantId, caller: Option<&UserId>, page: &PageRequest)
    -> Result<Page<Transfer>>;

    /// Transfers that are not settled, of all tenants, oldest first, at most `limit`.
    async fn unsettled_transfers(&self, limit: usize) -> Result<Vec<(TenantId, Transfer)>>;

    /// Notes that the derived stores have followed a transfer, if it still is in the state given; else nothing is
    /// noted. A missing one is ignored.
    async fn settle_transfer(&self, tenant: &TenantId, transfer: &Transfer) -> Result<()>;

    /// Whom an id of ours names that is no caller's any more; `None` for an id that is no alias.
    async fn alias(&self, tenant: &TenantId, id: &UserId) -> Result<Option<UserId>>;

    /// The ids that name this caller beside its own, in their order.
    async fn aliases(&self, scope: &Scope) -> Result<Vec<UserId>>;

    // ---- conversations

    /// Binds a conversation to a caller before or during the call. If it is bound already, to whomever, the
    /// binding stays. Answers the caller it is bound to now. An unknown caller is an error of kind `Conflict`, and nothing
    /// is bound.
    async fn bind_conversation(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        agent: Option<&AgentId>,
        now: Timestamp,
    ) -> Result<UserId>;

    /// The conversation of that id.
    async fn conversation(&self, tenant: &TenantId, id: &ConversationId) -> Result<Option<Conversation>>;

    /// Writes a conversation whole, except that a caller or a saved extraction that is there already is kept:
    /// the first one to be saved stands. Answers what is stored now. A caller who is not known is an error of kind
    /// `Conflict`, and nothing is written: a late job must not bring an erased person's words back.
    async fn save_conversation(&self, tenant: &TenantId, conversation: &Conversation) -> Result<Conversation>;

    /// Puts another extraction in the place of the one that stands, if it still stands: a second reading. `false`,
    /// and nothing is changed, if another one does, or the conversation is not there.
    async fn replace_extraction(
        &self,
        tenant: &TenantId,
        id: &ConversationId,
        standing: &Sealed,
        new: &Sealed,
    ) -> Result<bool>;

    /// Marks a conversation learnt and counts the call once: the caller's `call_count` grows by one and
    /// `last_contact` moves to the call's start if that is later, only if the conversation was not learnt
    /// before. Unknown conversations are ignored.
    async fn finish_conversation(&self, scope: &Scope, id: &ConversationId, now: Timestamp) -> Result<()>;

    /// Removes conversations that are nobody's, and the receipts of these and of missing ones. Those of a caller are left
    /// alone. Answers how many conversations went. What they cost stays counted, but no longer under their names.
    async fn delete_unowned(&self, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64>;

    /// A tenant's conversations, latest start first; of one caller, if given.
    async fn conversations(
        &self,
        tenant: &TenantId,
        caller: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<Conversation>>;

    // ---- memories

    /// Writes memories, all or none. An id that is there already under the same scope is replaced; under another
    /// scope it is an error of kind `Conflict` and nothing is written. So is an unknown caller: a late job must
    /// not bring an erased person back.
    async fn put_memories(&self, scope: &Scope, memories: &[Memory]) -> Result<()>;

    /// The memories of these ids that are the caller's, in the order asked; missing ones are left out.
    async fn memories(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<Memory>>;

    /// Whose memory this is, within a tenant: how a route that names only a memory comes to a scope.
    async fn memory_owner(&self, tenant: &TenantId, id: &MemoryId) -> Result<Option<Scope>>;

    /// The caller's memories, latest `occurred_at` first (ties by id).
    async fn list_memories(&self, scope: &Scope, filter: &MemoryFilter, page: &PageRequest) -> Result<Page<Memory>>;

    /// Removes memories, their links and their conflicts. Missing ones, and those of others, are ignored. Answers how
    /// many went. A memory that one of them had taken the place of points to that one's own successor instead; where
    /// none is left it is current again (active, without `valid_to`), so that nothing points to what is gone and
    /// nothing that is kept falls out of sight.
    async fn delete_memories(&self, scope: &Scope, ids: &[MemoryId]) -> Result<u64>;

    /// Notes that words and vectors are written, and raises the revision also where that was noted before: they were written
    /// anew, and somebody may have read them while they were missing. Missing ones are ignored.
    async fn mark_indexed(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()>;

    // ---- links

    /// Writes links whose two ends are the caller's; others are left out silently (an end may just have been
    /// deleted). A pair that is linked already keeps one link: a manual one takes the place of what is there, an
    /// automatic one leaves it as it is, with the weight it has come to.
    async fn put_links(&self, scope: &Scope, links: &[Link]) -> Result<()>;

    /// Every link that has one of these ends, strongest first (ties by id), each once.
    async fn links(&self, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Link>>;

    /// Removes a link; the missing is fine.
    async fn delete_link(&self, scope: &Scope, id: &LinkId) -> Result<()>;

    // ---- decay and leases

    /// Changes how memories stand, each for itself, if it is the caller's and still stands as its `before` says: if
    /// not, somebody else was first, and it is left alone. Answers how many were changed. Of a memory nothing but its
    /// standing changes.
    async fn restand(&self, scope: &Scope, changes: &[Change]) -> Result<u64>;

    /// Active memories of all tenants that were last reinforced before that moment, the longest ago first, in an order
    /// that stays while the walk goes on. `next_cursor` leads on.
    async fn fading_memories(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Memory)>>;

    /// Automatic links of all tenants that were made, and last used, before that moment, in a stable order.
    /// `next_cursor` leads on.
    async fn fading_links(&self, before: Timestamp, page: &PageRequest) -> Result<Page<(Scope, Link)>>;

    /// Notes that automatic links were used, each for itself, if it was not used since it was read. Missing ones,
    /// manual ones and those of others are ignored. Answers how many were written.
    async fn use_links(&self, scope: &Scope, uses: &[LinkUse]) -> Result<u64>;

    /// Removes automatic links, each for itself, if it was not used since it was read. Missing ones, manual ones and
    /// those of others are ignored. Answers how many went.
    async fn prune_links(&self, scope: &Scope, links: &[Link]) -> Result<u64>;

    /// Takes the lease of that name until `until`, if nobody holds it, or whoever held it let it run out by `now`, or it is
    /// said to be held beyond `void_after`: nobody holds it for so long, so a clock that ran ahead noted that. `None` if
    /// somebody does hold it, `holder` included. A holder is a name that nobody had before. One transaction: of several who
    /// ask at once, one gets it.
    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
        void_after: Timestamp,
    ) -> Result<Option<Leadership>>;

    /// Sets until when the lease is held, and how far its holder has come. `false`, and nothing is changed, if it is
    /// no longer that holder's; that it has run out does not matter as long as nobody else has taken it.
    async fn keep_lease(&self, name: &str, holder: &str, until: Timestamp, progress: Option<&str>) -> Result<bool>;

    /// Gives the lease back, for anybody to take; how far its holder has come stays noted. One that is missing or
    /// somebody else's is left alone.
    async fn release_lease(&self, name: &str, holder: &str) -> Result<()>;

    // ---- what is too old to be kept

    /// The tenants of whom this store keeps a caller or a conversation, in their order.
    async fn tenants(&self) -> Result<Vec<TenantId>>;

    /// Conversations of a tenant that hold a transcript or a saved extraction and began before that moment, with whose they
    /// are; one that is being learnt from only if it was last written before it too. Earliest start first (ties by id),
    /// at most `limit`.
    async fn spoken_before(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Option<UserId>)>>;

    /// Takes transcript and saved extraction away from conversations, for good; nothing else of them changes, and no
    /// revision is raised. Missing ones are ignored. Answers how many had either.
    async fn take_words(&self, tenant: &TenantId, ids: &[ConversationId]) -> Result<u64>;

    /// A tenant's memories in one of these states that were learnt before that moment, the longest ago first (ties by id),
    /// in an order that stays while the walk goes on. `next_cursor` leads on.
    async fn aged_memories(
        &self,
        tenant: &TenantId,
        states: &[MemoryState],
        before: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<(Scope, Memory)>>;

    /// A tenant's callers who were last heard of before that moment: neither contact, nor a conversation that began or was
    /// written, nor a memory that was learnt or told again is from then or later. The longest ago first (ties by id).
    /// `next_cursor` leads on.
    async fn idle_callers(&self, tenant: &TenantId, before: Timestamp, page: &PageRequest) -> Result<Page<User>>;

    // ---- conflicts and history

    /// Writes a conflict and what its resolution does to memories, all or none, if everything still is as it was
    /// read: the pair's stored conflict is `known` (the same state and `resolved_at`; not there for `None`), both its
    /// memories are the caller's, and every memory in `changes` stands as its `before` says. If not, `false`, and
    /// nothing is written: somebody else was first. Of a memory nothing but its standing changes.
    async fn settle_conflict(
        &self,
        scope: &Scope,
        known: Option<&Conflict>,
        conflict: &Conflict,
        changes: &[Change],
    ) -> Result<bool>;

    /// The conflict of that id.
    async fn conflict(&self, tenant: &TenantId, id: &ConflictId) -> Result<Option<Conflict>>;

    /// Every conflict of the caller's that has one of these ends, oldest first (ties by id), each once.
    async fn conflicts_of(&self, scope: &Scope, ends: &[MemoryId]) -> Result<Vec<Conflict>>;

    /// A tenant's conflicts that pass the filter, latest `created_at` first (ties by id).
    async fn conflicts(&self, tenant: &TenantId, filter: &ConflictFilter, page: &PageRequest)
    -> Result<Page<Conflict>>;

    /// The memory and all that hangs together with it along `superseded_by`, both ways: what it took the place of,
    /// what took its place, and so on. Earliest `learnt_at` first (ties by id). Empty when the caller has no such
    /// memory.
    async fn history(&self, scope: &Scope, id: &MemoryId) -> Result<Vec<Memory>>;

    // ---- costs

    /// Adds up what was spent: a row whose key is there already grows. All or none. A number beyond 2^63 is an
    /// error of kind `Invalid`.
    async fn add_costs(&self, tenant: &TenantId, rows: &[CostRow]) -> Result<()>;

    /// A tenant's costs that pass the filter, added up by group, in the order of the groups' names; what belongs
    /// to none comes first. Groups without any cost are left out.
    async fn costs(&self, tenant: &TenantId, filter: &CostFilter, by: CostGroup) -> Result<Vec<CostSum>>;

    // ---- receipts and reviews; none of them raises a revision, since no answer depends on them

    /// Keeps what agents were told, all or none. An id that is there already is left as it is. A receipt of a caller who is
    /// not known is left out: a late write must not bring an erased person back. Each memory that a new receipt returned,
    /// and that is its caller's, counts as recalled once more ([`MemoryStore::recalls`]); what was remembered was not
    /// recalled.
    async fn put_receipts(&self, tenant: &TenantId, receipts: &[Receipt]) -> Result<()>;

    /// The receipts of a conversation, earliest first (ties by id).
    async fn receipts_of(&self, tenant: &TenantId, conversation: &ConversationId) -> Result<Vec<Receipt>>;

    /// The caller's receipts of no conversation, earliest first (ties by id).
    async fn loose_receipts(&self, scope: &Scope, page: &PageRequest) -> Result<Page<Receipt>>;

    /// Gives the caller's receipts of no conversation from `from` to `until`, both included, to this one. Answers how
    /// many.
    async fn claim_receipts(
        &self,
        scope: &Scope,
        conversation: &ConversationId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<u64>;

    /// Takes the words away from the caller's receipts that returned one of these memories. Answers how many had some.
    async fn blank_receipts(&self, scope: &Scope, memories: &[MemoryId]) -> Result<u64>;

    /// Removes all tenants' receipts from before that moment. Answers how many. What was recalled stays counted.
    async fn prune_receipts(&self, before: Timestamp) -> Result<u64>;

    /// How often, and when last, the caller's memories of these ids were recalled; those that never were are left out.
    async fn recalls(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Vec<(MemoryId, Recalls)>>;

    /// Notes what a person decided about a memory of the caller's, in place of what was decided before. It outlives the
    /// memory, not the caller. An unknown caller is an error of kind `Conflict`, and nothing is noted.
    async fn put_review(&self, scope: &Scope, review: &Review) -> Result<()>;

    /// The reviews of the caller, latest first (ties by memory).
    async fn reviews(&self, scope: &Scope) -> Result<Vec<Review>>;

    /// A tenant's reviews that were released as labels, latest first (ties by memory).
    async fn labels(&self, tenant: &TenantId, page: &PageRequest) -> Result<Page<Review>>;

    /// How many memories of these states a tenant has; of all, if none is named.
    async fn count_of(&self, tenant: &TenantId, states: &[MemoryState]) -> Result<u64>;

    // ---- maintenance: walks over everybody; each item carries its own scope

    /// Memories whose index state is `Pending`, oldest first, at most `limit`, of all tenants.
    async fn pending_memories(&self, limit: usize) -> Result<Vec<(Scope, Memory)>>;

    /// All memories of all tenants, in a stable order that does not change while the walk goes on: for
    /// rebuilding the derived indexes. `next_cursor` leads on.
    async fn scan_memories(&self, page: &PageRequest) -> Result<Page<(Scope, Memory)>>;

    /// How many memories there are in all.
    async fn count_memories(&self) -> Result<u64>;

    /// The space the memories' vectors are complete in; `None` until [`MemoryStore::set_space`].
    async fn space(&self) -> Result<Option<Space>>;

    /// Notes that the memories' vectors are complete in this space, and no longer in the one noted before.
    async fn set_space(&self, space: &Space) -> Result<()>;

    /// Rewrites what files still hold of removed rows. When it has answered, a row that was removed before is in no file;
    /// where a reader stands in the way it is an error that may be tried again.
    async fn purge(&self) -> Result<()>;

    /// Whether the store answers: a cheap read. Where the last write was refused, whether writing goes through again: an error
    /// that [`Error::is_unwritable`](crate::Error::is_unwritable) says that reading goes on all the same.
    async fn ping(&self) -> Result<()>;
}
