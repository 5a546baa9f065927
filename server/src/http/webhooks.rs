//! The two webhooks: a call is about to begin, and a call has ended.

use super::error::Problem;
use super::extract::read_body;
use super::requests::{CallBegins, CallEnded};
use crate::app::App;
use crate::elevenlabs::inbox;
use crate::elevenlabs::initiation::Beginning;
use crate::elevenlabs::lenient::Object;
use crate::elevenlabs::variables::{self, InitiationData};
use crate::elevenlabs::wire::{self, Envelope};
use crate::middleware::limits::Unserved;
use crate::middleware::signature::Signed;
use crate::tenant::TenantApp;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use hark_core::recall::Introduction;
use hark_core::receipts::Note;
use hark_core::store::Accepted;
use hark_core::{ConversationId, Error, ErrorKind, ReceiptKind, Result, Scope, User, UserId};
use serde::Serialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use std::sync::Arc;
use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::Instrument;
use utoipa::ToSchema;

/// A call is about to begin: who is it, and what should the agent know?
///
/// Once the key is right the answer is 200 with every variable, whatever happens: without them the platform ends
/// the call in its first second. Broken requests, strangers, failures and lateness get neutral values.
#[utoipa::path(
    post, path = "/webhooks/conversation-initiation", tag = "elevenlabs",
    request_body = CallBegins,
    responses((status = 200, body = InitiationData), (status = 401, body = super::error::ProblemBody))
)]
pub async fn conversation_initiation(
    app: TenantApp,
    unserved: Option<Extension<Unserved>>,
    body: Body,
) -> Json<InitiationData> {
    let started = Instant::now();
    if unserved.is_some() {
        // Neither read nor kept: this answer is for when there is no room for any of that.
        return told((variables::neutral(&app), "unserved"), started);
    }
    let answer_by = started + app.settings.initiation_budget.min(app.recall.initiation_budget());
    let reading = read_body(body, app.settings.http.tools_body_limit_bytes);
    let answer = match tokio::time::timeout_at(answer_by, reading).await {
        Ok(Ok(body)) => begin(&app, &body, answer_by).await,
        Ok(Err(_)) => (variables::neutral(&app), "unreadable"),
        Err(_) => late(&app),
    };
    told(answer, started)
}

