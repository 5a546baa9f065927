//! `POST /tools/memory-query`: the agent asks during the call, and the caller waits.

use super::caller::Asking;
use super::error::Problem;
use super::extract::read_body;
use super::requests::MemoryQuestion;
use super::view::{AnswerMemory, MemoryAnswer};
use crate::elevenlabs::tool::{Misused, ToolBody};
use crate::tenant::TenantApp;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use futures::FutureExt;
use hark_core::cost::charged_to;
use hark_core::receipts::Note;
use hark_core::{RecallQuery, Recalled, ReceiptKind, Result, Scope};
use std::panic::AssertUnwindSafe;
use tokio::time::Instant;

/// What the agent is told when we cannot answer. It is read aloud, so it says nothing technical.
pub(crate) const UNAVAILABLE: &str = "memory is unavailable right now";

impl From<Misused> for Problem {
    fn from(misused: Misused) -> Self {
        match misused.code {
            "invalid_json" => Self::new(StatusCode::BAD_REQUEST, misused.code, misused.remedy),
            code => Self::field(code, misused.field, misused.remedy),
        }
    }
}

/// What the caller's memory says.
///
/// A stranger, an empty memory and our own failures are answers too: 200, and a summary that can be spoken. Only
/// misuse that a developer should see is an error.
#[utoipa::path(
    post, path = "/tools/memory-query", tag = "elevenlabs",
    request_body = MemoryQuestion,
    responses((status = 200, body = MemoryAnswer), (status = 400, body = super::error::ProblemBody),
        (status = 401, body = super::error::ProblemBody), (status = 422, body = super::error::ProblemBody))
)]
pub async fn memory_query(app: TenantApp, headers: HeaderMap, body: Body) -> Result<Json<MemoryAnswer>, Problem> {
    let started = Instant::now();
    let at = app.engine.clock.now();
    let body = ToolBody::read(&read_body(body, app.settings.http.tools_body_limit_bytes).await?)?;
    let query = question(&body)?;
    let asking = Asking::read(&app, &body, &headers);
    // Finding out who asks counts as well. The recall keeps to the same moment and says what it left out, so the
    // deadline here ends only what stands before it.
    let answer_by = Instant::now() + app.recall.budget().min(app.settings.tool_deadline);
    let work = AssertUnwindSafe(look_up(&app, &asking, &query, answer_by)).catch_unwind();
    let found = match tokio::time::timeout_at(answer_by, work).await {
        Ok(Ok(Ok(found))) => found,
        Ok(Ok(Err(error))) => {
            tracing::error!(?error, "recall failed");
            Found::Unavailable(error.kind().name())
        }
        Ok(Err(_)) => Found::Unavailable("internal"),
        Err(_) => {
            tracing::warn!("recall late: the caller was not found in time");
            Found::Unavailable("timeout")
        }
    };
    let noted = asking.note(ReceiptKind::Query, at, query.text);
    let noted = match &found {
        Found::Memories(scope, recalled) => Note { caller: Some(scope.caller.clone()), ..noted }.with_answer(recalled),
        Found::NothingAsked(scope) => Note { caller: scope.as_ref().map(|s| s.caller.clone()), ..noted },
        Found::Unavailable(reason) => Note { degraded: Some(*reason), ..noted },
        Found::Nobody => noted,
    };
    let answer = answer(&app, &body, found, started);
    log(&asking, &answer);
    receipt(&app, Note { took: started.elapsed(), ..noted }, &answer.body.summary);
    Ok(Json(answer.body))
}

fn question(body: &ToolBody) -> Result<RecallQuery, Problem> {
    const NAMES: [&str; 3] = ["query", "search_query", "question"];
    if !body.has(&NAMES) {
        let detail = "`query` is required: what to look for, in plain words";
        return Err(Problem::field("missing_field", "query", detail));
    }
    Ok(RecallQuery {
        text: body.text(&NAMES).unwrap_or_default(),
        limit: body.limit(),
        sectors: body.sectors()?,
        as_of: body.as_of()?,
        include_archived: body.flag("include_archived"),
    })
}

