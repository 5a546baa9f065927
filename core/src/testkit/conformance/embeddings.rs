//! What every [`EmbeddingCache`] does.

use crate::store::{EmbeddingCache, EmbeddingKey, NewEmbedding, Space};
use crate::testkit::Reopen;
use crate::testkit::fixtures::{after, scopes, start, tenant};
use crate::testkit::suite::{Must, race};
use crate::{ErrorKind, Scope, TenantId, Timestamp};
use std::sync::Arc;

/// Runs every behaviour of an [`EmbeddingCache`] as a test of its own. Takes the name of an async function without
/// arguments that gives `(Arc<dyn EmbeddingCache>, guard)`: a fresh, empty, migrated cache, and whatever must
/// outlive it.
#[macro_export]
macro_rules! embedding_cache_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_suite!(
            $make,
            embedding_cache,
            embeddings,
            [
                embeddings_come_in_the_order_asked_bit_for_bit,
                an_embedding_that_is_there_stays_its_first_owners,
                tenants_and_spaces_are_kept_apart,
                a_wrong_width_keeps_all_of_them_out,
                nothing_to_get_put_or_touch_is_fine,
                touching_notes_the_use_and_ignores_the_missing,
                erasing_removes_what_a_caller_owns_and_nothing_else,
                pruning_removes_the_unused_and_the_least_used,
                many_embeddings_are_pruned_and_erased,
                concurrent_puts_of_one_text_keep_one,
            ]
        );
    };
}

/// Runs every durability behaviour of an [`EmbeddingCache`] as a test of its own. Takes the name of an async
/// function without arguments that gives a [`Reopen<dyn EmbeddingCache>`](crate::testkit::Reopen) over an empty
/// place.
#[macro_export]
macro_rules! embedding_cache_durability_suite {
    ($make:expr $(,)?) => {
        $crate::__hark_durability_suite!(
            $make,
            embedding_cache_durability,
            embeddings,
            [embeddings_and_their_erasure_survive_reopening]
        );
    };
}

fn space() -> Space {
    Space { model: "small".to_owned(), dimensions: 2 }
}

fn key(n: u16) -> EmbeddingKey {
    let mut bytes = [0xab; 32];
    bytes[30..].copy_from_slice(&n.to_be_bytes());
    EmbeddingKey(bytes)
}

fn embedding(n: u16, scope: &Scope, vector: [f32; 2]) -> NewEmbedding {
    NewEmbedding { key: key(n), owner: scope.caller.clone(), vector: vector.to_vec() }
}

async fn put(cache: &dyn EmbeddingCache, scope: &Scope, numbers: &[u16], at: Timestamp) {
    let rows: Vec<_> = numbers.iter().map(|n| embedding(*n, scope, [f32::from(*n), 1.0])).collect();
    cache.put(&scope.tenant, &space(), &rows, at).await.must();
}

/// Which of the numbers below `below` a tenant has.
async fn numbers(cache: &dyn EmbeddingCache, tenant: &TenantId, below: u16) -> Vec<u16> {
    let keys: Vec<_> = (0..below).map(key).collect();
    let found = cache.get(tenant, &space(), &keys).await.must();
    assert_eq!(found.len(), keys.len());
    (0..below).zip(found).filter_map(|(n, row)| row.map(|_| n)).collect()
}

/// "In their order; `None` where nothing is"; "bit for bit".
pub async fn embeddings_come_in_the_order_asked_bit_for_bit(cache: Arc<dyn EmbeddingCache>) {
    let [one, ..] = scopes();
    let odd = [f32::MIN_POSITIVE / 3.0, -0.0];
    let rows = [embedding(1, &one, odd), embedding(2, &one, [0.6, -0.8])];
    cache.put(&one.tenant, &space(), &rows, after(5)).await.must();
    let found = cache.get(&one.tenant, &space(), &[2, 9, 1, 2].map(key)).await.must();
    let bits = |row: &Option<_>| {
        row.as_ref().map(|row: &crate::store::CachedEmbedding| {
            assert_eq!(row.used_at, after(5));
            row.vector.iter().map(|n| n.to_bits()).collect::<Vec<_>>()
        })
    };
    let expected = |vector: [f32; 2]| Some(vector.map(f32::to_bits).to_vec());
    let second = expected([0.6, -0.8]);
    assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), [second.clone(), None, expected(odd), second]);
    assert_eq!(cache.count().await.must(), 2);
}

