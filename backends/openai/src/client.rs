//! One HTTP request and its answer, with the keys in turn.
//!
//! The crate `async-openai` gives the types of the requests. Its own client is not used: it tries again by itself,
//! hides the headers that say when to, and logs answers it cannot read, which hold what people said.

use crate::config::OpenAiConfig;
use crate::error::{self, Failure, Reason};
use crate::keys::{self, Keys};
use crate::retry_after;
use hark_core::{Clock, Error, ErrorKind, Result, Secret};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Proxy, Response, Url, redirect, retry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// More than the largest honest answer: 2,048 vectors of 3,072 numbers are 130 MB as text.
const MAX_ANSWER: usize = 192 << 20;
/// Errors are short.
const MAX_REFUSAL: usize = 64 << 10;

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

/// An open client; `Debug` shows no key.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    headers: HeaderMap,
    key_header: HeaderName,
    keys: Keys,
    clock: Arc<dyn Clock>,
    closed: AtomicBool,
}

impl Client {
    /// A client that has connected to nothing yet.
    ///
    /// # Errors
    /// `Config`, naming the field.
    pub(crate) fn new(config: &OpenAiConfig, keys: Vec<Secret>, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut base = config.base()?;
        if !config.query.is_empty() {
            let pairs = config.query.iter().map(|(name, value)| (name, value.expose()));
            base.query_pairs_mut().extend_pairs(pairs);
        }
        let key_header: HeaderName = config
            .key_header
            .parse()
            .map_err(|_| Error::config("key_header: is no name of a header; use authorization or api-key"))?;
        let client = Self {
            http: http(config, &base)?,
            base,
            headers: headers(config)?,
            key_header,
            keys: Keys::new(keys),
            clock,
            closed: AtomicBool::new(false),
        };
        for key in client.keys.to_try().into_iter().flatten() {
            client.credentials(key)?;
        }
        Ok(client)
    }

    /// Asks with a body, or without one. A key that is refused or limited is followed by the next, each once;
    /// nothing else is tried twice.
    ///
    /// # Errors
    /// As the module [`error`] has it; of several keys' failures the one that is mended soonest.
    pub(crate) async fn ask(&self, call: Call, body: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
        let mut best: Option<Failure> = None;
        for key in self.keys.to_try() {
            if self.closed.load(Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Unavailable, call.operation, "the backend is closed")
                    .retriable(false)
                    .into());
            }
            let failure = match (self.once(call, body, key).await, key) {
                (Ok(answer), None) => return Ok(answer),
                (Ok(answer), Some(key)) => {
                    self.keys.worked(key);
                    return Ok(answer);
                }
                (Err(failure), Some(key)) if matches!(failure.status, Some(401 | 403 | 429)) => {
                    self.keys.rejected(key, rest(&failure.error));
                    tracing::debug!(operation = call.operation, status = failure.status, key, "a key was rejected");
                    failure
                }
                (Err(failure), _) => return Err(failure),
            };
            best = Some(match best {
                Some(earlier) if sooner(&earlier.error, &failure.error) => earlier,
                _ => failure,
            });
        }
        Err(best.unwrap_or_else(|| Error::new(ErrorKind::Internal, call.operation, "there was no attempt").into()))
    }

    /// Refuses further calls.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    async fn once(&self, call: Call, body: Option<&[u8]>, key: Option<usize>) -> Result<Vec<u8>, Failure> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path().trim_end_matches('/'), call.path));
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.http.request(method, url).headers(self.headers.clone());
        if let Some(key) = key {
            request = request.header(self.key_header.clone(), self.credentials(key)?);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_vec());
        }
        let response = request.send().await.map_err(|error| error::transport(call.operation, error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(read(response, call.operation, MAX_ANSWER).await?);
        }
        let wait = retry_after::advice(response.headers(), self.clock.now());
        let body = read(response, call.operation, MAX_REFUSAL).await.unwrap_or_default();
        Err(error::refused(call.operation, call.model, status.as_u16(), Reason::read(&body), wait))
    }

    fn credentials(&self, key: usize) -> Result<HeaderValue> {
        let key = self.keys.get(key).map(Secret::expose).unwrap_or_default();
        let text = if self.key_header == AUTHORIZATION { format!("Bearer {key}") } else { key.to_owned() };
        header_value("api_key", &text)
    }
}

fn http(config: &OpenAiConfig, base: &Url) -> Result<reqwest::Client> {
    // Fails when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
        .timeout(Duration::from_secs(config.request_timeout_secs))
        // Nothing is sent twice here, and no key follows a redirect to another host.
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

fn headers(config: &OpenAiConfig) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let fixed =
        [("organisation", "openai-organization", &config.organisation), ("project", "openai-project", &config.project)];
    for (key, name, value) in fixed {
        if let Some(value) = value {
            headers.insert(name, header_value(key, value)?);
        }
    }
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
async fn read(mut response: Response, operation: &'static str, most: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error::broken(operation, error))? {
        if body.len() + chunk.len() > most {
            return Err(error::corrupt(operation, format!("the answer is longer than {most} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn rest(error: &Error) -> Duration {
    match (error.kind(), error.is_retriable()) {
        (ErrorKind::Limited, true) => error.retry_after().unwrap_or(keys::LIMITED),
        _ => keys::REFUSED,
    }
}

/// Whether the first is mended sooner: a limit ends by itself, a refusal does not.
fn sooner(a: &Error, b: &Error) -> bool {
    let wait = |error: &Error| (!error.is_retriable(), rest(error));
    wait(a) < wait(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::SystemClock;
    use serde_json::json;

    fn client(section: serde_json::Value) -> Result<Client> {
        let config: OpenAiConfig = serde_json::from_value(section).unwrap();
        let keys = config.keys(std::path::Path::new("unused"))?;
        Client::new(&config, keys, Arc::new(SystemClock))
    }

    #[test]
    fn what_no_request_can_carry_is_refused_by_field() {
        for (section, field) in [
            (json!({"api_key": "sk-\n"}), "api_key"),
            (json!({"key_header": "no header"}), "key_header"),
            (json!({"headers": {"no header": "sk-"}}), "headers"),
            (json!({"headers": {"x-a": "sk-\u{7}"}}), "headers.x-a"),
            (json!({"organisation": "\n"}), "organisation"),
            (json!({"proxy": "socks5://sk-@host"}), "proxy"),
        ] {
            let mut section = section;
            section["base_url"] = "http://127.0.0.1:1/v1".into();
            let error = client(section).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.context().starts_with(field), "{error}");
            assert!(!format!("{error:?}").contains("sk-"), "{error:?}");
        }
    }

    #[test]
    fn an_open_client_shows_no_secret() {
        let section = json!({
            "base_url": "http://127.0.0.1:1/v1", "api_key": "sk-a", "headers": {"x-a": "sk-b"},
            "proxy": "http://me:sk-c@127.0.0.1:1"
        });
        let shown = format!("{:?}", client(section).unwrap());
        assert!(!shown.contains("sk-"), "{shown}");
    }

    #[test]
    fn a_limit_is_mended_sooner_than_a_refusal() {
        let limited = |secs| Error::new(ErrorKind::Limited, "t", "t").with_retry_after(Duration::from_secs(secs));
        let denied = Error::new(ErrorKind::Denied, "t", "t");
        assert!(sooner(&limited(1000), &denied) && !sooner(&denied, &limited(1000)));
        assert!(sooner(&limited(1), &limited(2)));
        assert!(!sooner(&Error::new(ErrorKind::Limited, "t", "no money").retriable(false), &limited(2)));
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
