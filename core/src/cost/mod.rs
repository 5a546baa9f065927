//! What models cost, and on whose account.

mod account;
mod spend;

pub use account::{Account, account, charged_to};
pub use spend::Spend;
