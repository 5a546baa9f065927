//! What can be set about money.

use super::{Budget, Limits, Nanos, OPENAI_USD, Price};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Section `[cost]`. Days and months are those of UTC. What is spent is counted after each call, so that calls
/// under way may go a little beyond a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CostConfig {
    /// The currency of every amount here, as three capital letters. Nothing is converted.
    pub currency: String,
    /// From this much a day on a warning is logged.
    pub daily_warn: Option<f64>,
    /// From this much a day on models that cost money are no longer asked until the day ends: words answer
    /// questions, and what is to be learnt waits. Nothing is lost.
    pub daily_stop: Option<f64>,
    /// From this much a calendar month on a warning is logged.
    pub monthly_warn: Option<f64>,
    /// As `daily_stop`, for a calendar month.
    pub monthly_stop: Option<f64>,
    /// Prices by model, for a million tokens. Dated versions of a model cost what it costs. A model without a
    /// price is asked all the same; its tokens are counted, its money is not. Say 0 for one that is free.
    pub prices: BTreeMap<String, Price>,
}

impl Default for CostConfig {
    fn default() -> Self {
        Self {
            currency: "USD".to_owned(),
            daily_warn: None,
            daily_stop: None,
            monthly_warn: None,
            monthly_stop: None,
            prices: OPENAI_USD.map(|(model, price)| (model.to_owned(), price)).into(),
        }
    }
}

/// The greatest amount that can be configured: sums of it still fit.
const MOST: f64 = 1e9;

impl CostConfig {
    /// The limits.
    pub fn budget(&self) -> Budget {
        let limits = |warn: Option<f64>, stop: Option<f64>| Limits {
            warn: warn.map(Nanos::from_units),
            stop: stop.map(Nanos::from_units),
        };
        Budget {
            daily: limits(self.daily_warn, self.daily_stop),
            monthly: limits(self.monthly_warn, self.monthly_stop),
        }
    }

    /// What types alone cannot check.
    ///
    /// # Errors
    /// The key that is wrong, and the remedy.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(("cost.currency", "must be three capital letters, such as USD".to_owned()));
        }
        let sane = |amount: f64| (0.0..=MOST).contains(&amount);
        let amounts = [
            ("cost.daily_warn", self.daily_warn),
            ("cost.daily_stop", self.daily_stop),
            ("cost.monthly_warn", self.monthly_warn),
            ("cost.monthly_stop", self.monthly_stop),
        ];
        for (key, amount) in amounts {
            if amount.is_some_and(|amount| !sane(amount)) {
                return Err((key, "must be 0 to 1000000000".to_owned()));
            }
        }
        let pairs = [
            ("cost.daily_warn", self.daily_warn, self.daily_stop),
            ("cost.monthly_warn", self.monthly_warn, self.monthly_stop),
        ];
        for (key, warn, stop) in pairs {
            if let (Some(warn), Some(stop)) = (warn, stop)
                && warn > stop
            {
                return Err((key, "is more than the stop of the same period; a warning has to come first".to_owned()));
            }
        }
        for (model, price) in &self.prices {
            if !sane(price.input_per_million) || !sane(price.output_per_million) {
                return Err(("cost.prices", format!("the prices of `{model}` must be 0 to 1000000000")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_values_name_the_key() {
        let config = CostConfig::default;
        config().check().unwrap();
        for (wrong, key) in [
            (CostConfig { currency: "dollars".to_owned(), ..config() }, "cost.currency"),
            (CostConfig { daily_stop: Some(-1.0), ..config() }, "cost.daily_stop"),
            (CostConfig { monthly_stop: Some(f64::INFINITY), ..config() }, "cost.monthly_stop"),
            (CostConfig { daily_warn: Some(f64::NAN), ..config() }, "cost.daily_warn"),
            (CostConfig { monthly_warn: Some(2.0), monthly_stop: Some(1.0), ..config() }, "cost.monthly_warn"),
            (CostConfig { prices: [("m".to_owned(), Price::new(-0.1, 0.0))].into(), ..config() }, "cost.prices"),
        ] {
            assert_eq!(wrong.check().unwrap_err().0, key);
        }
    }

    #[test]
    fn a_price_may_leave_out_what_it_does_not_have() {
        let config: CostConfig =
            serde_json::from_value(serde_json::json!({"daily_stop": 5, "prices": {"m": {"input_per_million": 0.1}}}))
                .unwrap();
        assert_eq!(config.prices["m"], Price::new(0.1, 0.0));
        assert_eq!(config.budget().daily, Limits { warn: None, stop: Some(Nanos(5_000_000_000)) });
        assert!(serde_json::from_value::<CostConfig>(serde_json::json!({"prices": {"m": {"input": 1}}})).is_err());
    }
}
