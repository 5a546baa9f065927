//! `/v1/conflicts`: memories that do not go together, what was decided, and how a person decides otherwise.

use super::error::{Problem, ProblemBody};
use super::extract::{AppJson, AppQuery, Id, page};
use super::memories::owner;
use super::users::find;
use super::view::{Items, MemoryView, rounded, word};
use super::words;
use crate::tenant::TenantApp;
use axum::Json;
use chrono::{DateTime, Utc};
use hark_core::ingest::Decision;
use hark_core::store::ConflictFilter;
use hark_core::{Conflict, ConflictId, ConflictState, Memory, MemoryId, Resolution, Result, Scope, UserId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;

/// Which conflicts to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConflictsQuery {
    /// Only this state: open, resolved or undone.
    #[param(schema_with = words::conflict_state)]
    pub state: Option<ConflictState>,
    /// Only this caller's: our own id or the integrator's.
    pub user_id: Option<String>,
    /// Items, 1 to 1,000; 50 unless told.
    #[param(minimum = 1, maximum = 1_000)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// What is to become of a conflict.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionChoice {
    /// The older memory is current; the newer gives way.
    KeepOld,
    /// The newer memory is current; the older gives way.
    KeepNew,
    /// Both are current.
    KeepBoth,
    /// What was decided is taken back; the pair is not judged again.
    Undo,
}

/// A decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveConflict {
    /// `keep_old`, `keep_new`, `keep_both` or `undo`.
    pub resolution: ResolutionChoice,
}

/// Two memories that do not go together, or say the same, and what was decided.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConflictView {
    /// Its id.
    pub id: String,
    /// Whose, by our own id.
    pub user_id: String,
    /// The memory that was said first.
    pub old: MemoryView,
    /// The one that was said later.
    pub new: MemoryView,
    /// `same`, `update`, `contradiction` or `unsure`.
    pub verdict: &'static str,
    /// `same_statement`, `newer_value`, `cannot_both_be_true` or `too_little_said`; a model may give others.
    pub reason: String,
    /// How sure the judge was, 0 to 1.
    pub confidence: f32,
    /// Who decided last: `rules`, `stand_in` (rules, because the model failed), `model` or `person`.
    pub judged_by: &'static str,
    /// `open`, `resolved` or `undone`.
    pub state: &'static str,
    /// `superseded`, `reinforced` or `kept_both`; null while nobody has decided.
    pub resolution: Option<&'static str>,
    /// When the pair was judged.
    pub created_at: DateTime<Utc>,
    /// When it was last decided or taken back.
    pub resolved_at: Option<DateTime<Utc>>,
}

/// What was decided about two memories, by their ids.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConflictRecord {
    /// Its id.
    pub id: String,
    /// The memory that was said first.
    pub old: String,
    /// The one that was said later.
    pub new: String,
    /// As in [`ConflictView`].
    pub verdict: &'static str,
    /// As in [`ConflictView`].
    pub reason: String,
    /// As in [`ConflictView`].
    pub confidence: f32,
    /// As in [`ConflictView`].
    pub judged_by: &'static str,
    /// As in [`ConflictView`].
    pub state: &'static str,
    /// As in [`ConflictView`].
    pub resolution: Option<&'static str>,
    /// When the pair was judged.
    pub created_at: DateTime<Utc>,
    /// When it was last decided or taken back.
    pub resolved_at: Option<DateTime<Utc>>,
}

impl From<&Conflict> for ConflictRecord {
    fn from(conflict: &Conflict) -> Self {
        Self {
            id: conflict.id.to_string(),
            old: conflict.old.to_string(),
            new: conflict.new.to_string(),
            verdict: conflict.verdict.name(),
            reason: word(&conflict.reason),
            confidence: rounded(conflict.confidence),
            judged_by: conflict.judged_by.name(),
            state: conflict.state.name(),
            resolution: conflict.resolution.map(Resolution::name),
            created_at: conflict.created_at,
            resolved_at: conflict.resolved_at,
        }
    }
}

impl ConflictView {
    /// A conflict with its two memories.
    pub fn of(conflict: &Conflict, old: MemoryView, new: MemoryView) -> Self {
        Self {
            id: conflict.id.to_string(),
            user_id: conflict.caller.to_string(),
            old,
            new,
            verdict: conflict.verdict.name(),
            reason: word(&conflict.reason),
            confidence: rounded(conflict.confidence),
            judged_by: conflict.judged_by.name(),
            state: conflict.state.name(),
            resolution: conflict.resolution.map(Resolution::name),
            created_at: conflict.created_at,
            resolved_at: conflict.resolved_at,
        }
    }
}

/// A memory in the order of what took whose place.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryView {
    /// The memory.
    #[serde(flatten)]
    pub memory: MemoryView,
    /// Why it gave way; null for what is current.
    pub gave_way: Option<GaveWay>,
}

/// Why a memory gave way.
#[derive(Debug, Serialize, ToSchema)]
pub struct GaveWay {
    /// The conflict, for taking it back.
    pub conflict_id: String,
    /// `superseded`, or `reinforced` where the other says the same.
    pub resolution: Option<&'static str>,
    /// As in the conflict.
    pub verdict: &'static str,
    /// As in the conflict.
    pub reason: String,
    /// As in the conflict.
    pub judged_by: &'static str,
    /// When it was decided.
    pub at: Option<DateTime<Utc>>,
}