/// "One that is there stays as it is and its first owner's."
pub async fn an_embedding_that_is_there_stays_its_first_owners(cache: Arc<dyn EmbeddingCache>) {
    let [one, two, _] = scopes();
    put(&*cache, &one, &[1], start()).await;
    cache.put(&two.tenant, &space(), &[embedding(1, &two, [9.0, 9.0])], after(60)).await.must();
    let found = cache.get(&one.tenant, &space(), &[key(1)]).await.must().remove(0).must();
    assert_eq!((found.vector, found.used_at), (vec![1.0, 1.0], start()));
    assert_eq!(cache.erase(&two).await.must(), 0);
    assert_eq!(cache.erase(&one).await.must(), 1);
}

/// "By tenant, space and text": the width is part of the space.
pub async fn tenants_and_spaces_are_kept_apart(cache: Arc<dyn EmbeddingCache>) {
    let [one, _, other] = scopes();
    put(&*cache, &one, &[1], start()).await;
    put(&*cache, &other, &[2], start()).await;
    assert_eq!(numbers(&*cache, &one.tenant, 5).await, [1]);
    assert_eq!(numbers(&*cache, &other.tenant, 5).await, [2]);
    for strange in [Space { model: "large".to_owned(), ..space() }, Space { dimensions: 3, ..space() }] {
        assert_eq!(cache.get(&one.tenant, &strange, &[key(1)]).await.must(), [None], "{strange:?}");
    }
}

/// "All or none"; "a width that is not the space's is an error of kind `Invalid`".
pub async fn a_wrong_width_keeps_all_of_them_out(cache: Arc<dyn EmbeddingCache>) {
    let [one, ..] = scopes();
    let narrow = NewEmbedding { vector: vec![1.0], ..embedding(2, &one, [1.0, 1.0]) };
    let rows = [embedding(1, &one, [1.0, 1.0]), narrow];
    let error = cache.put(&one.tenant, &space(), &rows, start()).await.expect_err("too narrow");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(cache.count().await.must(), 0);
}

/// Empty lists are lists.
pub async fn nothing_to_get_put_or_touch_is_fine(cache: Arc<dyn EmbeddingCache>) {
    cache.put(&tenant(), &space(), &[], start()).await.must();
    cache.touch(&tenant(), &space(), &[], start()).await.must();
    assert_eq!(cache.get(&tenant(), &space(), &[]).await.must(), []);
    assert_eq!(cache.prune(0, after(9)).await.must(), 0);
    assert_eq!(cache.count().await.must(), 0);
}

/// "Notes that embeddings were used. The missing are ignored."
pub async fn touching_notes_the_use_and_ignores_the_missing(cache: Arc<dyn EmbeddingCache>) {
    let [one, _, other] = scopes();
    put(&*cache, &one, &[1, 2], start()).await;
    put(&*cache, &other, &[1], start()).await;
    cache.touch(&one.tenant, &space(), &[key(2), key(7)], after(90)).await.must();
    let used = |tenant: TenantId| {
        let cache = cache.clone();
        async move {
            let found = cache.get(&tenant, &space(), &[key(1), key(2)]).await.must();
            found.into_iter().map(|row| row.map(|row| row.used_at)).collect::<Vec<_>>()
        }
    };
    assert_eq!(used(one.tenant).await, [Some(start()), Some(after(90))]);
    assert_eq!(used(other.tenant).await, [Some(start()), None]);
    assert_eq!(cache.count().await.must(), 3);
}

