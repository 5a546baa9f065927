//! `/v1/users`: the people who call.

use super::error::{Problem, ProblemBody};
use super::extract::{AppJson, AppQuery, Id, PageQuery, page};
use super::view::{Items, MemoryView, UserView};
use super::words;
use crate::tenant::TenantApp;
use axum::Json;
use chrono::{DateTime, Utc};
use hark_core::recall::{is_open, is_overdue};
use hark_core::store::MemoryFilter;
use hark_core::{Consent, IdentityKind, MemoryKind, MemoryState, PageRequest, Scope, Sector, User};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Memories in which open matters are looked for: the newest so many, as for the context of a call.
const OPEN_AMONG: usize = 200;

/// A caller, with what is remembered in numbers.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserDetail {
    /// The caller.
    #[serde(flatten)]
    pub user: UserView,
    /// Known by numbers alone, by no id of the integrator's.
    pub guest: bool,
    /// Kinds of what the caller is known by, in the order they were learnt: `external`, `phone`, `whatsapp`, `sms`.
    pub identities: Vec<&'static str>,
    /// Ids of users who were merged into this one; they answer too.
    pub aliases: Vec<String>,
    /// Active memories by sector; all five are there.
    pub sectors: BTreeMap<&'static str, u64>,
    /// Each sector's share of the active memories, 0 to 1; all 0 where there are none.
    pub sector_shares: BTreeMap<&'static str, f64>,
    /// Promises that nobody has said are kept and complaints that nobody has said are settled, among the newest 200
    /// memories; latest date first.
    pub open: Vec<OpenMatter>,
}

/// Something the caller or the company waits for.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenMatter {
    /// The memory.
    pub id: String,
    /// The memory's sentence.
    pub content: String,
    /// A promise or a complaint.
    #[schema(value_type = String, example = "promise")]
    pub kind: MemoryKind,
    /// The day it is about: of a promise the day it was promised for, where one was named.
    pub occurred_at: DateTime<Utc>,
    /// Whether the day it was promised for is over.
    pub overdue: bool,
}

/// What to change about a user; a field left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// Another name; empty for none.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether several people call as this one. Calls under another name set it anew.
    #[serde(default)]
    pub shared: Option<bool>,
    /// Whether the caller agrees to be remembered: `unknown`, `given` or `refused`. Of one who refused nothing is learnt and
    /// no agent is told; what is kept stays, and is removed by erasing the user.
    #[serde(default)]
    #[schema(schema_with = words::consent_or_null)]
    pub consent: Option<Consent>,
}

/// Which memories to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MemoriesQuery {
    /// Only this sector.
    #[param(schema_with = words::sector)]
    pub sector: Option<Sector>,
    /// Only this state: active, superseded, archived or quarantined.
    #[param(schema_with = words::memory_state)]
    pub state: Option<MemoryState>,
    /// Items, 1 to 1,000; 50 unless told.
    #[param(minimum = 1, maximum = 1_000)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// The caller named by our own id or the integrator's.
pub(super) async fn find(app: &TenantApp, id: &str) -> Result<(Scope, User), Problem> {
    let user = app.people.by_reference(app.tenant(), id).await?.ok_or_else(|| Problem::not_found("user"))?;
    app.touched().person(&user.id);
    Ok((Scope { tenant: app.tenant().clone(), caller: user.id.clone() }, user))
}

/// All callers, newest contact first.
#[utoipa::path(get, path = "/v1/users", tag = "users",
    params(PageQuery),
    responses((status = 200, body = Items<UserView>)))]
pub async fn list(app: TenantApp, AppQuery(query): AppQuery<PageQuery>) -> Result<Json<Items<UserView>>, Problem> {
    let users = app.engine.memory.users(app.tenant(), &page(query.limit, query.cursor)?).await?;
    Ok(Json(Items { items: users.items.into_iter().map(UserView::from).collect(), next_cursor: users.next_cursor }))
}

