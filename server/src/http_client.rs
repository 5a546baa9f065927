//! HTTP clients of this crate are built here and nowhere else, with timeouts.

use hark_core::{Error, Result};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(5);

/// A client of the server at `base`, each of whose requests ends within `request`.
///
/// # Errors
/// `Config` when it cannot be built: for https, when this machine has no root certificates.
pub(crate) fn build(base: &str, request: Duration) -> Result<reqwest::Client> {
    // Fails when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().connect_timeout(CONNECT).timeout(request);
    // Plain http needs no certificates, and small containers have none.
    let builder = if base.starts_with("https://") { builder } else { builder.tls_certs_only([]) };
    builder.build().map_err(|e| Error::config(format!("cannot build an HTTP client for {base}")).with_source(e))
}
