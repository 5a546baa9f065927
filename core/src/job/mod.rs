//! Durable work: what jobs there are, and how long to wait before trying one again.

mod payloads;

pub use payloads::{EmbedMemories, ExtractAgain, IngestConversation, LinkMemories, SummariseUser};

use crate::store::NewJob;
use crate::{Entropy, Error, ErrorKind, Result, TenantId, Timestamp};
use chrono::Duration;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A job is a serde struct with a name and a key. Payloads hold ids only and are stored: old ones must parse.
pub trait JobPayload: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The handler's name in the queue.
    const NAME: &'static str;
    /// After so many failures it is buried.
    const MAX_ATTEMPTS: u32 = 5;

    /// What makes it the same job.
    fn key(&self) -> String;

    /// The job, to be run as soon as possible.
    ///
    /// # Errors
    /// `Internal` when the payload cannot be written as JSON.
    fn job(&self, tenant: &TenantId, now: Timestamp) -> Result<NewJob> {
        let payload = serde_json::to_value(self)
            .map_err(|e| Error::new(ErrorKind::Internal, "job.new", format!("{}: {e}", Self::NAME)))?;
        Ok(NewJob { tenant: tenant.clone(), name: Self::NAME.to_owned(), key: self.key(), payload, run_at: now })
    }
}

/// Seconds before attempts 2, 3, 4 and 5.
const BACKOFF_SECS: [u64; 4] = [2, 10, 60, 300];

/// How long to wait after the `attempts`-th failure: exponential, with up to 25 % of jitter on top so that
/// what failed together does not come back together. The server's own advice, if longer, wins.
pub fn backoff(attempts: u32, retry_after: Option<std::time::Duration>, entropy: &dyn Entropy) -> Duration {
    let index = (attempts.max(1) as usize - 1).min(BACKOFF_SECS.len() - 1);
    let base = BACKOFF_SECS[index] as f64 * 1000.0;
    let ours = Duration::milliseconds((base * (1.0 + 0.25 * entropy.unit())) as i64);
    retry_after.and_then(|d| Duration::from_std(d).ok()).map_or(ours, |theirs| theirs.max(ours))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemEntropy;

    #[test]
    fn waiting_grows_is_jittered_and_respects_the_servers_advice() {
        for attempt in 1..=6 {
            let wait = backoff(attempt, None, &SystemEntropy).num_milliseconds();
            let base = BACKOFF_SECS[(attempt as usize - 1).min(3)] as i64 * 1000;
            assert!((base..=base * 5 / 4).contains(&wait), "attempt {attempt}: {wait}");
        }
        let long = std::time::Duration::from_secs(3600);
        assert_eq!(backoff(1, Some(long), &SystemEntropy), Duration::hours(1));
    }
}
