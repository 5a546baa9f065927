//! `/v1/reviews`: memories worth a person's look, and what the person decides.

use super::error::{Problem, ProblemBody};
use super::extract::{AppJson, AppQuery, Id, PageQuery, page};
use super::memories::owner;
use super::view::{Items, MemoryView};
use crate::tenant::TenantApp;
use axum::Json;
use chrono::{DateTime, Utc};
use hark_core::ingest::open_label;
use hark_core::quality::Concern;
use hark_core::{MemoryId, PageRequest, Result, ReviewDecision, Sector};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A memory, and why somebody should look at it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewItem {
    /// The memory.
    #[serde(flatten)]
    pub memory: MemoryView,
    /// `duplicate`, `stale`, `contradicted`, `echo`, `low_confidence` or `injection`; at least one.
    pub reasons: Vec<&'static str>,
}

/// What is to become of a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It stands as it is.
    Accept,
    /// It stands in the words of `content`, which nothing a caller says later replaces by itself.
    Edit,
    /// It is forgotten, and not learnt from that call again.
    Reject,
}

/// A decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideReview {
    /// `accept`, `edit` or `reject`.
    pub decision: Decision,
    /// The sentence as it should be; with `edit` only, 1 to 4,000 characters.
    #[schema(min_length = 1, max_length = 4_000, pattern = r"\S")]
    pub content: Option<String>,
    /// Whether the sentence may leave Hark as a labelled example; false unless told. It is what the caller said: release
    /// only what names nobody.
    #[serde(default)]
    pub label: bool,
}

/// What was decided.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewView {
    /// The memory's id.
    pub memory_id: String,
    /// `accept`, `edit` or `reject`.
    pub decision: &'static str,
    /// The memory as it stands now; null when it was rejected.
    pub memory: Option<MemoryView>,
    /// Memories that were forgotten: the rejected one, and those that said the same.
    pub forgotten: u64,
}

/// A sentence that a reviewer has released.
#[derive(Debug, Serialize, ToSchema)]
pub struct LabelView {
    /// `accept`, `edit` or `reject`.
    pub decision: &'static str,
    /// The sentence: as it stands, or as it was rejected.
    pub text: String,
    /// Its sector.
    #[schema(value_type = String)]
    pub sector: Sector,
    /// When it was decided.
    pub at: DateTime<Utc>,
}

/// Memories worth a person's look, of the callers with the newest contact first. A page may hold less than asked for, even
/// nothing, while there is more to examine: `next_cursor` leads on. What was never recalled is no reason by itself.
#[utoipa::path(get, path = "/v1/reviews", tag = "quality",
    params(PageQuery),
    responses((status = 200, body = Items<ReviewItem>), (status = 422, body = ProblemBody)))]
pub async fn list(app: TenantApp, AppQuery(query): AppQuery<PageQuery>) -> Result<Json<Items<ReviewItem>>, Problem> {
    let found = app.quality.queue(app.tenant(), &page(query.limit, query.cursor)?).await?;
    let (rates, now) = (&app.engine.decay.per_day, app.engine.clock.now());
    let items = found.items.into_iter().map(|(scope, finding)| ReviewItem {
        memory: MemoryView::of(&scope, finding.memory, rates, now),
        reasons: finding.concerns.into_iter().map(Concern::name).collect(),
    });
    Ok(Json(Items { items: items.collect(), next_cursor: found.next_cursor }))
}

/// Decides about a memory, whether it waits for a decision or not.
#[utoipa::path(post, path = "/v1/reviews/{memory_id}", tag = "quality", params(("memory_id" = String, Path)),
    request_body = DecideReview,
    responses((status = 200, body = ReviewView), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn decide(
    app: TenantApp,
    Id(id): Id,
    AppJson(body): AppJson<DecideReview>,
) -> Result<Json<ReviewView>, Problem> {
    let wrong = |detail: &str| Problem::field("invalid_field", "content", detail);
    let content = match (body.decision, body.content) {
        (Decision::Edit, None) => return Err(Problem::field("missing_field", "content", "`content` is required")),
        (Decision::Edit, Some(text)) if text.trim().is_empty() || text.chars().count() > 4_000 => {
            return Err(wrong("`content` must be 1 to 4000 characters"));
        }
        (Decision::Accept | Decision::Reject, Some(_)) => return Err(wrong("`content` only goes with `edit`")),
        (_, content) => content.unwrap_or_default(),
    };
    let id = MemoryId::new(id);
    let scope = owner(&app, &id).await?;
    let missing = || Problem::not_found("memory");
    let (decision, memory, forgotten) = match body.decision {
        Decision::Accept => (ReviewDecision::Accept, app.ingest.accept(&scope, &id, body.label).await?, 0),
        Decision::Edit => (ReviewDecision::Edit, app.ingest.edit(&scope, &id, content, body.label).await?, 0),
        Decision::Reject => {
            let forgotten = app.ingest.reject(&scope, &id, body.label).await?.ok_or_else(missing)?;
            (ReviewDecision::Reject, None, forgotten)
        }
    };
    if memory.is_none() && decision != ReviewDecision::Reject {
        return Err(missing());
    }
    metrics::counter!("hark_reviews_total", "decision" => decision.name()).increment(1);
    let (rates, now) = (&app.engine.decay.per_day, app.engine.clock.now());
    let memory = memory.map(|memory| MemoryView::of(&scope, memory, rates, now));
    Ok(Json(ReviewView { memory_id: id.to_string(), decision: decision.name(), memory, forgotten }))
}

/// The sentences that reviewers have released as labelled examples, latest first.
#[utoipa::path(get, path = "/v1/reviews/labels", tag = "quality",
    params(PageQuery),
    responses((status = 200, body = Items<LabelView>), (status = 422, body = ProblemBody)))]
pub async fn labels(app: TenantApp, AppQuery(query): AppQuery<PageQuery>) -> Result<Json<Items<LabelView>>, Problem> {
    Ok(Json(released(&app, &page(query.limit, query.cursor)?).await?))
}

/// As [`labels`].
pub(crate) async fn released(app: &TenantApp, page: &PageRequest) -> Result<Items<LabelView>> {
    let found = app.engine.memory.labels(app.tenant(), page).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for review in &found.items {
        if let Some(words) = open_label(&app.engine, app.tenant(), review)? {
            let decision = review.decision.name();
            items.push(LabelView { decision, text: words.content, sector: words.sector, at: review.at });
        }
    }
    Ok(Items { items, next_cursor: found.next_cursor })
}