/// One caller.
#[utoipa::path(get, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = UserDetail), (status = 404, body = ProblemBody)))]
pub async fn read(app: TenantApp, Id(id): Id) -> Result<Json<UserDetail>, Problem> {
    let (scope, user) = find(&app, &id).await?;
    detail(&app, &scope, user).await.map(Json)
}

async fn open_matters(app: &TenantApp, scope: &Scope) -> Result<Vec<OpenMatter>, Problem> {
    let active = MemoryFilter { states: vec![MemoryState::Active], ..MemoryFilter::default() };
    let newest = app.engine.memory.list_memories(scope, &active, &PageRequest::first(OPEN_AMONG)).await?.items;
    let now = app.engine.clock.now();
    let open = newest.into_iter().filter(|memory| is_open(memory, now)).map(|memory| OpenMatter {
        overdue: is_overdue(&memory, now),
        id: memory.id.to_string(),
        content: memory.content,
        kind: memory.kind,
        occurred_at: memory.occurred_at,
    });
    Ok(open.collect())
}

async fn detail(app: &TenantApp, scope: &Scope, user: User) -> Result<UserDetail, Problem> {
    let memory = &app.engine.memory;
    let mut sectors: BTreeMap<_, _> = Sector::ALL.into_iter().map(|sector| (sector.name(), 0)).collect();
    sectors.extend(memory.sector_counts(scope).await?.into_iter().map(|(s, count)| (s.name(), count)));
    let known_by = memory.identities(scope).await?;
    Ok(UserDetail {
        user: user.into(),
        guest: known_by.iter().all(|identity| identity.kind != IdentityKind::External),
        identities: known_by.iter().map(|identity| identity.kind.name()).collect(),
        aliases: memory.aliases(scope).await?.iter().map(ToString::to_string).collect(),
        sector_shares: shares(&sectors),
        open: open_matters(app, scope).await?,
        sectors,
    })
}

fn shares(sectors: &BTreeMap<&'static str, u64>) -> BTreeMap<&'static str, f64> {
    let all = sectors.values().sum::<u64>().max(1) as f64;
    let share = |count: u64| (count as f64 / all * 10_000.0).round() / 10_000.0;
    sectors.iter().map(|(sector, count)| (*sector, share(*count))).collect()
}

/// Changes how a user is called, whether several people call as this one, or whether they agree to be remembered.
#[utoipa::path(patch, path = "/v1/users/{id}", tag = "users", params(("id" = String, Path)), request_body = ChangeUser,
    responses((status = 200, body = UserDetail), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn change(
    app: TenantApp,
    Id(id): Id,
    AppJson(change): AppJson<ChangeUser>,
) -> Result<Json<UserDetail>, Problem> {
    let (scope, user) = find(&app, &id).await?;
    let name = change.name.as_deref().map(str::trim);
    if name.is_some_and(|name| name.chars().count() > MAX_NAME_CHARS) {
        return Err(Problem::field("invalid_field", "name", "`name` must be at most 200 characters"));
    }
    if let Some(name) = name {
        app.engine.memory.set_name(&scope, &app.engine.redaction.text(name)).await?;
    }
    if let Some(shared) = change.shared {
        app.engine.memory.set_shared(&scope, shared).await?;
    }
    if let Some(consent) = change.consent {
        app.ingest.set_consent(&scope, consent).await?;
        app.touched().object(&format!("consent={}", consent.name()));
    }
    let changed = app.engine.memory.user(&scope).await?.unwrap_or(user);
    detail(&app, &scope, changed).await.map(Json)
}

/// Characters of a name at the most.
const MAX_NAME_CHARS: usize = 200;

/// A caller's memories, latest first.
#[utoipa::path(get, path = "/v1/users/{id}/memories", tag = "users", params(("id" = String, Path), MemoriesQuery),
    responses((status = 200, body = Items<MemoryView>), (status = 404, body = ProblemBody)))]
pub async fn memories(
    app: TenantApp,
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
