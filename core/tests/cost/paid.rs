//! An embedder that costs money, and a cache that can be told to fail.

use async_trait::async_trait;
use hark_core::ai::{EmbedPurpose, Embedded, Embedder, EmbedderInfo, Usage};
use hark_core::layer::{CachedEmbedder, EmbeddingCacheConfig, EmbeddingTiers, spoken_by};
use hark_core::ram::RamEmbeddingCache;
use hark_core::store::{CachedEmbedding, EmbeddingCache, EmbeddingKey, NewEmbedding, Space};
use hark_core::testkit::fixtures::{scopes, tenant, vault};
use hark_core::testkit::{FakeEmbedder, MockClock, Script};
use hark_core::{Result, Scope, TenantId, Timestamp};
use std::sync::{Arc, Mutex};

/// Costs a token a word, and remembers what it was asked.
#[derive(Debug)]
pub struct Paid {
    inner: FakeEmbedder,
    info: EmbedderInfo,
    script: Script,
    asked: Mutex<Vec<String>>,
}

impl Paid {
    pub fn new(script: &Script) -> Arc<Self> {
        let inner = FakeEmbedder::default();
        let mut info = EmbedderInfo { remote: true, max_batch: 64, ..inner.info().clone() };
        info.space.model = "text-embedding-3-small".to_owned();
        Arc::new(Self { inner, info, script: script.clone(), asked: Mutex::default() })
    }

    /// Every text that was paid for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Embedder for Paid {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        self.asked.lock().unwrap().extend_from_slice(texts);
        self.script.step("embed").await?;
        let words = texts.iter().map(|text| text.split_whitespace().count() as u64).sum();
        let vectors = self.inner.embed(texts, purpose).await?.vectors;
        Ok(Embedded { vectors, usage: Usage { input_tokens: words, output_tokens: 0 } })
    }
}

/// A cache on a script; `inner` shows what it holds.
#[derive(Debug, Default)]
pub struct Disk {
    pub inner: RamEmbeddingCache,
    pub script: Script,
}

#[async_trait]
impl EmbeddingCache for Disk {
    async fn get(
        &self,
        tenant: &TenantId,
        space: &Space,
        keys: &[EmbeddingKey],
    ) -> Result<Vec<Option<CachedEmbedding>>> {
        self.script.step("get").await?;
        self.inner.get(tenant, space, keys).await
    }
    async fn put(&self, tenant: &TenantId, space: &Space, rows: &[NewEmbedding], now: Timestamp) -> Result<()> {
        self.script.step("put").await?;
        self.inner.put(tenant, space, rows, now).await
    }
    async fn touch(&self, tenant: &TenantId, space: &Space, keys: &[EmbeddingKey], now: Timestamp) -> Result<()> {
        self.script.step("touch").await?;
        self.inner.touch(tenant, space, keys, now).await
    }
    async fn erase(&self, scope: &Scope) -> Result<u64> {
        self.script.step("erase").await?;
        self.inner.erase(scope).await
    }
    async fn prune(&self, keep: u64, unused_since: Timestamp) -> Result<u64> {
        self.script.step("prune").await?;
        self.inner.prune(keep, unused_since).await
    }
    async fn count(&self) -> Result<u64> {
        self.inner.count().await
    }
}

/// A cached embedder and everything around it that a test may turn.
pub struct Shop {
    pub provider: Script,
    pub paid: Arc<Paid>,
    pub disk: Arc<Disk>,
    pub clock: Arc<MockClock>,
    pub tiers: Arc<EmbeddingTiers>,
    pub embedder: Arc<dyn Embedder>,
}

impl Shop {
    pub fn new() -> Self {
        Self::over(Arc::default(), &EmbeddingCacheConfig::default())
    }

    /// Over a disk, such as that of a process that has ended.
    pub fn over(disk: Arc<Disk>, config: &EmbeddingCacheConfig) -> Self {
        let provider = Script::default();
        let paid = Paid::new(&provider);
        let clock = Arc::new(MockClock::default());
        let store = Some(disk.clone() as Arc<dyn EmbeddingCache>);
        let tiers = Arc::new(EmbeddingTiers::new(config, store, vault(), clock.clone(), tenant()));
        let embedder = Arc::new(CachedEmbedder::new(paid.clone(), tiers.clone()));
        Self { provider, paid, disk, clock, tiers, embedder }
    }

    /// Asks in the name of the first caller.
    pub async fn ask(&self, texts: &[&str]) -> Result<Embedded> {
        ask(&self.embedder, &scopes()[0], texts).await
    }

    /// Until nothing more happens in the background.
    pub async fn settle(&self) {
        settle().await;
    }
}

/// Asks in a caller's name.
pub async fn ask(embedder: &Arc<dyn Embedder>, scope: &Scope, texts: &[&str]) -> Result<Embedded> {
    let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    spoken_by(vec![scope.clone(); texts.len()], embedder.embed(&texts, EmbedPurpose::Query)).await
}

/// Lets every task that can run do so; on one thread that is enough for what does not wait for time.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}
