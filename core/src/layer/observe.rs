//! What was asked, how it ended and how long it took: a counter, a histogram and a span. Never a word of it.

use super::{BREAKER_OPEN, Part, Profile};
use crate::ai::{ChatAnswer, ChatModel, ChatRequest, EmbedPurpose, Embedded, Embedder, EmbedderInfo};
use crate::{Error, Result};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::time::Instant;
use tracing::Instrument;

/// A model whose calls are counted and timed.
#[derive(Debug)]
pub(super) struct Observe<T: ?Sized> {
    inner: Arc<T>,
    backend: Arc<str>,
    part: Part,
    profile: Profile,
}

/// One call; counted when it is dropped, so that a caller who gives up is seen too.
struct Seen {
    backend: Arc<str>,
    part: Part,
    profile: Profile,
    begun: Instant,
    outcome: &'static str,
}

impl Drop for Seen {
    fn drop(&mut self) {
        let (backend, part) = (self.backend.clone(), self.part.name());
        metrics::counter!("hark_model_requests_total",
            "backend" => backend.clone(), "part" => part, "outcome" => self.outcome)
        .increment(1);
        if self.outcome != "breaker_open" {
            metrics::histogram!("hark_model_request_duration_seconds",
                "backend" => backend, "part" => part, "profile" => self.profile.name())
            .record(self.begun.elapsed().as_secs_f64());
        }
    }
}

/// How a call ended, as a label: `ok`, `breaker_open`, or the kind of error.
fn label(error: Option<&Error>) -> &'static str {
    match error {
        None => "ok",
        Some(error) if error.operation() == BREAKER_OPEN => "breaker_open",
        Some(error) => error.kind().name(),
    }
}

impl<T: ?Sized> Observe<T> {
    pub(super) fn new(inner: Arc<T>, backend: &str, part: Part, profile: Profile) -> Self {
        Self { inner, backend: backend.into(), part, profile }
    }

    async fn observed<R>(&self, call: impl Future<Output = Result<R>>) -> Result<R> {
        let mut seen = Seen {
            backend: self.backend.clone(),
            part: self.part,
            profile: self.profile,
            begun: Instant::now(),
            outcome: "abandoned",
        };
        let (backend, part, profile) = (&*self.backend, self.part.name(), self.profile.name());
        let outcome = call.instrument(tracing::debug_span!("model", backend, part, profile)).await;
        seen.outcome = label(outcome.as_ref().err());
        outcome
    }
}

#[async_trait]
impl Embedder for Observe<dyn Embedder> {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        self.observed(self.inner.embed(texts, purpose)).await
    }
}

#[async_trait]
impl ChatModel for Observe<dyn ChatModel> {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        self.observed(self.inner.chat(request)).await
    }
}
