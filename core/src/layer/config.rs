//! What can be set about patience, retrying and the breaker.

use super::secs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Section `[resilience]`: how long models are waited for, how often they are asked again, and when they are left
/// alone. The same for every backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resilience {
    /// Milliseconds a model is given while somebody is on the phone, at least 1. Longer than `recall.budget_ms` on
    /// purpose: the question is answered without the embedding, but one that comes a little late is kept for the
    /// next time it is asked.
    pub interactive_timeout_ms: u64,
    /// Seconds one attempt in the background may take, at least 1: a local model reads a long call for a minute.
    pub background_timeout_secs: u64,
    /// Further attempts in the background after the first, 0 to 10. Only where trying again can help, and never
    /// against an open breaker.
    pub retries: u32,
    /// Milliseconds before the second attempt, at least 1; doubled before each further one, with jitter.
    pub retry_base_ms: u64,
    /// Seconds between two attempts at the most, at least 1. A provider that asks for more is not waited for here:
    /// the job goes back to the queue.
    pub retry_cap_secs: u64,
    /// So many failures in a row open a backend's breaker, at least 1. So do ten failures among the last twenty
    /// calls, if that comes first.
    pub breaker_failures: u32,
    /// Seconds the breaker stays open before one call may probe, at least 1; doubled with every probe that fails.
    pub breaker_open_secs: u64,
    /// Seconds it stays open at the most, however many probes have failed; at least `breaker_open_secs`. A longer
    /// `Retry-After` of the provider's is respected all the same, up to an hour.
    pub breaker_max_open_secs: u64,
}

impl Default for Resilience {
    fn default() -> Self {
        Self {
            interactive_timeout_ms: 900,
            background_timeout_secs: 120,
            retries: 2,
            retry_base_ms: 500,
            retry_cap_secs: 30,
            breaker_failures: 5,
            breaker_open_secs: 5,
            breaker_max_open_secs: 60,
        }
    }
}

impl Resilience {
    pub(super) fn interactive_timeout(&self) -> Duration {
        Duration::from_millis(self.interactive_timeout_ms.max(1))
    }

    pub(super) fn background_timeout(&self) -> Duration {
        secs(self.background_timeout_secs.max(1))
    }
}
