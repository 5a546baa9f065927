//! What models cost, and money that adds up exactly.

use crate::ai::Usage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Billionths of the configured currency's unit: sums of these are exact, those of fractions are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The amount in whole units and fractions; negative ones and what is no number count as nothing.
    pub fn from_units(units: f64) -> Self {
        Self((units * 1e9).round() as u64)
    }

    /// In units, for people.
    pub fn units(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl std::ops::AddAssign for Nanos {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl std::iter::Sum for Nanos {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, |mut sum, amount| {
            sum += amount;
            sum
        })
    }
}

/// What a model costs, in the configured currency.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Price {
    /// For a million tokens read.
    pub input_per_million: f64,
    /// For a million tokens written.
    pub output_per_million: f64,
}

impl Price {
    /// So much for a million tokens read, and so much for a million written.
    pub const fn new(input_per_million: f64, output_per_million: f64) -> Self {
        Self { input_per_million, output_per_million }
    }

    /// What this many tokens cost. What is less than a billionth counts as one: never too little.
    pub fn of(self, usage: Usage) -> Nanos {
        let part = |tokens: u64, price: f64| u128::from(tokens) * u128::from(Nanos::from_units(price).0);
        let millionths = part(usage.input_tokens, self.input_per_million)
            .saturating_add(part(usage.output_tokens, self.output_per_million));
        Nanos(u64::try_from(millionths.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }

    /// Whether nothing is paid.
    pub fn is_free(self) -> bool {
        self.input_per_million <= 0.0 && self.output_per_million <= 0.0
    }
}

/// OpenAI's list prices in US dollars for what Hark is likely to be used with, as published in July 2026, without
/// discounts for cached or batched input. Prices change: what is configured wins.
pub const OPENAI_USD: [(&str, Price); 6] = [
    ("text-embedding-3-small", Price::new(0.02, 0.0)),
    ("text-embedding-3-large", Price::new(0.13, 0.0)),
    ("gpt-4o-mini", Price::new(0.15, 0.6)),
    ("gpt-4.1-mini", Price::new(0.4, 1.6)),
    ("gpt-5-mini", Price::new(0.25, 2.0)),
    ("gpt-5.4-mini", Price::new(0.75, 4.5)),
];

/// Prices by model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    /// These prices.
    pub fn new(prices: BTreeMap<String, Price>) -> Self {
        Self(prices)
    }

    /// What a model costs; `None` where nobody said. A model that is not named itself costs what the one costs
    /// whose dated or narrowed version it is: `gpt-4o-mini-2024-07-18`, `openai/gpt-4o-mini`,
    /// `text-embedding-3-small@512`.
    pub fn of(&self, model: &str) -> Option<Price> {
        let short = model.rsplit('/').next().unwrap_or(model);
        let exact = self.0.get(model).or_else(|| self.0.get(short));
        exact.copied().or_else(|| {
            let versions = self.0.iter().filter(|(name, _)| short.strip_prefix(name.as_str()).is_some_and(is_version));
            versions.max_by_key(|(name, _)| name.len()).map(|(_, price)| *price)
        })
    }
}

/// Whether what follows a model's name only says which version of it.
fn is_version(rest: &str) -> bool {
    match rest.split_at_checked(1) {
        Some(("@" | ":", _)) => true,
        Some(("-", version)) => {
            !version.is_empty() && version.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '.'))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens }
    }

    #[test]
    fn money_is_exact_where_fractions_are_not() {
        let price = Price::new(0.02, 0.0);
        assert_eq!(price.of(usage(5, 7)), Nanos(100));
        let mut sum = Nanos::ZERO;
        for _ in 0..1_000_000 {
            sum += price.of(usage(1, 0));
        }
        assert_eq!((sum, sum.units()), (Nanos(20_000_000), 0.02));
        assert_eq!(Price::new(0.4, 1.6).of(usage(1_000_000, 500_000)), Nanos::from_units(1.2));
    }

    #[test]
    fn less_than_a_billionth_counts_and_nothing_overflows() {
        assert_eq!(Price::new(0.0001, 0.0).of(usage(1, 0)), Nanos(1));
        assert_eq!(Price::new(1e9, 1e9).of(usage(u64::MAX, u64::MAX)), Nanos(u64::MAX));
        assert_eq!(Price::new(1.0, 1.0).of(usage(0, 0)), Nanos::ZERO);
        for senseless in [-1.0, f64::NAN] {
            assert_eq!(Nanos::from_units(senseless), Nanos::ZERO);
        }
        let mut most = Nanos(u64::MAX);
        most += Nanos(1);
        assert_eq!(most, Nanos(u64::MAX));
    }

    #[test]
    fn versions_of_a_model_cost_what_it_costs_and_other_models_do_not() {
        let prices = Prices::new(OPENAI_USD.map(|(name, price)| (name.to_owned(), price)).into());
        let mini = Some(Price::new(0.15, 0.6));
        for name in ["gpt-4o-mini", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini", "gpt-4o-mini:free"] {
            assert_eq!(prices.of(name), mini, "{name}");
        }
        assert_eq!(prices.of("text-embedding-3-small@512"), Some(Price::new(0.02, 0.0)));
        for name in ["gpt-4o", "gpt-4o-mini-audio-preview", "gpt-4o-mini-", "gpt-4o-minimal", "llama3.2", ""] {
            assert_eq!(prices.of(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_configured_wins_over_the_versions_rule() {
        let free = Price::default();
        let prices = Prices::new(
            [("m".to_owned(), Price::new(1.0, 1.0)), ("m-1".to_owned(), free), ("x/m".to_owned(), free)].into(),
        );
        assert_eq!(prices.of("m-1"), Some(free));
        assert_eq!(prices.of("m-1-5"), Some(free), "the longest name wins");
        assert_eq!(prices.of("x/m"), Some(free));
        assert_eq!(prices.of("y/m"), Some(Price::new(1.0, 1.0)));
        assert!(free.is_free() && !Price::new(0.0, 0.1).is_free());
    }
}
