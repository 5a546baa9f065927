//! What is spent is counted, kept, and held to its budget.

use super::budget::Tally;
use super::{
    Account, Budget, Cost, CostConfig, CostFilter, CostGroup, CostKey, CostRow, Level, Nanos, Period, Prices, Spend,
};
use crate::ai::Usage;
use crate::store::MemoryStore;
use crate::{Clock, Error, ErrorKind, Result, TenantId, Timestamp};
use chrono::{NaiveDate, NaiveTime};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The operation of the error that a model which costs money is not asked because the budget is used up.
pub const STOPPED: &str = "cost.stopped";

/// Longest advice to come back later: a budget may be raised before its period ends.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// Rows that wait to be kept at the most. Beyond, while the store does not answer, costs are only counted for the
/// day, the purpose and the model.
const MOST_WAITING: usize = 10_000;

/// How a budget stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// What for.
    pub period: Period,
    /// What was spent in it so far.
    pub spent: Nanos,
    /// The limits.
    pub limits: super::Limits,
    /// How far that is.
    pub level: Level,
}

/// Counts what models cost. Charging never waits for a store: costs gather in memory and are kept by
/// [`Meter::flush`], so that a killed process loses those since the last one and no more.
#[derive(Debug)]
pub struct Meter {
    tenant: TenantId,
    currency: String,
    prices: Prices,
    budget: Budget,
    store: Arc<dyn MemoryStore>,
    clock: Arc<dyn Clock>,
    books: Mutex<Books>,
    /// One flush at a time: who asks for one may rely on everything charged before being kept.
    flushing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Books {
    /// Not kept yet.
    waiting: BTreeMap<TenantId, BTreeMap<CostKey, Cost>>,
    tallies: BTreeMap<TenantId, Tally>,
    /// Spent in this process, for the metric: a gauge that is added to would gather rounding errors.
    shown: BTreeMap<(String, Spend), Nanos>,
    /// Models without a price that were warned of.
    unpriced: BTreeSet<String>,
}

impl Books {
    fn waiting_rows(&self) -> usize {
        self.waiting.values().map(BTreeMap::len).sum()
    }
}

impl Meter {
    /// A meter. What is asked on nobody's account is charged to `tenant`, for no conversation and no agent.
    /// Call [`Meter::load`] before the first charge.
    pub fn new(config: &CostConfig, tenant: TenantId, store: Arc<dyn MemoryStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            tenant,
            currency: config.currency.clone(),
            prices: Prices::new(config.prices.clone()),
            budget: config.budget(),
            store,
            clock,
            books: Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
        }
    }

    /// The currency of every amount.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Reads what the tenant has spent this month: a budget does not start anew with the process.
    ///
    /// # Errors
    /// What the store says.
    pub async fn load(&self) -> Result<()> {
        self.read(&self.tenant).await
    }

    /// Whether the model may be asked.
    ///
    /// # Errors
    /// `Limited` with the operation [`STOPPED`] when it costs money and the budget is used up; to be tried again
    /// when the period ends, or after an hour, since a budget may be raised.
    pub fn allow(&self, account: Option<&Account>, model: &str) -> Result<()> {
        if self.prices.of(model).is_none_or(|price| price.is_free()) {
            return Ok(());
        }
        let now = self.clock.now();
        let day = now.date_naive();
        let books = self.books();
        let tally = books.tallies.get(self.payer(account));
        let used_up = Period::ALL.into_iter().filter(|period| {
            let spent = tally.map_or(Nanos::ZERO, |tally| tally.spent(*period, day));
            self.budget.limits(*period).level(spent) == Level::Stop
        });
        // Of two that are used up the month lasts longer.
        let Some(period) = used_up.last() else { return Ok(()) };
        drop(books);
        metrics::counter!("hark_cost_refused_total", "period" => period.name()).increment(1);
        let context =
            format!("the budget of this {} is used up; {} says how much it is", period.name(), stop_key(period));
        Err(Error::new(ErrorKind::Limited, STOPPED, context).with_retry_after(wait(period, now)).of_a_model())
    }

    /// Notes a call that was answered.
    pub fn charge(&self, account: Option<&Account>, model: &str, spend: Spend, usage: Usage) {
        let price = self.prices.of(model);
        let money = price.map_or(Nanos::ZERO, |price| price.of(usage));
        let cost = Cost { calls: 1, unpriced: u64::from(price.is_none()), usage, money };
        let now = self.clock.now();
        let day = now.date_naive();
        let tenant = self.payer(account).clone();
        let mut key = CostKey {
            day,
            conversation: account.and_then(|a| a.conversation.clone()),
            agent: account.and_then(|a| a.agent.clone()),
            spend,
            model: model.to_owned(),
        };
        let mut books = self.books();
        if price.is_none() && books.unpriced.insert(key.model.clone()) {
            tracing::warn!(model, "the model has no price, its tokens are counted but not its money; set cost.prices");
        }
        if books.waiting_rows() >= MOST_WAITING {
            (key.conversation, key.agent) = (None, None);
        }
        *books.waiting.entry(tenant.clone()).or_default().entry(key).or_default() += cost;
        let shown = books.shown.entry((model.to_owned(), spend)).or_default();
        *shown += money;
        count(model, spend, usage, *shown);
        let tally = books.tallies.entry(tenant).or_default();
        tally.add(day, money);
        tally.prune(day);
        self.judge(tally, now);
    }

