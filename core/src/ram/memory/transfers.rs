//! Two callers are merged, or one is split; and back again.

use super::state::{Person, State};
use crate::ram::page::latest_first;
use crate::{
    Conflict, ConversationId, ConversationState, Error, ErrorKind, IdentityKey, IndexState, Memory, MemoryId, Moved,
    NewTransfer, Page, PageRequest, Parting, Result, Scope, TenantId, Timestamp, Transfer, TransferId, TransferKind,
    TransferState, User, UserId,
};
use std::collections::BTreeSet;

const TRANSFER: &str = "ram.transfer";

fn refused(kind: ErrorKind, why: &'static str) -> Error {
    Error::new(kind, TRANSFER, why)
}

impl State {
    pub(super) fn listed_transfers(
        &self,
        tenant: &TenantId,
        caller: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<Transfer>> {
        let of = |transfer: &Transfer| caller.is_none_or(|id| [&transfer.from, &transfer.into].contains(&id));
        let listed = self.transfers.iter().filter(|((t, _), transfer)| t == tenant && of(transfer)).map(|(_, t)| t);
        latest_first("ram.transfers", listed, page, |t| (t.created_at, t.id.as_str()), Transfer::clone)
    }

    pub(super) fn unsettled(&self, limit: usize) -> Vec<(TenantId, Transfer)> {
        let mut open: Vec<_> = self.transfers.iter().filter(|(_, t)| !t.settled).collect();
        open.sort_by(|(_, x), (_, y)| (x.created_at, &x.id).cmp(&(y.created_at, &y.id)));
        open.into_iter().take(limit).map(|((tenant, _), t)| (tenant.clone(), t.clone())).collect()
    }

    pub(super) fn note_settled(&mut self, tenant: &TenantId, transfer: &Transfer) {
        let found = self.transfers.get_mut(&(tenant.clone(), transfer.id.clone()));
        if let Some(known) = found.filter(|known| known.state == transfer.state) {
            known.settled = true;
        }
    }

    pub(super) fn transfer(&mut self, tenant: &TenantId, new: &NewTransfer, now: Timestamp) -> Result<Transfer> {
        let key = (tenant.clone(), new.id.clone());
        let scope = |caller: &UserId| Scope { tenant: tenant.clone(), caller: caller.clone() };
        let (from, into) = (scope(&new.from), scope(&new.into));
        if from == into {
            return Err(refused(ErrorKind::Invalid, "a caller cannot be merged into itself"));
        }
        if self.transfers.contains_key(&key) {
            return Err(refused(ErrorKind::Conflict, "a transfer of that id is there already"));
        }
        let unknown = || refused(ErrorKind::NotFound, "the caller is not known");
        let from_before = self.user(&from).cloned().ok_or_else(unknown)?;
        let into_before = self.user(&into).cloned();
        let mut moved = match new.kind {
            TransferKind::Merge if into_before.is_none() => return Err(unknown()),
            TransferKind::Merge => self.all_of(&from, from_before, into_before),
            TransferKind::Split => self.some_of(&from, &new.conversations, from_before, into_before)?,
        };
        match (new.kind, &moved.into_before) {
            (TransferKind::Merge, Some(into_before)) => {
                let whole = into_before.merged_with(&moved.from_before);
                self.replace_user(&into, whole);
            }
            (_, None) => self.make_guest(&into, &moved.conversations, now),
            (TransferKind::Split, Some(_)) => self.move_first_contact(&into, &moved.conversations),
        }
        let memories = std::mem::take(&mut moved.memories);
        moved.memories = self.hand_over(&from, &into, &moved, memories);
        if new.kind == TransferKind::Merge {
            self.receipts.hand_over(&from, &into, |_, _| true);
            self.people.remove(&from);
            self.aliases.insert((tenant.clone(), new.from.clone()), new.into.clone());
        }
        let transfer = Transfer {
            id: new.id.clone(),
            kind: new.kind,
            from: new.from.clone(),
            into: new.into.clone(),
            state: TransferState::Done,
            by: new.by,
            moved,
            created_at: now,
            undone_at: None,
            settled: false,
        };
        self.transfers.insert(key, transfer.clone());
        Ok(transfer)
    }

    pub(super) fn undo_transfer(
        &mut self,
        tenant: &TenantId,
        id: &TransferId,
        now: Timestamp,
    ) -> Result<Option<Transfer>> {
        let key = (tenant.clone(), id.clone());
        let Some(mut transfer) = self.transfers.get(&key).cloned() else { return Ok(None) };
        if transfer.state == TransferState::Undone {
            return Ok(Some(transfer));
        }
        let scope = |caller: &UserId| Scope { tenant: tenant.clone(), caller: caller.clone() };
        let (from, into) = (scope(&transfer.from), scope(&transfer.into));
        let merge = transfer.kind == TransferKind::Merge;
        let Some(now_into) = self.user(&into).cloned().filter(|_| merge || self.people.contains_key(&from)) else {
            return Err(Error::new(ErrorKind::Conflict, "ram.undo_transfer", MERGED_SINCE));
        };
        if merge {
            let before = &transfer.moved.from_before;
            let user = User { revision: before.revision + 1, ..before.clone() };
            self.aliases.remove(&(tenant.clone(), transfer.from.clone()));
            self.people.insert(from.clone(), Person { user, identities: Vec::new() });
        }
        if let Some(before) = &transfer.moved.into_before {
            let user = if merge {
                now_into.parted_from(before, &transfer.moved.from_before)
            } else {
                User { first_contact: before.first_contact, ..now_into }
            };
            self.replace_user(&into, user);
        }
        let mut back = self.memories_from(&into, &transfer.moved.conversations);
        back.extend(transfer.moved.memories.iter().cloned());
        let back = back.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        transfer.moved.memories = self.hand_over(&into, &from, &transfer.moved, back);
        if transfer.moved.into_before.is_none() && self.has_nothing(&into) {
            self.people.remove(&into);
            for ((owner, _), caller) in &mut self.aliases {
                if owner == tenant && *caller == into.caller {
                    *caller = from.caller.clone();
                }
            }
            self.aliases.insert((tenant.clone(), transfer.into.clone()), transfer.from.clone());
        }
        transfer.state = TransferState::Undone;
        transfer.undone_at = Some(now);
        transfer.settled = false;
        self.transfers.insert(key, transfer.clone());
        Ok(Some(transfer))
    }

    pub(super) fn aliases_of(&self, scope: &Scope) -> Vec<UserId> {
        let own =
            |(tenant, _): &(TenantId, UserId), caller: &UserId| *tenant == scope.tenant && *caller == scope.caller;
        self.aliases.iter().filter(|(key, caller)| own(key, caller)).map(|((_, id), _)| id.clone()).collect()
    }

    /// What an erased caller leaves of transfers: nothing.
    pub(super) fn forget_transfers(&mut self, scope: &Scope) {
        let mut names = self.aliases_of(scope);
        names.push(scope.caller.clone());
        self.aliases.retain(|(tenant, _), caller| *tenant != scope.tenant || *caller != scope.caller);
        let theirs = |t: &Transfer| names.contains(&t.from) || names.contains(&t.into);
        self.transfers.retain(|(tenant, _), transfer| *tenant != scope.tenant || !theirs(transfer));
    }

    fn all_of(&self, from: &Scope, from_before: User, into_before: Option<User>) -> Moved {
        let person = self.people.get(from);
        let key = |i: &crate::Identity| -> IdentityKey { (i.kind, i.hash) };
        Moved {
            aliases: self.aliases_of(from),
            identities: person.map(|p| p.identities.iter().map(key).collect()).unwrap_or_default(),
            conversations: self.conversations_of(from).map(|(id, _)| id.clone()).collect(),
            memories: self.of(from).map(|memory| memory.id.clone()).collect(),
            from_before,
            into_before,
        }
    }

    fn some_of(
        &self,
        from: &Scope,
        conversations: &[ConversationId],
        from_before: User,
        into_before: Option<User>,
    ) -> Result<Moved> {
        let wanted: BTreeSet<_> = conversations.iter().cloned().collect();
        let own: BTreeSet<_> = self.conversations_of(from).map(|(id, _)| id.clone()).collect();
        if wanted.is_empty() || !wanted.is_subset(&own) {
            return Err(refused(ErrorKind::Invalid, NOT_THEIRS));
        }
        let conversations: Vec<_> = wanted.into_iter().collect();
        let memories = self.memories_from(from, &conversations);
        let (aliases, identities) = (Vec::new(), Vec::new());
        Ok(Moved { aliases, identities, conversations, memories, from_before, into_before })
    }

    fn conversations_of<'a>(&'a self, scope: &'a Scope) -> impl Iterator<Item = (&'a ConversationId, Call)> {
        let own = |tenant: &TenantId, caller: &Option<UserId>| {
            *tenant == scope.tenant && caller.as_ref() == Some(&scope.caller)
        };
        self.conversations
            .iter()
            .filter(move |((tenant, _), c)| own(tenant, &c.caller))
            .map(|((_, id), c)| (id, Call { counted: c.state == ConversationState::Learnt, started_at: c.started_at }))
    }

