//! Finding the nearest.

use super::{found, names, space};
use crate::store::{VectorRow, VectorStore};
use crate::testkit::SeededEntropy;
use crate::testkit::fixtures::{scopes, unit, vector_row};
use crate::testkit::suite::Must;
use crate::{Entropy, ErrorKind, Sector};
use std::sync::Arc;

/// How far a score may be from the true cosine.
const CLOSE: f32 = 1e-3;

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// "Nearest to `query` by cosine, best first"; "scores are cosines": from 1 down to -1.
pub async fn the_nearest_come_first_with_their_cosine(store: Arc<dyn VectorStore>) {
    let ([one, ..], m) = (scopes(), space("m", 3));
    let rows = [
        vector_row("mem_right", &[1.0, 1.0, 0.0]),
        vector_row("mem_opposite", &[-1.0, 0.0, 0.0]),
        vector_row("mem_same", &[1.0, 0.0, 0.0]),
        vector_row("mem_across", &[0.0, 0.0, 1.0]),
    ];
    store.upsert(&one, &m, &rows).await.must();
    let query = unit(&[1.0, 0.0, 0.0]);
    let hits = store.search(&one, &m, &query, &[], 10).await.must();
    assert_eq!(names(&hits), ["mem_same", "mem_right", "mem_across", "mem_opposite"]);
    for (hit, cosine) in hits.iter().zip([1.0, 0.5_f32.sqrt(), 0.0, -1.0]) {
        assert!((hit.score - cosine).abs() < CLOSE, "{}: {} is not {cosine}", hit.id, hit.score);
    }
}

/// "Search inside one caller is exact, not approximate": asked of those that say so.
pub async fn many_vectors_come_in_exact_order(store: Arc<dyn VectorStore>) {
    let ([one, two, _], m, chance) = (scopes(), space("m", 16), SeededEntropy::new(3));
    let random = || unit(&(0..16).map(|_| chance.unit() as f32 - 0.5).collect::<Vec<_>>());
    let mut rows: Vec<VectorRow> =
        (0..400).map(|i| VectorRow { vector: random(), ..vector_row(&format!("mem_{i:03}"), &[1.0]) }).collect();
    let theirs: Vec<VectorRow> =
        (0..200).map(|i| VectorRow { vector: random(), ..vector_row(&format!("mem_other{i:03}"), &[1.0]) }).collect();
    store.upsert(&one, &m, &rows).await.must();
    store.upsert(&two, &m, &theirs).await.must();
    store.optimise().await.must();
    let query = random();
    let hits = store.search(&one, &m, &query, &[], 25).await.must();
    assert_eq!(hits.len(), 25);
    assert!(hits.windows(2).all(|w| w[0].score >= w[1].score), "best first");
    if store.caps().exact {
        rows.sort_by(|a, b| cosine(&b.vector, &query).total_cmp(&cosine(&a.vector, &query)));
        for (hit, row) in hits.iter().zip(&rows) {
            assert!((hit.score - cosine(&row.vector, &query)).abs() < CLOSE, "{} for {}", hit.id, row.id);
        }
    }
}

/// "At most `limit`."
pub async fn at_most_so_many_vectors_are_found(store: Arc<dyn VectorStore>) {
    let ([one, ..], m) = (scopes(), space("m", 2));
    let rows: Vec<_> = (0..10u8).map(|i| vector_row(&format!("mem_{i}"), &[1.0, f32::from(i)])).collect();
    store.upsert(&one, &m, &rows).await.must();
    for (limit, count) in [(0, 0), (1, 1), (9, 9), (10, 10), (1_000, 10)] {
        assert_eq!(store.search(&one, &m, &[1.0, 0.0], &[], limit).await.must().len(), count, "limit {limit}");
    }
}

/// "Narrowed to `sectors` unless empty": and the limit counts what is left.
pub async fn a_search_narrows_to_sectors_before_it_counts(store: Arc<dyn VectorStore>) {
    let ([one, ..], m) = (scopes(), space("m", 2));
    let mut rows: Vec<_> = (0..40).map(|i| vector_row(&format!("mem_near{i}"), &[1.0, 0.01])).collect();
    for (id, sector) in [("mem_ep", Sector::Episodic), ("mem_em", Sector::Emotional)] {
        rows.push(VectorRow { sector, ..vector_row(id, &[0.1, 1.0]) });
    }
    store.upsert(&one, &m, &rows).await.must();
    let query = [1.0, 0.0];
    for (sectors, limit, expected) in [
        (vec![Sector::Episodic], 1, vec!["mem_ep"]),
        (vec![Sector::Episodic, Sector::Emotional], 5, vec!["mem_em", "mem_ep"]),
        (vec![Sector::Reflective], 5, vec![]),
    ] {
        let mut hits = names(&store.search(&one, &m, &query, &sectors, limit).await.must());
        hits.sort();
        assert_eq!(hits, expected, "{sectors:?}");
    }
    assert_eq!(store.search(&one, &m, &query, &Sector::ALL, 100).await.must().len(), 42);
}

/// A crowd of nearer vectors of others takes no place away.
pub async fn a_search_counts_only_the_callers_own(store: Arc<dyn VectorStore>) {
    let ([one, two, other], m) = (scopes(), space("m", 2));
    store.upsert(&one, &m, &[vector_row("mem_mine", &[0.1, 1.0])]).await.must();
    for (n, stranger) in [&two, &other].into_iter().enumerate() {
        let crowd: Vec<_> = (0..60).map(|i| vector_row(&format!("mem_{n}_{i}"), &[1.0, 0.0])).collect();
        store.upsert(stranger, &m, &crowd).await.must();
    }
    let hits = store.search(&one, &m, &[1.0, 0.0], &[], 1).await.must();
    assert_eq!(names(&hits), ["mem_mine"]);
}

/// "A space nobody has written to is empty, not an error."
pub async fn a_space_nobody_wrote_to_is_empty(store: Arc<dyn VectorStore>) {
    let ([one, two, _], m) = (scopes(), space("m", 2));
    for round in 0..2 {
        let empty = space("never", 2);
        assert_eq!(found(&*store, &one, &empty, &[1.0, 0.0]).await.len(), 0);
        assert_eq!(store.load(&one, &empty, 10).await.must(), Some(vec![]));
        assert_eq!(store.count(&empty).await.must(), 0);
        store.clear(&empty).await.must();
        store.delete(&one, &[super::id("mem_1")]).await.must();
        store.erase(&one).await.must();
        // The second round asks the same of a store that holds something else.
        store.upsert(&two, &m, &[vector_row(&format!("mem_{round}"), &[1.0, 0.0])]).await.must();
    }
}

/// "A width that is not the space's is an error of kind `Invalid`": of a question too.
pub async fn a_query_of_another_width_is_invalid(store: Arc<dyn VectorStore>) {
    let ([one, ..], m) = (scopes(), space("m", 3));
    store.upsert(&one, &m, &[vector_row("mem_1", &[1.0, 0.0, 0.0])]).await.must();
    for query in [vec![], vec![1.0, 0.0], vec![1.0, 0.0, 0.0, 0.0]] {
        let error = store.search(&one, &m, &query, &[], 5).await.expect_err("the width is wrong");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error:?}");
    }
}
