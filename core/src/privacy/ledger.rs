//! What was erased stays out: whoever brings a person's data asks here first.
//!
//! A call, a memory or an event is kept out when it is from before an erasure of the person it is about. Whose it is,
//! the first claim that says anything decides, as on the ladder by which callers are found: a claim that was erased says
//! that it is to be kept out, one that names somebody says that it is theirs.

use crate::engine::Engine;
use crate::ingest::NewMemory;
use crate::people::{Claim, People};
use crate::{
    ConversationId, Erasure, Identity, IdentityKind, Result, Scope, Suppression, SuppressionKey, TenantId, Timestamp,
    UserId,
};

impl People {
    /// Whether what was said or delivered at `at` is kept out, because the person it is about was erased since.
    ///
    /// # Errors
    /// What the store says.
    pub async fn is_erased(
        &self,
        tenant: &TenantId,
        conversation: Option<&ConversationId>,
        claims: &[Claim],
        at: Timestamp,
    ) -> Result<bool> {
        let engine = self.engine();
        let of_call = conversation.map(|id| engine.vault.suppressed_conversation(tenant, id));
        let of_claims: Vec<Vec<SuppressionKey>> =
            claims.iter().map(|claim| keys_of(engine, tenant, claim)).collect::<Result<_>>()?;
        let all: Vec<SuppressionKey> = of_call.iter().chain(of_claims.iter().flatten()).copied().collect();
        let kept_out = engine.memory.suppressions(tenant, &all).await?;
        if kept_out.is_empty() {
            return Ok(false);
        }
        // A conversation belongs to one person, whenever it was.
        if kept_out.iter().any(|suppression| Some(suppression.key) == of_call) {
            return Ok(true);
        }
        if self.is_bound(tenant, conversation).await? {
            return Ok(false);
        }
        for (claim, keys) in claims.iter().zip(&of_claims) {
            if kept_out.iter().any(|suppression| keys.contains(&suppression.key) && suppression.covers(at)) {
                return Ok(true);
            }
            if self.find(tenant, None, std::slice::from_ref(claim)).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Whether a conversation was an erased person's. What is said in it is kept out, also while it goes on.
    ///
    /// # Errors
    /// What the store says.
    pub async fn is_erased_conversation(&self, tenant: &TenantId, conversation: &ConversationId) -> Result<bool> {
        let key = self.engine().vault.suppressed_conversation(tenant, conversation);
        Ok(!self.engine().memory.suppressions(tenant, &[key]).await?.is_empty())
    }

    /// Identities without those that were erased after `at`.
    pub(crate) async fn still_there(
        &self,
        tenant: &TenantId,
        mut identities: Vec<Identity>,
        at: Timestamp,
    ) -> Result<Vec<Identity>> {
        let keys: Vec<SuppressionKey> = identities.iter().map(Into::into).collect();
        let kept_out = self.engine().memory.suppressions(tenant, &keys).await?;
        identities.retain(|identity| {
            let key = SuppressionKey::from(identity);
            !kept_out.iter().any(|suppression| suppression.key == key && suppression.covers(at))
        });
        Ok(identities)
    }

    /// The place of the first of these memories that must not be written for whom `user_id` names: it is from before an
    /// erasure. Where nobody of that name has called since, one without a date is no newer than that either: an import
    /// of old data must not bring a person back.
    ///
    /// # Errors
    /// What the store says.
    pub async fn first_erased(
        &self,
        tenant: &TenantId,
        user_id: &str,
        memories: &[NewMemory],
    ) -> Result<Option<usize>> {
        let engine = self.engine();
        let mut keys = keys_of(engine, tenant, &Claim::new(IdentityKind::External, user_id))?;
        let user = self.by_reference(tenant, user_id).await?;
        if let Some(user) = &user {
            let scope = Scope { tenant: tenant.clone(), caller: user.id.clone() };
            keys.extend(engine.memory.identities(&scope).await?.iter().map(SuppressionKey::from));
        }
        let named = engine.memory.suppressions(tenant, &keys).await?;
        for (place, memory) in memories.iter().enumerate() {
            if let Some(conversation) = &memory.conversation
                && self.is_erased_conversation(tenant, conversation).await?
            {
                return Ok(Some(place));
            }
            let from_before = |suppression: &Suppression| match memory.occurred_at {
                Some(at) => suppression.covers(at),
                None => suppression.forever || user.is_none(),
            };
            if named.iter().any(from_before) {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// The latest erasure of whom our own id or the integrator's once named, and of what is left to do of it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn erasure_of(&self, tenant: &TenantId, user_id: &str) -> Result<Option<Erasure>> {
        let engine = self.engine();
        let keys = keys_of(engine, tenant, &Claim::new(IdentityKind::External, user_id))?;
        match engine.memory.suppressions(tenant, &keys).await?.first() {
            Some(suppression) => engine.memory.erasure(tenant, &suppression.erasure).await,
            None => Ok(None),
        }
    }

    async fn is_bound(&self, tenant: &TenantId, conversation: Option<&ConversationId>) -> Result<bool> {
        Ok(conversation.is_some() && self.find(tenant, conversation, &[]).await?.is_some())
    }
}

/// What a claim may be suppressed by: an id may be ours or the integrator's.
fn keys_of(engine: &Engine, tenant: &TenantId, claim: &Claim) -> Result<Vec<SuppressionKey>> {
    let forms = engine.vault.identity_forms(tenant, claim.kind, &claim.value)?;
    let mut keys: Vec<SuppressionKey> = forms.iter().map(SuppressionKey::from).collect();
    if claim.kind == IdentityKind::External {
        keys.push(engine.vault.suppressed_user(tenant, &UserId::new(claim.value.trim())));
    }
    Ok(keys)
}
