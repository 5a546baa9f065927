//! Two profiles of one person are merged, one profile of two people is split, and either is taken back. The truth moves
//! in one transaction; words and vectors follow. Until they have, the transfer is noted as not settled and the moved
//! memories as pending, which the schedule picks up after a crash; what is still indexed under the old name finds
//! nothing meanwhile, since every hit is looked up in the truth.

use super::{Ingest, index};
use crate::job::{EmbedMemories, JobPayload, LinkMemories, SummariseUser};
use crate::people::{Claim, new_id};
use crate::{
    ConversationId, Error, ErrorKind, IdentityKind, MemoryId, MemoryKind, NewTransfer, PageRequest, Result, Scope,
    TenantId, Transfer, TransferId, TransferKind, TransferState, TransferredBy, User, UserId,
};

/// Transfers looked through for one that has been done already.
const LOOKED_AT: usize = 100;

fn refused(kind: ErrorKind, why: &'static str) -> Error {
    Error::new(kind, "users.transfer", why)
}

impl Ingest {
    /// Makes one caller of two: all that is `from`'s becomes `into`'s, and `from`'s id names `into` from now on. Both
    /// are our own ids or the integrator's. What has been merged already is answered as it was.
    ///
    /// # Errors
    /// `NotFound` for somebody unknown, `Invalid` for one and the same caller; else what the stores say. What could not
    /// be indexed anew is no error: it follows.
    pub async fn merge(&self, tenant: &TenantId, from: &str, into: &str) -> Result<Transfer> {
        let unknown = || refused(ErrorKind::NotFound, "the user is not known");
        let left = self.people.by_reference(tenant, from).await?.ok_or_else(unknown)?;
        let right = self.people.by_reference(tenant, into).await?.ok_or_else(unknown)?;
        if left.id == right.id {
            let done = self.merged_already(tenant, from, into, &right.id).await?;
            return done.ok_or_else(|| refused(ErrorKind::Invalid, "`from` and `into` are one user"));
        }
        self.merge_users(tenant, &left.id, &right.id, TransferredBy::Person).await
    }

    async fn merge_users(
        &self,
        tenant: &TenantId,
        from: &UserId,
        into: &UserId,
        by: TransferredBy,
    ) -> Result<Transfer> {
        let new = NewTransfer {
            id: self.transfer_id(),
            kind: TransferKind::Merge,
            from: from.clone(),
            into: into.clone(),
            conversations: Vec::new(),
            by,
        };
        self.carry_out(tenant, &new).await
    }

    /// The merge by which two references came to name one caller.
    async fn merged_already(
        &self,
        tenant: &TenantId,
        from: &str,
        into: &str,
        caller: &UserId,
    ) -> Result<Option<Transfer>> {
        // Literally the same is a mistake, whatever was merged before.
        if from.trim() == into.trim() || from.trim() == caller.as_str() {
            return Ok(None);
        }
        let key = self.engine.vault.identity(tenant, IdentityKind::External, from)?.map(|i| (i.kind, i.hash));
        let known = self.engine.memory.transfers(tenant, Some(caller), &PageRequest::first(LOOKED_AT)).await?;
        let brought = |transfer: &Transfer| {
            let moved = &transfer.moved;
            let by_alias =
                transfer.from.as_str() == from.trim() || moved.aliases.iter().any(|a| a.as_str() == from.trim());
            by_alias || key.as_ref().is_some_and(|key| moved.identities.contains(key))
        };
        let standing = |t: &Transfer| t.kind == TransferKind::Merge && t.state == TransferState::Done;
        Ok(known.items.into_iter().find(|t| standing(t) && t.into == *caller && brought(t)))
    }

