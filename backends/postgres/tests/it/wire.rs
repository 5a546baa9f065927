//! A wire between store and server that a test can cut: a server that is restarted, seen from here.

use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes everything on to the server while it lives.
pub(crate) struct Wire {
    /// Where it is reached.
    pub(crate) address: SocketAddr,
    server: String,
    running: Option<JoinHandle<()>>,
}

impl Wire {
    /// A wire to `server`, a host and a port.
    pub(crate) async fn new(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let running = Some(tokio::spawn(pass(listener, server.to_owned())));
        Self { address, server: server.to_owned(), running }
    }

    /// Ends all that goes over it, and refuses what comes.
    pub(crate) async fn cut(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            assert!(running.await.is_err(), "it was cut");
        }
    }

    /// Puts it together again, at the same place.
    pub(crate) async fn mend(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the same port");
        self.running = Some(tokio::spawn(pass(listener, self.server.clone())));
    }
}

async fn pass(listener: TcpListener, server: String) {
    // Dropped with this task, and with it every connection.
    let mut passing = tokio::task::JoinSet::new();
    while let Ok((mut near, _)) = listener.accept().await {
        let server = server.clone();
        passing.spawn(async move {
            let mut far = TcpStream::connect(server).await?;
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
    }
}
