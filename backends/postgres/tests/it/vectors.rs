//! Vectors on pgvector: whose rows are read, many writers, what is damaged or missing.

use crate::concurrency::at_once;
use crate::faults::{address, verdict};
use crate::place::{Place, vault};
use hark_core::ErrorKind::{Config, Corrupt, Invalid, Unavailable};
use hark_core::backend::Role;
use hark_core::store::{Space, VectorRow, VectorStore};
use hark_core::testkit::SeededEntropy;
use hark_core::testkit::fixtures::{memory, scopes, start, vector_row};
use hark_core::{Entropy, MemoryId, Scope};
use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use std::sync::Arc;

const EAST: [f32; 2] = [1.0, 0.0];
const NORTH: [f32; 2] = [0.0, 1.0];

fn space(model: &str, dimensions: usize) -> Space {
    Space { model: model.to_owned(), dimensions }
}

fn caller(n: usize) -> Scope {
    Scope::new("acme", format!("usr_{n}"))
}

async fn ids(store: &dyn VectorStore, scope: &Scope, space: &Space, query: &[f32]) -> Vec<String> {
    let hits = store.search(scope, space, query, &[], 100).await.expect("an answer");
    hits.into_iter().map(|hit| hit.id.to_string()).collect()
}

async fn number(connection: &mut PgConnection, sql: impl Into<String>) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.into())).fetch_one(connection).await.expect("a row")
}

