//! What people may expect of what is remembered about them: that an erasure holds.

mod config;
mod ledger;

pub use config::{AfterErasure, PrivacyConfig};
