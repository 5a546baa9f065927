//! Another attempt, where nobody waits and it may help.

use super::{BREAKER_OPEN, Part, Resilience, secs};
use crate::ai::{ChatAnswer, ChatModel, ChatRequest, EmbedPurpose, Embedded, Embedder, EmbedderInfo};
use crate::{Entropy, Error, Result};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// How often, and how long to wait in between.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryPolicy {
    retries: u32,
    base: Duration,
    cap: Duration,
}

impl RetryPolicy {
    pub(super) fn of(config: &Resilience) -> Self {
        Self {
            retries: config.retries,
            base: Duration::from_millis(config.retry_base_ms.max(1)),
            cap: secs(config.retry_cap_secs.max(1)),
        }
    }

    /// How long to wait after the `failed`-th failure; `None` when it is not to be tried again. Doubling, at the
    /// most the cap, with the upper half left to chance so that what failed together does not come back together.
    /// The provider's own advice wins, unless it is beyond the cap: whoever holds a lease does not sit it out.
    fn wait(&self, failed: u32, error: &Error, entropy: &dyn Entropy) -> Option<Duration> {
        if failed > self.retries || !error.is_retriable() || error.operation() == BREAKER_OPEN {
            return None;
        }
        let doubled = self.base.saturating_mul(2u32.saturating_pow(failed - 1)).min(self.cap);
        let ours = doubled.mul_f64(0.5 + 0.5 * entropy.unit());
        match error.retry_after() {
            Some(theirs) if theirs > self.cap => None,
            Some(theirs) => Some(theirs.max(ours)),
            None => Some(ours),
        }
    }
}

/// A model that is asked again.
#[derive(Debug)]
pub(super) struct Retry<T: ?Sized> {
    inner: Arc<T>,
    backend: Arc<str>,
    part: Part,
    policy: RetryPolicy,
    entropy: Arc<dyn Entropy>,
}

impl<T: ?Sized> Retry<T> {
    pub(super) fn new(
        inner: Arc<T>,
        backend: &str,
        part: Part,
        policy: RetryPolicy,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { inner, backend: backend.into(), part, policy, entropy }
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    /// The failure itself, when it is not to be tried again.
    async fn pause(&self, failed: u32, error: Error) -> Result<()> {
        let Some(wait) = self.policy.wait(failed, &error, &*self.entropy) else { return Err(error) };
        let (backend, part) = (self.backend.clone(), self.part.name());
        tracing::debug!(?error, backend = &*backend, part, failed, "asking again");
        metrics::counter!("hark_model_retries_total", "backend" => backend, "part" => part).increment(1);
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

#[async_trait]
impl Embedder for Retry<dyn Embedder> {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        let mut failed = 0;
        loop {
            match self.inner.embed(texts, purpose).await {
                Ok(embedded) => return Ok(embedded),
                Err(error) => {
                    failed += 1;
                    self.pause(failed, error).await?;
                }
            }
        }
    }
}

#[async_trait]
impl ChatModel for Retry<dyn ChatModel> {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        let mut failed = 0;
        loop {
            match self.inner.chat(request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    failed += 1;
                    self.pause(failed, error).await?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::testkit::SeededEntropy;

    #[test]
    fn waits_double_to_the_cap_and_the_provider_s_advice_counts_up_to_it() {
        let policy = RetryPolicy { retries: 9, base: Duration::from_secs(1), cap: secs(5) };
        let entropy = SeededEntropy::new(1);
        let away = || Error::new(ErrorKind::Unavailable, "test", "away");
        for (failed, full) in [(1, 1), (2, 2), (3, 4), (4, 5), (9, 5)] {
            let wait = policy.wait(failed, &away(), &entropy).unwrap();
            assert!(wait >= secs(full) / 2 && wait <= secs(full), "{failed}: {wait:?}");
        }
        assert_eq!(policy.wait(10, &away(), &entropy), None);
        assert_eq!(policy.wait(1, &Error::invalid("test", "no"), &entropy), None);
        assert_eq!(policy.wait(1, &Error::new(ErrorKind::Unavailable, BREAKER_OPEN, "open"), &entropy), None);
        assert_eq!(policy.wait(1, &away().with_retry_after(secs(5)), &entropy), Some(secs(5)));
        assert_eq!(policy.wait(1, &away().with_retry_after(secs(6)), &entropy), None);
    }
}
