//! Limits of one process.

use crate::Timestamp;
use crate::limit::{Quota, RateLimiter, Ruling};
use crate::{Error, ErrorKind, Result};
use async_trait::async_trait;
use moka::sync::Cache;

/// Keys that are remembered at most: a flood of addresses takes no more memory than this, some 20 MB. Those that come most
/// often stay.
const REMEMBERED: u64 = 100_000;

/// A [`RateLimiter`] that forgets everything when it is dropped.
#[derive(Debug)]
pub struct RamRateLimiter(Cache<String, Timestamp>);

impl Default for RamRateLimiter {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

#[async_trait]
impl RateLimiter for RamRateLimiter {
    async fn take(&self, key: &str, quota: Quota, cost: u32, now: Timestamp) -> Result<Ruling> {
        let mut ruled = None;
        self.0.entry_by_ref(key).and_upsert_with(|paid| {
            let (ruling, paid) = quota.rule(paid.map(moka::Entry::into_value), cost, now);
            ruled = Some(ruling);
            paid
        });
        ruled.ok_or_else(|| Error::new(ErrorKind::Internal, "ram.take", "nothing was ruled"))
    }
}
