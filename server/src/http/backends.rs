//! `/v1/backends`: what plays which part, and how the models behind breakers are. For operators.

use super::error::{Problem, ProblemBody};
use super::extract::Id;
use super::view::Items;
use crate::app::App;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use hark_core::ErrorKind;
use hark_core::backend::Role;
use hark_core::layer::BreakerSnapshot;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// A backend.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackendView {
    /// Its name in the configuration.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The parts it plays.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<&'static str>,
    /// The model that embeds, if it plays that part.
    pub embedding_model: Option<String>,
    /// The width of its vectors.
    pub embedding_width: Option<usize>,
    /// The model that answers, if it plays that part.
    pub chat_model: Option<String>,
    /// How its models are; null where there are none.
    pub breaker: Option<BreakerView>,
}

/// The breaker of a backend.
#[derive(Debug, Serialize, ToSchema)]
pub struct BreakerView {
    /// `closed`: calls pass. `open`: they fail at once. `half_open`: one may probe.
    pub state: &'static str,
    /// `healthy`, `degraded` (the last calls failed, or the provider asked for a pause) or `down`.
    pub health: &'static str,
    /// For how long it has been in that state, in seconds.
    pub since_secs: u64,
    /// Failures in a row.
    pub consecutive_failures: u32,
    /// Until calls pass again, in milliseconds; null when they do now.
    pub next_probe_in_ms: Option<u64>,
    /// How the last failure failed: `timeout`, `unavailable`, `limited`, …
    pub last_error: Option<&'static str>,
    /// How long ago a call last succeeded, in seconds; null when none has since the start.
    pub last_success_secs: Option<u64>,
    /// How often it has opened since the start.
    pub opened: u64,
}

impl From<BreakerSnapshot> for BreakerView {
    fn from(snapshot: BreakerSnapshot) -> Self {
        Self {
            state: snapshot.state.name(),
            health: snapshot.health.name(),
            since_secs: snapshot.since.as_secs(),
            consecutive_failures: snapshot.consecutive_failures,
            next_probe_in_ms: snapshot.next_probe_in.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            last_error: snapshot.last_error.map(ErrorKind::name),
            last_success_secs: snapshot.last_success.as_ref().map(Duration::as_secs),
            opened: snapshot.opened,
        }
    }
}

/// Every backend that is open.
#[utoipa::path(get, path = "/v1/backends", tag = "operations", responses((status = 200, body = Items<BackendView>)))]
pub async fn list(State(app): State<App>) -> Json<Items<BackendView>> {
    let mut views: Vec<BackendView> = Vec::new();
    for role in app.roles.iter().filter(|role| role.backend.is_some()) {
        let view = match views.iter_mut().find(|view| view.name == role.instance) {
            Some(view) => view,
            None => {
                views.push(BackendView {
                    name: role.instance.clone(),
                    kind: role.kind.clone(),
                    roles: Vec::new(),
                    embedding_model: None,
                    embedding_width: None,
                    chat_model: None,
                    breaker: app.breaker(&role.instance).map(|breaker| breaker.snapshot().into()),
                });
                let last = views.len() - 1;
                &mut views[last]
            }
        };
        view.roles.push(role.role.name());
        match role.role {
            Role::Embedder => {
                let space = app.engine.embedder.as_ref().map(|embedder| &embedder.background.info().space);
                view.embedding_model = space.map(|space| space.model.clone());
                view.embedding_width = space.map(|space| space.dimensions);
            }
            Role::Chat => view.chat_model = app.engine.chat.as_ref().map(|chat| chat.model().to_owned()),
            _ => {}
        }
    }
    Json(Items::all(views))
}

/// Closes a backend's breaker at once, for whoever knows that the provider is back. Answers how it is then.
#[utoipa::path(post, path = "/v1/backends/{name}/reset", tag = "operations", params(("name" = String, Path)),
    responses((status = 200, body = BreakerView), (status = 404, body = ProblemBody)))]
pub async fn reset(State(app): State<App>, Id(name): Id) -> Result<Json<BreakerView>, Problem> {
    let Some(breaker) = app.breaker(&name) else {
        let detail = "no backend of that name has a breaker; see /v1/backends";
        return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", detail));
    };
    breaker.reset();
    tracing::info!(backend = name, "breaker reset by an operator");
    Ok(Json(breaker.snapshot().into()))
}
