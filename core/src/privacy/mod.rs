//! What people may expect of what is remembered about them: that an erasure holds.

mod audit;
mod config;
mod ledger;

pub use audit::{AuditLog, AuditNote};
pub use config::{AfterErasure, ConsentRule, PrivacyConfig};
