//! The same text is never paid for twice.

use super::paid::{Disk, Shop, ask};
use chrono::Duration as Span;
use hark_core::ai::{EmbedPurpose, Embedder, Usage};
use hark_core::cost::{Account, charged_to};
use hark_core::layer::{CachedEmbedder, EmbeddingCacheConfig, EmbeddingTiers, Profiles};
use hark_core::store::EmbeddingCache;
use hark_core::testkit::fixtures::{scopes, tenant, vault};
use hark_core::testkit::{FakeEmbedder, Outcome, SeededEntropy};
use hark_core::{ErrorKind, TenantId};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

fn tokens(input_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens: 0 }
}

#[tokio::test]
async fn a_text_is_paid_for_once_and_remembered_as_it_was() {
    let shop = Shop::new();
    let first = shop.ask(&["which delivery day"]).await.unwrap();
    let second = shop.ask(&["which delivery day"]).await.unwrap();
    assert_eq!((first.usage, second.usage), (tokens(3), Usage::default()));
    assert_eq!(first.vectors, second.vectors);
    assert_eq!(shop.paid.asked(), ["which delivery day"]);
}

#[tokio::test]
async fn questions_documents_and_sectors_are_different_texts() {
    let shop = Shop::new();
    let text = ["likes tea".to_owned()];
    let sectors = [hark_core::Sector::Semantic, hark_core::Sector::Episodic].map(Some);
    let documents = [None, sectors[0], sectors[1]].map(EmbedPurpose::Document);
    for _ in 0..2 {
        for purpose in [EmbedPurpose::Query].into_iter().chain(documents) {
            shop.embedder.embed(&text, purpose).await.unwrap();
        }
    }
    assert_eq!(shop.paid.asked().len(), 4);
}

#[tokio::test]
async fn only_what_is_missing_is_asked_for_and_the_order_is_kept() {
    let shop = Shop::new();
    shop.ask(&["b", "d"]).await.unwrap();
    let mixed = shop.ask(&["a", "b", "a", "c", "d", "b"]).await.unwrap();
    assert_eq!(shop.paid.asked(), ["b", "d", "a", "c"]);
    assert_eq!(mixed.usage, tokens(2));
    let plain = FakeEmbedder::default();
    let texts = ["a", "b", "a", "c", "d", "b"].map(str::to_owned);
    assert_eq!(mixed.vectors, plain.embed(&texts, EmbedPurpose::Query).await.unwrap().vectors);
    assert_eq!(shop.ask(&[]).await.unwrap().vectors, Vec::<Vec<f32>>::new());
    assert_eq!(shop.provider.calls(), 2, "no texts are no call");
}

#[tokio::test]
async fn too_many_texts_are_refused_before_anything_is_asked() {
    let shop = Shop::new();
    let error = shop.ask(&["x"; 65]).await.unwrap_err();
    assert_eq!((error.kind(), shop.provider.calls()), (ErrorKind::Invalid, 0));
}

