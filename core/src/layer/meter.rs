//! Asks the meter before a model is asked, and charges it after.

use super::Profiles;
use crate::Result;
use crate::ai::{ChatAnswer, ChatModel, ChatRequest, EmbedPurpose, Embedded, Embedder, EmbedderInfo};
use crate::cost::{Meter, Spend, account};
use async_trait::async_trait;
use std::sync::Arc;

/// An embedder whose calls are paid for by the account that is open around them. Sits outside of whatever tries
/// again, inside of whatever remembers: a call that was answered is charged once, an answer that was remembered not
/// at all.
#[derive(Debug)]
pub struct MeteredEmbedder {
    inner: Arc<dyn Embedder>,
    meter: Arc<Meter>,
}

impl MeteredEmbedder {
    /// Calls go to `inner` as long as the budget lasts.
    pub fn new(inner: Arc<dyn Embedder>, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    /// Both profiles metered. A local embedder costs nothing and is left as it is.
    pub fn around(embedder: Profiles<dyn Embedder>, meter: &Arc<Meter>) -> Profiles<dyn Embedder> {
        if !embedder.background.info().remote {
            return embedder;
        }
        let metered = |inner| Arc::new(Self::new(inner, meter.clone()));
        Profiles { interactive: metered(embedder.interactive), background: metered(embedder.background) }
    }
}

#[async_trait]
impl Embedder for MeteredEmbedder {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        if texts.is_empty() {
            return self.inner.embed(texts, purpose).await;
        }
        let account = account();
        let model = &self.inner.info().space.model;
        self.meter.allow(account.as_ref(), model)?;
        let embedded = self.inner.embed(texts, purpose).await?;
        self.meter.charge(account.as_ref(), model, Spend::Embedding, embedded.usage);
        Ok(embedded)
    }
}

/// A chat model whose calls are paid for by the account that is open around them.
#[derive(Debug)]
pub struct MeteredChat {
    inner: Arc<dyn ChatModel>,
    meter: Arc<Meter>,
}

impl MeteredChat {
    /// Calls go to `inner` as long as the budget lasts.
    pub fn new(inner: Arc<dyn ChatModel>, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }
}

#[async_trait]
impl ChatModel for MeteredChat {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        let account = account();
        self.meter.allow(account.as_ref(), self.inner.model())?;
        let answer = self.inner.chat(request).await?;
        self.meter.charge(account.as_ref(), self.inner.model(), request.spend, answer.usage);
        Ok(answer)
    }
}
