//! The transcript is sealed, and what the extractor made of it is saved before anything else happens: a model
//! never says the same thing twice, so a re-run reads instead of asking (and paying) again.

use super::Call;
use crate::cost::{Account, charged_to};
use crate::crypt::{Purpose, Sealed};
use crate::engine::Engine;
use crate::{Candidate, Conversation, Result, Scope, TenantId, Transcript};

pub(super) fn seal_transcript(engine: &Engine, tenant: &TenantId, call: &Call) -> Result<Option<Sealed>> {
    call.transcript
        .as_ref()
        .map(|t| engine.vault.seal_json(tenant, Purpose::Transcript, call.conversation.as_str(), t))
        .transpose()
}

/// The saved extraction, or a new one, saved.
pub(super) async fn checkpointed(
    engine: &Engine,
    scope: &Scope,
    conversation: &Conversation,
    transcript: &Transcript,
) -> Result<Vec<Candidate>> {
    if let Some(saved) = &conversation.extraction {
        return open(engine, scope, conversation, saved);
    }
    let account = Account {
        tenant: scope.tenant.clone(),
        conversation: Some(conversation.id.clone()),
        agent: conversation.agent.clone(),
    };
    let candidates = charged_to(account, engine.extractor.extract(transcript)).await?;
    let sealed = engine.vault.seal_json(&scope.tenant, Purpose::Extraction, conversation.id.as_str(), &candidates)?;
    let saving = Conversation { extraction: Some(sealed), ..conversation.clone() };
    let stored = engine.memory.save_conversation(&scope.tenant, &saving).await?;
    // Another worker may have been first; what stands in the store is what everybody reads.
    match &stored.extraction {
        Some(standing) if Some(standing) != saving.extraction.as_ref() => open(engine, scope, &stored, standing),
        _ => Ok(candidates),
    }
}

fn open(engine: &Engine, scope: &Scope, conversation: &Conversation, sealed: &Sealed) -> Result<Vec<Candidate>> {
    engine.vault.open_json(&scope.tenant, Purpose::Extraction, conversation.id.as_str(), sealed)
}
