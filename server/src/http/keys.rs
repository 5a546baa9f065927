//! `/v1/keys` and `/v1/webhook-secrets`: what opens the doors of a tenant.

use super::error::{Problem, ProblemBody};
use super::extract::{AppJson, AppQuery, Id, page};
use super::view::Items;
use super::words;
use crate::access::{Issued, NewKey};
use crate::tenant::TenantApp;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use hark_core::store::{KeyKind, StoredKey};
use hark_core::{Error, ErrorKind, KeyId, KeyScope, KeyScopes, Secret, TenantId};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// An API key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What it allows: `webhook`, `tool`, `read`, `write` and `admin`; none includes another.
    #[schema(schema_with = words::key_scopes)]
    pub scopes: KeyScopes,
    /// What people call it.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub label: String,
    /// From when on it opens nothing; never unless told.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    /// Whose data it opens; the tenant of the key that asks unless told. Only keys of the deployment's own tenant may name
    /// another, which thereby comes to be.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9_-]{1,64}$")]
    pub tenant: Option<String>,
}

/// A webhook secret to be taken up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhookSecret {
    /// The secret as the platform has made it; a new one unless told.
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 16, max_length = 512, pattern = "^[!-~]+$")]
    pub secret: Option<Secret>,
    /// What people call it.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub label: String,
    /// From when on nothing counts as signed by it; never unless told.
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
    /// Whose calls are signed with it; as for keys.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9_-]{1,64}$")]
    pub tenant: Option<String>,
}

/// Which keys to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KeysQuery {
    /// Whose; as for making one.
    pub tenant: Option<String>,
    /// Items, 1 to 1,000; 50 unless told.
    #[param(minimum = 1, maximum = 1_000)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A key as it is known. It opens nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    /// Its id.
    #[schema(example = "key_0f8fad5bd9cb469f")]
    pub id: String,
    /// Whose data it opens.
    pub tenant: String,
    /// What people call it.
    pub label: String,
    /// What it allows; none for a webhook secret.
    pub scopes: Vec<&'static str>,
    /// `live`, `expired` or `revoked`.
    pub state: &'static str,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it opens nothing; null for never.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was last used, by the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl KeyView {
    /// A key as it stands at `now`.
    pub(crate) fn of(key: StoredKey, now: DateTime<Utc>) -> Self {
        let state = match (key.revoked_at, key.is_live(now)) {
            (Some(_), _) => "revoked",
            (None, false) => "expired",
            (None, true) => "live",
        };
        Self {
            id: key.id.to_string(),
            tenant: key.tenant.to_string(),
            label: key.label,
            scopes: key.scopes.iter().map(KeyScope::name).collect(),
            state,
            created_at: key.created_at,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A key that was just made. Its text is told here and never again.
#[derive(Serialize, ToSchema)]
pub struct NewKeyView {
    /// The text: an API key, or a webhook secret.
    #[schema(example = "hk_…")]
    pub secret: String,
    /// What is known of it.
    #[serde(flatten)]
    pub key: KeyView,
}

impl fmt::Debug for NewKeyView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKeyView").field("key", &self.key).finish_non_exhaustive()
    }
}

fn problem(error: Error) -> Problem {
    match (error.kind(), error.operation().strip_prefix("keys.")) {
        (ErrorKind::Invalid, Some(field)) => Problem::field("invalid_field", field, error.context().to_owned()),
        _ => error.into(),
    }
}

/// The tenant that is meant: one's own, or for whoever sees to the deployment any other.
fn meant(app: &TenantApp, named: Option<String>) -> Result<TenantId, Problem> {
    match named.map(TenantId::new) {
        Some(tenant) if tenant != *app.tenant() && app.tenant() != app.default_tenant() => {
            Err(Problem::deployment_only())
        }
        Some(tenant) => Ok(tenant),
        None => Ok(app.tenant().clone()),
    }
}

fn made(app: &TenantApp, issued: Issued) -> Response {
    app.touched().object(issued.key.id.as_str());
    let view =
        NewKeyView { secret: issued.secret.expose().to_owned(), key: KeyView::of(issued.key, app.engine.clock.now()) };
    let unkept = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::CREATED, unkept, Json(view)).into_response()
}

