//! What was written is there after the process has ended, where the store says so.

use super::{found, found_any_order, id};
use crate::store::KeywordStore;
use crate::testkit::Reopen;
use crate::testkit::fixtures::{keyword_doc, scopes};
use crate::testkit::suite::Must;

type Place<'a> = &'a dyn Reopen<dyn KeywordStore>;

/// "Keeps its content when the process ends."
pub async fn documents_survive_reopening(place: Place<'_>) {
    let [one, two, _] = scopes();
    let store = place.open().await;
    assert!(store.caps().durable, "a store that runs this suite says that it is durable");
    store.upsert(&one, &["mem_1", "mem_2"].map(|id| keyword_doc(id, "Likes pizza"))).await.must();
    store.upsert(&two, &[keyword_doc("mem_3", "Likes tea")]).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(found_any_order(&*store, &one, "pizza").await, ["mem_1", "mem_2"]);
    assert_eq!(found(&*store, &two, "tea").await, ["mem_3"]);
    store.upsert(&one, &[keyword_doc("mem_1", "Likes lasagne")]).await.must();
    assert_eq!(found(&*store, &one, "pizza").await, ["mem_2"]);
    assert_eq!(store.count().await.must(), 3);
    place.close(store).await;
}

/// Forgetting is as durable as learning.
pub async fn removed_documents_stay_removed_after_reopening(place: Place<'_>) {
    let [one, two, other] = scopes();
    let store = place.open().await;
    store.upsert(&one, &["mem_1", "mem_2"].map(|id| keyword_doc(id, "Likes pizza"))).await.must();
    store.upsert(&two, &[keyword_doc("mem_3", "Likes pizza")]).await.must();
    store.delete(&one, &[id("mem_1")]).await.must();
    store.erase(&two).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(found(&*store, &one, "pizza").await, ["mem_2"]);
    assert_eq!(found(&*store, &two, "pizza").await.len(), 0);
    assert_eq!(store.count().await.must(), 1);
    store.upsert(&other, &[keyword_doc("mem_4", "Likes pizza")]).await.must();
    store.clear().await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(store.count().await.must(), 0);
    place.close(store).await;
}
