//! [`RateLimiter`] that all nodes share, and by itself where Redis does not answer.

use crate::config::RedisConfig;
use crate::error::no_keys;
use crate::link::Link;
use async_trait::async_trait;
use chrono::DateTime;
use hark_core::crypt::Vault;
use hark_core::limit::{Quota, RateLimiter, Ruling};
use hark_core::ram::RamRateLimiter;
use hark_core::{Result, Timestamp};
use redis::Script;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const TAKE: &str = "redis.take";

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/take.lua")));

/// Rates counted in Redis. While it does not answer every node counts by itself, as if it had just started: a limit of all
/// then is one of each, and nobody is refused who would not have been.
#[derive(Debug)]
pub(crate) struct RedisLimits {
    link: Arc<Link>,
    vault: Option<Vault>,
    prefix: String,
    patience: Duration,
    alone: RamRateLimiter,
    is_alone: AtomicBool,
}

impl RedisLimits {
    pub(crate) fn new(config: &RedisConfig, link: Arc<Link>, vault: Option<Vault>) -> Self {
        Self {
            link,
            vault,
            prefix: format!("{{{}}}:limit:", config.prefix),
            patience: config.patience(),
            alone: RamRateLimiter::default(),
            is_alone: AtomicBool::new(false),
        }
    }

    async fn shared(&self, vault: &Vault, key: &str, quota: Quota, cost: u32, now: Timestamp) -> Result<Ruling> {
        // An address or the id of a key stands in it.
        let mark = vault.keyed_hash("redis limit", &[key]);
        let mut call = SCRIPT.prepare_invoke();
        call.key([self.prefix.as_bytes(), &mark].concat());
        call.arg(now.timestamp_micros()).arg(quota.interval()).arg(quota.most()).arg(cost);
        let paid: Option<String> = self.link.run(TAKE, self.patience, call).await?;
        let paid = paid.and_then(|paid| DateTime::from_timestamp_micros(paid.parse().ok()?));
        Ok(quota.rule(paid, cost, now).0)
    }
}

#[async_trait]
impl RateLimiter for RedisLimits {
    async fn take(&self, key: &str, quota: Quota, cost: u32, now: Timestamp) -> Result<Ruling> {
        let vault = self.vault.as_ref().ok_or_else(|| no_keys(TAKE))?;
        match self.shared(vault, key, quota, cost, now).await {
            Ok(ruling) => {
                if self.is_alone.swap(false, Ordering::Relaxed) {
                    tracing::info!("redis answers again: rates are counted for all nodes");
                }
                Ok(ruling)
            }
            Err(error) => {
                if !self.is_alone.swap(true, Ordering::Relaxed) {
                    tracing::warn!(?error, "rates are counted by this node alone until redis answers");
                }
                metrics::counter!("hark_limits_alone_total").increment(1);
                self.alone.take(key, quota, cost, now).await
            }
        }
    }
}
