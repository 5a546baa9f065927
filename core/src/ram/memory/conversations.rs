//! Conversations.

use super::super::page::latest_first;
use super::state::State;
use crate::crypt::Sealed;
use crate::{
    AgentId, Conversation, ConversationId, ConversationState, Page, PageRequest, Result, Scope, TenantId, Timestamp,
    UserId,
};

impl State {
    pub(super) fn bind(
        &mut self,
        scope: &Scope,
        conversation: &ConversationId,
        agent: Option<&AgentId>,
        now: Timestamp,
    ) -> Result<UserId> {
        self.known_caller(scope, "ram.bind_conversation")?;
        let key = (scope.tenant.clone(), conversation.clone());
        let bound = self.conversations.entry(key).or_insert_with(|| Conversation {
            id: conversation.clone(),
            caller: None,
            agent: agent.cloned(),
            state: ConversationState::Open,
            started_at: now,
            duration_secs: None,
            transcript: None,
            extraction: None,
            updated_at: now,
        });
        if let Some(caller) = &bound.caller {
            return Ok(caller.clone());
        }
        bound.caller = Some(scope.caller.clone());
        bound.agent = bound.agent.take().or_else(|| agent.cloned());
        bound.updated_at = now;
        Ok(scope.caller.clone())
    }

    pub(super) fn save_conversation(&mut self, tenant: &TenantId, conversation: &Conversation) -> Result<Conversation> {
        let key = (tenant.clone(), conversation.id.clone());
        let mut saved = conversation.clone();
        if let Some(before) = self.conversations.get(&key) {
            saved.caller = before.caller.clone().or(saved.caller);
            saved.extraction = before.extraction.clone().or(saved.extraction);
        }
        if let Some(caller) = &saved.caller {
            self.known_caller(&Scope::new(tenant.clone(), caller.clone()), "ram.save_conversation")?;
        }
        self.conversations.insert(key, saved.clone());
        Ok(saved)
    }

    pub(super) fn replace_extraction(
        &mut self,
        tenant: &TenantId,
        id: &ConversationId,
        standing: &Sealed,
        new: &Sealed,
    ) -> bool {
        let found = self.conversations.get_mut(&(tenant.clone(), id.clone()));
        let Some(conversation) = found.filter(|c| c.extraction.as_ref() == Some(standing)) else { return false };
        conversation.extraction = Some(new.clone());
        true
    }

    pub(super) fn listed_conversations(
        &self,
        tenant: &TenantId,
        caller: Option<&UserId>,
        page: &PageRequest,
    ) -> Result<Page<Conversation>> {
        let listed = self
            .conversations
            .iter()
            .filter(|((owner, _), c)| owner == tenant && caller.is_none_or(|caller| c.caller.as_ref() == Some(caller)))
            .map(|(_, conversation)| conversation);
        latest_first("ram.conversations", listed, page, |c| (c.started_at, c.id.as_str()), Conversation::clone)
    }
}
