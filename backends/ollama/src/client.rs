//! One HTTP request and its answer.
//!
//! The crate `ollama-rs` gives the types of the requests. Its own client is not used: it drops the status and the
//! headers of a refusal and keeps its text, which may quote the question.

use crate::config::OllamaConfig;
use crate::error;
use crate::retry_after;
use hark_core::{Clock, Error, ErrorKind, Result, Secret};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Proxy, Response, Url, redirect, retry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// More than the largest honest answer: 2,048 vectors of 4,096 numbers are 170 MB as text.
const MAX_ANSWER: usize = 256 << 20;

/// What one request is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// Name of the operation in errors and logs.
    pub(crate) operation: &'static str,
    /// Behind `base_url`.
    pub(crate) path: &'static str,
    /// The configuration key of the model that is asked, if one is.
    pub(crate) model: Option<&'static str>,
}

/// An open client; `Debug` shows no header.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    headers: HeaderMap,
    clock: Arc<dyn Clock>,
    closed: AtomicBool,
}

impl Client {
    /// A client that has connected to nothing yet.
    ///
    /// # Errors
    /// `Config`, naming the field.
    pub(crate) fn new(config: &OllamaConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let base = config.base()?;
        Ok(Self { http: http(config, &base)?, base, headers: headers(config)?, clock, closed: AtomicBool::new(false) })
    }

    /// Asks once, with a body or without one.
    ///
    /// # Errors
    /// As the module [`error`] has it.
    pub(crate) async fn ask(&self, call: Call, body: Option<Vec<u8>>) -> Result<Vec<u8>> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Unavailable, call.operation, "the backend is closed").retriable(false));
        }
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), call.path));
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.http.request(method, url).headers(self.headers.clone());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| error::transport(call.operation, error))?;
        let status = response.status();
        if status.is_success() {
            return read(response, call.operation).await;
        }
        let wait = retry_after::advice(response.headers(), self.clock.now());
        Err(error::refused(call.operation, call.model, status.as_u16(), wait))
    }

    /// Refuses further calls.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

fn http(config: &OllamaConfig, base: &Url) -> Result<reqwest::Client> {
    // Fails when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .timeout(Duration::from_secs(config.request_timeout_secs))
        // Nothing is sent twice here, and no header follows a redirect to another host.
        .retry(retry::never())
        .redirect(redirect::Policy::none());
    match config.proxy.as_ref().map(Secret::expose) {
        Some("none") => builder = builder.no_proxy(),
        Some(proxy) => {
            // The address may hold a password, so the reason is not kept.
            let proxy = Url::parse(proxy)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https"))
                .and_then(|url| Proxy::all(url).ok())
                .ok_or_else(|| Error::config("proxy: must be an http:// or https:// address, or none"))?;
            builder = builder.proxy(proxy);
        }
        None if on_this_machine(base) => builder = builder.no_proxy(),
        None => {}
    }
    if base.scheme() == "http" {
        // Plain http needs no certificates, and small containers have none.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        Error::config("base_url: cannot build an HTTPS client; are root certificates installed").with_source(error)
    })
}

fn on_this_machine(base: &Url) -> bool {
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

fn headers(config: &OllamaConfig) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let header: HeaderName =
            name.parse().map_err(|_| Error::config(format!("headers: `{name}` is no name of a header")))?;
        headers.insert(header, header_value(&format!("headers.{name}"), value.expose())?);
    }
    Ok(headers)
}

fn header_value(key: &str, text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::config(format!("{key}: holds a character that no header can carry")))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The body, of at most so many bytes: a server must not fill our memory.
async fn read(mut response: Response, operation: &'static str) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error::broken(operation, error))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(error::corrupt(operation, format!("the answer is longer than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::SystemClock;
    use serde_json::json;

    fn client(section: serde_json::Value) -> Result<Client> {
        let config: OllamaConfig = serde_json::from_value(section).unwrap();
        Client::new(&config, Arc::new(SystemClock))
    }

    #[test]
    fn what_no_request_can_carry_is_refused_by_field() {
        for (section, field) in [
            (json!({"headers": {"no header": "sk-"}}), "headers"),
            (json!({"headers": {"x-a": "sk-\u{7}"}}), "headers.x-a"),
            (json!({"proxy": "socks5://sk-@host"}), "proxy"),
        ] {
            let mut section = section;
            section["base_url"] = "http://127.0.0.1:1".into();
            let error = client(section).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.context().starts_with(field), "{error}");
            assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
        }
    }

    #[test]
    fn an_open_client_shows_no_secret() {
        let section = json!({
            "base_url": "http://127.0.0.1:1", "headers": {"x-a": "sk-b"},
            "proxy": "http://me:sk-c@127.0.0.1:1"
        });
        let shown = format!("{:?}", client(section).unwrap());
        assert!(!shown.contains("sk-"), "{shown}");
    }

    #[test]
    fn loopback_is_known_in_every_spelling() {
        for (url, here) in [
            ("http://localhost:1", true),
            ("http://127.0.0.9", true),
            ("http://[::1]:1/v1", true),
            ("http://10.0.0.1", false),
            ("https://localhost.example.com", false),
        ] {
            assert_eq!(on_this_machine(&Url::parse(url).unwrap()), here, "{url}");
        }
    }
}
