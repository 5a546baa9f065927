//! `/v1/users`: the people who call.

use super::error::{Problem, ProblemBody};
use super::extract::{AppQuery, Id, PageQuery, page};
use super::view::{Items, MemoryView, UserView};
use crate::app::App;
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use hark_core::store::MemoryFilter;
use hark_core::{MemoryState, Scope, Sector, User};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A caller, with what is remembered in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserDetail {
    /// The caller.
    #[serde(flatten)]
    pub user: UserView,
    /// Active memories by sector; all five are there.
    pub sectors: BTreeMap<&'static str, u64>,
}

/// What an erasure removed, in numbers only.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErasureReceipt {
    /// Who it was, by our own id.
    pub user_id: String,
    /// When it was done.
    pub erased_at: DateTime<Utc>,
    /// Memories removed.
    pub memories: u64,
    /// Links removed.
    pub links: u64,
    /// Conversations removed, with transcripts and raw events.
    pub conversations: u64,
    /// Numbers and ids removed.
    pub identities: u64,
}

/// Which memories to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MemoriesQuery {
    /// Only this sector.
    #[param(value_type = Option<String>)]
    pub sector: Option<Sector>,
    /// Only this state: active, superseded or archived.
    #[param(value_type = Option<String>)]
    pub state: Option<MemoryState>,
    /// Items, 1 to 1,000; 50 unless told.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// The caller named by our own id or the integrator's.
pub(super) async fn find(app: &App, id: &str) -> Result<(Scope, User), Problem> {
    let user = app.people.by_reference(app.tenant(), id).await?.ok_or_else(|| Problem::not_found("user"))?;
    Ok((Scope { tenant: app.tenant().clone(), caller: user.id.clone() }, user))
}

/// All callers, newest contact first.
#[utoipa::path(get, path = "/v1/users", tag = "users",
    params(("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, body = Items<UserView>)))]
pub async fn list(
    State(app): State<App>,
    AppQuery(query): AppQuery<PageQuery>,
) -> Result<Json<Items<UserView>>, Problem> {
    let users = app.engine.memory.users(app.tenant(), &page(query.limit, query.cursor)?).await?;
    Ok(Json(Items { items: users.items.into_iter().map(UserView::from).collect(), next_cursor: users.next_cursor }))
}

/// One caller.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = UserDetail), (status = 404, body = ProblemBody)))]
pub async fn read(State(app): State<App>, Id(id): Id) -> Result<Json<UserDetail>, Problem> {
    let (scope, user) = find(&app, &id).await?;
    let mut sectors: BTreeMap<_, _> = Sector::ALL.into_iter().map(|sector| (sector.name(), 0)).collect();
    sectors.extend(app.engine.memory.sector_counts(&scope).await?.into_iter().map(|(s, count)| (s.name(), count)));
    Ok(Json(UserDetail { user: user.into(), sectors }))
}

/// A caller's memories, latest first.
#[utoipa::path(get, path = "/v1/users/{id}/memories", tag = "users", params(("id" = String, Path), MemoriesQuery),
    responses((status = 200, body = Items<MemoryView>), (status = 404, body = ProblemBody)))]
pub async fn memories(
    State(app): State<App>,
    Id(id): Id,
    AppQuery(query): AppQuery<MemoriesQuery>,
) -> Result<Json<Items<MemoryView>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let (scope, _) = find(&app, &id).await?;
    let filter =
        MemoryFilter { sectors: query.sector.into_iter().collect(), states: query.state.into_iter().collect() };
    let found = app.engine.memory.list_memories(&scope, &filter, &page).await?;
    let (rates, now) = (&app.engine.decay.per_day, app.engine.clock.now());
    let items = found.items.into_iter().map(|memory| MemoryView::of(&scope, memory, rates, now)).collect();
    Ok(Json(Items { items, next_cursor: found.next_cursor }))
}

/// Erases a caller and everything that is theirs. The receipt holds numbers only.
#[utoipa::path(delete, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = ErasureReceipt), (status = 404, body = ProblemBody)))]
pub async fn erase(State(app): State<App>, Id(id): Id) -> Result<Json<ErasureReceipt>, Problem> {
    let (scope, user) = find(&app, &id).await?;
    let erased = app.ingest.erase(&scope).await?;
    tracing::info!(user_id = %user.id, memories = erased.memories, "user erased");
    Ok(Json(ErasureReceipt {
        user_id: user.id.to_string(),
        erased_at: app.engine.clock.now(),
        memories: erased.memories,
        links: erased.links,
        conversations: erased.conversations,
        identities: erased.identities,
    }))
}