/// What became of a question.
enum Found {
    Memories(Scope, Recalled),
    Nobody,
    NothingAsked(Option<Scope>),
    Unavailable(&'static str),
}

async fn look_up(app: &TenantApp, asking: &Asking, query: &RecallQuery, answer_by: Instant) -> Result<Found> {
    let caller = asking.known(app).await?;
    if !query.text.chars().any(char::is_alphanumeric) {
        return Ok(Found::NothingAsked(caller));
    }
    let Some(scope) = caller else { return Ok(Found::Nobody) };
    app.touched().person(&scope.caller);
    let recalled = charged_to(asking.account(app), app.recall.ask_by(&scope, query, answer_by)).await?;
    Ok(Found::Memories(scope, recalled))
}

/// An answer and how long its steps took.
struct Answer {
    body: MemoryAnswer,
    steps: hark_core::StepTimes,
}

fn answer(app: &TenantApp, body: &ToolBody, found: Found, started: Instant) -> Answer {
    // Where nothing was searched, what would have searched.
    let able = if app.engine.embedder.is_some() { "hybrid" } else { "keyword" };
    let mut answer = MemoryAnswer { mode: able, ..MemoryAnswer::default() };
    let mut steps = hark_core::StepTimes::default();
    match found {
        Found::Memories(scope, recalled) => {
            let explain = body.flag("explain");
            answer.user_id = Some(scope.caller.to_string());
            answer.mode = recalled.mode.name();
            answer.degraded = recalled.degraded.is_some();
            answer.degraded_reason = recalled.degraded;
            answer.memories = recalled.hits.into_iter().map(|hit| AnswerMemory::of(hit, explain)).collect();
            answer.summary = recalled.summary;
            if answer.summary.is_empty() {
                answer.summary.push_str("Nothing about that is remembered.");
            }
            steps = recalled.times;
        }
        Found::Nobody => answer.summary = "This caller is not known yet, so nothing is remembered.".to_owned(),
        Found::NothingAsked(scope) => {
            answer.user_id = scope.map(|scope| scope.caller.to_string());
            answer.summary = "Nothing was asked, so nothing was looked up.".to_owned();
        }
        Found::Unavailable(reason) => {
            metrics::counter!("hark_recall_degraded_total", "reason" => reason).increment(1);
            answer.mode = "keyword";
            answer.degraded = true;
            answer.degraded_reason = Some(reason);
            answer.summary = UNAVAILABLE.to_owned();
        }
    }
    answer.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Answer { body: answer, steps }
}

/// Hands a receipt over with what the agent was told. Nobody waits for it.
pub(super) fn receipt(app: &TenantApp, mut note: Note, told: &str) {
    told.clone_into(&mut note.words.told);
    app.engine.receipts.note(app.tenant(), note);
}

/// One line a call: ids and times, never what was asked or answered.
fn log(asking: &Asking, Answer { body, steps }: &Answer) {
    let degraded = if body.degraded { "true" } else { "false" };
    metrics::counter!("hark_recall_total", "mode" => body.mode, "degraded" => degraded).increment(1);
    let ms = |step: std::time::Duration| step.as_secs_f64() * 1_000.0;
    tracing::info!(
        user_id = body.user_id.as_deref(),
        conversation_id = asking.conversation.as_ref().map(|id| short(id.as_str())),
        agent_id = asking.agent.as_ref().map(|id| short(id.as_str())),
        mode = body.mode,
        degraded = body.degraded_reason,
        memories = body.memories.len(),
        took_ms = body.took_ms,
        embed_ms = ms(steps.embed),
        search_ms = ms(steps.search),
        score_ms = ms(steps.score),
        expand_ms = ms(steps.expand),
        "recall"
    );
}

/// Ids come from outside, and a log line must not grow with them.
pub(crate) fn short(id: &str) -> &str {
    id.char_indices().nth(64).map_or(id, |(end, _)| &id[..end])
}