    /// Keeps what was charged so far, and reads what other processes have spent meanwhile. Goes on by itself when
    /// whoever asked gives up: half a write must not be counted twice.
    ///
    /// # Errors
    /// What the store says; nothing is lost, the next flush tries again.
    pub async fn flush(self: &Arc<Self>) -> Result<()> {
        let meter = self.clone();
        let done = tokio::spawn(async move { meter.keep().await }).await;
        done.unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "cost.flush", "the flush broke off")))
    }

    /// How the budgets of the deployment's tenant stand now.
    pub fn standing(&self) -> [Standing; 2] {
        self.standing_of(&self.tenant)
    }

    /// How a tenant's budgets stand now. Each tenant has the configured budgets for itself.
    pub fn standing_of(&self, tenant: &TenantId) -> [Standing; 2] {
        let day = self.clock.now().date_naive();
        let books = self.books();
        let tally = books.tallies.get(tenant);
        Period::ALL.map(|period| {
            let spent = tally.map_or(Nanos::ZERO, |tally| tally.spent(period, day));
            let limits = self.budget.limits(period);
            Standing { period, spent, limits, level: limits.level(spent) }
        })
    }

    async fn keep(&self) -> Result<()> {
        let _turn = self.flushing.lock().await;
        let mut waiting = std::mem::take(&mut self.books().waiting);
        while let Some((tenant, costs)) = waiting.pop_first() {
            let rows: Vec<CostRow> = costs.into_iter().map(|(key, cost)| CostRow { key, cost }).collect();
            if let Err(error) = self.store.add_costs(&tenant, &rows).await {
                let costs = rows.into_iter().map(|row| (row.key, row.cost)).collect();
                waiting.insert(tenant, costs);
                self.put_back(waiting);
                return Err(error);
            }
            if let Err(error) = self.read(&tenant).await {
                // They are kept; what others have spent is read the next time.
                tracing::debug!(?error, "costs not read again");
            }
        }
        Ok(())
    }

    fn put_back(&self, unkept: BTreeMap<TenantId, BTreeMap<CostKey, Cost>>) {
        let mut books = self.books();
        for (tenant, costs) in unkept {
            let waiting = books.waiting.entry(tenant).or_default();
            for (key, cost) in costs {
                *waiting.entry(key).or_default() += cost;
            }
        }
    }

    /// Replaces a tenant's tally by what is stored and what waits to be.
    async fn read(&self, tenant: &TenantId) -> Result<()> {
        let from = Period::Month.start(self.clock.now().date_naive());
        let filter = CostFilter { from: Some(from), ..CostFilter::default() };
        let stored = self.store.costs(tenant, &filter, CostGroup::Day).await?;
        let stored = stored.iter().filter_map(|sum| {
            let day: NaiveDate = sum.group.as_deref()?.parse().ok()?;
            Some((day, sum.cost.money))
        });
        let mut books = self.books();
        let waiting = books.waiting.get(tenant).into_iter().flatten().map(|(key, cost)| (key.day, cost.money));
        let days: Vec<_> = stored.chain(waiting).collect();
        let tally = books.tallies.entry(tenant.clone()).or_default();
        tally.replace(days);
        self.judge(tally, self.clock.now());
        Ok(())
    }

    /// Tells when a limit is crossed, once, and shows how far it is.
    fn judge(&self, tally: &mut Tally, now: Timestamp) {
        let day = now.date_naive();
        for period in Period::ALL {
            let limits = self.budget.limits(period);
            let spent = tally.spent(period, day);
            if let Some(ratio) = limits.ratio(spent) {
                metrics::gauge!("hark_cost_budget_ratio", "period" => period.name()).set(ratio);
            }
            match tally.rise(period, day, limits.level(spent)) {
                Some(Level::Stop) => tracing::error!(
                    period = period.name(),
                    spent = spent.units(),
                    currency = self.currency,
                    "the budget is used up, models that cost money are not asked until the period ends"
                ),
                Some(level) => tracing::warn!(
                    period = period.name(),
                    spent = spent.units(),
                    currency = self.currency,
                    level = level.name(),
                    "the budget is getting used up"
                ),
                None => {}
            }
        }
    }

    fn payer<'a>(&'a self, account: Option<&'a Account>) -> &'a TenantId {
        account.map_or(&self.tenant, |account| &account.tenant)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Also after a panic of somebody who held it: no step leaves a sum half done.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stop_key(period: Period) -> &'static str {
    match period {
        Period::Day => "cost.daily_stop",
        Period::Month => "cost.monthly_stop",
    }
}

fn wait(period: Period, now: Timestamp) -> Duration {
    let end = period.end(now.date_naive()).and_time(NaiveTime::MIN).and_utc();
    let left = (end - now).to_std().unwrap_or_default();
    left.clamp(Duration::from_secs(1), LONGEST_WAIT)
}

fn count(model: &str, spend: Spend, usage: Usage, spent: Nanos) {
    let tokens = |direction: &'static str, tokens: u64| {
        let labels =
            [("model", model.to_owned()), ("spend", spend.name().to_owned()), ("direction", direction.to_owned())];
        metrics::counter!("hark_model_tokens_total", &labels).increment(tokens);
    };
    tokens("input", usage.input_tokens);
    tokens("output", usage.output_tokens);
    metrics::gauge!("hark_model_cost_total", "model" => model.to_owned(), "spend" => spend.name()).set(spent.units());
}
