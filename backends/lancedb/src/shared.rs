//! Tests of what is different where several write, on a folder in an object store's place: they need no store, and hold what
//! is ours. LanceDB's own part is held by `tests/object_storage`.

use crate::store::StoreOptions;
use crate::vector::LanceVectors;
use hark_core::store::{Space, VectorRow, VectorStore};
use hark_core::{MemoryId, Scope, Sector};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

async fn node(dir: &Path) -> Arc<LanceVectors> {
    let connecting = lancedb::connect(dir.to_str().unwrap()).read_consistency_interval(Duration::ZERO);
    Arc::new(LanceVectors::shared(connecting.execute().await.unwrap(), StoreOptions::default(), 5))
}

fn space() -> Space {
    Space { model: "m".into(), dimensions: 2 }
}

fn row(id: &str, vector: [f32; 2]) -> VectorRow {
    VectorRow { id: id.into(), sector: Sector::Semantic, vector: vector.to_vec() }
}

async fn ids(store: &LanceVectors, scope: &Scope) -> Vec<String> {
    let found = store.search(scope, &space(), &[1.0, 0.0], &[], 100).await.unwrap();
    found.into_iter().map(|hit| hit.id.as_str().to_owned()).collect()
}

#[tokio::test]
async fn what_one_does_the_other_sees() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (node(dir.path()).await, node(dir.path()).await);
    let ada = Scope::new("t", "ada");
    assert!(ids(&b, &ada).await.is_empty());
    a.upsert(&ada, &space(), &[row("m1", [1.0, 0.0]), row("m2", [0.0, 1.0])]).await.unwrap();
    b.upsert(&ada, &space(), &[row("m1", [0.0, 1.0]), row("m3", [1.0, 0.0])]).await.unwrap();
    assert_eq!(ids(&a, &ada).await, ["m3", "m1", "m2"]);
    a.delete(&ada, &[MemoryId::from("m3")]).await.unwrap();
    assert_eq!(ids(&b, &ada).await, ["m1", "m2"]);
    let wide = Space { model: "wide".into(), dimensions: 3 };
    let vector = VectorRow { id: "m9".into(), sector: Sector::Semantic, vector: vec![1.0, 0.0, 0.0] };
    b.upsert(&ada, &wide, &[vector]).await.unwrap();
    // A space that this one has never seen.
    a.erase(&ada).await.unwrap();
    assert_eq!((b.count(&wide).await.unwrap(), ids(&b, &ada).await.len()), (0, 0));
    a.purge().await.unwrap();
    b.upsert(&ada, &space(), &[row("m4", [1.0, 0.0])]).await.unwrap();
    assert_eq!(ids(&a, &ada).await, ["m4"]);
    a.close().await.unwrap();
    assert!(a.erase(&ada).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_ids_at_once_are_neither_lost_nor_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (node(dir.path()).await, node(dir.path()).await);
    let ada = Scope::new("t", "ada");
    for round in 0..2 {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (store, ada) = (if writer % 2 == 0 { a.clone() } else { b.clone() }, ada.clone());
                tokio::spawn(async move {
                    for n in 0..6u8 {
                        let rows =
                            [row(&format!("own{writer}_{n}"), [1.0, 0.0]), row(&format!("shared{n}"), [1.0, 0.0])];
                        store.upsert(&ada, &space(), &rows).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!((ids(&a, &ada).await.len(), ids(&b, &ada).await.len()), (30, 30), "round {round}");
        // A table that was emptied knows its key as a new one does.
        b.clear(&space()).await.unwrap();
        assert_eq!(a.count(&space()).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_space_made_at_once_keeps_what_both_have_written() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (node(dir.path()).await, node(dir.path()).await);
    let ada = Scope::new("t", "ada");
    for n in 0..20 {
        let space = Space { model: format!("model{n}"), dimensions: 2 };
        let write = |store: &Arc<LanceVectors>, id: &str| {
            let (store, ada, space, row) = (store.clone(), ada.clone(), space.clone(), row(id, [1.0, 0.0]));
            tokio::spawn(async move { store.upsert(&ada, &space, &[row]).await.unwrap() })
        };
        let (first, second) = (write(&a, "m1"), write(&b, "m2"));
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!((a.count(&space).await.unwrap(), b.count(&space).await.unwrap()), (2, 2), "{n}");
    }
}
