//! Durable work: what jobs there are, and how long to wait before trying one again.

mod payloads;

pub use payloads::{EmbedMemories, ExtractAgain, IngestConversation, LinkMemories, ReconcileMemories, SummariseUser};

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

/// Seconds between two looks at a job that waits for a model, before jitter: at least; at the most; and at the most
/// where the other side has said when to come back.
const POSTPONED_SECS: [u64; 3] = [5, 60, 240];

/// How long to postpone a job of that age whose model is away. An outage lasts minutes or hours, so the wait grows
/// with the age instead of with attempts that are not counted: a quarter of it, up to a minute. Who says when to come
/// back is believed up to four, and an open breaker says when it will let a probe through: so what waits is tried soon
/// after the provider is back, and costs nothing while it is not. Up to a quarter of jitter comes on top.
pub fn postponement(age: Duration, retry_after: Option<std::time::Duration>, entropy: &dyn Entropy) -> Duration {
    let [least, most, told] = POSTPONED_SECS.map(|secs| secs as f64);
    let wait = match retry_after {
        Some(after) => after.as_secs_f64().clamp(least, told),
        None => (age.num_seconds() as f64 / 4.0).clamp(least, most),
    };
    Duration::milliseconds((wait * 1_000.0 * (1.0 + 0.25 * entropy.unit())) as i64)
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

    #[test]
    fn postponements_grow_with_age_from_five_seconds_to_a_minute_unless_told_otherwise() {
        let secs = std::time::Duration::from_secs;
        for (age, advice, base) in [
            (-5, None, 5),
            (0, None, 5),
            (80, None, 20),
            (86_400, None, 60),
            (86_400, Some(secs(17)), 17),
            (86_400, Some(secs(0)), 5),
            (0, Some(secs(7_200)), 240),
        ] {
            let wait = postponement(Duration::seconds(age), advice, &SystemEntropy).num_milliseconds();
            assert!((base * 1_000..=base * 1_250).contains(&wait), "{age} {advice:?}: {wait}");
        }
    }
}
