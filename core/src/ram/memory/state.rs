//! What is kept, and the steps that touch more than one part of it.

use super::conflicts;
use super::costs::Costs;
use super::erasures::Erasures;
use super::receipts::Receipts;
use super::upkeep::Leases;
use crate::store::{Resolved, Space};
use crate::{
    AuditEntry, AuditId, Conflict, ConflictId, Consent, Conversation, ConversationId, ConversationState, Erased, Error,
    ErrorKind, Identity, IdentityKind, Link, LinkId, Memory, MemoryId, Result, Scope, TenantId, Timestamp, Transfer,
    TransferId, User, UserId,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(super) struct Person {
    pub(super) user: User,
    pub(super) identities: Vec<Identity>,
}

/// Whose each identity is.
pub(super) type Known = BTreeMap<(TenantId, IdentityKind, [u8; 32]), UserId>;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) people: BTreeMap<Scope, Person>,
    pub(super) known: Known,
    pub(super) conversations: BTreeMap<(TenantId, ConversationId), Conversation>,
    pub(super) memories: BTreeMap<Scope, BTreeMap<MemoryId, Memory>>,
    /// Whose each memory is: ids are unique over all scopes.
    pub(super) owners: BTreeMap<MemoryId, Scope>,
    pub(super) links: BTreeMap<Scope, BTreeMap<LinkId, Link>>,
    pub(super) conflicts: BTreeMap<Scope, BTreeMap<ConflictId, Conflict>>,
    pub(super) space: Option<Space>,
    pub(super) costs: Costs,
    pub(super) receipts: Receipts,
    pub(super) leases: Leases,
    pub(super) erasures: Erasures,
    pub(super) audit: BTreeMap<AuditId, (TenantId, AuditEntry)>,
    /// Whom the ids of callers merged away name since.
    pub(super) aliases: BTreeMap<(TenantId, UserId), UserId>,
    pub(super) transfers: BTreeMap<(TenantId, TransferId), Transfer>,
}

impl State {
    pub(super) fn user(&self, scope: &Scope) -> Option<&User> {
        self.people.get(scope).map(|person| &person.user)
    }

    /// Nothing where the caller is not known.
    pub(super) fn change(&mut self, scope: &Scope, change: impl FnOnce(&mut User)) {
        if let Some(person) = self.people.get_mut(scope) {
            change(&mut person.user);
        }
    }

    pub(super) fn of(&self, scope: &Scope) -> impl Iterator<Item = &Memory> {
        self.memories.get(scope).into_iter().flat_map(BTreeMap::values)
    }

    /// Notes that the caller's memories, links or conflicts were written.
    pub(super) fn written(&mut self, scope: &Scope) {
        if let Some(person) = self.people.get_mut(scope) {
            person.user.revision += 1;
        }
    }

    /// Notes that the caller took part in a merge or a split.
    pub(super) fn begin_epoch(&mut self, scope: &Scope) {
        if let Some(person) = self.people.get_mut(scope) {
            person.user.revision = User::next_epoch(person.user.revision);
        }
    }

    pub(super) fn find(&self, tenant: &TenantId, identities: &[Identity]) -> Option<UserId> {
        identities.iter().find_map(|i| self.known.get(&(tenant.clone(), i.kind, i.hash))).cloned()
    }

    pub(super) fn ensure(
        &mut self,
        tenant: &TenantId,
        identities: &[Identity],
        new: &UserId,
        now: Timestamp,
    ) -> Resolved {
        let caller = self.find(tenant, identities).unwrap_or_else(|| new.clone());
        let scope = Scope::new(tenant.clone(), caller.clone());
        let created = !self.people.contains_key(&scope);
        let person = self.people.entry(scope).or_insert_with(|| Person {
            user: User {
                id: caller,
                name: String::new(),
                call_count: 0,
                first_contact: now,
                last_contact: now,
                summary: String::new(),
                shared: false,
                consent: Consent::Unknown,
                revision: 0,
            },
            identities: Vec::new(),
        });
        join(&mut self.known, person, tenant, identities);
        Resolved { user: person.user.clone(), created }
    }

    pub(super) fn join(&mut self, scope: &Scope, identities: &[Identity]) -> Result<()> {
        let Some(person) = self.people.get_mut(scope) else {
            return Err(Error::new(ErrorKind::NotFound, "ram.join_identities", "the caller is not known"));
        };
        join(&mut self.known, person, &scope.tenant, identities);
        Ok(())
    }

