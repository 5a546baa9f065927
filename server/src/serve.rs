//! Connections, with the limits that stand below HTTP: how many, how large a head, how long it may take to come.

use crate::middleware::client::Peer;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// How long to wait when no connection can be taken: there are no file handles left, say.
const PAUSE: Duration = Duration::from_secs(1);

/// What a connection may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// At once; the others wait to be taken.
    pub(crate) connections: usize,
    /// Bytes of a request's head, at least 8,192. More, or more than 100 headers, are answered with 431.
    pub(crate) head_bytes: usize,
    /// A head that takes longer to come ends the connection, as does a connection that is idle for so long.
    pub(crate) head_timeout: Duration,
}

/// Serves until `soft` is cancelled; then no connection is taken any more, and those there are end with what they are at.
pub(crate) async fn serve(listener: TcpListener, router: Router, limits: ConnectionLimits, soft: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    loop {
        let taken = tokio::select! {
            biased;
            () = soft.cancelled() => break,
            taken = take(&listener, &places) => taken,
        };
        match taken {
            Ok((stream, peer, place)) => {
                let (router, soft) = (router.clone(), soft.clone());
                connections.spawn(async move {
                    converse(stream, peer, router, limits, soft).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection. One that has gone before it was taken is no reason to pause.
async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    let place = places.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Ok((stream, peer, place)),
            Err(e) if matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) => {}
            Err(e) => return Err(e),
        }
    }
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
    soft: CancellationToken,
) {
    // Answers are small, and somebody is on the phone.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = soft.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that breaks off is its own business.
        tracing::debug!(%error, "a connection broke");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Extension;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    const LIMITS: ConnectionLimits =
        ConnectionLimits { connections: 2, head_bytes: 8_192, head_timeout: Duration::from_secs(10) };

    struct Served {
        address: SocketAddr,
        soft: CancellationToken,
        release: Arc<Notify>,
        task: JoinHandle<()>,
    }

    async fn served(limits: ConnectionLimits) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (soft, release) = (CancellationToken::new(), Arc::new(Notify::new()));
        let held = release.clone();
        let router = Router::new()
            .route("/", get(|Extension(Peer(peer)): Extension<Peer>| async move { peer.to_string() }))
            .route("/held", get(|| async move { held.notified().await }));
        Served { address, task: tokio::spawn(serve(listener, router, limits, soft.clone())), soft, release }
    }

    /// What comes back until the connection ends.
    async fn answer(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        // A reset after the answer is an end too.
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    async fn send(served: &Served, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_answered_and_its_other_end_is_known() {
        let served = served(LIMITS).await;
        let mut stream = send(&served, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn heads_that_are_too_large_have_too_many_headers_or_never_end_are_not_read() {
        let served = served(LIMITS).await;
        for head in [
            format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(101)),
            format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(9_000)),
        ] {
            let mut stream = send(&served, &head).await;
            let answer = answer(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        }
        let mut stream = send(&served, "GET / HTTP/1.1\r\nhost: x\r\n").await;
        let before = tokio::time::Instant::now();
        assert!(!answer(&mut stream).await.contains("200"));
        assert!(before.elapsed() >= LIMITS.head_timeout);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_too_many_waits_for_another_to_end() {
        let served = served(ConnectionLimits { connections: 1, ..LIMITS }).await;
        let mut first = send(&served, "GET /held HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        let mut second = send(&served, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        let mut byte = [0; 1];
        let waited = tokio::time::timeout(Duration::from_secs(5), second.read(&mut byte)).await;
        assert!(waited.is_err(), "it is not answered yet");
        served.release.notify_one();
        assert!(answer(&mut first).await.starts_with("HTTP/1.1 200"));
        assert!(answer(&mut second).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_is_answered_when_it_stops_and_nothing_new_is_taken() {
        let served = served(LIMITS).await;
        let mut under_way = send(&served, "GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let mut byte = [0; 1];
        assert!(tokio::time::timeout(Duration::from_secs(1), under_way.read(&mut byte)).await.is_err());
        served.soft.cancel();
        assert!(tokio::time::timeout(Duration::from_secs(1), under_way.read(&mut byte)).await.is_err());
        assert!(TcpStream::connect(served.address).await.is_err(), "the port is free");
        served.release.notify_one();
        assert!(answer(&mut under_way).await.starts_with("HTTP/1.1 200"));
        served.task.await.unwrap();
    }
}
