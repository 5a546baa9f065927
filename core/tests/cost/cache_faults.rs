//! A cache may fail, be late or be damaged; a provider may fail or lie. Neither is ever remembered or waited for.

use super::paid::{Disk, Shop, ask, settle};
use async_trait::async_trait;
use hark_core::ai::{EmbedPurpose, Embedded, Embedder, EmbedderInfo, Usage};
use hark_core::layer::{CachedEmbedder, EmbeddingCacheConfig, spoken_by};
use hark_core::store::EmbeddingCache;
use hark_core::testkit::fixtures::scopes;
use hark_core::testkit::{FakeEmbedder, Outcome};
use hark_core::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_delays_a_question_by_no_more_than_its_patience() {
    let shop = Shop::new();
    shop.disk.script.change(|_, _| Outcome::Hang);
    let begun = Instant::now();
    assert_eq!(shop.ask(&["which day"]).await.unwrap().vectors.len(), 1);
    assert!(begun.elapsed() <= Duration::from_millis(51), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let text = ["a document".to_owned()];
    let document = shop.embedder.embed(&text, EmbedPurpose::Document(None));
    spoken_by(vec![scopes()[0].clone()], document).await.unwrap();
    assert!(begun.elapsed() <= Duration::from_millis(501), "{:?}", begun.elapsed());
    // What could not be kept is still held.
    assert_eq!(shop.ask(&["which day"]).await.unwrap().usage, Usage::default());
}

#[tokio::test(start_paused = true)]
async fn keeping_that_hangs_is_given_up_and_the_text_can_be_asked_for_again() {
    let shop = Shop::over(Arc::default(), &EmbeddingCacheConfig { memory_mb: 0, ..EmbeddingCacheConfig::default() });
    shop.disk.script.change(|method, _| if method == "put" { Outcome::Hang } else { Outcome::Pass });
    shop.ask(&["a"]).await.unwrap();
    shop.ask(&["a"]).await.unwrap();
    assert_eq!(shop.paid.asked().len(), 1, "while it is being kept, the answer is there");
    tokio::time::advance(Duration::from_secs(11)).await;
    settle().await;
    shop.ask(&["a"]).await.unwrap();
    assert_eq!(shop.paid.asked().len(), 2);
}

#[tokio::test]
async fn a_disk_that_fails_costs_money_and_nothing_else() {
    let shop = Shop::new();
    shop.disk.script.change(|_, _| Outcome::fail(ErrorKind::Unavailable));
    shop.ask(&["a"]).await.unwrap();
    settle().await;
    shop.disk.script.change(|_, _| Outcome::Pass);
    assert_eq!(shop.ask(&["a"]).await.unwrap().usage, Usage::default(), "memory holds it");
    let next = Shop::over(shop.disk.clone(), &EmbeddingCacheConfig::default());
    assert_eq!(next.ask(&["a"]).await.unwrap().usage.input_tokens, 1);
    settle().await;
    shop.disk.script.change(|_, _| Outcome::fail(ErrorKind::Unavailable));
    assert_eq!(shop.tiers.prune().await.unwrap_err().kind(), ErrorKind::Unavailable);
    let error = shop.tiers.erase(&scopes()[0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "an erasure that did not reach the disk is not one");
}

#[tokio::test]
async fn a_failure_is_everybodys_who_waited_and_is_not_remembered() {
    let shop = Shop::new();
    let limited = || {
        let error = Error::new(ErrorKind::Limited, "fake.embed", "slow down");
        error.with_retry_after(Duration::from_secs(7))
    };
    shop.disk.script.push(Outcome::Hang);
    shop.provider.push(Outcome::Fail(limited()));
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let embedder = shop.embedder.clone();
            tokio::spawn(async move { ask(&embedder, &scopes()[0], &["a"]).await })
        })
        .collect();
    settle().await;
    shop.disk.script.release(1);
    for task in waiting {
        let error = task.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.operation(), error.context()), (ErrorKind::Limited, "fake.embed", "slow down"));
        assert_eq!((error.is_retriable(), error.retry_after()), (true, Some(Duration::from_secs(7))));
    }
    assert_eq!(shop.provider.calls(), 1);
    settle().await;
    assert_eq!(shop.ask(&["a"]).await.unwrap().usage.input_tokens, 1);
}