    pub(super) fn erase(&mut self, scope: &Scope) -> Erased {
        let memories = self.memories.remove(scope).unwrap_or_default();
        let links = self.links.remove(scope).unwrap_or_default();
        let conflicts = self.conflicts.remove(scope).unwrap_or_default();
        let person = self.people.remove(scope);
        let theirs =
            |tenant: &TenantId, c: &Conversation| *tenant == scope.tenant && c.caller.as_ref() == Some(&scope.caller);
        let gone: BTreeSet<_> = self
            .conversations
            .iter()
            .filter(|((tenant, _), c)| theirs(tenant, c))
            .map(|((_, id), _)| id.clone())
            .collect();
        self.conversations.retain(|(tenant, _), c| !theirs(tenant, c));
        self.costs.unname(&scope.tenant, &gone);
        self.known.retain(|(tenant, ..), caller| *tenant != scope.tenant || *caller != scope.caller);
        for id in memories.keys() {
            self.owners.remove(id);
            self.receipts.recalls.remove(id);
        }
        let (receipts, reviews) = self.erase_receipts(scope, &gone);
        self.forget_transfers(scope);
        Erased {
            memories: memories.len() as u64,
            links: links.len() as u64,
            conflicts: conflicts.len() as u64,
            receipts,
            reviews,
            conversations: gone.len() as u64,
            identities: person.map_or(0, |p| p.identities.len()) as u64,
        }
    }

    pub(super) fn finish(&mut self, scope: &Scope, id: &ConversationId, now: Timestamp) {
        let key = (scope.tenant.clone(), id.clone());
        let Some(conversation) = self.conversations.get_mut(&key) else { return };
        if conversation.state == ConversationState::Learnt || conversation.caller.as_ref() != Some(&scope.caller) {
            return;
        }
        conversation.state = ConversationState::Learnt;
        conversation.updated_at = now;
        if let Some(person) = self.people.get_mut(scope) {
            person.user.call_count += 1;
            person.user.last_contact = person.user.last_contact.max(conversation.started_at);
        }
    }

    pub(super) fn put(&mut self, scope: &Scope, memories: &[Memory]) -> Result<()> {
        if self.user(scope).is_none() {
            return Err(Error::new(ErrorKind::Conflict, "ram.put_memories", "the caller is not known"));
        }
        let taken = memories.iter().any(|m| self.owners.get(&m.id).is_some_and(|owner| owner != scope));
        if taken {
            return Err(Error::new(ErrorKind::Conflict, "ram.put_memories", "a memory id is taken by another caller"));
        }
        for memory in memories {
            self.owners.insert(memory.id.clone(), scope.clone());
            self.memories.entry(scope.clone()).or_default().insert(memory.id.clone(), memory.clone());
        }
        self.written(scope);
        Ok(())
    }

    pub(super) fn delete(&mut self, scope: &Scope, ids: &[MemoryId]) -> u64 {
        let Some(own) = self.memories.get_mut(scope) else { return 0 };
        let gone: BTreeMap<MemoryId, Option<MemoryId>> =
            ids.iter().filter_map(|id| own.remove(id)).map(|memory| (memory.id, memory.superseded_by)).collect();
        for id in gone.keys() {
            self.owners.remove(id);
            self.receipts.recalls.remove(id);
        }
        conflicts::close_ranks(own, &gone);
        if let Some(links) = self.links.get_mut(scope) {
            links.retain(|_, link| !gone.contains_key(&link.a) && !gone.contains_key(&link.b));
        }
        if let Some(conflicts) = self.conflicts.get_mut(scope) {
            conflicts.retain(|_, conflict| !gone.contains_key(&conflict.old) && !gone.contains_key(&conflict.new));
        }
        if !gone.is_empty() {
            self.written(scope);
        }
        gone.len() as u64
    }
}

/// Gives the person every identity that is nobody's yet.
fn join(known: &mut Known, person: &mut Person, tenant: &TenantId, identities: &[Identity]) {
    for identity in identities {
        known.entry((tenant.clone(), identity.kind, identity.hash)).or_insert_with(|| {
            person.identities.push(identity.clone());
            person.user.id.clone()
        });
    }
}
