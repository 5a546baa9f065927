//! `/v1/links`: links made and removed by hand.

use super::error::{Problem, ProblemBody};
use super::extract::{AppJson, Id};
use super::memories::owner;
use super::view::{Items, LinkView};
use crate::tenant::TenantApp;
use axum::Json;
use axum::http::StatusCode;
use hark_core::{Link, LinkId, LinkKind, MemoryId};
use serde::Deserialize;
use utoipa::ToSchema;

/// Two memories of one caller to be joined.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateLink {
    /// One memory.
    #[schema(min_length = 1, pattern = r"\S")]
    pub from: String,
    /// The other.
    #[schema(min_length = 1, pattern = r"\S")]
    pub to: String,
    /// 0 to 1; 1 when left out.
    #[schema(minimum = 0, maximum = 1)]
    pub weight: Option<f32>,
}

/// A link's id as the outside sees it. It carries one of the two memories, because that is how its caller is
/// found: a store knows links by caller only.
pub(super) fn public_id(link: &Link) -> String {
    format!("{}.{}", link.id, link.a)
}

/// A memory's links, strongest first.
#[utoipa::path(get, path = "/v1/memories/{id}/links", tag = "memories", params(("id" = String, Path)),
    responses((status = 200, body = Items<LinkView>), (status = 404, body = ProblemBody)))]
pub async fn of_memory(app: TenantApp, Id(id): Id) -> Result<Json<Items<LinkView>>, Problem> {
    let id = MemoryId::new(id);
    let scope = owner(&app, &id).await?;
    let links = app.engine.memory.links(&scope, std::slice::from_ref(&id)).await?;
    let (per_day, now) = (app.engine.decay.link_per_day, app.engine.clock.now());
    let mut views: Vec<_> = links.iter().filter_map(|link| LinkView::of(link, &id, per_day, now)).collect();
    views.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    Ok(Json(Items::all(views)))
}

/// Joins two memories of one caller. A pair that is joined already gets the new weight. What is joined by hand does not
/// fade.
#[utoipa::path(post, path = "/v1/links", tag = "memories", request_body = CreateLink,
    responses((status = 201, body = LinkView), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn create(
    app: TenantApp,
    AppJson(new): AppJson<CreateLink>,
) -> Result<(StatusCode, Json<LinkView>), Problem> {
    let weight = new.weight.unwrap_or(1.0);
    if !(0.0..=1.0).contains(&weight) {
        return Err(Problem::field("invalid_field", "weight", "`weight` must be 0 to 1"));
    }
    let (from, to) = (MemoryId::new(new.from), MemoryId::new(new.to));
    if from == to {
        return Err(Problem::field("invalid_field", "to", "`to` must be another memory than `from`"));
    }
    let scope = owner(&app, &from).await?;
    if owner(&app, &to).await? != scope {
        return Err(Problem::field("invalid_field", "to", "`from` and `to` must be memories of the same user"));
    }
    let now = app.engine.clock.now();
    let link = Link::new(from.clone(), to, weight, LinkKind::Manual, now);
    app.engine.memory.put_links(&scope, std::slice::from_ref(&link)).await?;
    let view =
        LinkView::of(&link, &from, app.engine.decay.link_per_day, now).ok_or_else(|| Problem::not_found("memory"))?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Removes a link.
#[utoipa::path(delete, path = "/v1/links/{id}", tag = "memories", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody)))]
pub async fn remove(app: TenantApp, Id(id): Id) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("link");
    let (link, end) = id.split_once('.').ok_or_else(missing)?;
    let (link, end) = (LinkId::new(link), MemoryId::new(end));
    let scope = app.engine.memory.memory_owner(app.tenant(), &end).await?.ok_or_else(missing)?;
    app.touched().person(&scope.caller);
    let links = app.engine.memory.links(&scope, &[end]).await?;
    if !links.iter().any(|known| known.id == link) {
        return Err(missing());
    }
    app.engine.memory.delete_link(&scope, &link).await?;
    Ok(StatusCode::NO_CONTENT)
}
