//! `/v1/quality`: how good what is remembered is.

use super::error::{Problem, ProblemBody};
use super::extract::AppQuery;
use crate::tenant::TenantApp;
use axum::Json;
use hark_core::Result;
use hark_core::quality::{Audit, Tally};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Memories that are examined unless told, and at the most.
const SAMPLE: (i64, i64) = (5_000, 50_000);

/// How much to look at.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QualityQuery {
    /// Memories to examine at the most, 1 to 50,000; 5,000 unless told. Callers with the newest contact come first.
    #[param(minimum = 1, maximum = 50_000)]
    pub sample: Option<i64>,
    /// Ids given of each kind, 0 to 100; 5 unless told.
    #[param(minimum = 0, maximum = 100)]
    pub ids: Option<i64>,
}

/// How good what is remembered is. Numbers and ids only.
#[derive(Debug, Serialize, ToSchema)]
pub struct QualityView {
    /// Active memories that were examined; every share is of these.
    pub sampled: u64,
    /// Active memories there are.
    pub of: u64,
    /// Callers whose memories were examined.
    pub users: u64,
    /// Examined memories that a person has accepted or corrected; they are of no concern any more.
    pub reviewed: u64,
    /// Calls that could not be opened: of their memories neither confidence nor echo is known.
    pub unreadable_conversations: u64,
    /// Memories that were never given to an agent; null where no receipts are kept (`receipts.keep_days` is 0).
    pub never_recalled: Option<TallyView>,
    /// `duplicate`, `stale`, `contradicted`, `echo`, `low_confidence` and `injection`; a memory may be of several concerns.
    pub concerns: BTreeMap<&'static str, TallyView>,
}

/// So many of the examined memories.
#[derive(Debug, Serialize, ToSchema)]
pub struct TallyView {
    /// So many.
    pub count: u64,
    /// Their share of the examined, 0 to 1.
    pub share: f64,
    /// A few of them.
    pub memory_ids: Vec<String>,
}

impl TallyView {
    fn of(tally: Tally, sampled: u64) -> Self {
        let share = if sampled == 0 { 0.0 } else { tally.count as f64 / sampled as f64 };
        Self {
            count: tally.count,
            share: (share * 10_000.0).round() / 10_000.0,
            memory_ids: tally.samples.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<Audit> for QualityView {
    fn from(audit: Audit) -> Self {
        let sampled = audit.sampled;
        Self {
            sampled,
            of: audit.of,
            users: audit.callers,
            reviewed: audit.reviewed,
            unreadable_conversations: audit.unreadable,
            never_recalled: audit.never_recalled.map(|tally| TallyView::of(tally, sampled)),
            concerns: audit
                .concerns
                .into_iter()
                .map(|(concern, tally)| (concern.name(), TallyView::of(tally, sampled)))
                .collect(),
        }
    }
}

/// Counts what is of concern among active memories: what was never recalled, says the same as another, has faded or is
/// overdue, is contradicted, may be the agent's own words learnt again, or was doubtful from the start.
#[utoipa::path(get, path = "/v1/quality", tag = "quality", params(QualityQuery),
    responses((status = 200, body = QualityView), (status = 422, body = ProblemBody)))]
pub async fn read(app: TenantApp, AppQuery(query): AppQuery<QualityQuery>) -> Result<Json<QualityView>, Problem> {
    let sample = within("sample", query.sample.unwrap_or(SAMPLE.0), 1, SAMPLE.1)?;
    let ids = within("ids", query.ids.unwrap_or(5), 0, 100)?;
    Ok(Json(audit(&app, sample, ids).await?))
}

/// As [`read`].
pub(crate) async fn audit(app: &TenantApp, sample: usize, ids: usize) -> Result<QualityView> {
    // What was told so far counts as recalled.
    if let Err(error) = app.engine.receipts.flush().await {
        tracing::warn!(?error, "receipts not kept");
    }
    Ok(app.quality.audit(app.tenant(), sample, ids).await?.into())
}

fn within(name: &'static str, told: i64, least: i64, most: i64) -> Result<usize, Problem> {
    match usize::try_from(told) {
        Ok(told_) if (least..=most).contains(&told) => Ok(told_),
        _ => Err(Problem::field("invalid_field", name, format!("`{name}` must be {least} to {most}"))),
    }
}
