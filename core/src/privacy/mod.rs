//! What people may expect of what is remembered about them: that an erasure holds, and that nothing is kept
//! for longer than it was meant to be.

mod audit;
mod config;
mod leap;
mod ledger;
mod retention;

pub use audit::{AuditLog, AuditNote};
pub use config::{AfterErasure, ConsentRule, PrivacyConfig};
pub(crate) use leap::is_doubtful;
pub use leap::{CLOCK_LEASE, held_by_a_leap};
pub use retention::{Period, Periods, RetentionConfig, TenantRetention};
