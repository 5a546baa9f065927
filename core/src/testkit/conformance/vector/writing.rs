//! Writing, loading, removing.

use super::{found, id, space};
use crate::store::{VectorRow, VectorStore};
use crate::testkit::fixtures::{ODD_TEXTS, scopes, vector_row};
use crate::testkit::suite::{Must, race};
use crate::{ErrorKind, Scope, Sector};
use std::sync::Arc;

const EAST: [f32; 2] = [1.0, 0.0];
const NORTH: [f32; 2] = [0.0, 1.0];

/// "What is written is found by the next call."
pub async fn what_is_written_is_found_by_the_next_call(store: Arc<dyn VectorStore>) {
    let ([one, ..], m) = (scopes(), space("m", 2));
    for i in 1..=5 {
        store.upsert(&one, &m, &[vector_row(&format!("mem_{i}"), &EAST)]).await.must();
        assert_eq!(found(&*store, &one, &m, &EAST).await.len(), i);
        assert_eq!(store.count(&m).await.must(), i as u64);
        assert_eq!(store.load(&one, &m, 10).await.must().must().len(), i);
    }
}

/// "An id that is there is replaced": vector and sector.
pub async fn a_vector_that_is_there_is_replaced(store: Arc<dyn VectorStore>) {
    let ([one, ..], m) = (scopes(), space("m", 2));
    store.upsert(&one, &m, &[vector_row("mem_1", &EAST), vector_row("mem_2", &EAST)]).await.must();
    let moved = VectorRow { sector: Sector::Episodic, ..vector_row("mem_1", &NORTH) };
    store.upsert(&one, &m, std::slice::from_ref(&moved)).await.must();
    assert_eq!(store.count(&m).await.must(), 2);
    assert_eq!(found(&*store, &one, &m, &NORTH).await, ["mem_1", "mem_2"]);
    assert_eq!(store.search(&one, &m, &NORTH, &[Sector::Semantic], 5).await.must().len(), 1);
    let rows = store.load(&one, &m, 5).await.must().must();
    assert_eq!(rows.into_iter().find(|r| r.id == moved.id), Some(moved));
}

/// "An error of kind `Invalid` and nothing is written."
pub async fn a_wrong_width_is_invalid_and_writes_nothing(store: Arc<dyn VectorStore>) {
    let ([one, two, _], m) = (scopes(), space("m", 2));
    for wrong in [vec![], vec![1.0], vec![1.0, 0.0, 0.0]] {
        let bad = VectorRow { vector: wrong, ..vector_row("mem_bad", &EAST) };
        let batch = [vector_row("mem_good", &EAST), bad.clone(), vector_row("mem_fine", &EAST)];
        let error = store.upsert(&one, &m, &batch).await.expect_err("the width is wrong");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
        let many = [(one.clone(), vector_row("mem_good", &EAST)), (two.clone(), bad)];
        let error = store.upsert_many(&m, &many).await.expect_err("the width is wrong");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    }
    assert_eq!(store.count(&m).await.must(), 0);
    assert_eq!(found(&*store, &one, &m, &EAST).await.len(), 0);
}

/// "For many callers at once."
pub async fn vectors_of_many_callers_are_written_at_once(store: Arc<dyn VectorStore>) {
    let (scopes, m) = (scopes(), space("m", 2));
    store.upsert(&scopes[0], &m, &[vector_row("mem_0", &NORTH)]).await.must();
    let rows: Vec<_> = (0..9).map(|i| (scopes[i % 3].clone(), vector_row(&format!("mem_{i}"), &EAST))).collect();
    store.upsert_many(&m, &rows).await.must();
    assert_eq!(store.count(&m).await.must(), 9, "what was there is replaced");
    for (i, scope) in scopes.iter().enumerate() {
        let mut own = found(&*store, scope, &m, &EAST).await;
        own.sort();
        assert_eq!(own, [0, 3, 6].map(|n| format!("mem_{}", n + i)));
    }
}

/// Empty inputs are no work, and no error.
pub async fn nothing_to_write_or_delete_is_fine(store: Arc<dyn VectorStore>) {
    let ([one, ..], m) = (scopes(), space("m", 2));
    for _ in 0..2 {
        store.upsert(&one, &m, &[]).await.must();
        store.upsert_many(&m, &[]).await.must();
        store.delete(&one, &[]).await.must();
        store.optimise().await.must();
        assert_eq!(store.count(&m).await.must(), 0);
    }
    store.upsert(&one, &m, &[vector_row("mem_1", &EAST)]).await.must();
    store.delete(&one, &[]).await.must();
    assert_eq!(store.count(&m).await.must(), 1);
}