impl HistoryView {
    /// A memory, and the conflict with its successor.
    pub fn of(memory: MemoryView, why: Option<&Conflict>) -> Self {
        let gave_way = why.map(|conflict| GaveWay {
            conflict_id: conflict.id.to_string(),
            resolution: conflict.resolution.map(Resolution::name),
            verdict: conflict.verdict.name(),
            reason: word(&conflict.reason),
            judged_by: conflict.judged_by.name(),
            at: conflict.resolved_at,
        });
        Self { memory, gave_way }
    }
}

/// Conflicts with both of their memories, latest first: what waits for a person (`open`), and what was decided and why.
#[utoipa::path(get, path = "/v1/conflicts", tag = "memories", params(ConflictsQuery),
    responses((status = 200, body = Items<ConflictView>), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn list(
    app: TenantApp,
    AppQuery(query): AppQuery<ConflictsQuery>,
) -> Result<Json<Items<ConflictView>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let caller = match &query.user_id {
        Some(user_id) => Some(find(&app, user_id).await?.1.id),
        None => None,
    };
    let filter = ConflictFilter { caller, state: query.state };
    let found = app.engine.memory.conflicts(app.tenant(), &filter, &page).await?;
    Ok(Json(Items { items: views(&app, found.items).await?, next_cursor: found.next_cursor }))
}

/// Decides a conflict, whatever was decided before, or takes the decision back. Repeating it changes nothing.
#[utoipa::path(post, path = "/v1/conflicts/{id}/resolve", tag = "memories", params(("id" = String, Path)),
    request_body = ResolveConflict,
    responses((status = 200, body = ConflictView), (status = 404, body = ProblemBody),
        (status = 409, description = "Nothing was decided that could be undone", body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub async fn resolve(
    app: TenantApp,
    Id(id): Id,
    AppJson(body): AppJson<ResolveConflict>,
) -> Result<Json<ConflictView>, Problem> {
    let decision = match body.resolution {
        ResolutionChoice::KeepOld => Decision::KeepOld,
        ResolutionChoice::KeepNew => Decision::KeepNew,
        ResolutionChoice::KeepBoth => Decision::KeepBoth,
        ResolutionChoice::Undo => Decision::Undo,
    };
    let missing = || Problem::not_found("conflict");
    let resolved = app.ingest.resolve(app.tenant(), &ConflictId::new(id), decision).await?.ok_or_else(missing)?;
    app.touched().person(&resolved.caller);
    views(&app, vec![resolved]).await?.pop().map(Json).ok_or_else(missing)
}

/// A memory, what it took the place of and what took its place, earliest learnt first, each with why it gave way.
#[utoipa::path(get, path = "/v1/memories/{id}/history", tag = "memories", params(("id" = String, Path)),
    responses((status = 200, body = Items<HistoryView>), (status = 404, body = ProblemBody)))]
pub async fn history(app: TenantApp, Id(id): Id) -> Result<Json<Items<HistoryView>>, Problem> {
    let id = MemoryId::new(id);
    let scope = owner(&app, &id).await?;
    let memories = app.engine.memory.history(&scope, &id).await?;
    let ids: Vec<MemoryId> = memories.iter().map(|memory| memory.id.clone()).collect();
    let conflicts = app.engine.memory.conflicts_of(&scope, &ids).await?;
    let known: HashMap<&ConflictId, &Conflict> = conflicts.iter().map(|conflict| (&conflict.id, conflict)).collect();
    let (rates, now) = (&app.engine.decay.per_day, app.engine.clock.now());
    let items = memories.into_iter().map(|memory| {
        let pair = memory.superseded_by.as_ref().map(|next| ConflictId::between(&memory.id, next));
        let why = pair.and_then(|pair| known.get(&pair).copied());
        HistoryView::of(MemoryView::of(&scope, memory, rates, now), why)
    });
    Ok(Json(Items::all(items.collect())))
}

/// Conflicts with their memories, caller by caller, in the order given. One whose memory has just gone is left out.
async fn views(app: &TenantApp, conflicts: Vec<Conflict>) -> Result<Vec<ConflictView>, Problem> {
    let mut wanted: BTreeMap<UserId, Vec<MemoryId>> = BTreeMap::new();
    for conflict in &conflicts {
        wanted.entry(conflict.caller.clone()).or_default().extend([conflict.old.clone(), conflict.new.clone()]);
    }
    let mut memories: HashMap<MemoryId, Memory> = HashMap::new();
    for (caller, ids) in wanted {
        let scope = Scope { tenant: app.tenant().clone(), caller };
        memories.extend(app.engine.memory.memories(&scope, &ids).await?.into_iter().map(|m| (m.id.clone(), m)));
    }
    let (rates, now) = (&app.engine.decay.per_day, app.engine.clock.now());
    let view = |conflict: Conflict| {
        let scope = Scope { tenant: app.tenant().clone(), caller: conflict.caller.clone() };
        let shown = |id: &MemoryId| Some(MemoryView::of(&scope, memories.get(id)?.clone(), rates, now));
        Some(ConflictView::of(&conflict, shown(&conflict.old)?, shown(&conflict.new)?))
    };
    Ok(conflicts.into_iter().filter_map(view).collect())
}
