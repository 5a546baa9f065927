//! Nodes on one server.

use crate::common::{node, prefix};
use crate::{QUOTA, embedding, key, space};
use hark_core::testkit::fixtures::{scopes, start};

#[tokio::test]
async fn nodes_share_their_limits() {
    let prefix = prefix();
    let [one, two] = [node(&prefix).await.limits().unwrap(), node(&prefix).await.limits().unwrap()];
    assert_eq!(one.take("a", QUOTA, 1, start()).await.unwrap().remaining, 2);
    assert_eq!(two.take("a", QUOTA, 1, start()).await.unwrap().remaining, 1);
    assert_eq!(one.take("a", QUOTA, 1, start()).await.unwrap().remaining, 0);
    assert!(!two.take("a", QUOTA, 1, start()).await.unwrap().allowed);
}

#[tokio::test]
async fn what_one_node_has_paid_for_is_there_for_the_other_and_gone_for_both() {
    let prefix = prefix();
    let [one, two] = [node(&prefix).await.cache().unwrap(), node(&prefix).await.cache().unwrap()];
    let [scope, ..] = scopes();
    one.put(&scope.tenant, &space(), &[embedding(1, &scope)], start()).await.unwrap();
    let found = two.get(&scope.tenant, &space(), &[key(1)]).await.unwrap().remove(0).unwrap();
    assert_eq!((found.vector, found.used_at), (vec![1.0, 1.0], start()));
    assert_eq!(two.erase(&scope).await.unwrap(), 1);
    assert_eq!(one.get(&scope.tenant, &space(), &[key(1)]).await.unwrap(), [None]);
}

/// The other node's call for an embedding was under way.
#[tokio::test]
async fn what_comes_late_from_another_node_does_not_bring_an_erased_caller_back() {
    let prefix = prefix();
    let [one, two] = [node(&prefix).await.cache().unwrap(), node(&prefix).await.cache().unwrap()];
    let [erased, other, _] = scopes();
    one.erase(&erased).await.unwrap();
    let rows = [embedding(1, &erased), embedding(2, &other)];
    two.put(&erased.tenant, &space(), &rows, start()).await.unwrap();
    let found = one.get(&erased.tenant, &space(), &[key(1), key(2)]).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    assert_eq!(one.count().await.unwrap(), 1);
}

#[tokio::test]
async fn deployments_of_other_prefixes_are_apart() {
    let [one, two] = [node(&prefix()).await, node(&prefix()).await];
    let [scope, ..] = scopes();
    let [here, there] = [one.cache().unwrap(), two.cache().unwrap()];
    here.put(&scope.tenant, &space(), &[embedding(1, &scope)], start()).await.unwrap();
    assert_eq!(there.get(&scope.tenant, &space(), &[key(1)]).await.unwrap(), [None]);
    assert_eq!(there.erase(&scope).await.unwrap() + there.count().await.unwrap(), 0);
    one.limits().unwrap().take("a", QUOTA, 3, start()).await.unwrap();
    assert_eq!(two.limits().unwrap().take("a", QUOTA, 1, start()).await.unwrap().remaining, 2);
}
