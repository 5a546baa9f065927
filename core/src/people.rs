//! Who is calling: the ladder from what a call says about itself to a caller of ours.

use crate::engine::Engine;
use crate::{AgentId, ConversationId, Identity, IdentityKind, Result, Scope, TenantId, Timestamp, User, UserId};

/// Something a call says about who is calling, as it came. Claims are given in the order in which they are
/// believed: our own variable, the platform's user id, the human's number, WhatsApp, SMS.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// What kind of identity it claims to be.
    pub kind: IdentityKind,
    /// The value, as it came. Never logged.
    pub value: String,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Claim({})", self.kind.name())
    }
}

impl Claim {
    /// A claim.
    pub fn new(kind: IdentityKind, value: impl Into<String>) -> Self {
        Self { kind, value: value.into() }
    }
}

/// Resolves claims to callers. A conversation that is bound to a caller outranks every claim.
#[derive(Debug, Clone)]
pub struct People {
    engine: Engine,
}

impl People {
    /// People of an engine.
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// Who it is, without writing anything; `None` for a stranger.
    ///
    /// # Errors
    /// What the store says.
    pub async fn find(
        &self,
        tenant: &TenantId,
        conversation: Option<&ConversationId>,
        claims: &[Claim],
    ) -> Result<Option<User>> {
        if let Some(user) = self.bound(tenant, conversation).await? {
            return Ok(Some(user));
        }
        for claim in claims {
            if let Some(user) = self.by_claim(tenant, claim).await? {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }

    /// Who it is, made known if a stranger: every claim is joined to the caller found or created, so that the
    /// next call from the same number, or with the same id, is the same caller's. `None` when nothing
    /// identifies the caller: then nothing may be learnt into anybody's memory.
    ///
    /// # Errors
    /// What the store says.
    pub async fn admit(
        &self,
        tenant: &TenantId,
        conversation: Option<&ConversationId>,
        claims: &[Claim],
    ) -> Result<Option<User>> {
        self.admit_at(tenant, conversation, claims, self.engine.clock.now()).await
    }

    /// As [`People::admit`], for a call that started at `at`: a stranger's first contact was then, not when the
    /// event was worked through.
    ///
    /// # Errors
    /// What the store says.
    pub async fn admit_at(
        &self,
        tenant: &TenantId,
        conversation: Option<&ConversationId>,
        claims: &[Claim],
        at: Timestamp,
    ) -> Result<Option<User>> {
        let known = self.find(tenant, conversation, claims).await?;
        let identities = self.identities(tenant, claims)?;
        if let Some(user) = known {
            let scope = Scope { tenant: tenant.clone(), caller: user.id.clone() };
            let others: Vec<_> = self.foreign(tenant, &user, claims, identities);
            if !others.is_empty() {
                self.engine.memory.join_identities(&scope, &others).await?;
            }
            return Ok(Some(user));
        }
        if identities.is_empty() {
            return Ok(None);
        }
        let new = UserId::new(format!("usr_{}", self.engine.entropy.hex(12)));
        let resolved = self.engine.memory.ensure_user(tenant, &identities, &new, at).await?;
        Ok(Some(resolved.user))
    }

    /// Binds a conversation to a caller, so that tool calls and the post-call event find the same one. Answers
    /// the caller it is bound to: an earlier binding stands.
    ///
    /// # Errors
    /// What the store says.
    pub async fn bind(&self, scope: &Scope, conversation: &ConversationId, agent: Option<&AgentId>) -> Result<UserId> {
        self.engine.memory.bind_conversation(scope, conversation, agent, self.engine.clock.now()).await
    }

    /// The caller named by our own id or the integrator's.
    ///
    /// # Errors
    /// What the store says.
    pub async fn by_reference(&self, tenant: &TenantId, user_id: &str) -> Result<Option<User>> {
        self.by_claim(tenant, &Claim::new(IdentityKind::External, user_id)).await
    }

    /// As [`People::by_reference`], but an unknown id becomes a new caller's. `None` for an empty id.
    ///
    /// # Errors
    /// What the store says.
    pub async fn admit_reference(&self, tenant: &TenantId, user_id: &str) -> Result<Option<User>> {
        self.admit(tenant, None, &[Claim::new(IdentityKind::External, user_id)]).await
    }

    async fn bound(&self, tenant: &TenantId, conversation: Option<&ConversationId>) -> Result<Option<User>> {
        let Some(id) = conversation else { return Ok(None) };
        let Some(conversation) = self.engine.memory.conversation(tenant, id).await? else { return Ok(None) };
        let Some(caller) = conversation.caller else { return Ok(None) };
        self.engine.memory.user(&Scope { tenant: tenant.clone(), caller }).await
    }

    async fn by_claim(&self, tenant: &TenantId, claim: &Claim) -> Result<Option<User>> {
        if claim.kind == IdentityKind::External && claim.value.trim().starts_with("usr_") {
            let scope = Scope::new(tenant.clone(), claim.value.trim());
            if let Some(user) = self.engine.memory.user(&scope).await? {
                return Ok(Some(user));
            }
        }
        let Some(identity) = self.engine.vault.identity(tenant, claim.kind, &claim.value)? else { return Ok(None) };
        self.engine.memory.find_user(tenant, &[identity]).await
    }

    fn identities(&self, tenant: &TenantId, claims: &[Claim]) -> Result<Vec<Identity>> {
        let mut identities: Vec<Identity> = Vec::new();
        for claim in claims {
            if let Some(identity) = self.engine.vault.identity(tenant, claim.kind, &claim.value)?
                && !identities.iter().any(|known| known.kind == identity.kind && known.hash == identity.hash)
            {
                identities.push(identity);
            }
        }
        Ok(identities)
    }

    /// The identities that are not just the caller's own id said again.
    fn foreign(&self, tenant: &TenantId, user: &User, claims: &[Claim], identities: Vec<Identity>) -> Vec<Identity> {
        let says_own_id = claims.iter().any(|c| c.kind == IdentityKind::External && c.value.trim() == user.id.as_str());
        if !says_own_id {
            return identities;
        }
        let own = self.engine.vault.identity(tenant, IdentityKind::External, user.id.as_str());
        let Ok(Some(own)) = own else { return identities };
        identities.into_iter().filter(|i| !(i.kind == own.kind && i.hash == own.hash)).collect()
    }
}
