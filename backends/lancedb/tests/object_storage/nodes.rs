//! Several nodes on one place: each is a backend of its own, with nothing in common but the bucket.

use crate::{fake, ids, node, open, row, section, space};
use hark_core::store::{Space, VectorRow};
use hark_core::{MemoryId, Scope, Sector};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test]
async fn what_one_node_does_another_sees_at_its_next_search() {
    // Both are open before there is a table.
    let ((_a, a), (_b, b)) = (node("nodes/sees").await, node("nodes/sees").await);
    let (ada, bob) = (Scope::new("t", "ada"), Scope::new("t", "bob"));
    assert!(ids(&b, &ada).await.is_empty());
    a.upsert(&ada, &space(), &[row("m1", [1.0, 0.0]), row("m2", [0.0, 1.0])]).await.unwrap();
    assert_eq!(ids(&b, &ada).await, ["m1", "m2"]);
    b.upsert(&ada, &space(), &[row("m1", [0.0, 1.0]), row("m3", [1.0, 0.0])]).await.unwrap();
    assert_eq!(ids(&a, &ada).await, ["m3", "m1", "m2"], "replaced, not doubled");
    assert_eq!(a.count(&space()).await.unwrap(), 3);
    a.delete(&ada, &[MemoryId::from("m3")]).await.unwrap();
    assert_eq!(ids(&b, &ada).await, ["m1", "m2"]);
    // A space that the one who erases has never seen.
    let wide = Space { model: "wide".into(), dimensions: 3 };
    let vector = VectorRow { id: "m9".into(), sector: Sector::Semantic, vector: vec![1.0, 0.0, 0.0] };
    b.upsert_many(&wide, &[(ada.clone(), vector.clone()), (bob.clone(), vector)]).await.unwrap();
    a.erase(&ada).await.unwrap();
    assert!(ids(&b, &ada).await.is_empty());
    assert_eq!(b.load(&ada, &wide, 9).await.unwrap().unwrap(), []);
    assert_eq!(b.count(&wide).await.unwrap(), 1, "the other caller's stays");
    a.clear(&wide).await.unwrap();
    assert_eq!(b.count(&wide).await.unwrap(), 0);
    a.optimise().await.unwrap();
    b.upsert(&bob, &space(), &[row("m4", [1.0, 0.0])]).await.unwrap();
    assert_eq!(ids(&a, &bob).await, ["m4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_write_at_once_lose_and_double_nothing() {
    // The one merges small files after every fifth write, beside whatever the other does.
    let often =
        section("nodes/crowd", &fake::get().endpoint()).replace("\"region\"", "\"compact_after\": 5, \"region\"");
    let a = open(&often).await.unwrap();
    let (a, b) = ((a.clone(), a.vectors().unwrap()), node("nodes/crowd").await);
    // A table that was emptied knows its key as a new one does.
    b.1.upsert(&Scope::new("t", "all"), &space(), &[row("old", [1.0, 0.0])]).await.unwrap();
    a.1.clear(&space()).await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let store = if writer % 2 == 0 { a.1.clone() } else { b.1.clone() };
            tokio::spawn(async move {
                let scope = Scope::new("t", format!("caller{}", writer % 4));
                for n in 0..6 {
                    // One id of one's own; and one that the other node writes too, at about the same time.
                    let shared = row(&format!("shared{n}"), [1.0, 0.0]);
                    let rows = [row(&format!("m{writer}_{n}"), [1.0, 0.0]), shared];
                    store.upsert(&Scope::new("t", "all"), &space(), &rows[1..]).await.unwrap();
                    store.upsert(&scope, &space(), &rows).await.unwrap();
                    if n == 3 {
                        store.delete(&scope, &[MemoryId::from(format!("m{writer}_0").as_str())]).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let upkeep = tokio::spawn({
        let store = a.1.clone();
        async move { store.optimise().await.unwrap() }
    });
    for writer in writers {
        writer.await.unwrap();
    }
    upkeep.await.unwrap();
    // Four callers: two writers' five ids each, and the six that both wrote; and the six of "all".
    let (store, other) = (&a.1, &b.1);
    for caller in 0..4 {
        let mut found = ids(store, &Scope::new("t", format!("caller{caller}"))).await;
        found.sort();
        let own = [caller, caller + 4].into_iter().flat_map(|writer| (1..6).map(move |n| format!("m{writer}_{n}")));
        let expected: Vec<String> = own.chain((0..6).map(|n| format!("shared{n}"))).collect();
        assert_eq!(found, expected, "caller {caller}");
    }
    assert_eq!(ids(other, &Scope::new("t", "all")).await.len(), 6);
    assert_eq!(other.count(&space()).await.unwrap(), 4 * 16 + 6);
    other.optimise().await.unwrap();
    assert_eq!(store.count(&space()).await.unwrap(), 4 * 16 + 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_that_is_replaced_is_never_missing_on_another_node() {
    let ((_a, a), (_b, b)) = (node("nodes/replaced").await, node("nodes/replaced").await);
    let ada = Scope::new("t", "ada");
    a.upsert(&ada, &space(), &[row("m1", [1.0, 0.0])]).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (ada, is_over) = (ada.clone(), is_over.clone());
        async move {
            let mut searches = 0;
            while !is_over.load(Ordering::SeqCst) {
                assert_eq!(ids(&b, &ada).await, ["m1"]);
                searches += 1;
            }
            searches
        }
    });
    for n in 0..15u8 {
        a.upsert(&ada, &space(), &[row("m1", [1.0, f32::from(n)])]).await.unwrap();
    }
    is_over.store(true, Ordering::SeqCst);
    assert!(reader.await.unwrap() >= 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_make_the_same_space_at_once_share_it() {
    let mut nodes = Vec::new();
    for _ in 0..4 {
        nodes.push(node("nodes/born").await);
    }
    let tasks: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(n, (_, store))| {
            let store = store.clone();
            tokio::spawn(async move {
                store.upsert(&Scope::new("t", "ada"), &space(), &[row(&format!("m{n}"), [1.0, 0.0])]).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    for (_, store) in &nodes {
        assert_eq!(ids(store, &Scope::new("t", "ada")).await, ["m0", "m1", "m2", "m3"]);
    }
}

#[tokio::test]
async fn what_was_erased_leaves_the_bucket() {
    // Numbers that are nowhere else, as they stand in a file.
    let planted = [0.123_456_79_f32, 0.987_654_3];
    let bytes: Vec<u8> = planted.iter().flat_map(|number| number.to_le_bytes()).collect();
    let ((_a, a), (_b, b)) = (node("nodes/erased").await, node("nodes/erased").await);
    // The bucket is shared with other tests, who know nobody of this name.
    let (augusta, bob) = (Scope::new("t", "augusta"), Scope::new("t", "bob"));
    a.upsert(&augusta, &space(), &[row("m1", planted), row("m2", [1.0, 0.5])]).await.unwrap();
    for n in 0..3 {
        b.upsert(&bob, &space(), &[row(&format!("m{n}"), [0.25, 0.5])]).await.unwrap();
    }
    assert!(!fake::get().holding(&bytes).is_empty(), "the plant is found where it is");
    // The other node forgets it and cleans up.
    b.erase(&augusta).await.unwrap();
    b.purge().await.unwrap();
    assert_eq!(ids(&a, &bob).await.len(), 3);
    // Ten minutes later `purge` lets go of the versions that are ten minutes old; here at once, in the same way.
    let table = lance("nodes/erased").await;
    let prune = lancedb::table::OptimizeAction::Prune {
        older_than: Some(lancedb::table::Duration::zero()),
        delete_unverified: None,
        error_if_tagged_old_versions: None,
    };
    table.optimize(prune).await.unwrap();
    assert_eq!(fake::get().holding(&bytes), Vec::<String>::new());
    assert_eq!(fake::get().holding(b"7:augusta"), Vec::<String>::new(), "nor who it was");
    assert_eq!((ids(&a, &bob).await.len(), ids(&b, &bob).await.len()), (3, 3));
}

/// What a bill depends on, and the time on the phone.
#[expect(clippy::print_stdout, reason = "figures for the README")]
#[tokio::test]
async fn a_search_and_a_write_ask_the_store_a_few_times() {
    let ((_a, a), (_b, b)) = (node("cost").await, node("cost").await);
    let scope = |n: usize| Scope::new("t", format!("caller{n}"));
    let rows: Vec<_> = (0..6_000).map(|n| (scope(n % 60), row(&format!("m{n}"), [1.0, n as f32]))).collect();
    a.upsert_many(&space(), &rows).await.unwrap();
    a.optimise().await.unwrap();
    let mut counts = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for n in 0..5 {
        let before = fake::get().requests();
        ids(&a, &scope(7)).await;
        let searched = fake::get().requests();
        a.upsert(&scope(7), &space(), &[row(&format!("new{n}"), [1.0, 0.0])]).await.unwrap();
        let written = fake::get().requests();
        ids(&b, &scope(7)).await;
        let searched_elsewhere = fake::get().requests();
        a.delete(&scope(7), &[MemoryId::from(format!("new{n}").as_str())]).await.unwrap();
        let steps = [before, searched, written, searched_elsewhere, fake::get().requests()];
        counts.iter_mut().zip(steps.windows(2)).for_each(|(counts, step)| counts.push(step[1] - step[0]));
    }
    println!("requests of a search, a write, a search after it on another node, a deletion: {counts:?}");
    // Bounds, not figures: other tests of this process may ask meanwhile.
    let most = [20, 40, 40, 40];
    for (counts, most) in counts.iter().zip(most) {
        assert!(counts.iter().min().is_some_and(|least| *least <= most), "{counts:?}");
    }
}

/// The table of the space, past Hark.
async fn lance(prefix: &str) -> lancedb::Table {
    let options = [
        ("aws_endpoint", fake::get().endpoint()),
        ("allow_http", "true".to_owned()),
        ("aws_region", "us-east-1".to_owned()),
        ("aws_access_key_id", fake::KEY.to_owned()),
        ("aws_secret_access_key", fake::SECRET.to_owned()),
    ];
    let uri = format!("s3://{}/{prefix}", fake::BUCKET);
    let connection = lancedb::connect(&uri).storage_options(options).execute().await.unwrap();
    let names = connection.table_names().execute().await.unwrap();
    connection.open_table(&names[0]).execute().await.unwrap()
}
