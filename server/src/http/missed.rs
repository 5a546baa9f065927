//! `/v1/elevenlabs/reconcile`: calls that no webhook told of, looked for by hand.

use super::error::{Problem, ProblemBody};
use super::extract::AppJson;
use crate::missed::{self, Found};
use crate::tenant::TenantApp;
use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use hark_core::{Error, ErrorKind};
use serde::Deserialize;
use std::time::Duration;
use utoipa::ToSchema;

/// After so long an answer is given, well before a request is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// From where to look.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookForCalls {
    /// Every call that started since then is looked at anew; unless told, from where the last look ended.
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
}

/// Asks ElevenLabs for calls that no webhook told of, keeps them as if one had, and has them learnt from. Answers after some
/// seconds with what was found until then; `finished` says whether that is all, and if not, the next call goes on.
#[utoipa::path(post, path = "/v1/elevenlabs/reconcile", tag = "operations", request_body = LookForCalls,
    responses((status = 200, body = Found), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody),
        (status = 424, body = ProblemBody, description = "ElevenLabs does not answer, or does not take the key"),
        (status = 501, body = ProblemBody, description = "No API key is configured")))]
pub async fn reconcile(app: TenantApp, AppJson(body): AppJson<LookForCalls>) -> Result<Json<Found>, Problem> {
    let missed = app.missed.as_ref().ok_or_else(unconfigured)?;
    missed::look(&app, missed, body.since, PATIENCE).await.map(Json).map_err(problem)
}

/// Nothing is asked without a key.
pub(crate) fn unconfigured() -> Error {
    let remedy = "elevenlabs.reconcile.api_key is not set, so the platform cannot be asked; set it, or api_key_file";
    Error::new(ErrorKind::Unsupported, "missed.look", remedy)
}

/// What the platform says is for whoever asked, and no fault of ours.
fn problem(error: Error) -> Problem {
    if !error.operation().starts_with("elevenlabs.") {
        return error.into();
    }
    tracing::warn!(?error, "calls not looked for");
    Problem::new(StatusCode::FAILED_DEPENDENCY, "platform", error.context().to_owned())
}
