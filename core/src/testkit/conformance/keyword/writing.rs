//! Writing and removing documents.

use super::{found, found_any_order, id, search};
use crate::store::{KeywordDoc, KeywordStore};
use crate::testkit::fixtures::{ODD_TEXTS, keyword_doc, scopes};
use crate::testkit::suite::{Must, race};
use crate::{Scope, Sector};
use std::sync::Arc;

/// "What is written is found by the next call."
pub async fn a_document_is_found_by_the_next_call(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    assert_eq!(found(&*store, &one, "pizza").await.len(), 0);
    for i in 1..=5 {
        store.upsert(&one, &[keyword_doc(&format!("mem_{i}"), "Likes pizza")]).await.must();
        assert_eq!(found(&*store, &one, "pizza").await.len(), i);
        assert_eq!(store.count().await.must(), i as u64);
    }
}

/// "An id that is there is replaced": words and sector.
pub async fn a_replaced_document_loses_its_old_words(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    store.upsert(&one, &[keyword_doc("mem_1", "Likes pizza"), keyword_doc("mem_2", "Likes tea")]).await.must();
    let changed = KeywordDoc { sector: Sector::Episodic, ..keyword_doc("mem_1", "Likes lasagne") };
    store.upsert(&one, &[changed]).await.must();
    assert_eq!(found(&*store, &one, "pizza").await.len(), 0);
    assert_eq!(found(&*store, &one, "lasagne").await, ["mem_1"]);
    assert_eq!(search(&*store, &one, "lasagne", &[Sector::Semantic], 5).await, []);
    assert_eq!(search(&*store, &one, "lasagne", &[Sector::Episodic], 5).await.len(), 1);
    assert_eq!(store.count().await.must(), 2);
}

/// "For many callers at once."
pub async fn documents_of_many_callers_are_written_at_once(store: Arc<dyn KeywordStore>) {
    let scopes = scopes();
    store.upsert(&scopes[0], &[keyword_doc("mem_0", "Likes tea")]).await.must();
    let docs: Vec<_> =
        (0..9).map(|i| (scopes[i % 3].clone(), keyword_doc(&format!("mem_{i}"), "Likes pizza"))).collect();
    store.upsert_many(&docs).await.must();
    assert_eq!(store.count().await.must(), 9, "what was there is replaced");
    assert_eq!(found(&*store, &scopes[0], "tea").await.len(), 0);
    for (i, scope) in scopes.iter().enumerate() {
        assert_eq!(found_any_order(&*store, scope, "pizza").await, [0, 3, 6].map(|n| format!("mem_{}", n + i)));
    }
}

/// Nothing given under a scope is visible or touched under another, even by an id both use.
pub async fn documents_of_others_are_never_found_or_touched(store: Arc<dyn KeywordStore>) {
    let [one, two, other] = scopes();
    store.upsert(&one, &[keyword_doc("mem_1", "Likes pizza")]).await.must();
    for stranger in [&two, &other] {
        assert_eq!(found(&*store, stranger, "pizza").await.len(), 0);
        store.upsert(stranger, &[keyword_doc("mem_1", "Likes lasagne")]).await.must();
        assert_eq!(found(&*store, &one, "pizza").await, ["mem_1"]);
        assert_eq!(found(&*store, &one, "lasagne").await.len(), 0);
        store.delete(stranger, &[id("mem_1")]).await.must();
        store.erase(stranger).await.must();
        assert_eq!(found(&*store, stranger, "lasagne").await.len(), 0);
        assert_eq!(found(&*store, &one, "pizza").await, ["mem_1"]);
    }
    assert_eq!(store.count().await.must(), 1);
}

/// Texts, tenants, callers and ids are data.
pub async fn odd_documents_are_only_documents(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    let long = format!("lasagne {}", "x".repeat(100_000));
    let texts: Vec<String> =
        ODD_TEXTS.into_iter().map(|text| format!("{text} lasagne")).chain([String::new(), long]).collect();
    let docs: Vec<_> = texts.iter().enumerate().map(|(i, text)| keyword_doc(&format!("mem_{i:02}"), text)).collect();
    store.upsert(&one, &docs).await.must();
    assert_eq!(found(&*store, &one, "lasagne").await.len(), texts.len() - 1, "all but the empty one");
    assert_eq!(store.count().await.must(), texts.len() as u64);
    for text in ODD_TEXTS {
        let scope = Scope::new(format!("t{text}"), format!("u{text}"));
        let name = format!("mem_{text}");
        store.upsert(&scope, &[keyword_doc(&name, "Likes pizza")]).await.must();
        assert_eq!(found(&*store, &scope, "pizza").await, std::slice::from_ref(&name));
        store.delete(&scope, &[id(&name)]).await.must();
        assert_eq!(found(&*store, &scope, "pizza").await.len(), 0, "{text}");
    }
}

