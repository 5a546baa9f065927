//! A model that says nothing becomes an error.

use crate::ai::{ChatAnswer, ChatModel, ChatRequest, EmbedPurpose, Embedded, Embedder, EmbedderInfo};
use crate::{Error, ErrorKind, Result};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// A model that is given so long for every call; then it is an error of kind `Timeout`.
#[derive(Debug)]
pub(super) struct Timeout<T: ?Sized> {
    inner: Arc<T>,
    limit: Duration,
}

impl<T: ?Sized> Timeout<T> {
    pub(super) fn new(inner: Arc<T>, limit: Duration) -> Self {
        Self { inner, limit }
    }

    async fn within<R>(&self, operation: &'static str, call: impl Future<Output = Result<R>>) -> Result<R> {
        tokio::time::timeout(self.limit, call).await.unwrap_or_else(|_| {
            let context = format!("no answer within {} ms", self.limit.as_millis());
            Err(Error::new(ErrorKind::Timeout, operation, context))
        })
    }
}

#[async_trait]
impl Embedder for Timeout<dyn Embedder> {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        self.within("embedder.timeout", self.inner.embed(texts, purpose)).await
    }
}

#[async_trait]
impl ChatModel for Timeout<dyn ChatModel> {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        self.within("chat.timeout", self.inner.chat(request)).await
    }
}
