//! Who a tool call is about.
//!
//! A language model must not be able to talk itself into another person's memory, so what we know outranks what
//! we are told: the conversation's binding, then a memory token (only we can make one), then a user id, then the
//! caller's number.

use crate::elevenlabs::initiation::is_ours;
use crate::elevenlabs::tool::ToolBody;
use crate::tenant::TenantApp;
use axum::http::HeaderMap;
use hark_core::cost::Account;
use hark_core::people::Claim;
use hark_core::receipts::Note;
use hark_core::{AgentId, ConversationId, IdentityKind, ReceiptKind, ReceiptWords, Result, Scope, Timestamp, User};
use std::time::Duration;

/// How long an answer waits for its call to be bound.
const BINDING: Duration = Duration::from_millis(100);

/// What a tool call says about its caller. Nothing in it but the conversation and the agent is fit for a log.
pub struct Asking {
    /// The conversation, if told.
    pub conversation: Option<ConversationId>,
    /// The agent, if told.
    pub agent: Option<AgentId>,
    user_id: Option<String>,
    token: Option<String>,
    caller_id: Option<String>,
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asking").field("conversation", &self.conversation).finish_non_exhaustive()
    }
}

impl Asking {
    /// Reads body and headers: a tool can send the conversation and the token as headers, unseen by the model.
    pub fn read(app: &TenantApp, body: &ToolBody, headers: &HeaderMap) -> Self {
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let (ours, numbers) = (&app.settings.elevenlabs.agent_numbers, app.engine.vault.numbers());
        let conversation = body.text(&["conversation_id"]).or_else(|| header("x-conversation-id"));
        Self {
            conversation: conversation.map(ConversationId::new),
            agent: body.text(&["agent_id"]).map(AgentId::new),
            user_id: body.text(&["user_id"]),
            token: header("x-memory-token").or_else(|| body.text(&["memory_token"])),
            caller_id: body.text(&["caller_id"]).filter(|number| !is_ours(number, ours, numbers)),
        }
    }

    /// The beginning of a receipt of what was asked.
    pub fn note(&self, kind: ReceiptKind, at: Timestamp, asked: String) -> Note {
        let (conversation, agent) = (self.conversation.clone(), self.agent.clone());
        Note { conversation, agent, words: ReceiptWords { asked, ..Default::default() }, ..Note::new(kind, at) }
    }

    /// Whose account the answer is on.
    pub fn account(&self, app: &TenantApp) -> Account {
        Account { tenant: app.tenant().clone(), conversation: self.conversation.clone(), agent: self.agent.clone() }
    }

    /// The caller, if known. Writes nothing but the binding that a token proves.
    ///
    /// # Errors
    /// What the store says.
    pub async fn known(&self, app: &TenantApp) -> Result<Option<Scope>> {
        let tenant = app.tenant();
        let scope_of = |user: User| Scope { tenant: tenant.clone(), caller: user.id };
        if let Some(bound) = app.people.find(tenant, self.conversation.as_ref(), &[]).await? {
            self.count_mismatch(app, &bound).await?;
            return Ok(Some(scope_of(bound)));
        }
        if self.is_over(app).await? {
            return Ok(None);
        }
        if let Some(scope) = self.proven(app).await? {
            if let Some(conversation) = &self.conversation {
                bind(app, &scope, conversation, self.agent.as_ref()).await?;
            }
            return Ok(Some(scope));
        }
        if let Some(user_id) = &self.user_id
            && let Some(user) = app.people.by_reference(tenant, user_id).await?
        {
            return Ok(Some(scope_of(user)));
        }
        let number: Vec<Claim> = self.caller_id.iter().map(|n| Claim::new(IdentityKind::Phone, n.as_str())).collect();
        Ok(app.people.find(tenant, None, &number).await?.map(scope_of))
    }

    /// As [`Asking::known`], but a stranger with an id or a number is made known.
    ///
    /// # Errors
    /// What the store says.
    pub async fn admitted(&self, app: &TenantApp) -> Result<Option<Scope>> {
        if let Some(scope) = self.known(app).await? {
            return Ok(Some(scope));
        }
        if self.is_over(app).await? {
            return Ok(None);
        }
        let claim = |kind, value: &Option<String>| value.as_ref().map(|value| Claim::new(kind, value.as_str()));
        let claims: Vec<Claim> =
            [claim(IdentityKind::External, &self.user_id), claim(IdentityKind::Phone, &self.caller_id)]
                .into_iter()
                .flatten()
                .collect();
        let user = app.people.admit(app.tenant(), None, &claims).await?;
        Ok(user.map(|user| Scope { tenant: app.tenant().clone(), caller: user.id }))
    }

    /// Whether the conversation's caller was erased since it began.
    async fn is_over(&self, app: &TenantApp) -> Result<bool> {
        match &self.conversation {
            Some(conversation) => app.people.is_erased_conversation(app.tenant(), conversation).await,
            None => Ok(false),
        }
    }

    /// The caller a valid token names, unless erased since.
    async fn proven(&self, app: &TenantApp) -> Result<Option<Scope>> {
        let Some(token) = &self.token else { return Ok(None) };
        let result = match app.engine.vault.verify_token(token, app.engine.clock.now()) {
            Ok(scope) if scope.tenant == *app.tenant() => {
                // Merged away since, the token names whom the caller was merged into.
                if let Some(user) = app.people.by_id(app.tenant(), &scope.caller).await? {
                    return Ok(Some(Scope { caller: user.id, ..scope }));
                }
                "unknown_user"
            }
            Ok(_) => "other_tenant",
            Err(hark_core::crypt::TokenError::Expired) => "expired",
            Err(hark_core::crypt::TokenError::Invalid) => "invalid",
        };
        metrics::counter!("hark_memory_token_refused_total", "reason" => result).increment(1);
        tracing::warn!(reason = result, "memory token refused");
        Ok(None)
    }

    /// A user id that is known and is not the conversation's is either a mistake in the agent's settings or an
    /// attempt at somebody else's memory. The binding stands; somebody should look.
    async fn count_mismatch(&self, app: &TenantApp, bound: &User) -> Result<()> {
        let Some(told) = self.user_id.as_deref().filter(|told| *told != bound.id.as_str()) else { return Ok(()) };
        if let Some(other) = app.people.by_reference(app.tenant(), told).await?
            && other.id != bound.id
        {
            metrics::counter!("hark_identity_mismatch_total").increment(1);
            tracing::warn!(bound = %bound.id, told = %other.id, "user id is not the conversation's");
        }
        Ok(())
    }
}

/// Binds a conversation to the caller a token has proven. A store that takes no writes, or does not in time, keeps nobody from
/// being answered: the next call of the tool brings the token again.
async fn bind(app: &TenantApp, scope: &Scope, conversation: &ConversationId, agent: Option<&AgentId>) -> Result<()> {
    let (people, scope) = (app.people.clone(), scope.clone());
    let (conversation, agent) = (conversation.clone(), agent.cloned());
    let binding = tokio::spawn(async move { people.bind(&scope, &conversation, agent.as_ref()).await });
    match tokio::time::timeout(BINDING, binding).await {
        Ok(Ok(Err(error))) if !error.is_unwritable() => Err(error),
        Ok(Ok(Ok(_))) => Ok(()),
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => {
            tracing::warn!("the call is not bound to its caller: that could not be written, or not in time");
            Ok(())
        }
    }
}
