//! Who is calling: the ladder from what a call says about itself to a caller of ours.

use crate::engine::Engine;
use crate::{
    AgentId, ConversationId, Identity, IdentityKind, Numbers, Result, Scope, TenantId, Timestamp, User, UserId,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How callers are told apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityConfig {
    /// Where numbers without a country calling code belong to, by its ISO 3166 code such as `DE`; empty for nowhere:
    /// then a national number and its international form are two callers.
    pub region: String,
    /// Whether a call that names both a known user id and the number of a guest merges the guest into that user.
    pub join_guests: bool,
    /// Whether calls by people of clearly different names mark a caller as shared.
    pub detect_shared: bool,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self { region: String::new(), join_guests: true, detect_shared: true }
    }
}

impl IdentityConfig {
    /// How telephone numbers are read.
    ///
    /// # Errors
    /// The remedy, when there is no such region.
    pub fn numbers(&self) -> std::result::Result<Numbers, String> {
        if self.region.trim().is_empty() {
            return Ok(Numbers::default());
        }
        let remedy = || "is not a region; name one by its ISO 3166 code such as `DE`, or leave it empty".to_owned();
        Numbers::of_region(&self.region).ok_or_else(remedy)
    }
}

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

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
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

    /// The caller of that id of ours, also if it was merged away.
    ///
    /// # Errors
    /// What the store says.
    pub async fn by_id(&self, tenant: &TenantId, id: &UserId) -> Result<Option<User>> {
        let scope = |caller: &UserId| Scope { tenant: tenant.clone(), caller: caller.clone() };
        if let Some(user) = self.engine.memory.user(&scope(id)).await? {
            return Ok(Some(user));
        }
        match self.engine.memory.alias(tenant, id).await? {
            Some(caller) => self.engine.memory.user(&scope(&caller)).await,
            None => Ok(None),
        }
    }

    /// The guest whom a call has met beside a known user, and that user, where it is certain that the two are one
    /// person: the call names exactly one user by an id, and a guest, known by nothing but numbers that the same call
    /// names. A number that several people use says nothing.
    ///
    /// # Errors
    /// What the store says.
    pub async fn guest_met(&self, tenant: &TenantId, found: &User, claims: &[Claim]) -> Result<Option<(User, User)>> {
        let mut named: Vec<User> = Vec::new();
        let mut guests: Vec<User> = Vec::new();
        let mut met = vec![found.clone()];
        for claim in claims {
            met.extend(self.by_claim(tenant, claim).await?);
        }
        for user in met {
            if named.iter().chain(&guests).any(|known| known.id == user.id) {
                continue;
            }
            match self.is_guest(tenant, &user, claims).await? {
                Some(true) => guests.push(user),
                Some(false) => named.push(user),
                None => {}
            }
        }
        let by_id = self.named_by_id(tenant, &named, claims).await?;
        Ok(match (by_id, guests.as_slice()) {
            (Some(user), [guest, ..]) => Some((guest.clone(), user)),
            _ => None,
        })
    }

    /// Whether the caller is known by nothing but what these claims say, and by no id; `None` for somebody else's
    /// guest, of whom nothing follows.
    async fn is_guest(&self, tenant: &TenantId, user: &User, claims: &[Claim]) -> Result<Option<bool>> {
        let scope = Scope { tenant: tenant.clone(), caller: user.id.clone() };
        let identities = self.engine.memory.identities(&scope).await?;
        if identities.iter().any(|identity| identity.kind == IdentityKind::External) {
            return Ok(Some(false));
        }
        let said: Vec<Identity> = self.forms(tenant, claims)?;
        let all_said = identities.iter().all(|own| said.iter().any(|i| i.kind == own.kind && i.hash == own.hash));
        Ok((!identities.is_empty() && all_said && !user.shared).then_some(true))
    }

    /// The one caller whom the claims name by an id.
    async fn named_by_id(&self, tenant: &TenantId, known: &[User], claims: &[Claim]) -> Result<Option<User>> {
        let mut named: Option<User> = None;
        for claim in claims.iter().filter(|claim| claim.kind == IdentityKind::External) {
            let Some(user) = self.by_claim(tenant, claim).await? else { continue };
            if !known.iter().any(|k| k.id == user.id) {
                continue;
            }
            if named.as_ref().is_some_and(|other| other.id != user.id) {
                return Ok(None);
            }
            named = Some(user);
        }
        Ok(named)
    }

    /// Who it is, made known if a stranger: every claim is joined to the caller found or created, so that the
    /// next call from the same number, or with the same id, is the same caller's. `None` when nothing
    /// identifies the caller, or when the caller was erased and is to stay out ([`People::is_erased`]): then nothing may
    /// be learnt into anybody's memory.
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
        if self.is_erased(tenant, conversation, claims, at).await? {
            return Ok(None);
        }
        let known = self.find(tenant, conversation, claims).await?;
        let identities = self.identities(tenant, claims).await?;
        let identities = self.still_there(tenant, identities, at).await?;
        if let Some(user) = known {
            let scope = Scope { tenant: tenant.clone(), caller: user.id.clone() };
            if !identities.is_empty() {
                self.engine.memory.join_identities(&scope, &identities).await?;
            }
            return Ok(Some(user));
        }
        if identities.is_empty() {
            return Ok(None);
        }
        let new = new_id(&self.engine);
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
        if claim.kind == IdentityKind::External
            && claim.value.trim().starts_with(OURS)
            && let Some(user) = self.by_id(tenant, &UserId::new(claim.value.trim())).await?
        {
            return Ok(Some(user));
        }
        let forms = self.engine.vault.identity_forms(tenant, claim.kind, &claim.value)?;
        if forms.is_empty() {
            return Ok(None);
        }
        self.engine.memory.find_user(tenant, &forms).await
    }

    /// Whether this is an id as we make them that names nobody: of a caller erased since, or made up.
    ///
    /// # Errors
    /// What the store says.
    pub async fn is_gone(&self, tenant: &TenantId, id: &str) -> Result<bool> {
        let known = self.by_reference(tenant, id).await?.is_some();
        Ok(!known && self.is_ours(tenant, id.trim()).await?)
    }

    /// What the claims are kept as, each once. An id of ours is no identity beside itself: neither that of a caller we
    /// know, nor one that only looks like ours and names nobody any more.
    async fn identities(&self, tenant: &TenantId, claims: &[Claim]) -> Result<Vec<Identity>> {
        let mut identities: Vec<Identity> = Vec::new();
        for claim in claims {
            if claim.kind == IdentityKind::External && self.is_ours(tenant, claim.value.trim()).await? {
                continue;
            }
            if let Some(identity) = self.engine.vault.identity(tenant, claim.kind, &claim.value)?
                && !identities.iter().any(|known| known.kind == identity.kind && known.hash == identity.hash)
            {
                identities.push(identity);
            }
        }
        Ok(identities)
    }

    async fn is_ours(&self, tenant: &TenantId, id: &str) -> Result<bool> {
        let Some(rest) = id.strip_prefix(OURS) else { return Ok(false) };
        let made_here = rest.len() == 2 * ID_BYTES && rest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        Ok(made_here || self.by_id(tenant, &UserId::new(id)).await?.is_some())
    }

    /// Every form of what the claims say.
    fn forms(&self, tenant: &TenantId, claims: &[Claim]) -> Result<Vec<Identity>> {
        let mut forms = Vec::new();
        for claim in claims {
            forms.extend(self.engine.vault.identity_forms(tenant, claim.kind, &claim.value)?);
        }
        Ok(forms)
    }
}

/// What ids of ours begin with.
const OURS: &str = "usr_";

/// Random bytes of an id of ours.
const ID_BYTES: usize = 12;

/// A new id of ours.
pub(crate) fn new_id(engine: &Engine) -> UserId {
    UserId::new(format!("{OURS}{}", engine.entropy.hex(ID_BYTES)))
}