    /// Gives some of a caller's conversations, and the memories that come from them, to another caller: to `into` if
    /// given (our own id or the integrator's), else to a new guest. What has been split off already is answered as it
    /// was.
    ///
    /// # Errors
    /// `NotFound` for somebody unknown; `Invalid` for no conversation, one that is not the caller's, or a split into
    /// the same caller; else what the stores say.
    pub async fn split(
        &self,
        tenant: &TenantId,
        from: &str,
        conversations: &[ConversationId],
        into: Option<&str>,
    ) -> Result<Transfer> {
        let unknown = || refused(ErrorKind::NotFound, "the user is not known");
        let from = self.people.by_reference(tenant, from).await?.ok_or_else(unknown)?;
        let into = match into {
            Some(into) => Some(self.people.by_reference(tenant, into).await?.ok_or_else(unknown)?.id),
            None => None,
        };
        let mut wanted = conversations.to_vec();
        wanted.sort();
        wanted.dedup();
        let known = self.engine.memory.transfers(tenant, Some(&from.id), &PageRequest::first(LOOKED_AT)).await?;
        let done = known.items.into_iter().find(|t| {
            let same =
                t.from == from.id && t.moved.conversations == wanted && into.as_ref().is_none_or(|i| *i == t.into);
            t.kind == TransferKind::Split && t.state == TransferState::Done && same
        });
        if let Some(done) = done {
            return Ok(done);
        }
        let new = NewTransfer {
            id: self.transfer_id(),
            kind: TransferKind::Split,
            from: from.id,
            into: into.unwrap_or_else(|| new_id(&self.engine)),
            conversations: wanted,
            by: TransferredBy::Person,
        };
        self.carry_out(tenant, &new).await
    }

    /// Takes a merge or a split back; one that was taken back is answered as it is. `None` when there is none of that
    /// id.
    ///
    /// # Errors
    /// `Conflict` when one of the two was merged away since; else what the stores say.
    pub async fn undo_transfer(&self, tenant: &TenantId, id: &TransferId) -> Result<Option<Transfer>> {
        let now = self.engine.clock.now();
        let Some(undone) = self.engine.memory.undo_transfer(tenant, id, now).await? else { return Ok(None) };
        if undone.settled {
            return Ok(Some(undone));
        }
        report(&undone);
        self.follow_transfer(tenant, undone).await.map(Some)
    }

    /// The user a call is about, once a guest it has met is merged into a known one.
    pub(super) async fn join_guest(&self, tenant: &TenantId, user: User, claims: &[Claim]) -> Result<User> {
        if !self.identity.join_guests {
            return Ok(user);
        }
        let Some((guest, known)) = self.people.guest_met(tenant, &user, claims).await? else { return Ok(user) };
        self.merge_users(tenant, &guest.id, &known.id, TransferredBy::Call).await?;
        Ok(self.people.by_id(tenant, &user.id).await?.unwrap_or(known))
    }

    /// Brings the derived stores up to transfers that they have not followed: after a crash, or a store that was away.
    /// Answers how many are settled now.
    ///
    /// # Errors
    /// What the stores say; what was settled stays settled.
    pub async fn settle_transfers(&self, limit: usize) -> Result<usize> {
        let open = self.engine.memory.unsettled_transfers(limit).await?;
        let settled = open.len();
        for (tenant, transfer) in open {
            self.settle_transfer(&tenant, &transfer).await?;
        }
        Ok(settled)
    }

    fn transfer_id(&self) -> TransferId {
        TransferId::new(format!("trf_{}", self.engine.entropy.hex(12)))
    }

    async fn carry_out(&self, tenant: &TenantId, new: &NewTransfer) -> Result<Transfer> {
        // Written later they would stay behind, under a name that is nobody's any more.
        self.keep_receipts().await;
        let done = self.engine.memory.transfer(tenant, new, self.engine.clock.now()).await?;
        report(&done);
        if done.kind == TransferKind::Split {
            self.name_guest(tenant, &done).await?;
        }
        self.follow_transfer(tenant, done).await
    }

