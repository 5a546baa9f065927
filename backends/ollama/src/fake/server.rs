//! A port that can be closed for good: the server on a thread and runtime of its own.

use axum::Router;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use tokio::sync::oneshot;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    stopped: oneshot::Receiver<()>,
}

impl Server {
    /// Listens when this returns.
    ///
    /// # Panics
    /// When the port is taken, or there is no thread to be had.
    pub(super) fn start(address: SocketAddr, router: Router) -> Self {
        let listener = TcpListener::bind(address).expect("a port on loopback");
        listener.set_nonblocking(true).expect("a socket that need not block");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stop, stopping) = oneshot::channel();
        let (done, stopped) = oneshot::channel();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    _ = axum::serve(listener, router).into_future() => {}
                    _ = stopping => {}
                }
            });
            // The connections are tasks of this runtime and end with it.
            drop(runtime);
            let _ = done.send(());
        };
        thread::Builder::new().name("fake-ollama".to_owned()).spawn(serve).expect("a thread");
        Self { address, stop, stopped }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns when the port is closed.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.stopped.await;
    }
}