/// "Removes everything whose owner is this caller", in every space. "Answers how much went."
pub async fn erasing_removes_what_a_caller_owns_and_nothing_else(cache: Arc<dyn EmbeddingCache>) {
    let [one, two, other] = scopes();
    put(&*cache, &one, &[1, 2], start()).await;
    put(&*cache, &two, &[3], start()).await;
    put(&*cache, &other, &[1], start()).await;
    let large = Space { model: "large".to_owned(), ..space() };
    cache.put(&one.tenant, &large, &[embedding(1, &one, [1.0, 0.0])], start()).await.must();
    assert_eq!(cache.erase(&one).await.must(), 3);
    assert_eq!(cache.erase(&one).await.must(), 0);
    assert_eq!(numbers(&*cache, &one.tenant, 5).await, [3]);
    assert_eq!(numbers(&*cache, &other.tenant, 5).await, [1]);
    assert_eq!(cache.get(&one.tenant, &large, &[key(1)]).await.must(), [None]);
}

/// "Removes what was last used before `unused_since`, and of the rest all but the `keep` last used."
pub async fn pruning_removes_the_unused_and_the_least_used(cache: Arc<dyn EmbeddingCache>) {
    let [one, two, other] = scopes();
    for n in 0..6u16 {
        let scope = [&one, &two, &other][usize::from(n) % 3];
        put(&*cache, scope, &[n], after(i64::from(n))).await;
    }
    cache.touch(&one.tenant, &space(), &[key(0)], after(10)).await.must();
    assert_eq!(cache.prune(100, after(1)).await.must(), 0, "what was used then is not older");
    assert_eq!(cache.prune(100, after(3)).await.must(), 2);
    assert_eq!(numbers(&*cache, &one.tenant, 9).await, [0, 3, 4]);
    assert_eq!(numbers(&*cache, &other.tenant, 9).await, [5]);
    assert_eq!(cache.prune(2, start()).await.must(), 2);
    assert_eq!(numbers(&*cache, &one.tenant, 9).await, [0]);
    assert_eq!(numbers(&*cache, &other.tenant, 9).await, [5]);
    assert_eq!(cache.prune(0, start()).await.must(), 2);
    assert_eq!(cache.count().await.must(), 0);
}

/// More than any batch a store may work in.
pub async fn many_embeddings_are_pruned_and_erased(cache: Arc<dyn EmbeddingCache>) {
    let [one, two, _] = scopes();
    let all: Vec<u16> = (0..2_500).collect();
    put(&*cache, &one, &all[..1_200], start()).await;
    put(&*cache, &two, &all[1_200..], after(1)).await;
    assert_eq!(numbers(&*cache, &one.tenant, 2_500).await.len(), 2_500);
    assert_eq!(cache.prune(1_250, start()).await.must(), 1_250);
    assert_eq!(cache.erase(&one).await.must(), 0);
    assert_eq!(cache.erase(&two).await.must(), 1_250);
    assert_eq!(cache.count().await.must(), 0);
}

/// Two processes may pay for the same text at once; the table holds it once.
pub async fn concurrent_puts_of_one_text_keep_one(cache: Arc<dyn EmbeddingCache>) {
    race(8, |task| {
        let cache = cache.clone();
        async move {
            let [one, ..] = scopes();
            put(&*cache, &one, &[1, 100 + task as u16], start()).await;
        }
    })
    .await;
    assert_eq!(cache.count().await.must(), 9);
}

/// What was paid for is there after the process has ended, and what was erased is not.
pub async fn embeddings_and_their_erasure_survive_reopening(place: &dyn Reopen<dyn EmbeddingCache>) {
    let [one, two, _] = scopes();
    let cache = place.open().await;
    put(&*cache, &one, &[1, 2], start()).await;
    put(&*cache, &two, &[3], start()).await;
    cache.erase(&two).await.must();
    let before = cache.get(&one.tenant, &space(), &[1, 2, 3].map(key)).await.must();
    place.close(cache).await;

    let cache = place.open().await;
    assert_eq!(cache.get(&one.tenant, &space(), &[1, 2, 3].map(key)).await.must(), before);
    assert_eq!(cache.count().await.must(), 2);
    place.close(cache).await;
}
