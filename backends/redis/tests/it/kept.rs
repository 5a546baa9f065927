//! What stands in Redis.

use crate::common::{node, open, prefix, section, shared};
use crate::{QUOTA, embedding, key, space};
use hark_core::ErrorKind;
use hark_core::crypt::{Keyring, Vault};
use hark_core::store::EmbeddingCache;
use hark_core::testkit::SeededEntropy;
use hark_core::testkit::fixtures::{scopes, start};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use std::sync::Arc;

async fn connection() -> MultiplexedConnection {
    redis::Client::open(shared()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn keys(connection: &mut MultiplexedConnection, prefix: &str) -> Vec<Vec<u8>> {
    connection.keys(format!("{{{prefix}}}:*")).await.unwrap()
}

async fn has(cache: &dyn EmbeddingCache, n: u8) -> bool {
    let [scope, ..] = scopes();
    cache.get(&scope.tenant, &space(), &[key(n)]).await.unwrap()[0].is_some()
}

#[tokio::test]
async fn neither_who_nor_what_is_to_be_seen_and_everything_ends_by_itself() {
    let prefix = prefix();
    let node = node(&prefix).await;
    let (scope, address) = (hark_core::Scope::new("acme", "usr_geheim"), "tools/address/203.0.113.7");
    node.limits().unwrap().take(address, QUOTA, 1, start()).await.unwrap();
    node.cache().unwrap().put(&scope.tenant, &space(), &[embedding(1, &scope)], start()).await.unwrap();
    node.cache().unwrap().erase(&scopes()[1]).await.unwrap();

    let mut connection = connection().await;
    let keys = keys(&mut connection, &prefix).await;
    // A counter, three parts of an embedding, and who was erased.
    assert_eq!(keys.len(), 5);
    let plain = [1.0f32, 1.0].map(f32::to_le_bytes).concat();
    for name in keys {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&name).query_async(&mut connection).await.unwrap();
        let all = [name.clone(), dump].concat();
        let secrets: [&[u8]; 5] = [b"acme", b"usr_geheim", b"203.0.113.7", b"small", &plain];
        for secret in secrets {
            assert!(!all.windows(secret.len()).any(|part| part == secret), "{}", name.escape_ascii());
        }
        let ends: i64 = connection.ttl(&name).await.unwrap();
        assert!((1..=86_400).contains(&ends), "{} ends in {ends}", name.escape_ascii());
    }
}

/// Redis throws keys away one by one when its memory is full.
#[tokio::test]
async fn an_embedding_that_lacks_a_part_is_not_found_paid_for_again_and_erased_whole() {
    let [scope, ..] = scopes();
    for part in ["at:", "of:", "used"] {
        let prefix = prefix();
        let cache = node(&prefix).await.cache().unwrap();
        let rows = [embedding(1, &scope)];
        cache.put(&scope.tenant, &space(), &rows, start()).await.unwrap();
        let mut connection = connection().await;
        let begins = format!("{{{prefix}}}:embedding:{part}");
        for name in keys(&mut connection, &prefix).await {
            if name.starts_with(begins.as_bytes()) {
                let _: () = connection.del(name).await.unwrap();
            }
        }
        assert!(!has(&*cache, 1).await, "{part}");
        cache.touch(&scope.tenant, &space(), &[key(1)], start()).await.unwrap();
        cache.put(&scope.tenant, &space(), &rows, start()).await.unwrap();
        assert!(has(&*cache, 1).await, "{part}");
        cache.erase(&scope).await.unwrap();
        let left = keys(&mut connection, &prefix).await;
        assert!(left.iter().all(|name| name.starts_with(format!("{{{prefix}}}:embedding:gone:").as_bytes())), "{part}");
    }
}

#[tokio::test]
async fn an_embedding_under_a_key_that_is_gone_is_paid_for_again() {
    let vault = |ring: &Keyring| Some(Vault::new(ring.clone(), Arc::new(SeededEntropy::new(3))));
    let old = Keyring::generate(&SeededEntropy::new(1));
    let both = old.rotated(&SeededEntropy::new(2));
    let new = both.without(old.active().id()).unwrap();
    let (prefix, [scope, ..]) = (prefix(), scopes());
    let cache = async |ring: &Keyring| open(section(&shared(), &prefix), vault(ring)).await.cache().unwrap();

    cache(&old).await.put(&scope.tenant, &space(), &[embedding(1, &scope)], start()).await.unwrap();
    assert!(has(&*cache(&both).await, 1).await, "an older key still opens it");
    let cache = cache(&new).await;
    assert!(!has(&*cache, 1).await);
    cache.put(&scope.tenant, &space(), &[embedding(1, &scope)], start()).await.unwrap();
    assert!(has(&*cache, 1).await);
    assert_eq!(cache.count().await.unwrap(), 1);
}

#[tokio::test]
async fn an_embedding_that_was_changed_or_moved_is_not_believed() {
    let (prefix, [scope, ..]) = (prefix(), scopes());
    let cache = node(&prefix).await.cache().unwrap();
    cache.put(&scope.tenant, &space(), &[embedding(1, &scope), embedding(2, &scope)], start()).await.unwrap();
    let mut connection = connection().await;
    let begins = format!("{{{prefix}}}:embedding:of:");
    let keys = keys(&mut connection, &prefix).await;
    let of = keys.iter().find(|name| name.starts_with(begins.as_bytes())).unwrap();
    let held: Vec<(Vec<u8>, Vec<u8>)> = connection.hgetall(of).await.unwrap();
    let [(one, first), (two, _)] = held.as_slice() else { panic!("{} are held", held.len()) };
    let _: () = connection.hset(of, two, first).await.unwrap();
    let mut changed = first.clone();
    *changed.last_mut().unwrap() ^= 1;
    let _: () = connection.hset(of, one, changed).await.unwrap();
    assert!(!has(&*cache, 1).await && !has(&*cache, 2).await);
}

#[tokio::test]
async fn without_encryption_keys_nothing_is_kept_or_counted() {
    let (prefix, [scope, ..]) = (prefix(), scopes());
    let node = open(section(&shared(), &prefix), None).await;
    let cache = node.cache().unwrap();
    let refused = cache.put(&scope.tenant, &space(), &[embedding(1, &scope)], start()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert_eq!(cache.get(&scope.tenant, &space(), &[key(1)]).await.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(cache.erase(&scope).await.unwrap_err().kind(), ErrorKind::Config);
    let refused = node.limits().unwrap().take("a", QUOTA, 1, start()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(keys(&mut connection().await, &prefix).await.is_empty());
}
