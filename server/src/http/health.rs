//! Whether it runs, whether it can work, and how it is doing.

use super::view::QueueView;
use crate::app::{App, RoleInfo};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use futures::future::join_all;
use hark_core::backend::Role;
use hark_core::layer::{BreakerSnapshot, ModelHealth};
use hark_core::{ErrorKind, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;
use utoipa::ToSchema;

/// A model that has answered so recently is not asked how it is: whoever may call this route must not be able to
/// make us hammer a provider.
const RECENTLY: Duration = Duration::from_secs(10);

/// A role that takes longer to say how it is, is not well.
const PATIENCE: Duration = Duration::from_secs(2);

/// It is read, but takes no writes.
const UNWRITABLE: &str = "unwritable";

/// That it runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    pub status: &'static str,
    /// The program's version.
    pub version: &'static str,
}

/// Whether it can work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// `ready`; `degraded` when a part is missing that can be done without, or the truth or the queue is read but takes no
    /// writes; `unavailable` with 503 when one of these two does not answer.
    pub status: &'static str,
    /// Every role.
    pub roles: BTreeMap<&'static str, RoleHealth>,
    /// The queue, if it answers.
    pub queue: Option<QueueView>,
}

/// How a role is.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleHealth {
    /// The backend's name in the configuration, or `none`.
    pub backend: String,
    /// Its kind, or `none`.
    pub kind: String,
    /// `ok`, `none`, or why not: `timeout`, `unavailable`, …; `unwritable` when it is read but takes no writes.
    pub status: &'static str,
    /// Why it takes no writes: the disk is full, say; or what is done without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// For a model, the state of its backend's breaker: `closed`, `half_open` or `open`. While it is open the
    /// status is `unavailable`, and nobody is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<&'static str>,
}

/// What it comes to that a part does not answer, where that is not plain.
const ALONE: &str = "this process counts rates for itself";
const UNCACHED: &str = "embeddings are remembered in memory only";

const HEALTH: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// That it runs.
#[utoipa::path(get, path = "/health", tag = "operations", security(()), responses((status = 200, body = Health)))]
pub async fn health() -> Json<Health> {
    Json(HEALTH)
}

/// That it runs.
#[utoipa::path(get, path = "/health/live", tag = "operations", security(()), responses((status = 200, body = Health)))]
pub async fn live() -> Json<Health> {
    Json(HEALTH)
}

/// Whether it can work: the truth and the queue must answer; everything else may be missing.
#[utoipa::path(get, path = "/health/ready", tag = "operations", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub async fn ready(State(app): State<App>) -> impl IntoResponse {
    let truth = answers(app.engine.memory.ping());
    let jobs = answers(app.engine.jobs.ping());
    // Of all tenants: whoever asks here has shown no key.
    let stats = app.engine.jobs.stats(None, app.engine.clock.now());
    let others = join_all(app.roles.iter().map(|role| other(&app, role)));
    let (truth, jobs, stats, others) = tokio::join!(truth, jobs, tokio::time::timeout(PATIENCE, stats), others);

    let mut roles: BTreeMap<&'static str, RoleHealth> = others.into_iter().collect();
    // Callers are recognised and told what is known though nothing can be written, so that is no reason to send nobody here.
    let usable = [&truth, &jobs].iter().all(|state| matches!(state.0, "ok" | UNWRITABLE));
    for (role, (status, detail)) in [(Role::Memory, truth), (Role::Jobs, jobs)] {
        let (backend, kind) = ("none".to_owned(), "none".to_owned());
        let unnamed = || RoleHealth { backend, kind, status, detail: None, breaker: None };
        let health = roles.entry(role.name()).or_insert_with(unnamed);
        (health.status, health.detail) = (status, detail);
    }
    let whole = roles.values().all(|role| matches!(role.status, "ok" | "none"));
    let status = match (usable, whole) {
        (false, _) => "unavailable",
        (true, false) => "degraded",
        (true, true) => "ready",
    };
    let queue = stats.ok().and_then(Result::ok).map(QueueView::from);
    let code = if usable { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(Readiness { status, roles, queue }))
}

async fn other(app: &App, role: &RoleInfo) -> (&'static str, RoleHealth) {
    let guarded = matches!(role.role, Role::Embedder | Role::Chat);
    let breaker = app.breaker(&role.instance).filter(|_| guarded).map(|breaker| breaker.snapshot());
    let (status, detail) = match (&role.backend, role.role) {
        // Asked directly, for what they are needed for.
        (_, Role::Memory | Role::Jobs) => ("ok", None),
        _ if breaker.is_some_and(|b| b.health == ModelHealth::Down) => (ErrorKind::Unavailable.name(), None),
        _ if breaker.is_some_and(answered_recently) => ("ok", None),
        (Some(backend), _) => match (answers(backend.health()).await, role.role) {
            (ok @ ("ok", _), _) => ok,
            ((status, None), Role::Limits) => (status, Some(ALONE.to_owned())),
            ((status, None), Role::Cache) => (status, Some(UNCACHED.to_owned())),
            (unwell, _) => unwell,
        },
        (None, _) if role.instance == "none" => ("none", None),
        (None, _) => ("ok", None),
    };
    let breaker = breaker.map(|b| b.state.name());
    (role.role.name(), RoleHealth { backend: role.instance.clone(), kind: role.kind.clone(), status, detail, breaker })
}

fn answered_recently(breaker: BreakerSnapshot) -> bool {
    breaker.health == ModelHealth::Healthy && breaker.last_success.is_some_and(|ago| ago < RECENTLY)
}

/// `ok`, or the kind of error. No more, but for why nothing can be written: this route needs no key.
async fn answers(check: impl Future<Output = Result<()>>) -> (&'static str, Option<String>) {
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(())) => ("ok", None),
        Ok(Err(error)) => match error.refusal() {
            Some(why) => (UNWRITABLE, Some(why.to_owned())),
            None => (error.kind().name(), None),
        },
        Err(_) => (ErrorKind::Timeout.name(), None),
    }
}

/// Metrics for Prometheus. The queue's numbers are read when asked for; while it does not answer, `hark_queue_up` is 0 and
/// they are those of the last time.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses((status = 200, content_type = "text/plain")))]
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let now = app.engine.clock.now();
    // What is wrong is to be seen here above all, so nothing that is broken keeps the rest from being told.
    let stats = tokio::time::timeout(PATIENCE, app.engine.jobs.stats(None, now)).await.ok().and_then(Result::ok);
    ::metrics::gauge!("hark_queue_up").set(f64::from(u8::from(stats.is_some())));
    if let Some(stats) = stats {
        let states = [
            ("pending", stats.pending),
            ("running", stats.running),
            ("retrying", stats.retrying),
            ("dead", stats.dead),
            ("discarded", stats.discarded),
        ];
        for (state, jobs) in states {
            ::metrics::gauge!("hark_queue_jobs", "state" => state).set(jobs as f64);
        }
        ::metrics::gauge!("hark_queue_oldest_pending_seconds").set(stats.oldest_pending_secs as f64);
    }
    if let Some(lag) = app.missed.as_ref().and_then(|missed| missed.lag(now)) {
        ::metrics::gauge!("hark_missed_lag_seconds").set(lag as f64);
    }
    app.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}