/// Nothing given under a scope is visible or touched under another, even by an id both use.
pub async fn vectors_of_others_are_never_found_loaded_or_touched(store: Arc<dyn VectorStore>) {
    let ([one, two, other], m) = (scopes(), space("m", 2));
    let mine = vector_row("mem_1", &EAST);
    store.upsert(&one, &m, std::slice::from_ref(&mine)).await.must();
    for stranger in [&two, &other] {
        assert_eq!(found(&*store, stranger, &m, &EAST).await.len(), 0);
        assert_eq!(store.load(stranger, &m, 10).await.must(), Some(vec![]));
        store.upsert(stranger, &m, &[vector_row("mem_1", &NORTH)]).await.must();
        assert_eq!(store.load(&one, &m, 10).await.must(), Some(vec![mine.clone()]));
        store.delete(stranger, &[id("mem_1")]).await.must();
        store.erase(stranger).await.must();
        assert_eq!(found(&*store, stranger, &m, &EAST).await.len(), 0);
        assert_eq!(store.load(&one, &m, 10).await.must(), Some(vec![mine.clone()]));
    }
    assert_eq!(store.count(&m).await.must(), 1);
}

/// "Vectors of two spaces are never compared": models differ, or widths.
pub async fn spaces_are_kept_apart(store: Arc<dyn VectorStore>) {
    let [one, ..] = scopes();
    let (a, b, wide) = (space("a", 2), space("b", 2), space("a", 3));
    store.upsert(&one, &a, &[vector_row("mem_1", &EAST)]).await.must();
    store.upsert(&one, &b, &[vector_row("mem_2", &EAST), vector_row("mem_1", &NORTH)]).await.must();
    store.upsert(&one, &wide, &[vector_row("mem_3", &[1.0, 0.0, 0.0])]).await.must();
    assert_eq!(found(&*store, &one, &a, &EAST).await, ["mem_1"]);
    assert_eq!(found(&*store, &one, &b, &EAST).await, ["mem_2", "mem_1"]);
    assert_eq!(found(&*store, &one, &wide, &[1.0, 0.0, 0.0]).await, ["mem_3"]);
    for (space, count) in [(&a, 1), (&b, 2), (&wide, 1)] {
        assert_eq!(store.count(space).await.must(), count, "{space:?}");
        assert_eq!(store.load(&one, space, 9).await.must().must().len() as u64, count, "{space:?}");
    }
}

/// Names of models, tenants, callers and memories are data, not paths, tables or filters.
pub async fn odd_names_are_only_names(store: Arc<dyn VectorStore>) {
    let models =
        ["nomic/embed-v1.5:Q4", "../up", "a b", "A", "a", "naïve 'x' \"y\" %_", "a_b", "a-b", &"x".repeat(200)];
    let [one, ..] = scopes();
    for (i, model) in models.into_iter().enumerate() {
        let m = space(model, 2);
        assert_eq!(store.count(&m).await.must(), 0, "{model} is a space of its own");
        store.upsert(&one, &m, &[vector_row(&format!("mem_{i}"), &EAST)]).await.must();
        assert_eq!(found(&*store, &one, &m, &EAST).await, [format!("mem_{i}")]);
    }
    let m = space("m", 2);
    for text in ODD_TEXTS {
        let scope = Scope::new(format!("t{text}"), format!("u{text}"));
        let name = format!("mem_{text}");
        store.upsert(&scope, &m, &[vector_row(&name, &EAST)]).await.must();
        assert_eq!(found(&*store, &scope, &m, &EAST).await, std::slice::from_ref(&name));
        store.delete(&scope, &[id(&name)]).await.must();
        assert_eq!(found(&*store, &scope, &m, &EAST).await.len(), 0, "{text}");
    }
}

/// "All vectors of a caller, in no order, unless they are more than `limit`: then `None`."
pub async fn all_vectors_are_loaded_unless_they_are_too_many(store: Arc<dyn VectorStore>) {
    let ([one, two, _], m) = (scopes(), space("m", 3));
    let mut rows: Vec<_> = (0..7u8)
        .map(|i| VectorRow {
            sector: Sector::ALL[usize::from(i) % 5],
            ..vector_row(&format!("mem_{i}"), &[f32::from(i), 0.3, -1.0])
        })
        .collect();
    store.upsert(&one, &m, &rows).await.must();
    store.upsert(&two, &m, &[vector_row("mem_other", &[1.0, 0.0, 0.0])]).await.must();
    for limit in [7, 8, 1_000] {
        let mut loaded = store.load(&one, &m, limit).await.must().must();
        loaded.sort_by(|a, b| a.id.cmp(&b.id));
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(loaded, rows, "as they were written");
    }
    for limit in [0, 1, 6] {
        assert_eq!(store.load(&one, &m, limit).await.must(), None, "limit {limit}");
    }
}

