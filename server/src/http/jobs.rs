//! `/v1/queue` and `/v1/jobs`: durable work, for operators.

use super::error::{Problem, ProblemBody};
use super::extract::{AppJson, AppQuery, Id, page};
use super::view::{Items, QueueView};
use super::words;
use crate::tenant::TenantApp;
use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use hark_core::store::{Discard, Job, JobFilter, JobState};
use hark_core::{Error, JobId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which jobs to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// Only this state: pending, running, retrying, dead or discarded.
    #[param(schema_with = words::job_state)]
    pub state: Option<JobState>,
    /// Only this handler's, such as `ingest_conversation`.
    pub name: Option<String>,
    /// Items, 1 to 1,000; 50 unless told.
    #[param(minimum = 1, maximum = 1_000)]
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
    /// `pending`, `running`, `retrying`, `dead` or `discarded`.
    pub state: &'static str,
    /// How often it was started.
    pub attempts: u32,
    /// When it may run next.
    pub run_at: DateTime<Utc>,
    /// When it was enqueued.
    pub created_at: DateTime<Utc>,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// Its last attempts that came to nothing, postponed ones among them, oldest first; ten at the most.
    pub failures: Vec<FailureView>,
    /// When, by whom and why it was given up, the last time.
    pub discarded: Option<DiscardView>,
}

/// An attempt that came to nothing.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureView {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The kind of error, such as `unavailable`.
    pub kind: String,
}

/// That a job was given up.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiscardView {
    /// When.
    pub at: DateTime<Utc>,
    /// By whom: the id of the key that was shown, `configured`, or `folder`.
    pub by: String,
    /// Why.
    pub reason: String,
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
            failures: job
                .failures
                .into_iter()
                .map(|f| FailureView { at: f.at, attempt: f.attempt, kind: f.kind })
                .collect(),
            discarded: job.discard.map(|d| DiscardView { at: d.at, by: d.by, reason: d.reason }),
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

/// Which dead jobs start over.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedriveJobs {
    /// Only this handler's; all unless told.
    #[serde(default)]
    pub name: Option<String>,
}

/// How many started over.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedrivenJobs {
    /// So many.
    pub redriven: u64,
}

/// Why a job is given up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscardJob {
    /// 1 to 500 characters, kept with the job. Never what a caller said.
    #[schema(example = "the agent was a test", min_length = 1, max_length = 500, pattern = r"\S")]
    pub reason: String,
}

/// The longest reason, in characters.
const REASON: usize = 500;

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

/// One job: how it stands and how it failed. Its input is ids; nothing anybody said is in it.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "operations", params(("id" = String, Path)),
    responses((status = 200, body = JobView), (status = 404, body = ProblemBody)))]
pub async fn read(app: TenantApp, Id(id): Id) -> Result<Json<JobView>, Problem> {
    let job = app.engine.jobs.find(app.tenant(), &JobId::new(id)).await?;
    Ok(Json(job.ok_or_else(|| Problem::not_found("job"))?.into()))
}

/// Lets a job that is dead or was given up start over.
#[utoipa::path(post, path = "/v1/jobs/{id}/redrive", tag = "operations", params(("id" = String, Path)),
    responses((status = 200, body = Redriven), (status = 409, body = ProblemBody)))]
pub async fn redrive(app: TenantApp, Id(id): Id) -> Result<Json<Redriven>, Problem> {
    let id = JobId::new(id);
    if app.engine.jobs.redrive(app.tenant(), &id, app.engine.clock.now()).await? {
        return Ok(Json(Redriven { id: id.to_string(), state: "pending" }));
    }
    Err(not_dead())
}

/// Lets all dead jobs start over, or those of one handler; what was given up stays so.
#[utoipa::path(post, path = "/v1/jobs/redrive", tag = "operations", request_body = RedriveJobs,
    responses((status = 200, body = RedrivenJobs), (status = 422, body = ProblemBody)))]
pub async fn redrive_all(app: TenantApp, AppJson(body): AppJson<RedriveJobs>) -> Result<Json<RedrivenJobs>, Problem> {
    let now = app.engine.clock.now();
    Ok(Json(RedrivenJobs { redriven: app.engine.jobs.redrive_all(app.tenant(), body.name.as_deref(), now).await? }))
}

/// Gives a dead job up, and says why. It stays in the list with that, and runs no more unless it is redriven.
#[utoipa::path(post, path = "/v1/jobs/{id}/discard", tag = "operations", params(("id" = String, Path)),
    request_body = DiscardJob,
    responses((status = 200, body = JobView), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn discard(app: TenantApp, Id(id): Id, AppJson(body): AppJson<DiscardJob>) -> Result<Json<JobView>, Problem> {
    let id = JobId::new(id);
    let by = app.principal().key.as_str().to_owned();
    let wrong = |e: Error| Problem::field("invalid_field", "reason", e.context().to_owned());
    let discard = Discard { at: app.engine.clock.now(), by, reason: reason(&body.reason).map_err(wrong)? };
    if !app.engine.jobs.discard(app.tenant(), &id, &discard).await? {
        return Err(not_dead());
    }
    // Nobody else's reason stands there: only a dead job is given up, and only once.
    let job = app.engine.jobs.find(app.tenant(), &id).await?;
    Ok(Json(job.ok_or_else(|| Problem::not_found("job"))?.into()))
}

/// A reason as it is kept.
///
/// # Errors
/// `Invalid` where there is none, or it is a letter.
pub(crate) fn reason(given: &str) -> hark_core::Result<String> {
    let reason = given.trim();
    match reason.chars().count() {
        1..=REASON => Ok(reason.to_owned()),
        0 => Err(Error::invalid("reason", "say why the job is given up, for whoever asks later")),
        long => Err(Error::invalid("reason", format!("it has {long} characters, {REASON} are enough"))),
    }
}

fn not_dead() -> Problem {
    Problem::new(StatusCode::CONFLICT, "not_dead", "there is no dead job of that id; see /v1/jobs?state=dead")
}