    fn memories_from(&self, scope: &Scope, conversations: &[ConversationId]) -> Vec<MemoryId> {
        let from =
            |memory: &&Memory| memory.provenance.conversation_id.as_ref().is_some_and(|id| conversations.contains(id));
        self.of(scope).filter(from).map(|memory| memory.id.clone()).collect()
    }

    /// Moves what is still `left`'s. Answers the memories that went.
    fn hand_over(&mut self, left: &Scope, right: &Scope, moved: &Moved, memories: Vec<MemoryId>) -> Vec<MemoryId> {
        for alias in &moved.aliases {
            if let Some(caller) = self.aliases.get_mut(&(left.tenant.clone(), alias.clone()))
                && *caller == left.caller
            {
                *caller = right.caller.clone();
            }
        }
        self.hand_over_identities(left, right, &moved.identities);
        for id in &moved.conversations {
            if let Some(conversation) = self.conversations.get_mut(&(left.tenant.clone(), id.clone()))
                && conversation.caller.as_ref() == Some(&left.caller)
            {
                conversation.caller = Some(right.caller.clone());
            }
        }
        self.receipts.hand_over(left, right, |conversation, memory| {
            conversation.is_some_and(|id| moved.conversations.contains(id))
                || memory.is_some_and(|id| memories.contains(id))
        });
        let gone = self.hand_over_memories(left, right, memories);
        self.recount(left);
        self.recount(right);
        self.begin_epoch(left);
        self.begin_epoch(right);
        gone
    }