    /// Who is split off is called as the calls that were moved told.
    async fn name_guest(&self, tenant: &TenantId, done: &Transfer) -> Result<()> {
        let scope = Scope { tenant: tenant.clone(), caller: done.into.clone() };
        if done.moved.into_before.as_ref().is_some_and(|before| !before.name.is_empty()) {
            return Ok(());
        }
        let moved = self.engine.memory.memories(&scope, &done.moved.memories).await?;
        let named = moved.iter().filter(|m| m.kind == MemoryKind::Name).max_by_key(|m| (m.learnt_at, m.id.clone()));
        match named.and_then(|memory| memory.slot.as_ref()).filter(|slot| slot.key == "name") {
            Some(slot) => self.engine.memory.set_name(&scope, &slot.value).await,
            None => Ok(()),
        }
    }

    /// The transfer stands; what could not follow now follows by the schedule.
    async fn follow_transfer(&self, tenant: &TenantId, transfer: Transfer) -> Result<Transfer> {
        match self.settle_transfer(tenant, &transfer).await {
            Ok(()) => Ok(Transfer { settled: true, ..transfer }),
            Err(error) => {
                tracing::warn!(?error, transfer = %transfer.id, "the indexes have not followed a transfer yet");
                Ok(transfer)
            }
        }
    }

    async fn settle_transfer(&self, tenant: &TenantId, transfer: &Transfer) -> Result<()> {
        let scope = |caller: &UserId| Scope { tenant: tenant.clone(), caller: caller.clone() };
        let (left, right) = (scope(transfer.left()), scope(transfer.right()));
        let ids = &transfer.moved.memories;
        if self.engine.memory.user(&left).await?.is_none() {
            self.engine.vectors.erase(&left).await?;
            self.engine.keywords.erase(&left).await?;
        } else {
            self.engine.vectors.delete(&left, ids).await?;
            self.engine.keywords.delete(&left, ids).await?;
        }
        // Embeddings are remembered under the name of whoever spoke: erasing the one must not leave the other's.
        if let Some(embeddings) = &self.engine.embeddings {
            embeddings.erase(&left).await?;
        }
        self.cache.forget(&left);
        self.cache.forget(&right);
        let embedded = index::write(&self.engine, &right, ids).await?;
        let now = self.engine.clock.now();
        self.engine.jobs.enqueue(&self.after_transfer(&left, &right, ids, embedded, now)?, now).await?;
        self.engine.memory.settle_transfer(tenant, transfer).await
    }

    fn after_transfer(
        &self,
        left: &Scope,
        right: &Scope,
        ids: &[MemoryId],
        embedded: bool,
        now: crate::Timestamp,
    ) -> Result<Vec<crate::store::NewJob>> {
        let mut jobs = Vec::new();
        for scope in [left, right] {
            jobs.push(SummariseUser { caller: scope.caller.clone() }.job(&scope.tenant, now)?);
        }
        if ids.is_empty() {
            return Ok(jobs);
        }
        let (caller, memory_ids) = (right.caller.clone(), ids.to_vec());
        jobs.push(if embedded {
            LinkMemories { caller, memory_ids }.job(&right.tenant, now)?
        } else {
            EmbedMemories { caller, memory_ids }.job(&right.tenant, now)?
        });
        jobs.extend(self.reconciling(right, ids, now)?);
        Ok(jobs)
    }
}

/// By ids and numbers alone.
fn report(transfer: &Transfer) {
    let (kind, state, by) = (transfer.kind.name(), transfer.state.name(), transfer.by.name());
    metrics::counter!("hark_transfers_total", "kind" => kind, "state" => state, "by" => by).increment(1);
    tracing::info!(
        transfer = %transfer.id,
        kind,
        state,
        by,
        from = %transfer.from,
        into = %transfer.into,
        memories = transfer.moved.memories.len(),
        conversations = transfer.moved.conversations.len(),
        "callers transferred"
    );
}
