//! How often something may be done: the generic cell rate algorithm (GCRA), which lets bursts pass and needs one number
//! for each key. The arithmetic is here, so that every node and every store counts alike.

mod gcra;

pub use gcra::{Quota, Ruling};

use crate::{Result, Timestamp};
use async_trait::async_trait;
use std::fmt::Debug;

/// Counts by key. One that is shared by nodes makes them share their limits.
#[async_trait]
pub trait RateLimiter: Debug + Send + Sync + 'static {
    /// Does something `cost` times under `key`, if that is within the quota at `now`; otherwise takes nothing. A cost of 0
    /// takes nothing either, and tells whether once more would be allowed. [`Quota::rule`] is how it is reckoned; of calls
    /// that race, no two are given the same.
    async fn take(&self, key: &str, quota: Quota, cost: u32, now: Timestamp) -> Result<Ruling>;
}
