//! `/v1/costs`: what models have cost, for whoever pays.

use super::error::{Problem, ProblemBody};
use super::extract::AppQuery;
use super::words;
use crate::tenant::TenantApp;
use axum::Json;
use chrono::{Datelike, NaiveDate};
use hark_core::cost::{Cost, CostFilter, CostGroup, CostSum, Standing, total};
use hark_core::{ConversationId, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Days that can be asked for at once.
const MOST_DAYS: i64 = 366;

/// Groups in one answer; more are left out, the cheapest first.
const MOST_GROUPS: usize = 1_000;

/// Which costs.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CostsQuery {
    /// The first day, in UTC, such as 2026-11-01; the first of the last day's month unless told.
    #[param(value_type = Option<String>, format = Date)]
    pub from: Option<String>,
    /// The last day, included; today unless told. At most 366 days at once.
    #[param(value_type = Option<String>, format = Date)]
    pub to: Option<String>,
    /// What to add up by: day, agent, spend, model or conversation; day unless told.
    #[param(schema_with = words::cost_group)]
    pub group_by: Option<String>,
}

/// Calls, tokens and money.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostView {
    /// Calls that were answered.
    pub calls: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Money, in the configured currency.
    pub cost: f64,
    /// Whether some of the calls were to a model without a price, so that their money is missing.
    pub unpriced: bool,
}

impl From<Cost> for CostView {
    fn from(cost: Cost) -> Self {
        Self {
            calls: cost.calls,
            input_tokens: cost.usage.input_tokens,
            output_tokens: cost.usage.output_tokens,
            cost: cost.money.units(),
            unpriced: cost.unpriced > 0,
        }
    }
}

/// What one group has cost.
#[derive(Debug, Serialize, ToSchema)]
pub struct CostItem {
    /// The day, agent, purpose, model or conversation; null for what belongs to no agent or conversation.
    pub group: Option<String>,
    /// How much.
    #[serde(flatten)]
    pub cost: CostView,
}

impl From<CostSum> for CostItem {
    fn from(sum: CostSum) -> Self {
        Self { group: sum.group, cost: sum.cost.into() }
    }
}

/// How a budget stands now.
#[derive(Debug, Serialize, ToSchema)]
pub struct BudgetView {
    /// `day` or `month`, of UTC.
    pub period: &'static str,
    /// Spent in it so far.
    pub spent: f64,
    /// Where a warning is logged; null for nowhere.
    pub warn: Option<f64>,
    /// Where models that cost money are no longer asked; null for nowhere.
    pub stop: Option<f64>,
    /// `ok`, `warn` or `stopped`.
    pub state: &'static str,
}

impl From<Standing> for BudgetView {
    fn from(standing: Standing) -> Self {
        Self {
            period: standing.period.name(),
            spent: standing.spent.units(),
            warn: standing.limits.warn.map(|money| money.units()),
            stop: standing.limits.stop.map(|money| money.units()),
            state: standing.level.name(),
        }
    }
}

/// What was spent.
#[derive(Debug, Serialize, ToSchema)]
pub struct Costs {
    /// The first day, in UTC.
    #[schema(value_type = String, format = Date)]
    pub from: NaiveDate,
    /// The last day, included.
    #[schema(value_type = String, format = Date)]
    pub to: NaiveDate,
    /// The currency of every amount.
    pub currency: String,
    /// What was added up by.
    pub group_by: &'static str,
    /// The groups: days in their order, others the dearest first.
    pub items: Vec<CostItem>,
    /// Groups that are left out here because there are too many; the total has them.
    pub left_out: usize,
    /// Everything in these days.
    pub total: CostView,
    /// How the budgets stand now, whatever days were asked for.
    pub budgets: Vec<BudgetView>,
}

/// What a conversation has cost.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationCosts {
    /// The currency of every amount.
    pub currency: String,
    /// By purpose: embedding, extraction, judging, summary or check.
    pub by_spend: Vec<CostItem>,
    /// All of it.
    pub total: CostView,
}

/// What models have cost.
#[utoipa::path(get, path = "/v1/costs", tag = "operations", params(CostsQuery),
    responses((status = 200, body = Costs), (status = 422, body = ProblemBody)))]
pub async fn list(app: TenantApp, AppQuery(query): AppQuery<CostsQuery>) -> Result<Json<Costs>, Problem> {
    let to = day("to", query.to.as_deref())?.unwrap_or_else(|| app.engine.clock.now().date_naive());
    let from = day("from", query.from.as_deref())?.unwrap_or_else(|| to.with_day(1).unwrap_or(to));
    if from > to {
        return Err(Problem::field("invalid_field", "from", "`from` must not be after `to`"));
    }
    if (to - from).num_days() >= MOST_DAYS {
        return Err(Problem::field("invalid_field", "from", "`from` and `to` must be at most 366 days apart"));
    }
    let by = group(query.group_by.as_deref())?;
    let filter = CostFilter { from: Some(from), to: Some(to), ..CostFilter::default() };
    let mut sums = read(&app, &filter, by).await?;
    let total = total(&sums).into();
    if by != CostGroup::Day {
        // A stable sort: what costs the same stays in the order of the names.
        sums.sort_by_key(|sum| std::cmp::Reverse(sum.cost.money));
    }
    let left_out = sums.len().saturating_sub(MOST_GROUPS);
    sums.truncate(MOST_GROUPS);
    Ok(Json(Costs {
        from,
        to,
        currency: app.engine.meter.currency().to_owned(),
        group_by: by.name(),
        items: sums.into_iter().map(CostItem::from).collect(),
        left_out,
        total,
        budgets: app.engine.meter.standing_of(app.tenant()).map(BudgetView::from).into(),
    }))
}

/// What a conversation has cost so far.
pub(super) async fn of_conversation(app: &TenantApp, id: &ConversationId) -> Result<ConversationCosts> {
    let filter = CostFilter { conversation: Some(id.clone()), ..CostFilter::default() };
    let sums = read(app, &filter, CostGroup::Spend).await?;
    Ok(ConversationCosts {
        currency: app.engine.meter.currency().to_owned(),
        total: total(&sums).into(),
        by_spend: sums.into_iter().map(CostItem::from).collect(),
    })
}

/// What was spent up to this moment, the last seconds included.
async fn read(app: &TenantApp, filter: &CostFilter, by: CostGroup) -> Result<Vec<CostSum>> {
    app.engine.meter.flush().await?;
    app.engine.memory.costs(app.tenant(), filter, by).await
}

fn day(field: &'static str, text: Option<&str>) -> Result<Option<NaiveDate>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    // Nothing but ten characters, and no year that the calendar has no end for.
    let day = Some(text).filter(|text| text.len() == 10).and_then(|text| text.parse().ok());
    let wrong = || Problem::field("invalid_field", field, format!("`{field}` must be a day such as 2026-11-22"));
    day.map(Some).ok_or_else(wrong)
}

fn group(text: Option<&str>) -> Result<CostGroup, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(CostGroup::Day) };
    CostGroup::ALL.into_iter().find(|group| group.name() == text).ok_or_else(|| {
        let names: Vec<_> = CostGroup::ALL.iter().map(|group| group.name()).collect();
        Problem::field("invalid_field", "group_by", format!("`group_by` must be one of {}", names.join(", ")))
    })
}
