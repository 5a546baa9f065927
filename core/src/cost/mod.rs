//! What models cost, on whose account, and how much may be spent.
//!
//! The flows open an [`Account`] around their work; the metering layer ([`crate::layer::MeteredEmbedder`],
//! [`crate::layer::MeteredChat`]) asks the [`Meter`] before each call and charges it after. Money is counted in
//! whole [`Nanos`]. What a provider bills for a call that failed, or that was given up before it answered, nobody
//! tells us, so it is not counted.

mod account;
mod budget;
mod config;
mod meter;
mod price;
mod row;
mod spend;

pub use account::{Account, account, charged_at_least_to, charged_to};
pub use budget::{Budget, Level, Limits, Period};
pub use config::CostConfig;
pub use meter::{Meter, STOPPED, Standing};
pub use price::{Nanos, OPENAI_USD, Price, Prices};
pub use row::{Cost, CostFilter, CostGroup, CostKey, CostRow, CostSum, total};
pub use spend::Spend;
