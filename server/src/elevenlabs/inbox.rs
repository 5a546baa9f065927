//! Events are kept: the one way in, for those that are delivered and those that are fetched.

use super::wire;
use crate::app::App;
use hark_core::crypt::Purpose;
use hark_core::job::{IngestConversation, JobPayload};
use hark_core::store::{Accepted, NewEvent};
use hark_core::{ConversationId, EventId, Result, TenantId};

/// What keys a call that was fetched although its event had come: without a transcript, which the webhook had been told
/// to leave out. Nothing is ever delivered under this type.
const FETCHED: &str = "post_call_transcription_fetched";

/// Keeps an event and its job, in one transaction: `Duplicate` where the conversation has sent one of this type before.
///
/// # Errors
/// What the queue says. Nothing is kept then.
pub(crate) async fn keep(
    app: &App,
    tenant: &TenantId,
    kind: &str,
    conversation: &ConversationId,
    body: &[u8],
) -> Result<(Accepted, EventId)> {
    accept(app, tenant, (kind, kind), conversation, body).await
}

/// Keeps a transcript that was fetched. It is the very event that the webhook would have brought, and whichever comes
/// first is the one. `again`: the event has come, but without the transcript; then this is kept beside it, once.
///
/// # Errors
/// As [`keep`].
pub(crate) async fn keep_fetched(
    app: &App,
    tenant: &TenantId,
    conversation: &ConversationId,
    body: &[u8],
    again: bool,
) -> Result<(Accepted, EventId)> {
    let kind = wire::TRANSCRIPTION;
    let first = accept(app, tenant, (kind, kind), conversation, body).await?;
    if first.0 == Accepted::New || !again {
        return Ok(first);
    }
    accept(app, tenant, (FETCHED, kind), conversation, body).await
}

/// Whether what was fetched, or would have been, is kept already.
///
/// # Errors
/// What the queue says.
pub(crate) async fn has(app: &App, tenant: &TenantId, conversation: &ConversationId, again: bool) -> Result<bool> {
    let key = if again { FETCHED } else { wire::TRANSCRIPTION };
    let id = EventId::derived(tenant, conversation, key);
    Ok(app.engine.jobs.event(tenant, &id).await?.is_some())
}

async fn accept(
    app: &App,
    tenant: &TenantId,
    (key, kind): (&str, &str),
    conversation: &ConversationId,
    body: &[u8],
) -> Result<(Accepted, EventId)> {
    let id = EventId::derived(tenant, conversation, key);
    let now = app.engine.clock.now();
    let event = NewEvent {
        body: app.engine.vault.seal(tenant, Purpose::Event, id.as_str(), body)?,
        id: id.clone(),
        tenant: tenant.clone(),
        kind: kind.to_owned(),
        received_at: now,
    };
    let job = IngestConversation { event_id: id.clone() }.job(tenant, now)?;
    Ok((app.engine.jobs.accept(&event, &job).await?, id))
}
