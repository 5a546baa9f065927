//! What goes wrong between a node and its object store.

use crate::proxy::Proxy;
use crate::{fake, ids, node, open, row, section, space};
use hark_core::store::VectorStore;
use hark_core::{Error, ErrorKind, Scope};
use std::future::Future;
use std::sync::Arc;

/// The error, which gives no key away. That it comes at all, when nobody answers, is what `src/store.rs` sees to.
async fn failure<T>(work: impl Future<Output = Result<T, Error>>) -> Error {
    let Err(error) = work.await else { panic!("it must fail") };
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(fake::SECRET) && !shown.contains(fake::KEY), "{shown}");
    error
}

#[tokio::test]
async fn a_store_that_is_not_there_is_told_when_it_is_opened() {
    let nobody = Proxy::new(fake::get().port());
    nobody.cut();
    let error = failure(open(&section("faults/a", &nobody.endpoint()))).await;
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
    assert!(error.context().contains("endpoint"), "{error}");
    nobody.fall_silent();
    let error = failure(open(&section("faults/a", &nobody.endpoint()))).await;
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error:?}");
    assert!(error.is_retriable());
}

#[tokio::test]
async fn a_wrong_key_or_bucket_is_told_with_its_field() {
    let right = section("faults/b", &fake::get().endpoint());
    let error = failure(open(&right.replace(fake::KEY, "somebody"))).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.context().contains("access_key_id"), "{error}");
    let error = failure(open(&right.replace("s3://vectors/", "s3://nowhere/"))).await;
    assert!(error.context().contains("uri"), "{error:?}");
}

#[tokio::test]
async fn a_store_that_goes_away_and_comes_back_has_lost_nothing() {
    let way = Proxy::new(fake::get().port());
    let backend = open(&section("faults/c", &way.endpoint())).await.unwrap();
    let store = backend.vectors().unwrap();
    let ada = Scope::new("t", "ada");
    store.upsert(&ada, &space(), &[row("m1", [1.0, 0.0])]).await.unwrap();
    backend.health().await.unwrap();

    way.cut();
    let error = failure(store.search(&ada, &space(), &[1.0, 0.0], &[], 5)).await;
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
    let error = failure(store.upsert(&ada, &space(), &[row("m2", [1.0, 0.0])])).await;
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, true), "{error:?}");
    failure(store.count(&space())).await;
    failure(store.erase(&ada)).await;
    assert_eq!(failure(backend.health()).await.kind(), ErrorKind::Unavailable);

    way.mend();
    backend.health().await.unwrap();
    assert_eq!(ids(&store, &ada).await, ["m1"]);
    store.upsert(&ada, &space(), &[row("m2", [0.0, 1.0])]).await.unwrap();
    assert_eq!(ids(&store, &ada).await, ["m1", "m2"]);

    way.fall_silent();
    let error = failure(store.search(&ada, &space(), &[1.0, 0.0], &[], 5)).await;
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error:?}");
    assert!(error.is_retriable());
    way.mend();
    assert_eq!(ids(&store, &ada).await, ["m1", "m2"]);
    backend.close().await.unwrap();
    let error = failure(store.upsert(&ada, &space(), &[row("m3", [1.0, 0.0])])).await;
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Unavailable, false));
    assert_eq!(ids(&node("faults/c").await.1, &ada).await, ["m1", "m2"]);
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_can_be_tried_again() {
    let way = Arc::new(Proxy::new(fake::get().port()));
    let backend = open(&section("faults/d", &way.endpoint())).await.unwrap();
    let store = backend.vectors().unwrap();
    let ada = Scope::new("t", "ada");
    store.upsert(&ada, &space(), &[row("m0", [1.0, 0.0])]).await.unwrap();
    for n in 1..=12 {
        // Cut somewhere within the commit, a little later every time.
        let requests = fake::get().requests();
        let cutting = std::thread::spawn({
            let way = way.clone();
            move || {
                while fake::get().requests() < requests + n {
                    std::thread::yield_now();
                }
                way.cut();
            }
        });
        let write = |store: Arc<dyn VectorStore>| {
            let (ada, id) = (ada.clone(), format!("m{n}"));
            async move { store.upsert(&ada, &space(), &[row(&id, [1.0, 0.0])]).await }
        };
        let first = write(store.clone()).await;
        // It may have been done with fewer requests.
        while !cutting.is_finished() {
            fake::get().touch();
        }
        cutting.join().unwrap();
        way.mend();
        if first.is_err() {
            write(store.clone()).await.unwrap();
        }
        assert_eq!(store.count(&space()).await.unwrap(), n as u64 + 1, "neither lost nor doubled");
    }
}

#[tokio::test]
async fn a_damaged_table_is_told_with_the_remedy_and_left_where_it_is() {
    let ada = Scope::new("t", "ada");
    let (backend, store) = node("faults/e").await;
    store.upsert(&ada, &space(), &[row("m1", [1.0, 0.0])]).await.unwrap();
    backend.close().await.unwrap();
    assert!(fake::get().damage("faults/e/m_2_") > 0);
    let error = failure(open(&section("faults/e", &fake::get().endpoint()))).await;
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Corrupt, false), "{error:?}");
    assert!(error.context().contains("delete everything below m_2_"), "{error}");
    assert!(fake::get().damage("faults/e/m_2_") > 0, "it is still there");
}

#[tokio::test]
async fn keys_are_shown_nowhere() {
    let (backend, store) = node("faults/f").await;
    store.upsert(&Scope::new("t", "ada"), &space(), &[row("m1", [1.0, 0.0])]).await.unwrap();
    let shown = format!("{backend:?} {store:?}");
    assert!(!shown.contains(fake::SECRET) && !shown.contains(fake::KEY), "{shown}");
}