#[tokio::test]
async fn what_is_on_disk_is_of_use_though_the_provider_fails() {
    let before = Shop::new();
    before.ask(&["known"]).await.unwrap();
    settle().await;
    let shop = Shop::over(before.disk.clone(), &EmbeddingCacheConfig::default());
    shop.provider.change(|_, _| Outcome::fail(ErrorKind::Unavailable));
    assert_eq!(shop.ask(&["known", "unknown"]).await.unwrap_err().kind(), ErrorKind::Unavailable);
    shop.ask(&["known"]).await.unwrap();
    assert_eq!(shop.provider.calls(), 1);
}

#[tokio::test]
async fn damaged_rows_are_paid_for_again() {
    let before = Shop::new();
    before.ask(&["a"]).await.unwrap();
    settle().await;
    /// Answers with vectors nobody put there.
    #[derive(Debug)]
    struct Damaged(Arc<Disk>, Vec<f32>);
    #[async_trait]
    impl EmbeddingCache for Damaged {
        async fn get(
            &self,
            tenant: &hark_core::TenantId,
            space: &hark_core::store::Space,
            keys: &[hark_core::store::EmbeddingKey],
        ) -> Result<Vec<Option<hark_core::store::CachedEmbedding>>> {
            let mut rows = self.0.get(tenant, space, keys).await?;
            for row in rows.iter_mut().flatten() {
                row.vector.clone_from(&self.1);
            }
            Ok(rows)
        }
        async fn put(
            &self,
            tenant: &hark_core::TenantId,
            space: &hark_core::store::Space,
            rows: &[hark_core::store::NewEmbedding],
            now: hark_core::Timestamp,
        ) -> Result<()> {
            self.0.put(tenant, space, rows, now).await
        }
        async fn touch(
            &self,
            tenant: &hark_core::TenantId,
            space: &hark_core::store::Space,
            keys: &[hark_core::store::EmbeddingKey],
            now: hark_core::Timestamp,
        ) -> Result<()> {
            self.0.touch(tenant, space, keys, now).await
        }
        async fn erase(&self, scope: &hark_core::Scope) -> Result<u64> {
            self.0.erase(scope).await
        }
        async fn prune(&self, keep: u64, unused_since: hark_core::Timestamp) -> Result<u64> {
            self.0.prune(keep, unused_since).await
        }
        async fn count(&self) -> Result<u64> {
            self.0.count().await
        }
    }
    for vector in [vec![1.0], vec![f32::NAN; 64]] {
        let shop = Shop::new();
        let store = Some(Arc::new(Damaged(before.disk.clone(), vector)) as Arc<dyn EmbeddingCache>);
        let config = EmbeddingCacheConfig::default();
        let (vault, tenant) = (hark_core::testkit::fixtures::vault(), hark_core::testkit::fixtures::tenant());
        let tiers = hark_core::layer::EmbeddingTiers::new(&config, store, vault, shop.clock.clone(), tenant);
        let embedder: Arc<dyn Embedder> = Arc::new(CachedEmbedder::new(shop.paid.clone(), Arc::new(tiers)));
        let embedded = ask(&embedder, &scopes()[0], &["a"]).await.unwrap();
        assert_eq!((embedded.usage.input_tokens, embedded.vectors[0].len()), (1, 64));
        settle().await;
    }
}

/// Panics, lies about the number, lies about the width, and then behaves.
#[derive(Debug)]
struct Liar {
    inner: FakeEmbedder,
    calls: AtomicUsize,
}

#[async_trait]
impl Embedder for Liar {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        let mut honest = self.inner.embed(texts, purpose).await?;
        match self.calls.fetch_add(1, Ordering::SeqCst) {
            0 => panic!("as planned"),
            1 => drop(honest.vectors.pop()),
            2 => drop(honest.vectors[0].pop()),
            _ => {}
        }
        Ok(honest)
    }
}

#[tokio::test]
async fn a_panic_or_a_lie_is_an_error_and_the_next_call_starts_over() {
    let shop = Shop::new();
    let liar = Liar { inner: FakeEmbedder::default(), calls: AtomicUsize::new(0) };
    let embedder: Arc<dyn Embedder> = Arc::new(CachedEmbedder::new(Arc::new(liar), shop.tiers.clone()));
    for kind in [ErrorKind::Internal, ErrorKind::Corrupt, ErrorKind::Corrupt] {
        let error = ask(&embedder, &scopes()[0], &["a", "b"]).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        settle().await;
        assert_eq!(shop.disk.inner.count().await.unwrap(), 0);
    }
    assert_eq!(ask(&embedder, &scopes()[0], &["a", "b"]).await.unwrap().vectors.len(), 2);
}