/// Counts and logs an answer.
fn told((data, result): (InitiationData, &'static str), started: Instant) -> Json<InitiationData> {
    metrics::counter!("hark_initiation_total", "result" => result).increment(1);
    tracing::info!(result, user_id = data.user_id, took_ms = started.elapsed().as_secs_f64() * 1e3, "initiation");
    Json(data)
}

async fn begin(app: &TenantApp, body: &Bytes, answer_by: Instant) -> (InitiationData, &'static str) {
    let Some(beginning) = Beginning::read(body, &app.settings.elevenlabs.agent_numbers, app.engine.vault.numbers())
    else {
        return (variables::neutral(app), "unreadable");
    };
    let mut note = Note {
        conversation: beginning.conversation.clone(),
        agent: beginning.agent.clone(),
        ..Note::new(ReceiptKind::Initiation, app.engine.clock.now())
    };
    let started = Instant::now();
    // In a task of its own: when the answer has to go out without it, the caller is still admitted and bound, so
    // that the tool finds them a moment later; and a panic costs the variables, not the call.
    let work = tokio::spawn({
        let app = app.clone();
        async move { introduce(&app, beginning, answer_by).await }.in_current_span()
    });
    let answer = match tokio::time::timeout_at(answer_by, work).await {
        Ok(Ok(Ok(Some((data, caller, told))))) => {
            note = Note { caller: Some(caller), ..note }.with_introduction(&told);
            (data, "known")
        }
        Ok(Ok(Ok(None))) => (variables::neutral(app), "nobody"),
        Ok(Ok(Err(error))) => {
            tracing::error!(?error, "initiation degraded");
            (variables::neutral(app), "failed")
        }
        Ok(Err(_)) => {
            tracing::error!("initiation panicked");
            (variables::neutral(app), "failed")
        }
        Err(_) => late(app),
    };
    if note.caller.is_none() {
        // Neutral values are what the agent was told, whatever was found out too late.
        note = Note { degraded: Some(answer.1), ..note }.with_introduction(&app.recall.neutral());
    }
    app.engine.receipts.note(app.tenant(), Note { took: started.elapsed(), ..note });
    answer
}

fn late(app: &App) -> (InitiationData, &'static str) {
    tracing::warn!("initiation late");
    (variables::neutral(app), "late")
}

/// The variables, for whom, and what they tell; `None` when nobody can be named.
async fn introduce(
    app: &TenantApp,
    beginning: Beginning,
    answer_by: Instant,
) -> Result<Option<(InitiationData, UserId, Introduction)>> {
    let Some(user) = caller(app, beginning, answer_by).await? else { return Ok(None) };
    app.touched().person(&user.id);
    let scope = Scope { tenant: app.tenant().clone(), caller: user.id.clone() };
    let told = app.recall.introduce(&scope).await?;
    let data = variables::known(app, &scope, &user, &told);
    warm(app, scope);
    Ok(Some((data, user.id, told)))
}

/// Who is calling, admitted and bound to the conversation. A store that takes no writes, or is slow to, must not make a
/// stranger of somebody we know: where that fails, or half of the time is over, who is known is only looked up. What was
/// begun to be written goes on.
async fn caller(app: &TenantApp, beginning: Beginning, answer_by: Instant) -> Result<Option<User>> {
    let beginning = Arc::new(beginning);
    let mut writing = tokio::spawn({
        let (app, beginning) = (app.clone(), beginning.clone());
        async move { admit(&app, &beginning).await }.in_current_span()
    });
    let patience = answer_by.saturating_duration_since(Instant::now()) / 2;
    let failed = match tokio::time::timeout(patience, &mut writing).await {
        Ok(Ok(Err(error))) if error.is_unwritable() => Some(error),
        Ok(written) => return ended(written),
        Err(_) => None,
    };
    let known = app.people.find(app.tenant(), beginning.conversation.as_ref(), &beginning.claims).await?;
    match (known, failed) {
        (Some(known), error) => {
            tracing::warn!(?error, "the call is not bound to its caller: that could not be written, or not in time");
            Ok(Some(known))
        }
        (None, Some(error)) => Err(error),
        (None, None) => ended(writing.await),
    }
}

async fn admit(app: &TenantApp, beginning: &Beginning) -> Result<Option<User>> {
    let (tenant, conversation) = (app.tenant(), beginning.conversation.as_ref());
    let Some(user) = app.people.admit(tenant, conversation, &beginning.claims).await? else { return Ok(None) };
    if let Some(conversation) = conversation {
        let scope = Scope { tenant: tenant.clone(), caller: user.id.clone() };
        app.people.bind(&scope, conversation, beginning.agent.as_ref()).await?;
    }
    Ok(Some(user))
}

fn ended(written: std::result::Result<Result<Option<User>>, JoinError>) -> Result<Option<User>> {
    written
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "webhooks.initiation", "admitting a caller panicked")))
}

/// Brings what the first question of the call needs into memory, while the answer goes out.
pub(super) fn warm(app: &App, scope: Scope) {
    let app = app.clone();
    tokio::spawn(async move { app.warm(&scope).await }.in_current_span());
}

/// What became of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// `accepted`, `duplicate` or `ignored`.
    #[schema(example = "accepted")]
    pub status: &'static str,
    /// The event as kept; null when it was ignored.
    pub event_id: Option<String>,
}

/// A call has ended. Signed with HMAC over the raw body; 200 once the event is durable.
///
/// Transcripts are kept, once for each conversation and type. Everything else is read, checked and ignored. A
/// transcript that names no conversation cannot be told from its repetition, and is refused with 400.
#[utoipa::path(
    post, path = "/webhooks/post-call", tag = "elevenlabs", security(()),
    params(("ElevenLabs-Signature" = String, Header, pattern = r"^t=[0-9]+,v0=[0-9a-f]{64}$",
        description = "t=<unix seconds>,v0=<hex of HMAC-SHA-256 over t.body>")),
    request_body = CallEnded,
    responses((status = 200, body = Delivery), (status = 400, body = super::error::ProblemBody),
        (status = 401, body = super::error::ProblemBody), (status = 408, body = super::error::ProblemBody),
        (status = 413, body = super::error::ProblemBody), (status = 429, body = super::error::ProblemBody),
        (status = 503, body = super::error::ProblemBody))
)]
pub async fn post_call(
    State(app): State<App>,
    signed: Result<Signed, Problem>,
) -> (HeaderMap, Result<Json<Delivery>, Problem>) {
    let mut headers = HeaderMap::new();
    let (kind, outcome) = match signed {
        Ok(signed) => {
            signed.rate.inspect(|rate| rate.tell(&mut headers));
            match signed.rate.filter(|rate| rate.is_exceeded() && app.settings.limits.refuse_events) {
                Some(rate) => ("unread", Err(rate.problem())),
                None => keep(&app.of(signed.signer.clone()), signed).await,
            }
        }
        Err(problem) => ("unread", Err(problem)),
    };
    let result = match &outcome {
        Ok(delivery) => delivery.status,
        Err(problem) => problem.code(),
    };
    metrics::counter!("hark_webhook_events_total", "type" => kind, "result" => result).increment(1);
    let event_id = outcome.as_ref().ok().and_then(|delivery| delivery.event_id.as_deref());
    tracing::info!(kind, result, event_id, "event");
    (headers, outcome.map(Json))
}