/// "Removes vectors from every space; the missing are fine."
pub async fn deleting_removes_from_every_space_and_ignores_the_missing(store: Arc<dyn VectorStore>) {
    let [one, ..] = scopes();
    let spaces = [space("a", 2), space("b", 2)];
    for m in &spaces {
        store.upsert(&one, m, &["mem_1", "mem_2", "mem_3"].map(|id| vector_row(id, &EAST))).await.must();
    }
    for _ in 0..2 {
        store.delete(&one, &["mem_1", "mem_missing", "mem_3"].map(id)).await.must();
        for m in &spaces {
            assert_eq!(found(&*store, &one, m, &EAST).await, ["mem_2"]);
            assert_eq!(store.count(m).await.must(), 1);
        }
    }
}

/// "Removes all of a caller's vectors from every space", and nobody else's.
pub async fn erasing_removes_the_callers_vectors_from_every_space(store: Arc<dyn VectorStore>) {
    let all = scopes();
    let spaces = [space("a", 2), space("b", 2)];
    for m in &spaces {
        for (i, scope) in all.iter().enumerate() {
            store.upsert(scope, m, &[vector_row(&format!("mem_{i}"), &EAST)]).await.must();
        }
    }
    for _ in 0..2 {
        store.erase(&all[0]).await.must();
        for m in &spaces {
            assert_eq!(found(&*store, &all[0], m, &EAST).await.len(), 0);
            assert_eq!(found(&*store, &all[1], m, &EAST).await, ["mem_1"]);
            assert_eq!(found(&*store, &all[2], m, &EAST).await, ["mem_2"]);
            assert_eq!(store.count(m).await.must(), 2);
        }
    }
}

/// "Empties a space; before rebuilding it": only that one.
pub async fn clearing_empties_one_space_only(store: Arc<dyn VectorStore>) {
    let ([one, two, _], a, b, wide) = (scopes(), space("a", 2), space("b", 2), space("a", 3));
    for m in [&a, &b] {
        store.upsert(&one, m, &[vector_row("mem_1", &EAST)]).await.must();
        store.upsert(&two, m, &[vector_row("mem_2", &EAST)]).await.must();
    }
    store.upsert(&one, &wide, &[vector_row("mem_1", &[1.0, 0.0, 0.0])]).await.must();
    for _ in 0..2 {
        store.clear(&a).await.must();
        let counts = [store.count(&a).await.must(), store.count(&b).await.must(), store.count(&wide).await.must()];
        assert_eq!(counts, [0, 2, 1]);
        assert_eq!(found(&*store, &one, &a, &EAST).await.len(), 0);
    }
    store.upsert(&one, &a, &[vector_row("mem_1", &EAST)]).await.must();
    assert_eq!(found(&*store, &one, &a, &EAST).await, ["mem_1"], "it can be filled again");
}

/// "Cheap when there is nothing to do; safe at any time."
pub async fn optimising_changes_no_answer(store: Arc<dyn VectorStore>) {
    let ([one, ..], m) = (scopes(), space("m", 2));
    for i in 0..20u8 {
        store.upsert(&one, &m, &[vector_row(&format!("mem_{i:02}"), &[1.0, f32::from(i)])]).await.must();
    }
    store.delete(&one, &[id("mem_03")]).await.must();
    let before = found(&*store, &one, &m, &EAST).await;
    for _ in 0..2 {
        store.optimise().await.must();
        assert_eq!(found(&*store, &one, &m, &EAST).await, before);
        assert_eq!(store.count(&m).await.must(), 19);
    }
}

/// Writers at once, and an optimiser among them, all get their way.
pub async fn concurrent_writes_of_vectors_lose_nothing(store: Arc<dyn VectorStore>) {
    let (scopes, m) = (scopes(), space("m", 2));
    race(9, |i| {
        let (store, scope, m) = (Arc::clone(&store), scopes[i % 3].clone(), m.clone());
        async move {
            for n in 0..3 {
                store.upsert(&scope, &m, &[vector_row(&format!("mem_{i}_{n}"), &EAST)]).await.must();
            }
            if i == 4 {
                store.optimise().await.must();
            }
        }
    })
    .await;
    assert_eq!(store.count(&m).await.must(), 27);
    for scope in &scopes {
        assert_eq!(found(&*store, scope, &m, &EAST).await.len(), 9);
    }
}
