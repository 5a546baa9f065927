//! Of whom does not agree to be remembered, nothing is.

use super::extract::{self, Extraction};
use super::{Call, Ingest, Ingested, Outcome, erase};
use crate::{
    AuditAction, AuditEntry, AuditId, Consent, Conversation, ConversationState, Error, ErrorKind, Result, Scope,
    TenantId, UserId,
};

/// The operation of an error that says that the person does not agree to be remembered.
pub const NO_CONSENT: &str = "privacy.consent";

impl Ingest {
    /// Sets whether the caller agrees to be remembered, and lets go of what this process holds of one who does not. What
    /// is kept of them stays: to remove it they are erased. Does nothing for an unknown caller.
    ///
    /// # Errors
    /// What the store says.
    pub async fn set_consent(&self, scope: &Scope, consent: Consent) -> Result<()> {
        self.engine.memory.set_consent(scope, consent).await?;
        if !self.engine.privacy.remembers(consent) {
            self.cache.forget(scope);
        }
        Ok(())
    }

    /// Whether the caller may be remembered; nobody says no for somebody who is unknown but the configuration.
    ///
    /// # Errors
    /// What the store says.
    pub async fn remembers(&self, scope: &Scope) -> Result<bool> {
        let user = self.engine.memory.user(scope).await?;
        Ok(self.engine.privacy.remembers(user.map_or(Consent::Unknown, |user| user.consent)))
    }

    /// Whether the caller agrees to be remembered, by what this call says or by what was said before. A call that says
    /// no counts, whatever was said before and in whatever order calls are told of. One that says yes counts where nobody
    /// has said anything: a no is taken back by [`Ingest::set_consent`] alone.
    pub(super) async fn agrees(&self, scope: &Scope, call: &Call) -> Result<bool> {
        let Some(user) = self.engine.memory.user(scope).await? else {
            return Ok(self.engine.privacy.remembers(call.consent.unwrap_or_default()));
        };
        let consent = match call.consent {
            Some(Consent::Refused) => Consent::Refused,
            Some(said) if user.consent == Consent::Unknown => said,
            Some(_) | None => user.consent,
        };
        if consent != user.consent {
            // On record first: broken off in between, it is said twice rather than not at all.
            self.put_consent_on_record(scope, consent).await?;
            self.set_consent(scope, consent).await?;
        }
        Ok(self.engine.privacy.remembers(consent))
    }

    async fn put_consent_on_record(&self, scope: &Scope, consent: Consent) -> Result<()> {
        let engine = &self.engine;
        let entry = AuditEntry {
            id: AuditId::new(format!("aud_{}", engine.entropy.hex(16))),
            at: engine.clock.now(),
            actor: "call".to_owned(),
            action: AuditAction::Change,
            route: "consent".to_owned(),
            person: Some(engine.vault.person(&scope.tenant, &scope.caller)),
            object: Some(format!("consent={}", consent.name())),
            status: 0,
        };
        engine.memory.append_audit(&scope.tenant, &[entry]).await
    }

    /// Keeps that there was a call and whose, and nothing of what was said: neither transcript nor event. Can be repeated.
    pub(super) async fn let_go(&self, tenant: &TenantId, call: &Call, caller: Option<UserId>) -> Result<Ingested> {
        let conversation = Conversation {
            id: call.conversation.clone(),
            caller,
            agent: call.agent.clone(),
            state: ConversationState::Refused,
            started_at: call.started_at,
            duration_secs: call.duration_secs,
            transcript: None,
            extraction: None,
            updated_at: self.engine.clock.now(),
        };
        let saved = self.engine.memory.save_conversation(tenant, &conversation).await?;
        if let (Some(standing), Some(caller)) = (&saved.extraction, &saved.caller) {
            // Learning had begun before the refusal was heard. An extraction once saved can only be replaced.
            let scope = Scope { tenant: tenant.clone(), caller: caller.clone() };
            let nothing = Extraction { candidates: Vec::new(), stand_in: false, replaces: 0 };
            let sealed = extract::seal(&self.engine, &scope, &saved, &nothing)?;
            self.engine.memory.replace_extraction(tenant, &saved.id, standing, &sealed).await?;
        }
        self.engine.jobs.delete_events(tenant, &erase::events_of(tenant, &call.conversation)).await?;
        Ok(Ingested::just(Outcome::Ignored { why: "refused" }))
    }

    /// Refuses to write about a person who does not agree to be remembered.
    ///
    /// # Errors
    /// `Denied` under the operation [`NO_CONSENT`]; what the store says.
    pub(super) async fn may_write(&self, scope: &Scope) -> Result<()> {
        if self.remembers(scope).await? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Denied, NO_CONSENT, "the person does not agree to be remembered"))
    }
}