#[tokio::test]
async fn who_asks_at_the_same_time_shares_one_call() {
    let shop = Shop::new();
    shop.provider.push(Outcome::Hang);
    let waiting: Vec<_> = (0..20)
        .map(|index| {
            let (embedder, scope) = (shop.embedder.clone(), scopes()[index % 2].clone());
            tokio::spawn(async move { ask(&embedder, &scope, &["which day", &format!("own {index}")]).await })
        })
        .collect();
    shop.provider.called(20).await;
    shop.provider.release(1);
    let mut paid = 0;
    for task in waiting {
        let embedded = task.await.unwrap().unwrap();
        assert_eq!(embedded.vectors.len(), 2);
        paid += embedded.usage.input_tokens;
    }
    let asked = shop.paid.asked();
    assert_eq!(asked.iter().filter(|text| *text == "which day").count(), 1);
    assert_eq!((asked.len(), paid), (21, 42), "each call is told to one of those who waited");
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_there_for_the_next_caller() {
    let shop = Shop::new();
    shop.provider.push(Outcome::Hang);
    let given_up = timeout(Duration::from_millis(300), shop.ask(&["which day"])).await;
    assert!(given_up.is_err());
    shop.provider.release(1);
    shop.settle().await;
    let next = shop.ask(&["which day"]).await.unwrap();
    assert_eq!((next.usage, shop.provider.calls()), (Usage::default(), 1));
    assert_eq!(shop.disk.inner.count().await.unwrap(), 1, "and on disk");
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_while_a_given_up_call_is_under_way_waits_for_it() {
    let shop = Shop::new();
    shop.provider.push(Outcome::Hang);
    assert!(timeout(Duration::from_millis(300), shop.ask(&["which day"])).await.is_err());
    let second = tokio::spawn({
        let embedder = shop.embedder.clone();
        async move { ask(&embedder, &scopes()[1], &["which day"]).await }
    });
    shop.settle().await;
    assert!(!second.is_finished());
    shop.provider.release(1);
    assert_eq!(second.await.unwrap().unwrap().usage, Usage::default());
    assert_eq!(shop.provider.calls(), 1);
}

#[tokio::test]
async fn what_was_paid_for_survives_the_process() {
    let before = Shop::new();
    let first = before.ask(&["a", "b"]).await.unwrap();
    before.settle().await;
    let after = Shop::over(before.disk.clone(), &EmbeddingCacheConfig::default());
    let again = after.ask(&["b", "a", "c"]).await.unwrap();
    assert_eq!(after.paid.asked(), ["c"]);
    assert_eq!(
        (again.usage, &again.vectors[..2]),
        (tokens(1), &[first.vectors[1].clone(), first.vectors[0].clone()][..])
    );
}

#[tokio::test]
async fn nothing_is_held_where_nothing_may_be() {
    let nothing = EmbeddingCacheConfig { memory_mb: 0, persistent: false, ..EmbeddingCacheConfig::default() };
    let shop = Shop::over(Arc::default(), &nothing);
    for _ in 0..2 {
        shop.ask(&["a"]).await.unwrap();
        shop.settle().await;
    }
    assert_eq!(shop.paid.asked(), ["a", "a"]);
    assert_eq!(shop.disk.script.calls(), 0);
    let disk_alone = EmbeddingCacheConfig { memory_mb: 0, ..EmbeddingCacheConfig::default() };
    let shop = Shop::over(Arc::default(), &disk_alone);
    for _ in 0..2 {
        shop.ask(&["a"]).await.unwrap();
        shop.settle().await;
    }
    assert_eq!(shop.paid.asked(), ["a"]);
}

#[tokio::test]
async fn what_nobody_is_named_for_is_never_written_to_disk() {
    let shop = Shop::new();
    let text = ["whose is this".to_owned()];
    for _ in 0..2 {
        shop.embedder.embed(&text, EmbedPurpose::Query).await.unwrap();
        shop.settle().await;
    }
    assert_eq!((shop.paid.asked().len(), shop.disk.inner.count().await.unwrap()), (1, 0));
}

#[tokio::test]
async fn tenants_share_nothing() {
    let shop = Shop::new();
    let [one, _, other] = scopes();
    for scope in [&one, &other, &one, &other] {
        ask(&shop.embedder, scope, &["same words"]).await.unwrap();
        shop.settle().await;
    }
    assert_eq!(shop.paid.asked().len(), 2);
    // Unowned texts are the account's tenant's.
    let unowned = async || {
        let text = ["same words".to_owned()];
        shop.embedder.embed(&text, EmbedPurpose::Query).await.unwrap().usage
    };
    assert_eq!(charged_to(Account::of(TenantId::new("other")), unowned()).await, Usage::default());
    assert_eq!(charged_to(Account::of(TenantId::new("third")), unowned()).await, tokens(2));
}

#[tokio::test]
async fn without_the_key_nothing_on_disk_can_be_found() {
    let shop = Shop::new();
    shop.ask(&["which day"]).await.unwrap();
    shop.settle().await;
    let keys = hark_core::crypt::Keyring::generate(&SeededEntropy::new(99));
    let stranger = hark_core::crypt::Vault::new(keys, Arc::new(SeededEntropy::new(98)));
    for (vault, paid) in [(stranger, 2), (vault(), 2)] {
        let store = Some(shop.disk.clone() as Arc<dyn EmbeddingCache>);
        let config = EmbeddingCacheConfig::default();
        let tiers = EmbeddingTiers::new(&config, store, vault, shop.clock.clone(), tenant());
        let embedder: Arc<dyn Embedder> = Arc::new(CachedEmbedder::new(shop.paid.clone(), Arc::new(tiers)));
        ask(&embedder, &scopes()[0], &["which day"]).await.unwrap();
        shop.settle().await;
        assert_eq!(shop.paid.asked().len(), paid);
    }
}

#[tokio::test]
async fn an_erased_callers_words_are_forgotten_everywhere() {
    let shop = Shop::new();
    let [one, two, _] = scopes();
    ask(&shop.embedder, &one, &["mine"]).await.unwrap();
    ask(&shop.embedder, &two, &["yours"]).await.unwrap();
    shop.settle().await;
    assert_eq!(shop.tiers.erase(&one).await.unwrap(), 1);
    assert_eq!(shop.disk.inner.count().await.unwrap(), 1);
    ask(&shop.embedder, &two, &["yours", "mine"]).await.unwrap();
    assert_eq!(shop.paid.asked(), ["mine", "yours", "mine"], "paid for again by whoever says it next");
}

#[tokio::test]
async fn a_late_answer_does_not_bring_an_erased_caller_back() {
    let [one, ..] = scopes();
    for hangs_in in ["embed", "put"] {
        let shop = Shop::new();
        let script = if hangs_in == "embed" { &shop.provider } else { &shop.disk.script };
        script.change(move |method, _| if method == hangs_in { Outcome::Hang } else { Outcome::Pass });
        let asking = tokio::spawn({
            let embedder = shop.embedder.clone();
            async move { ask(&embedder, &scopes()[0], &["mine"]).await }
        });
        shop.settle().await;
        shop.tiers.erase(&one).await.unwrap();
        script.release(1);
        assert_eq!(asking.await.unwrap().unwrap().vectors.len(), 1);
        shop.settle().await;
        assert_eq!(shop.disk.inner.count().await.unwrap(), 0, "hung in {hangs_in}");
        script.change(|_, _| Outcome::Pass);
        shop.ask(&["mine"]).await.unwrap();
        assert_eq!(shop.paid.asked().len(), 2, "hung in {hangs_in}: not in memory either");
    }
}

#[tokio::test]
async fn what_is_used_stays_and_the_rest_is_pruned() {
    let shop = Shop::over(Arc::default(), &EmbeddingCacheConfig { days: 10, ..EmbeddingCacheConfig::default() });
    shop.ask(&["used", "unused"]).await.unwrap();
    shop.settle().await;
    // A new process each time, so that memory does not hide the use.
    let reopened = |disk: &Arc<Disk>, days: i64| {
        let shop = Shop::over(disk.clone(), &EmbeddingCacheConfig { days: 10, ..EmbeddingCacheConfig::default() });
        shop.clock.advance(Span::days(days));
        shop
    };
    let same_day = reopened(&shop.disk, 0);
    same_day.ask(&["used"]).await.unwrap();
    same_day.settle().await;
    let calls = shop.disk.script.calls();
    assert_eq!(calls, 3, "get, put, get: a use on the same day is not worth a write");
    let later = reopened(&shop.disk, 8);
    later.ask(&["used"]).await.unwrap();
    later.settle().await;
    let last = reopened(&shop.disk, 12);
    assert_eq!(last.tiers.prune().await.unwrap(), 1);
    last.ask(&["used", "unused"]).await.unwrap();
    assert_eq!(last.paid.asked(), ["unused"]);

    let small = EmbeddingCacheConfig { max_rows: 1, ..EmbeddingCacheConfig::default() };
    last.settle().await;
    assert_eq!(Shop::over(shop.disk.clone(), &small).tiers.prune().await.unwrap(), 1);
}

#[test]
fn a_local_embedder_is_left_as_it_is() {
    let local = Profiles::same(Arc::new(FakeEmbedder::default()) as Arc<dyn Embedder>);
    let tiers = Shop::new().tiers;
    let around = CachedEmbedder::around(local.clone(), &tiers);
    assert!(Arc::ptr_eq(&around.interactive, &local.interactive));
    assert!(Arc::ptr_eq(&around.background, &local.background));
}