/// What the server counted of a table: scans of all of it, and rows that were fetched by its key.
pub(crate) async fn reads(place: &Place, table: &str) -> (i64, i64) {
    sqlx::query_as("SELECT seq_scan, idx_tup_fetch FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = $2")
        .bind(&place.name)
        .bind(table)
        .fetch_one(&mut place.stranger().await)
        .await
        .expect("a row")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_reads_the_callers_own_vectors_and_no_others() {
    const CALLERS: usize = 500;
    const EACH: usize = 20;
    const SEARCHES: i64 = 12;
    let place = Place::new();
    let (store, m) = (place.migrated().await, space("m", 8));
    let mut rows = Vec::new();
    for n in 0..CALLERS * EACH {
        let vector = [1.0, n as f32, 0.0, 2.0, 0.0, 0.0, 1.0, 0.5];
        rows.push((caller(n % CALLERS), vector_row(&format!("mem_{n}"), &vector)));
    }
    store.vectors().upsert_many(&m, &rows).await.unwrap();
    store.0.close().await.unwrap();
    for analysed in [false, true] {
        if analysed {
            place.tamper("ANALYZE vectors_1").await;
        }
        let store = place.migrated().await;
        let before = reads(&place, "vectors_1").await;
        // More often than the server plans for the values that are asked for, before it takes one plan for all.
        for n in 0..SEARCHES {
            let found = ids(&*store.vectors(), &caller(usize::try_from(n).unwrap()), &m, &[1.0; 8]).await;
            assert_eq!(found.len(), EACH);
            store.vectors().load(&caller(7), &m, 100).await.unwrap();
        }
        store.vectors().erase(&caller(CALLERS + 1)).await.unwrap();
        // A connection tells what it has read when it ends.
        store.0.close().await.unwrap();
        place.no_connections().await;
        let after = reads(&place, "vectors_1").await;
        assert_eq!(after.0, before.0, "nobody reads the whole table (analysed: {analysed})");
        assert_eq!(after.1 - before.1, 2 * SEARCHES * i64::try_from(EACH).unwrap(), "analysed: {analysed}");
    }
    let plan: Vec<String> =
        sqlx::query_scalar("EXPLAIN SELECT id FROM vectors_1 WHERE tenant = 'acme' AND caller = 'usr_7'")
            .fetch_all(&mut place.stranger().await)
            .await
            .unwrap();
    assert!(plan.join("\n").contains("((tenant = 'acme'::text) AND (caller = 'usr_7'::text))"), "{plan:?}");
    assert!(plan.join("\n").contains("vectors_1_pkey"), "{plan:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_write_and_remove_the_same_vectors_at_once_all_get_through() {
    let place = Place::new();
    let nodes = Arc::new([place.migrated().await, place.migrated().await, place.migrated().await]);
    let (one, m) = (caller(1), space("m", 2));
    at_once(12, |n| {
        let (nodes, one, m) = (Arc::clone(&nodes), one.clone(), m.clone());
        async move {
            let store = nodes[n % 3].vectors();
            let mut rows: Vec<_> = (0..40).map(|i| vector_row(&format!("mem_{i}"), &EAST)).collect();
            let mut ids: Vec<_> = rows.iter().map(|row| row.id.clone()).collect();
            // In one order or the other: locks taken as they come would make a ring.
            if n % 2 == 0 {
                rows.reverse();
                ids.reverse();
            }
            rows.push(vector_row(&format!("mem_own_{n}"), &NORTH));
            for _ in 0..5 {
                store.upsert(&one, &m, &rows).await.unwrap();
                store.delete(&one, &ids).await.unwrap();
            }
        }
    })
    .await;
    let found = ids(&*nodes[0].vectors(), &one, &m, &NORTH).await;
    assert_eq!(found.len(), 12, "each writer's own, and of the others none: {found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_nodes_that_write_to_new_spaces_at_once_make_each_but_once() {
    let place = Place::new();
    let mut nodes = Vec::new();
    for _ in 0..6 {
        nodes.push(place.migrated().await);
    }
    let nodes = Arc::new(nodes);
    at_once(12, |n| {
        let nodes = Arc::clone(&nodes);
        async move {
            let m = space(["a", "b"][n % 2], 2);
            nodes[n % 6].vectors().upsert(&caller(n), &m, &[vector_row("mem_1", &EAST)]).await.unwrap();
        }
    })
    .await;
    for model in ["a", "b"] {
        assert_eq!(nodes[0].vectors().count(&space(model, 2)).await.unwrap(), 6);
    }
    let mut stranger = place.stranger().await;
    assert_eq!(number(&mut stranger, "SELECT count(*) FROM spaces").await, 2);
}

#[tokio::test]
async fn a_space_is_as_wide_as_its_model_and_wider_ones_are_kept_beside_it() {
    let place = Place::new();
    let (store, one) = (place.migrated().await.vectors(), caller(1));
    // In a page and beside it, and the widest there is.
    for width in [1, 384, 1_800, 1_801, 3_072, 16_000] {
        let m = space("m", width);
        let vector: Vec<f32> = (0..width).map(|n| (n % 7) as f32 + 0.25).collect();
        let row = VectorRow { vector: vector.clone(), ..vector_row("mem_1", &EAST) };
        store.upsert(&one, &m, std::slice::from_ref(&row)).await.unwrap();
        assert_eq!(store.load(&one, &m, 1).await.unwrap().unwrap(), [row], "{width}");
        let hit = store.search(&one, &m, &vector, &[], 1).await.unwrap().remove(0);
        assert!((hit.score - 1.0).abs() < 1e-3, "{width}: {}", hit.score);
    }
    for width in [0, 16_001] {
        let row = VectorRow { vector: vec![1.0; width], ..vector_row("mem_1", &EAST) };
        let error = store.upsert(&one, &space("m", width), &[row]).await.unwrap_err();
        assert_eq!(verdict(&error), (Invalid, false), "{width}: {error:?}");
        assert!(error.context().contains("1 to 16000"), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_a_number_is_refused_and_what_has_no_direction_is_across() {
    let place = Place::new();
    let (store, one, m) = (place.migrated().await.vectors(), caller(1), space("m", 2));
    store.upsert(&one, &m, &[vector_row("mem_1", &EAST)]).await.unwrap();
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let bad = VectorRow { vector: vec![odd, 0.0], ..vector_row("mem_2", &EAST) };
        // The last of an id counts, but all must be fit to be kept.
        let rows = [bad, vector_row("mem_2", &NORTH)];
        assert_eq!(verdict(&store.upsert(&one, &m, &rows).await.unwrap_err()), (Invalid, false));
        let asked = store.search(&one, &m, &[odd, 0.0], &[], 5).await;
        assert_eq!(verdict(&asked.unwrap_err()), (Invalid, false));
    }
    assert_eq!(store.count(&m).await.unwrap(), 1);
    let nowhere = VectorRow { vector: vec![0.0, 0.0], ..vector_row("mem_0", &EAST) };
    store.upsert(&one, &m, &[nowhere, vector_row("mem_w", &[-1.0, 0.0])]).await.unwrap();
    assert_eq!(ids(&*store, &one, &m, &EAST).await, ["mem_1", "mem_0", "mem_w"]);
    let hits = store.search(&one, &m, &[0.0, 0.0], &[], 5).await.unwrap();
    assert!(hits.len() == 3 && hits.iter().all(|hit| hit.score == 0.0), "{hits:?}");
}

#[tokio::test]
async fn hostile_names_stay_names_and_too_long_ones_are_refused() {
    let place = Place::new();
    let (store, m) = (place.migrated().await.vectors(), space("'; DROP TABLE spaces; --\" $1", 2));
    let hostile = ["a", "", "a' OR '1'='1", "%", "a:1", "\u{202e}a", "é", "e\u{301}", "\\'", "`;--", "$1", "\""];
    let scopes: Vec<_> = hostile.iter().flat_map(|t| hostile.iter().map(|c| Scope::new(*t, *c))).collect();
    let rows = scopes.iter().enumerate().map(|(n, scope)| (scope.clone(), vector_row(hostile[n % 12], &EAST)));
    let rows: Vec<_> = rows.collect();
    for _ in 0..2 {
        store.upsert_many(&m, &rows).await.unwrap();
    }
    assert_eq!(store.count(&m).await.unwrap(), 144);
    for (scope, row) in &rows {
        assert_eq!(ids(&*store, scope, &m, &EAST).await, [row.id.as_str()], "{scope:?}");
    }
    store.erase(&rows[13].0).await.unwrap();
    assert_eq!(store.count(&m).await.unwrap(), 143);
    for (scope, id) in [
        (Scope::new("t", SeededEntropy::new(1).hex(5_000)), "mem_1"),
        (Scope::new("t", "c\0tortoise"), "mem_1"),
        (Scope::new("t", "c"), "mem_\0tortoise"),
    ] {
        let error = store.upsert(&scope, &m, &[vector_row(id, &EAST)]).await.unwrap_err();
        assert_eq!(verdict(&error), (Invalid, false), "{error:?}");
        assert!(!format!("{error:?}").contains("tortoise"), "{error:?}");
    }
    assert_eq!(store.count(&m).await.unwrap(), 143);
}

#[tokio::test]
async fn a_value_nobody_wrote_is_corrupt_and_a_dropped_table_is_an_empty_space() {
    let place = Place::new();
    let (one, m) = (caller(1), space("m", 2));
    let store = place.migrated().await.vectors();
    store.upsert(&one, &m, &[vector_row("mem_1", &EAST)]).await.unwrap();
    place.tamper("UPDATE vectors_1 SET sector = 'gossip about Sam'").await;
    let error = store.load(&one, &m, 5).await.unwrap_err();
    assert_eq!(verdict(&error), (Corrupt, false), "{error:?}");
    assert!(!format!("{error:?}").contains("Sam"), "{error:?}");
    store.upsert(&one, &m, &[vector_row("mem_1", &EAST)]).await.unwrap();
    assert_eq!(store.load(&one, &m, 5).await.unwrap().unwrap().len(), 1, "written anew it is whole");

    place.tamper("DROP TABLE vectors_1").await;
    let store = place.migrated().await.vectors();
    assert_eq!(store.count(&m).await.unwrap(), 0);
    assert_eq!(ids(&*store, &one, &m, &EAST).await.len(), 0);
    store.delete(&one, &[MemoryId::from("mem_1")]).await.unwrap();
    store.purge().await.unwrap();
    store.upsert(&one, &m, &[vector_row("mem_2", &EAST)]).await.unwrap();
    assert_eq!(ids(&*store, &one, &m, &EAST).await, ["mem_2"]);
}

#[tokio::test]
async fn purging_gives_back_what_was_erased_from_every_space() {
    let place = Place::new();
    let store = place.migrated().await.vectors();
    store.purge().await.unwrap();
    let (a, wide) = (space("a", 2), space("b", 3_072));
    for n in 0..2 {
        store.upsert(&caller(n), &a, &[vector_row("mem_1", &EAST)]).await.unwrap();
        let row = VectorRow { vector: vec![0.5; 3_072], ..vector_row("mem_1", &EAST) };
        store.upsert(&caller(n), &wide, &[row]).await.unwrap();
    }
    let mut stranger = place.stranger().await;
    // Vectors that are too wide for a page lie in a table beside it.
    const BESIDE: &str = "SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = 'vectors_2'::regclass";
    assert!(number(&mut stranger, BESIDE).await > 0);
    store.erase(&caller(1)).await.unwrap();
    store.purge().await.unwrap();
    assert_eq!(ids(&*store, &caller(0), &a, &EAST).await, ["mem_1"]);
    store.erase(&caller(0)).await.unwrap();
    for _ in 0..2 {
        store.purge().await.unwrap();
        assert_eq!(
            number(&mut stranger, "SELECT pg_relation_size('vectors_1')").await,
            0,
            "its only page is given back"
        );
        assert_eq!(number(&mut stranger, BESIDE).await, 0);
    }
    for m in [&a, &wide] {
        assert_eq!(store.count(m).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn without_pgvector_everything_but_vectors_works_and_the_error_says_what_to_do() {
    let place = Place::new();
    let name = &place.name;
    // A database without the extension, and somebody who may not make it there.
    for sql in [format!("CREATE DATABASE {name}"), format!("CREATE ROLE {name} LOGIN PASSWORD 'right'")] {
        place.tamper(sql).await;
    }
    place.elsewhere(name, format!("CREATE SCHEMA {name} AUTHORIZATION {name}")).await;
    let url = address(|options| options.database(name).username(name).password("right"));
    let store = place.opened(json!({"url": &url}), Some(vault())).await.unwrap();
    store.migrate().unwrap().run().await.unwrap();
    let ([one, ..], m) = (scopes(), space("m", 2));
    store.memory().unwrap().ensure_user(&one.tenant, &[], &one.caller, start()).await.unwrap();
    store.memory().unwrap().put_memories(&one, &[memory("mem_1", "Likes tea")]).await.unwrap();
    assert_eq!(store.keywords().unwrap().count().await.unwrap(), 0);
    store.health().await.unwrap();

    assert!(store.vectors().is_none());
    let why = store.why_not(Role::Vectors).unwrap();
    assert!(why.contains("CREATE EXTENSION vector") && why.contains("another backend"), "{why}");
    assert_eq!(store.why_not(Role::Keywords), None);
    store.close().await.unwrap();

    place.elsewhere(name, "CREATE EXTENSION vector").await;
    let store = place.opened(json!({"url": url}), Some(vault())).await.unwrap();
    assert_eq!(store.why_not(Role::Vectors), None);
    let (vectors, row) = (store.vectors().unwrap(), [vector_row("mem_1", &EAST)]);
    // Gone again before anything is written: an error then, and nothing to be found or forgotten.
    place.elsewhere(name, "DROP EXTENSION vector").await;
    let error = vectors.upsert(&one, &m, &row).await.unwrap_err();
    assert_eq!(verdict(&error), (Config, false), "{error:?}");
    assert!(error.context().contains("CREATE EXTENSION vector"), "{error}");
    assert_eq!(ids(&*vectors, &one, &m, &EAST).await.len(), 0);
    vectors.erase(&one).await.unwrap();
    vectors.purge().await.unwrap();
    place.elsewhere(name, "CREATE SCHEMA \"Odd Place\"; CREATE EXTENSION vector SCHEMA \"Odd Place\"").await;
    place.elsewhere(name, format!("GRANT USAGE ON SCHEMA \"Odd Place\" TO {name}")).await;
    vectors.upsert(&one, &m, &row).await.unwrap();
    assert_eq!(ids(&*vectors, &one, &m, &EAST).await, ["mem_1"]);
    store.close().await.unwrap();
    for sql in [format!("DROP DATABASE {name}"), format!("DROP ROLE {name}")] {
        place.tamper(sql).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_end_are_noticed_by_no_search_and_a_closed_store_says_so() {
    let place = Place::new();
    let (store, one, m) = (place.migrated().await, caller(1), space("m", 2));
    store.vectors().upsert(&one, &m, &[vector_row("mem_1", &EAST)]).await.unwrap();
    for _ in 0..2 {
        place.end_connections().await;
        assert_eq!(ids(&*store.vectors(), &one, &m, &EAST).await, ["mem_1"]);
        place.end_connections().await;
        store.vectors().upsert(&one, &m, &[vector_row("mem_1", &EAST)]).await.unwrap();
    }
    store.0.close().await.unwrap();
    let error = store.vectors().search(&one, &m, &EAST, &[], 5).await.unwrap_err();
    assert_eq!(verdict(&error), (Unavailable, false), "{error:?}");
}
