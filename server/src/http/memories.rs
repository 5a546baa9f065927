//! `/v1/memories`: written, read, corrected and forgotten by the integrator.

use super::error::{Problem, ProblemBody};
use super::extract::{AppJson, Id};
use super::view::{Items, MemoryView};
use super::words;
use crate::tenant::TenantApp;
use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use hark_core::ingest::{MemoryPatch, NewMemory};
use hark_core::{Consent, ConversationId, Memory, MemoryId, Origin, Result, Scope, Sector};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Memories a batch may hold.
const MAX_BATCH: usize = 1_000;

/// A memory to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateMemory {
    /// Whose: our own id or the integrator's. An id nobody knows becomes a new caller's.
    #[schema(min_length = 1, pattern = r"\S")]
    pub user_id: String,
    /// One sentence about the caller, 1 to 4,000 characters.
    #[schema(min_length = 1, max_length = 4_000, pattern = r"\S")]
    pub content: String,
    /// The classifier decides when left out.
    #[schema(schema_with = words::sector_or_null)]
    pub sector: Option<Sector>,
    /// 0 to 1; the classifier decides when left out.
    #[schema(minimum = 0, maximum = 1)]
    pub salience: Option<f32>,
    /// What it is about; now when left out.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Its own decay per day, 0 for never; the sector's when left out.
    #[schema(minimum = 0)]
    pub decay_rate: Option<f64>,
    /// Echoed, never interpreted.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// Where it comes from.
    pub source: Option<Source>,
}

/// Where a memory comes from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The conversation.
    pub conversation_id: Option<String>,
    /// 0-based indexes into its transcript.
    #[serde(default)]
    #[schema(schema_with = words::turns)]
    pub turns: Vec<u32>,
}

/// Many memories to be written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBatch {
    /// 1 to 1,000 of them.
    #[schema(min_items = 1, max_items = 1_000)]
    pub memories: Vec<CreateMemory>,
}

/// What to change; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeMemory {
    /// A new sentence.
    #[schema(min_length = 1, max_length = 4_000, pattern = r"\S")]
    pub content: Option<String>,
    /// Another sector.
    #[schema(schema_with = words::sector_or_null)]
    pub sector: Option<Sector>,
    /// Another salience, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub salience: Option<f32>,
    /// Another date.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Another decay per day; null returns to the sector's.
    #[serde(deserialize_with = "told")]
    #[schema(value_type = Option<f64>, minimum = 0)]
    pub decay_rate: Option<Option<f64>>,
    /// Other metadata, whole.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
}

/// Keeps null apart from absent.
fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Writes a memory; the next question finds it.
#[utoipa::path(post, path = "/v1/memories", tag = "memories", request_body = CreateMemory,
    responses((status = 201, body = MemoryView), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn create(
    app: TenantApp,
    AppJson(new): AppJson<CreateMemory>,
) -> Result<(StatusCode, Json<MemoryView>), Problem> {
    let view = write(&app, vec![new]).await?.into_iter().next();
    let view =
        view.ok_or_else(|| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "nothing was written"))?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Writes up to 1,000 memories and answers them in the order given. Everything is checked before anything is
/// written; then each caller's memories are written all or none.
#[utoipa::path(post, path = "/v1/memories/batch", tag = "memories", request_body = CreateBatch,
    responses((status = 201, body = Items<MemoryView>), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn create_batch(
    app: TenantApp,
    AppJson(batch): AppJson<CreateBatch>,
) -> Result<(StatusCode, Json<Items<MemoryView>>), Problem> {
    if !(1..=MAX_BATCH).contains(&batch.memories.len()) {
        return Err(Problem::field("invalid_field", "memories", "`memories` must hold 1 to 1000 memories"));
    }
    Ok((StatusCode::CREATED, Json(Items::all(write(&app, batch.memories).await?))))
}

async fn write(app: &TenantApp, new: Vec<CreateMemory>) -> Result<Vec<MemoryView>, Problem> {
    let count = new.len();
    // Each caller's memories together, in order, with their places in the answer.
    let mut callers: Vec<(String, Vec<usize>, Vec<NewMemory>)> = Vec::new();
    for (place, new) in new.into_iter().enumerate() {
        let user_id = new.user_id.trim().to_owned();
        let memory = check(new).map_err(|(field, detail)| {
            let field = if count == 1 { field.to_owned() } else { format!("memories[{place}].{field}") };
            Problem::field("invalid_field", field, detail)
        })?;
        match callers.iter_mut().find(|(known, ..)| *known == user_id) {
            Some((_, places, memories)) => {
                places.push(place);
                memories.push(memory);
            }
            None => callers.push((user_id, vec![place], vec![memory])),
        }
    }
    for (user_id, places, memories) in &callers {
        if let Some(at) = app.people.first_erased(app.tenant(), user_id, memories).await? {
            let field = if count == 1 { "user_id".to_owned() } else { format!("memories[{}].user_id", places[at]) };
            return Err(Problem::erased_before(field));
        }
        let known = app.people.by_reference(app.tenant(), user_id).await?;
        if !app.engine.privacy.remembers(known.map_or(Consent::Unknown, |user| user.consent)) {
            let field = if count == 1 { "user_id".to_owned() } else { format!("memories[{}].user_id", places[0]) };
            return Err(Problem::no_consent(field));
        }
    }
    let (rates, now) = (&app.engine.decay.per_day, app.engine.clock.now());
    let mut views: Vec<(usize, MemoryView)> = Vec::with_capacity(count);
    for (user_id, places, memories) in callers {
        let user = app.people.admit_reference(app.tenant(), &user_id).await?.ok_or_else(no_user)?;
        app.touched().person(&user.id);
        let scope = Scope { tenant: app.tenant().clone(), caller: user.id };
        let written = app.ingest.add(&scope, memories).await?;
        views.extend(places.into_iter().zip(written.into_iter().map(|m| MemoryView::of(&scope, m, rates, now))));
    }
    views.sort_by_key(|(place, _)| *place);
    Ok(views.into_iter().map(|(_, view)| view).collect())
}

pub(super) fn no_user() -> Problem {
    Problem::field("invalid_field", "user_id", "`user_id` must not be empty")
}

/// The rules of the core, checked for the whole batch before anything is written, and with the field's name.
fn check(new: CreateMemory) -> Result<NewMemory, (&'static str, &'static str)> {
    if new.user_id.trim().is_empty() {
        return Err(("user_id", "`user_id` must not be empty"));
    }
    if new.content.trim().is_empty() || new.content.chars().count() > 4_000 {
        return Err(("content", "`content` must be 1 to 4000 characters"));
    }
    if new.salience.is_some_and(|salience| !(0.0..=1.0).contains(&salience)) {
        return Err(("salience", "`salience` must be 0 to 1"));
    }
    if new.decay_rate.is_some_and(|rate| !rate.is_finite() || rate < 0.0) {
        return Err(("decay_rate", "`decay_rate` must be 0 or greater"));
    }
    let (conversation, turns) = new.source.map_or((None, Vec::new()), |source| (source.conversation_id, source.turns));
    Ok(NewMemory {
        sector: new.sector,
        salience: new.salience,
        occurred_at: new.occurred_at,
        decay_rate: new.decay_rate,
        metadata: new.metadata.unwrap_or_default(),
        conversation: conversation.map(ConversationId::new),
        turns,
        ..NewMemory::new(new.content, Origin::Api)
    })
}

/// Whose memory it is, within this tenant.
pub(super) async fn owner(app: &TenantApp, id: &MemoryId) -> Result<Scope, Problem> {
    let scope = app.engine.memory.memory_owner(app.tenant(), id).await?;
    let scope = scope.ok_or_else(|| Problem::not_found("memory"))?;
    app.touched().person(&scope.caller);
    Ok(scope)
}

fn shown(app: &TenantApp, scope: &Scope, memory: Option<Memory>) -> Result<Json<MemoryView>, Problem> {
    let memory = memory.ok_or_else(|| Problem::not_found("memory"))?;
    Ok(Json(MemoryView::of(scope, memory, &app.engine.decay.per_day, app.engine.clock.now())))
}

/// One memory.
#[utoipa::path(get, path = "/v1/memories/{id}", tag = "memories", params(("id" = String, Path)),
    responses((status = 200, body = MemoryView), (status = 404, body = ProblemBody)))]
