//! HTTP clients of this crate are built here and nowhere else, with timeouts.

use hark_core::{Error, Result};
use reqwest::redirect::Policy;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(5);

/// A client of the server at `base`, each of whose requests ends within `request`.
///
/// # Errors
/// `Config` when it cannot be built: for https, when this machine has no root certificates.
pub(crate) fn build(base: &str, request: Duration) -> Result<reqwest::Client> {
    // Fails when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // No key follows a redirect to another host.
    let builder = reqwest::Client::builder().connect_timeout(CONNECT).timeout(request).redirect(Policy::none());
    // Plain http needs no certificates, and small containers have none.
    let builder = if base.starts_with("https://") { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(|e| Error::config(format!("cannot build an HTTP client for {base}")).with_source(e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::response::Redirect;
    use axum::routing::get;

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/here", get(|| async { Redirect::temporary("/there") }))
            .route("/there", get(|| async { "a key came along" }));
        let served = tokio::spawn(async move { axum::serve(listener, app).await });
        let client = build(&base, Duration::from_secs(5)).unwrap();
        let answer = client.get(format!("{base}/here")).header("xi-api-key", "secret").send().await.unwrap();
        assert_eq!(answer.status(), 307);
        served.abort();
    }
}
