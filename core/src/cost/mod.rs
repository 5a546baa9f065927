//! What models cost, and on whose account.

mod account;
mod spend;

/// The operation of the error by which a stopped budget refuses a call.
pub const STOPPED: &str = "cost.stopped";

pub use account::{Account, account, charged_to};
pub use spend::Spend;
