//! What is too old to be kept.

use super::state::State;
use crate::ram::page::earliest_first;
use crate::{
    Conversation, ConversationId, ConversationState, Memory, MemoryState, Page, PageRequest, Result, Scope, TenantId,
    Timestamp, User, UserId,
};
use std::collections::BTreeSet;

impl State {
    pub(super) fn tenants(&self) -> Vec<TenantId> {
        let callers = self.people.keys().map(|scope| &scope.tenant);
        let tenants: BTreeSet<_> = callers.chain(self.conversations.keys().map(|(tenant, _)| tenant)).collect();
        tenants.into_iter().cloned().collect()
    }

    pub(super) fn spoken_before(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Vec<(ConversationId, Option<UserId>)> {
        let over = |call: &Conversation| {
            (call.transcript.is_some() || call.extraction.is_some())
                && call.started_at < before
                && (call.state != ConversationState::Learning || call.updated_at < before)
        };
        let calls = self.conversations.iter().filter(|((owner, _), call)| owner == tenant && over(call));
        let mut calls: Vec<_> =
            calls.map(|(_, call)| (call.started_at, call.id.clone(), call.caller.clone())).collect();
        calls.sort();
        calls.into_iter().take(limit).map(|(_, id, caller)| (id, caller)).collect()
    }

    pub(super) fn take_words(&mut self, tenant: &TenantId, ids: &[ConversationId]) -> u64 {
        let mut taken = 0;
        for id in ids {
            let Some(call) = self.conversations.get_mut(&(tenant.clone(), id.clone())) else { continue };
            let (transcript, extraction) = (call.transcript.take(), call.extraction.take());
            taken += u64::from(transcript.is_some() || extraction.is_some());
        }
        taken
    }

    pub(super) fn aged_memories(
        &self,
        tenant: &TenantId,
        states: &[MemoryState],
        before: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<(Scope, Memory)>> {
        let aged = self
            .memories
            .iter()
            .filter(|(scope, _)| scope.tenant == *tenant)
            .flat_map(|(scope, own)| own.values().map(move |memory| (scope, memory)))
            .filter(|(_, memory)| states.contains(&memory.state) && memory.learnt_at < before);
        earliest_first(
            "ram.aged_memories",
            aged,
            page,
            |(_, memory)| (memory.learnt_at, memory.id.as_str()),
            |(scope, memory): (&Scope, &Memory)| (scope.clone(), memory.clone()),
        )
    }

    pub(super) fn idle_callers(&self, tenant: &TenantId, before: Timestamp, page: &PageRequest) -> Result<Page<User>> {
        let called = self
            .conversations
            .iter()
            .filter(|((owner, _), call)| owner == tenant && call.started_at.max(call.updated_at) >= before);
        let called: BTreeSet<_> = called.filter_map(|(_, call)| call.caller.as_ref()).collect();
        let idle = self.people.iter().filter(|(scope, person)| {
            scope.tenant == *tenant
                && person.user.last_contact < before
                && !called.contains(&scope.caller)
                && self.of(scope).all(|memory| memory.learnt_at.max(memory.reinforced_at) < before)
        });
        let idle = idle.map(|(_, person)| &person.user);
        earliest_first("ram.idle_callers", idle, page, |user| (user.last_contact, user.id.as_str()), User::clone)
    }
}
