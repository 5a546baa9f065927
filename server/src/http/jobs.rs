//! `/v1/queue` and `/v1/jobs`: durable work, for operators.

use super::error::{Problem, ProblemBody};
use super::extract::{AppQuery, Id, page};
use super::view::{Items, QueueView};
use crate::tenant::TenantApp;
use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use hark_core::JobId;
use hark_core::store::{Job, JobFilter, JobState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which jobs to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// Only this state: pending, running, retrying or dead.
    #[param(value_type = Option<String>)]
    pub state: Option<JobState>,
    /// Only this handler's, such as `ingest_conversation`.
    pub name: Option<String>,
    /// Items, 1 to 1,000; 50 unless told.
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// Its handler.
    pub name: String,
    /// Its input: ids only.
    #[schema(value_type = Object)]
    pub payload: serde_json::Value,
    /// `pending`, `running`, `retrying` or `dead`.
    pub state: &'static str,
    /// How often it was started.
    pub attempts: u32,
    /// When it may run next.
    pub run_at: DateTime<Utc>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// Why it failed last.
    pub last_error: Option<String>,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.to_string(),
            name: job.name,
            payload: job.payload,
            state: job.state.name(),
            attempts: job.attempts,
            run_at: job.run_at,
            created_at: job.created_at,
            last_error: job.last_error,
        }
    }
}

/// What became of a redrive.
#[derive(Debug, Serialize, ToSchema)]
pub struct Redriven {
    /// The job.
    pub id: String,
    /// Always `pending`.
    pub state: &'static str,
}

/// The queue in numbers.
#[utoipa::path(get, path = "/v1/queue", tag = "operations", responses((status = 200, body = QueueView)))]
pub async fn queue(app: TenantApp) -> Result<Json<QueueView>, Problem> {
    let stats = app.engine.jobs.stats(Some(app.tenant()), app.engine.clock.now()).await?;
    Ok(Json(stats.into()))
}

/// Jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "operations", params(JobsQuery),
    responses((status = 200, body = Items<JobView>), (status = 422, body = ProblemBody)))]
pub async fn list(app: TenantApp, AppQuery(query): AppQuery<JobsQuery>) -> Result<Json<Items<JobView>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let filter = JobFilter { state: query.state, name: query.name };
    let jobs = app.engine.jobs.list(app.tenant(), &filter, &page).await?;
    Ok(Json(Items { items: jobs.items.into_iter().map(JobView::from).collect(), next_cursor: jobs.next_cursor }))
}

/// Lets a dead job start over.
#[utoipa::path(post, path = "/v1/jobs/{id}/redrive", tag = "operations", params(("id" = String, Path)),
    responses((status = 200, body = Redriven), (status = 409, body = ProblemBody)))]
pub async fn redrive(app: TenantApp, Id(id): Id) -> Result<Json<Redriven>, Problem> {
    let id = JobId::new(id);
    if app.engine.jobs.redrive(app.tenant(), &id, app.engine.clock.now()).await? {
        return Ok(Json(Redriven { id: id.to_string(), state: "pending" }));
    }
    Err(Problem::new(StatusCode::CONFLICT, "not_dead", "there is no dead job of that id; see /v1/jobs?state=dead"))
}
