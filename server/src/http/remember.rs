//! `POST /tools/remember`: what the caller just said, recallable in the next turn.

use super::caller::Asking;
use super::error::Problem;
use super::extract::read_body;
use super::requests::SentenceToRemember;
use super::tools::{UNAVAILABLE, receipt, short};
use crate::elevenlabs::tool::ToolBody;
use crate::tenant::TenantApp;
use axum::Json;
use axum::body::Body;
use axum::http::HeaderMap;
use futures::FutureExt;
use hark_core::cost::charged_to;
use hark_core::ingest::{NO_CONSENT, NewMemory};
use hark_core::receipts::Note;
use hark_core::{ErrorKind, Memory, Origin, ReceiptKind, Result, Scope};
use serde::Serialize;
use std::panic::AssertUnwindSafe;
use tokio::time::Instant;
use utoipa::ToSchema;

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Remembered {
    /// `remembered`; `ignored` when nobody can be named, or the caller does not agree to be remembered; `unavailable` when it could not be written.
    #[schema(example = "remembered")]
    pub status: &'static str,
    /// The new memory.
    pub id: Option<String>,
    /// Whose, by our own id.
    pub user_id: Option<String>,
    /// What the agent may say.
    pub summary: &'static str,
}

/// Remembers a sentence about the caller.
#[utoipa::path(
    post, path = "/tools/remember", tag = "elevenlabs",
    request_body = SentenceToRemember,
    responses((status = 200, body = Remembered), (status = 400, body = super::error::ProblemBody),
        (status = 401, body = super::error::ProblemBody), (status = 422, body = super::error::ProblemBody))
)]
pub async fn remember(app: TenantApp, headers: HeaderMap, body: Body) -> Result<Json<Remembered>, Problem> {
    let started = Instant::now();
    let at = app.engine.clock.now();
    let body = ToolBody::read(&read_body(body, app.settings.http.tools_body_limit_bytes).await?)?;
    let Some(content) = body.text(&["content", "memory", "text"]) else {
        let detail = "`content` is required: one sentence about the caller";
        return Err(Problem::field("missing_field", "content", detail));
    };
    let asking = Asking::read(&app, &body, &headers);
    let noted = asking.note(ReceiptKind::Remember, at, content.clone());
    let memory = NewMemory {
        sector: body.sectors()?.first().copied(),
        conversation: asking.conversation.clone(),
        ..NewMemory::new(content, Origin::Remembered)
    };
    let work = AssertUnwindSafe(write(&app, &asking, memory)).catch_unwind();
    let mut refused = false;
    let written = match tokio::time::timeout(app.settings.tool_deadline, work).await {
        Ok(Ok(Err(error))) if error.kind() == ErrorKind::Invalid => return Err(error.into()),
        Ok(Ok(Err(error))) if error.operation() == NO_CONSENT => {
            refused = true;
            Some(None)
        }
        Ok(Ok(Err(error))) => {
            tracing::error!(?error, "remember failed");
            None
        }
        Ok(Ok(Ok(written))) => Some(written),
        Ok(Err(_)) | Err(_) => None,
    };
    let noted = match &written {
        Some(Some((scope, memory))) => Note { caller: Some(scope.caller.clone()), ..noted }.with_memory(&memory.id),
        Some(None) => noted,
        None => Note { degraded: Some("not_written"), ..noted },
    };
    let answer = match written {
        Some(Some((scope, memory))) => Remembered {
            status: "remembered",
            id: Some(memory.id.to_string()),
            user_id: Some(scope.caller.to_string()),
            summary: "I will remember that.",
        },
        Some(None) if refused => {
            let summary = "I am not to remember anything about you, so I will not remember that.";
            Remembered { status: "ignored", id: None, user_id: None, summary }
        }
        Some(None) => {
            let summary = "I do not know who is calling, so I cannot remember that.";
            Remembered { status: "ignored", id: None, user_id: None, summary }
        }
        None => Remembered { status: "unavailable", id: None, user_id: None, summary: UNAVAILABLE },
    };
    metrics::counter!("hark_remember_total", "result" => answer.status).increment(1);
    tracing::info!(
        result = answer.status,
        user_id = answer.user_id.as_deref(),
        memory_id = answer.id.as_deref(),
        conversation_id = asking.conversation.as_ref().map(|id| short(id.as_str())),
        "remember"
    );
    receipt(&app, Note { took: started.elapsed(), ..noted }, answer.summary);
    Ok(Json(answer))
}

async fn write(app: &TenantApp, asking: &Asking, memory: NewMemory) -> Result<Option<(Scope, Memory)>> {
    let Some(scope) = asking.admitted(app).await? else { return Ok(None) };
    app.touched().person(&scope.caller);
    let adding = app.ingest.add(&scope, vec![memory]);
    let memory = charged_to(asking.account(app), adding).await?.into_iter().next();
    Ok(memory.map(|memory| (scope, memory)))
}