/// Keeps an event and its job. Answers its type as a label, and what became of it.
async fn keep(app: &TenantApp, signed: Signed) -> (&'static str, Result<Delivery, Problem>) {
    const IGNORED: Delivery = Delivery { status: "ignored", event_id: None };
    if signed.truncated {
        let too_large = Problem::too_large(app.settings.http.event_limit_bytes);
        return match type_of_beginning(&signed.bytes).as_deref() {
            Some(wire::AUDIO) => (wire::AUDIO, Ok(IGNORED)),
            kind => (label(kind), Err(too_large)),
        };
    }
    let Ok(envelope) = serde_json::from_slice::<Object<Envelope>>(&signed.bytes) else {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "the event is not valid JSON");
        return ("none", Err(problem));
    };
    let kind = label(envelope.0.kind.filled());
    if kind != wire::TRANSCRIPTION && kind != wire::TRANSCRIPTION_OTEL {
        return (kind, Ok(IGNORED));
    }
    let Some(conversation) = envelope.0.data.0.conversation_id.filled() else {
        let detail = "data.conversation_id is missing; without it a repeated delivery could not be told apart";
        return (kind, Err(Problem::new(StatusCode::BAD_REQUEST, "missing_conversation", detail)));
    };
    (kind, accept(app, kind, &ConversationId::new(conversation), &signed.bytes).await.map_err(try_again))
}

async fn accept(app: &TenantApp, kind: &str, conversation: &ConversationId, body: &[u8]) -> Result<Delivery> {
    let (accepted, id) = inbox::keep(app, app.tenant(), kind, conversation, body).await?;
    let status = match accepted {
        Accepted::New => "accepted",
        Accepted::Duplicate => "duplicate",
    };
    Ok(Delivery { status, event_id: Some(id.to_string()) })
}

/// An event that could not be kept is delivered again after a 5xx and after nothing else, so whatever the reason,
/// that is the answer.
fn try_again(error: Error) -> Problem {
    let context = format!("the event could not be kept: {}", error.kind().name());
    Problem::from(Error::new(ErrorKind::Unavailable, "webhooks.post_call", context).with_source(error))
}

/// A type as a label: senders can make up types, and labels must not grow.
fn label(kind: Option<&str>) -> &'static str {
    const KNOWN: [&str; 4] = [wire::TRANSCRIPTION, wire::TRANSCRIPTION_OTEL, wire::AUDIO, wire::INITIATION_FAILURE];
    match kind {
        None => "none",
        Some(kind) => KNOWN.into_iter().find(|known| *known == kind).unwrap_or("other"),
    }
}

/// The type of an event of which only the beginning is there, if the type stands in it.
fn type_of_beginning(bytes: &[u8]) -> Option<String> {
    struct Finder<'a>(&'a mut Option<String>);
    impl<'de> Visitor<'de> for Finder<'_> {
        type Value = ();
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an event")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
            while let Some(name) = fields.next_key::<String>()? {
                if name == "type" {
                    *self.0 = Some(fields.next_value()?);
                } else {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
            Ok(())
        }
    }
    let mut found = None;
    // It ends in an error in any case, because the end is missing; what was found until then counts.
    let _ = serde_json::Deserializer::from_slice(bytes).deserialize_map(Finder(&mut found));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_found_in_a_beginning_if_it_stands_there() {
        let found = |text: &str| type_of_beginning(text.as_bytes());
        assert_eq!(
            found(r#"{"type":"post_call_audio","data":{"full_audio":"SUQz"#).as_deref(),
            Some("post_call_audio")
        );
        assert_eq!(found(r#"{"event_timestamp":1,"type":"x","#).as_deref(), Some("x"));
        assert_eq!(found(r#"{"data":{"type":"post_call_audio","full_audio":"SUQz"#), None);
        assert_eq!(found("SUQz"), None);
    }

    #[test]
    fn labels_do_not_grow() {
        assert_eq!(label(Some("voice_removed")), "other");
        assert_eq!(label(Some(wire::AUDIO)), "post_call_audio");
        assert_eq!(label(None), "none");
    }
}