/// Makes an API key. The answer holds its text, which is not kept and cannot be told again.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = CreateKey,
    responses((status = 201, body = NewKeyView), (status = 422, body = ProblemBody), (status = 501, body = ProblemBody)))]
pub async fn create(app: TenantApp, AppJson(body): AppJson<CreateKey>) -> Result<Response, Problem> {
    let new = NewKey { tenant: meant(&app, body.tenant)?, label: body.label, expires_at: body.expires_at };
    Ok(made(&app, app.access.create_key(new, body.scopes).await.map_err(problem)?))
}

/// API keys, latest first, revoked and expired ones included.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", params(KeysQuery),
    responses((status = 200, body = Items<KeyView>), (status = 422, body = ProblemBody), (status = 501, body = ProblemBody)))]
pub async fn list(app: TenantApp, AppQuery(query): AppQuery<KeysQuery>) -> Result<Json<Items<KeyView>>, Problem> {
    listed(&app, KeyKind::Api, query).await
}

/// Revokes an API key: nobody is let in with it any more, on any node within a second. Twice is the same as once.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 200, body = KeyView), (status = 404, body = ProblemBody), (status = 501, body = ProblemBody)))]
pub async fn revoke(app: TenantApp, Id(id): Id) -> Result<Json<KeyView>, Problem> {
    revoked(&app, KeyKind::Api, id, "key").await
}

/// Takes up a webhook secret: events signed with it are this tenant's from now on, beside those of its other secrets.
#[utoipa::path(post, path = "/v1/webhook-secrets", tag = "keys", request_body = CreateWebhookSecret,
    responses((status = 201, body = NewKeyView), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody),
        (status = 501, body = ProblemBody)))]
pub async fn create_secret(app: TenantApp, AppJson(body): AppJson<CreateWebhookSecret>) -> Result<Response, Problem> {
    let new = NewKey { tenant: meant(&app, body.tenant)?, label: body.label, expires_at: body.expires_at };
    Ok(made(&app, app.access.create_secret(new, body.secret).await.map_err(problem)?))
}

/// Webhook secrets, latest first, revoked and expired ones included; configured ones are not among them.
#[utoipa::path(get, path = "/v1/webhook-secrets", tag = "keys", params(KeysQuery),
    responses((status = 200, body = Items<KeyView>), (status = 422, body = ProblemBody), (status = 501, body = ProblemBody)))]
pub async fn list_secrets(
    app: TenantApp,
    AppQuery(query): AppQuery<KeysQuery>,
) -> Result<Json<Items<KeyView>>, Problem> {
    listed(&app, KeyKind::Webhook, query).await
}

/// Revokes a webhook secret. What was signed with it and still comes is refused: first change it at the platform.
#[utoipa::path(delete, path = "/v1/webhook-secrets/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 200, body = KeyView), (status = 404, body = ProblemBody), (status = 501, body = ProblemBody)))]
pub async fn revoke_secret(app: TenantApp, Id(id): Id) -> Result<Json<KeyView>, Problem> {
    revoked(&app, KeyKind::Webhook, id, "webhook secret").await
}

async fn listed(app: &TenantApp, kind: KeyKind, query: KeysQuery) -> Result<Json<Items<KeyView>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let found = app.access.list(&meant(app, query.tenant)?, kind, &page).await?;
    let now = app.engine.clock.now();
    let items = found.items.into_iter().map(|key| KeyView::of(key, now)).collect();
    Ok(Json(Items { items, next_cursor: found.next_cursor }))
}

async fn revoked(app: &TenantApp, kind: KeyKind, id: String, what: &'static str) -> Result<Json<KeyView>, Problem> {
    let missing = || Problem::not_found(what);
    let key = app.access.find(kind, &KeyId::new(id)).await?.ok_or_else(missing)?;
    // Whoever may not touch it must not learn either that it is there.
    if meant(app, Some(key.tenant.to_string())).is_err() {
        return Err(missing());
    }
    let revoked = app.access.revoke(&key).await?.ok_or_else(missing)?;
    Ok(Json(KeyView::of(revoked, app.engine.clock.now())))
}