/// Empty inputs are no work, and no error.
pub async fn no_documents_to_write_or_delete_is_fine(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    store.upsert(&one, &[]).await.must();
    store.upsert_many(&[]).await.must();
    store.delete(&one, &[]).await.must();
    store.erase(&one).await.must();
    store.clear().await.must();
    store.optimise().await.must();
    assert_eq!(store.count().await.must(), 0);
    assert_eq!(found(&*store, &one, "pizza").await.len(), 0);
}

/// "Removes documents; the missing are fine."
pub async fn deleting_removes_documents_and_ignores_the_missing(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    store.upsert(&one, &["mem_1", "mem_2", "mem_3"].map(|id| keyword_doc(id, "Likes pizza"))).await.must();
    for _ in 0..2 {
        store.delete(&one, &["mem_1", "mem_missing", "mem_3"].map(id)).await.must();
        assert_eq!(found(&*store, &one, "pizza").await, ["mem_2"]);
        assert_eq!(store.count().await.must(), 1);
    }
}

/// "Removes all of a caller's documents", and nobody else's.
pub async fn erasing_removes_the_callers_documents_only(store: Arc<dyn KeywordStore>) {
    let all = scopes();
    for (i, scope) in all.iter().enumerate() {
        let docs = ["a", "b"].map(|n| keyword_doc(&format!("mem_{i}{n}"), "Likes pizza"));
        store.upsert(scope, &docs).await.must();
    }
    for _ in 0..2 {
        store.erase(&all[0]).await.must();
        assert_eq!(found(&*store, &all[0], "pizza").await.len(), 0);
        assert_eq!(found_any_order(&*store, &all[1], "pizza").await, ["mem_1a", "mem_1b"]);
        assert_eq!(found_any_order(&*store, &all[2], "pizza").await, ["mem_2a", "mem_2b"]);
        assert_eq!(store.count().await.must(), 4);
    }
}

/// "Removes everything; before rebuilding."
pub async fn clearing_removes_everything_and_starts_anew(store: Arc<dyn KeywordStore>) {
    let all = scopes();
    for (i, scope) in all.iter().enumerate() {
        store.upsert(scope, &[keyword_doc(&format!("mem_{i}"), "Likes pizza")]).await.must();
    }
    for _ in 0..2 {
        store.clear().await.must();
        assert_eq!(store.count().await.must(), 0);
        for scope in &all {
            assert_eq!(found(&*store, scope, "pizza").await.len(), 0);
        }
    }
    store.upsert(&all[1], &[keyword_doc("mem_9", "Likes pizza")]).await.must();
    assert_eq!(found(&*store, &all[1], "pizza").await, ["mem_9"]);
}

/// "Cheap when there is nothing to do; safe at any time."
pub async fn optimising_changes_no_finding(store: Arc<dyn KeywordStore>) {
    let [one, ..] = scopes();
    for i in 0..20 {
        store.upsert(&one, &[keyword_doc(&format!("mem_{i:02}"), "Likes pizza")]).await.must();
    }
    store.delete(&one, &[id("mem_03")]).await.must();
    let before = found_any_order(&*store, &one, "pizza").await;
    for _ in 0..2 {
        store.optimise().await.must();
        assert_eq!(found_any_order(&*store, &one, "pizza").await, before);
        assert_eq!(store.count().await.must(), 19);
    }
}

/// Writers at once, and an optimiser among them, all get their way.
pub async fn concurrent_writes_of_documents_lose_nothing(store: Arc<dyn KeywordStore>) {
    let scopes = scopes();
    race(9, |i| {
        let (store, scope) = (Arc::clone(&store), scopes[i % 3].clone());
        async move {
            for n in 0..3 {
                store.upsert(&scope, &[keyword_doc(&format!("mem_{i}_{n}"), "Likes pizza")]).await.must();
            }
            if i == 4 {
                store.optimise().await.must();
            }
        }
    })
    .await;
    assert_eq!(store.count().await.must(), 27);
    for scope in &scopes {
        assert_eq!(found(&*store, scope, "pizza").await.len(), 9);
    }
}