    fn hand_over_identities(&mut self, left: &Scope, right: &Scope, keys: &[IdentityKey]) {
        let mut gone = Vec::new();
        if let Some(person) = self.people.get_mut(left) {
            person.identities.retain(|identity| {
                let goes = keys.contains(&(identity.kind, identity.hash));
                if goes {
                    gone.push(identity.clone());
                }
                !goes
            });
        }
        for identity in &gone {
            self.known.insert((left.tenant.clone(), identity.kind, identity.hash), right.caller.clone());
        }
        if let Some(person) = self.people.get_mut(right) {
            person.identities.extend(gone);
        }
    }

    fn hand_over_memories(&mut self, left: &Scope, right: &Scope, memories: Vec<MemoryId>) -> Vec<MemoryId> {
        let own: Vec<Memory> = self.of(left).cloned().collect();
        let leaving: BTreeSet<MemoryId> = memories.into_iter().filter(|id| self.owners.get(id) == Some(left)).collect();
        let conflicts: Vec<Conflict> = self.conflicts.get(left).into_iter().flat_map(|c| c.values().cloned()).collect();
        let parting = Parting::of(&own, &conflicts, &leaving);
        for (id, standing) in &parting.standings {
            if let Some(memory) = self.memories.get_mut(left).and_then(|own| own.get_mut(id)) {
                standing.apply(memory);
            }
        }
        for id in &leaving {
            let Some(mut memory) = self.memories.get_mut(left).and_then(|own| own.remove(id)) else { continue };
            memory.index = IndexState::Pending;
            self.owners.insert(id.clone(), right.clone());
            self.memories.entry(right.clone()).or_default().insert(id.clone(), memory);
        }
        let links = self.links.remove(left).unwrap_or_default();
        for (id, link) in links {
            match (leaving.contains(&link.a), leaving.contains(&link.b)) {
                (true, true) => drop(self.links.entry(right.clone()).or_default().insert(id, link)),
                (false, false) => drop(self.links.entry(left.clone()).or_default().insert(id, link)),
                _ => {}
            }
        }
        for conflict in conflicts {
            let Some(own) = self.conflicts.get_mut(left) else { break };
            if parting.conflicts.contains(&conflict.id) {
                own.remove(&conflict.id);
            } else if leaving.contains(&conflict.old) {
                own.remove(&conflict.id);
                let conflict = Conflict { caller: right.caller.clone(), ..conflict };
                self.conflicts.entry(right.clone()).or_default().insert(conflict.id.clone(), conflict);
            }
        }
        leaving.into_iter().collect()
    }

    /// Calls are counted where they are.
    fn recount(&mut self, scope: &Scope) {
        let counted: Vec<Timestamp> =
            self.conversations_of(scope).filter(|(_, call)| call.counted).map(|(_, call)| call.started_at).collect();
        if let Some(person) = self.people.get_mut(scope) {
            person.user.call_count = counted.len() as u64;
            let first = person.user.first_contact;
            person.user.last_contact = counted.into_iter().max().map_or(first, |last| last.max(first));
        }
    }

    fn replace_user(&mut self, scope: &Scope, user: User) {
        if let Some(person) = self.people.get_mut(scope) {
            person.user = user;
        }
    }

    fn first_call(&self, tenant: &TenantId, conversations: &[ConversationId]) -> Option<Timestamp> {
        let started = |id: &ConversationId| Some(self.conversations.get(&(tenant.clone(), id.clone()))?.started_at);
        conversations.iter().filter_map(started).min()
    }

    fn make_guest(&mut self, scope: &Scope, conversations: &[ConversationId], now: Timestamp) {
        let first = self.first_call(&scope.tenant, conversations).unwrap_or(now);
        self.ensure(&scope.tenant, &[], &scope.caller, first);
    }

    fn move_first_contact(&mut self, scope: &Scope, conversations: &[ConversationId]) {
        let first = self.first_call(&scope.tenant, conversations);
        if let (Some(person), Some(first)) = (self.people.get_mut(scope), first) {
            person.user.first_contact = person.user.first_contact.min(first);
        }
    }

    fn has_nothing(&self, scope: &Scope) -> bool {
        let identities = self.people.get(scope).is_some_and(|person| !person.identities.is_empty());
        !identities && self.of(scope).next().is_none() && self.conversations_of(scope).next().is_none()
    }
}

const NOT_THEIRS: &str = "a split needs conversations, and all of them must be the caller's";
const MERGED_SINCE: &str = "one of the two callers is gone or has been merged away since; undo that first";

/// What counting needs to know of a conversation.
struct Call {
    counted: bool,
    started_at: Timestamp,
}
