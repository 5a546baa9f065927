//! A model behind its backend's breaker.

use super::{Breaker, Part, Profile};
use crate::Result;
use crate::ai::{ChatAnswer, ChatModel, ChatRequest, EmbedPurpose, Embedded, Embedder, EmbedderInfo};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A model that is asked only as far as the breaker lets calls through. Its errors say that they are a model's
/// ([`crate::Error::of_a_model`]).
#[derive(Debug)]
pub(super) struct Guard<T: ?Sized> {
    inner: Arc<T>,
    breaker: Arc<Breaker>,
    part: Part,
    profile: Profile,
    patience: Duration,
}

impl<T: ?Sized> Guard<T> {
    /// `patience` is what the timeout within allows a call.
    pub(super) fn new(inner: Arc<T>, breaker: Arc<Breaker>, part: Part, profile: Profile, patience: Duration) -> Self {
        Self { inner, breaker, part, profile, patience }
    }

    async fn guarded<R>(&self, call: impl Future<Output = Result<R>>) -> Result<R> {
        let permit = self.breaker.enter(self.part, self.profile, self.patience)?;
        let outcome = call.await;
        permit.settle(outcome.as_ref().err());
        outcome.map_err(crate::Error::of_a_model)
    }
}

#[async_trait]
impl Embedder for Guard<dyn Embedder> {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        if texts.is_empty() {
            // Answered without asking anybody, so it says nothing of the provider's health.
            return self.inner.embed(texts, purpose).await;
        }
        self.guarded(self.inner.embed(texts, purpose)).await
    }
}

#[async_trait]
impl ChatModel for Guard<dyn ChatModel> {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        self.guarded(self.inner.chat(request)).await
    }
}
