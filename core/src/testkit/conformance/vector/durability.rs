//! What was written is there after the process has ended, where the store says so.

use super::{found, id, space};
use crate::store::VectorStore;
use crate::testkit::Reopen;
use crate::testkit::fixtures::{scopes, vector_row};
use crate::testkit::suite::Must;

type Place<'a> = &'a dyn Reopen<dyn VectorStore>;

const EAST: [f32; 2] = [1.0, 0.0];

/// "Keeps its content when the process ends."
pub async fn vectors_survive_reopening(place: Place<'_>) {
    let ([one, two, _], a, b) = (scopes(), space("a", 2), space("b", 2));
    let store = place.open().await;
    assert!(store.caps().durable, "a store that runs this suite says that it is durable");
    store.upsert(&one, &a, &[vector_row("mem_1", &EAST), vector_row("mem_2", &[0.0, 1.0])]).await.must();
    store.upsert(&two, &b, &[vector_row("mem_3", &EAST)]).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(found(&*store, &one, &a, &EAST).await, ["mem_1", "mem_2"]);
    assert_eq!(found(&*store, &two, &b, &EAST).await, ["mem_3"]);
    assert_eq!(found(&*store, &two, &a, &EAST).await.len(), 0);
    store.upsert(&one, &a, &[vector_row("mem_4", &EAST)]).await.must();
    assert_eq!(store.count(&a).await.must(), 3);
    place.close(store).await;
}

/// Forgetting is as durable as learning.
pub async fn removed_vectors_stay_removed_after_reopening(place: Place<'_>) {
    let ([one, two, _], a, b) = (scopes(), space("a", 2), space("b", 2));
    let store = place.open().await;
    for m in [&a, &b] {
        store.upsert(&one, m, &[vector_row("mem_1", &EAST), vector_row("mem_2", &EAST)]).await.must();
        store.upsert(&two, m, &[vector_row("mem_3", &EAST)]).await.must();
    }
    store.delete(&one, &[id("mem_1")]).await.must();
    store.erase(&two).await.must();
    store.clear(&b).await.must();
    place.close(store).await;

    let store = place.open().await;
    assert_eq!(found(&*store, &one, &a, &EAST).await, ["mem_2"]);
    assert_eq!((store.count(&a).await.must(), store.count(&b).await.must()), (1, 0));
    assert_eq!(found(&*store, &two, &a, &EAST).await.len(), 0);
    place.close(store).await;
}
