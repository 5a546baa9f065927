//! Servers that die, hang, refuse or are none.

use crate::common::{Server, open, prefix, section};
use crate::{QUOTA, embedding, key, space};
use hark_core::backend::Backend;
use hark_core::testkit::fixtures::{scopes, start, vault};
use hark_core::{ErrorKind, Result};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

async fn at(url: &str, settings: Value) -> Arc<dyn Backend> {
    let mut section = section(url, &prefix());
    section.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    open(section, Some(vault())).await
}

/// What is left of [`QUOTA`] after one more.
async fn left(node: &dyn Backend) -> u32 {
    node.limits().unwrap().take("a", QUOTA, 1, start()).await.unwrap().remaining
}

async fn put(node: &dyn Backend, n: u8) -> Result<()> {
    let [scope, ..] = scopes();
    node.cache().unwrap().put(&scope.tenant, &space(), &[embedding(n, &scope)], start()).await
}

async fn has(node: &dyn Backend, n: u8) -> Result<bool> {
    let [scope, ..] = scopes();
    Ok(node.cache().unwrap().get(&scope.tenant, &space(), &[key(n)]).await?[0].is_some())
}

/// Runs a test with metrics of its own, on this thread alone.
fn measured(test: impl AsyncFnOnce(PrometheusHandle)) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(test(handle)));
}

#[test]
fn a_node_whose_redis_dies_goes_on_alone_and_comes_back_by_itself() {
    measured(async |metrics| {
        let server = Server::start();
        let node = at(&server.url(), json!({})).await;
        assert_eq!((left(&*node).await, left(&*node).await), (2, 1));
        put(&*node, 1).await.unwrap();
        assert!(metrics.render().contains("hark_redis_up 1\n"));

        let port = server.kill();
        assert_eq!(left(&*node).await, 2, "it counts by itself from here on");
        let error = node.health().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Unavailable && error.is_retriable(), "{error:?}");
        assert!(has(&*node, 1).await.is_err() && put(&*node, 2).await.is_err());
        let erased = node.cache().unwrap().erase(&scopes()[0]).await.unwrap_err();
        assert!(erased.is_retriable(), "an erasure is taken up again: {erased:?}");
        assert_eq!((left(&*node).await, left(&*node).await), (1, 0));
        let rendered = metrics.render();
        assert!(
            rendered.contains("hark_redis_up 0\n") && rendered.contains("hark_limits_alone_total 3\n"),
            "{rendered}"
        );

        // It has forgotten everything.
        let _server = Server::start_on(port, &[]);
        node.health().await.unwrap();
        assert_eq!(left(&*node).await, 2);
        assert!(!has(&*node, 1).await.unwrap());
        put(&*node, 1).await.unwrap();
        assert!(has(&*node, 1).await.unwrap() && metrics.render().contains("hark_redis_up 1\n"));
    });
}

#[tokio::test]
async fn a_node_comes_back_through_its_own_requests_too() {
    let server = Server::start();
    let node = at(&server.url(), json!({})).await;
    put(&*node, 1).await.unwrap();
    let port = server.kill();
    assert!(put(&*node, 1).await.is_err());
    let _server = Server::start_on(port, &[]);
    // Within a millisecond of the last failure it is left alone.
    while put(&*node, 1).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(has(&*node, 1).await.unwrap());
}

#[tokio::test]
async fn a_node_starts_without_redis() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let node = at(&format!("redis://{free}"), json!({})).await;
    assert_eq!(left(&*node).await, 2);
    let error = node.health().await.unwrap_err();
    assert_eq!((error.kind(), error.context()), (ErrorKind::Unavailable, "nobody listens at redis' address"));
}

/// A server that takes connections and says what is told, to each request it reads.
async fn speaking(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = [0; 4_096];
                while matches!(stream.read(&mut heard).await, Ok(1..)) {
                    if stream.write_all(answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn a_server_that_hangs_costs_one_wait_and_is_then_left_alone() {
    let node = at(&speaking(b"").await, json!({"timeout_ms": 60, "retry_ms": 600_000})).await;
    let begun = Instant::now();
    assert_eq!(left(&*node).await, 2);
    assert!(begun.elapsed() >= Duration::from_millis(60));
    let begun = Instant::now();
    for n in 0..200u8 {
        node.limits().unwrap().take("b", QUOTA, 1, start()).await.unwrap();
        assert_eq!(has(&*node, n).await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    // Each waiting would be 24 seconds.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(node.health().await.unwrap_err().kind(), ErrorKind::Timeout, "who asks for it, asks");
}

/// The tiers in front give a question less time than the server has.
#[tokio::test]
async fn a_server_that_hangs_is_noticed_though_nobody_waits_for_it_to_the_end() {
    let node = at(&speaking(b"").await, json!({"timeout_ms": 100, "retry_ms": 600_000})).await;
    assert!(tokio::time::timeout(Duration::from_millis(1), has(&*node, 1)).await.is_err());
    // It is noticed when the call's own time is over.
    while has(&*node, 1).await.unwrap_err().kind() != ErrorKind::Unavailable {}
}

#[tokio::test]
async fn what_is_no_redis_is_not_believed() {
    for answer in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"\x00\xff\xfe", b"$-7\r\n", b"*1\r\n$3\r\nfoo\r\n", b"+OK\r\n"] {
        let node = at(&speaking(answer).await, json!({"timeout_ms": 300})).await;
        assert_eq!(left(&*node).await, 2, "{}", answer.escape_ascii());
        assert_eq!(left(&*node).await, 1, "{}", answer.escape_ascii());
        assert!(has(&*node, 1).await.is_err(), "{}", answer.escape_ascii());
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it_and_the_node_goes_on_alone() {
    let server = Server::start_with(&["--requirepass", "richtig"]);
    for url in [server.url(), format!("redis://:geheim@127.0.0.1:{}", server.port())] {
        let node = at(&url, json!({})).await;
        assert_eq!(left(&*node).await, 2);
        let error = node.health().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(
            error.context().contains("`url`") && !format!("{error:?}{node:?}").contains("geheim"),
            "{error:?}{node:?}"
        );
    }
    let node = at(&format!("redis://:richtig@127.0.0.1:{}", server.port()), json!({})).await;
    node.health().await.unwrap();
}

#[tokio::test]
async fn a_full_server_refuses_to_keep_and_goes_on_finding() {
    let server = Server::start();
    let node = at(&server.url(), json!({})).await;
    put(&*node, 1).await.unwrap();
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let full = async |connection: &mut redis::aio::MultiplexedConnection, bytes: &str| {
        let set = redis::cmd("CONFIG").arg(&["SET", "maxmemory", bytes]).query_async::<()>(connection).await;
        set.unwrap();
    };
    full(&mut connection, "1").await;
    let error = put(&*node, 2).await.unwrap_err();
    assert_eq!((error.kind(), error.refusal()), (ErrorKind::Unavailable, Some("redis has no memory left")));
    assert!(has(&*node, 1).await.unwrap());
    assert_eq!((left(&*node).await, left(&*node).await), (2, 1), "rates are counted alone");
    full(&mut connection, "0").await;
    put(&*node, 2).await.unwrap();
    assert_eq!(left(&*node).await, 2);
}

#[tokio::test]
async fn a_closed_node_asks_nobody() {
    let server = Server::start();
    let node = at(&server.url(), json!({})).await;
    node.close().await.unwrap();
    node.close().await.unwrap();
    let error = has(&*node, 1).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && !error.is_retriable(), "{error:?}");
    assert_eq!(left(&*node).await, 2);
}