pub async fn read(app: TenantApp, Id(id): Id) -> Result<Json<MemoryView>, Problem> {
    let id = MemoryId::new(id);
    let scope = owner(&app, &id).await?;
    let memory = app.engine.memory.memories(&scope, &[id]).await?.into_iter().next();
    shown(&app, &scope, memory)
}

/// Corrects a memory; the next question finds the corrected one.
#[utoipa::path(patch, path = "/v1/memories/{id}", tag = "memories", params(("id" = String, Path)),
    request_body = ChangeMemory,
    responses((status = 200, body = MemoryView), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn change(
    app: TenantApp,
    Id(id): Id,
    AppJson(change): AppJson<ChangeMemory>,
) -> Result<Json<MemoryView>, Problem> {
    let id = MemoryId::new(id);
    let scope = owner(&app, &id).await?;
    let ChangeMemory { content, sector, salience, occurred_at, decay_rate, metadata } = change;
    let patch = MemoryPatch { content, sector, salience, occurred_at, decay_rate, metadata };
    let memory = app.ingest.update(&scope, &id, patch).await?;
    shown(&app, &scope, memory)
}

/// Forgets a memory everywhere.
#[utoipa::path(delete, path = "/v1/memories/{id}", tag = "memories", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody)))]
pub async fn forget(app: TenantApp, Id(id): Id) -> Result<StatusCode, Problem> {
    let id = MemoryId::new(id);
    let scope = owner(&app, &id).await?;
    app.ingest.forget(&scope, &[id]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Strengthens a memory; an archived one comes back.
#[utoipa::path(post, path = "/v1/memories/{id}/reinforce", tag = "memories", params(("id" = String, Path)),
    responses((status = 200, body = MemoryView), (status = 404, body = ProblemBody)))]
pub async fn reinforce(app: TenantApp, Id(id): Id) -> Result<Json<MemoryView>, Problem> {
    let id = MemoryId::new(id);
    let scope = owner(&app, &id).await?;
    let memory = app.ingest.reinforce(&scope, &id).await?;
    shown(&app, &scope, memory)
}

/// Makes an archived or superseded memory current again.
#[utoipa::path(post, path = "/v1/memories/{id}/restore", tag = "memories", params(("id" = String, Path)),
    responses((status = 200, body = MemoryView), (status = 404, body = ProblemBody)))]
pub async fn restore(app: TenantApp, Id(id): Id) -> Result<Json<MemoryView>, Problem> {
    let id = MemoryId::new(id);
    let scope = owner(&app, &id).await?;
    let memory = app.ingest.restore(&scope, &id).await?;
    shown(&app, &scope, memory)
}
