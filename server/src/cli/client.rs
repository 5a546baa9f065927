//! The HTTP client of our own commands.

use crate::config::Config;
use crate::elevenlabs::signature;
use crate::http_client;
use hark_core::{Error, ErrorKind, Result, Secret};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const REQUEST: Duration = Duration::from_secs(30);
/// For an answer that is as long as there is something to tell.
const DOWNLOAD: Duration = Duration::from_secs(3_600);
/// Between two looks at the queue.
const LOOK: Duration = Duration::from_millis(100);

/// A client of one running server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    api_key: Secret,
}

impl Client {
    /// A client of the server at `base`.
    ///
    /// # Errors
    /// `Config` when it cannot be built: for https, when this machine has no root certificates.
    pub(super) fn new(base: impl Into<String>, api_key: Secret) -> Result<Self> {
        let base = base.into().trim_end_matches('/').to_owned();
        let http = http_client::build(&base, REQUEST)?;
        Ok(Self { http, base, api_key })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.send(path, self.http.get(format!("{}{path}", self.base))).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(path, self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Value> {
        self.send(path, self.http.delete(format!("{}{path}", self.base))).await
    }

    /// Gets a long answer piece by piece, as its bytes are.
    ///
    /// # Errors
    /// Also when it breaks off: what was taken until then is not the whole of it.
    pub(super) async fn download(&self, path: &str, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let request = self.http.get(format!("{}{path}", self.base)).timeout(DOWNLOAD);
        let mut answer = self.answered(path, request).await?;
        let broke_off = |e: reqwest::Error| {
            let what = format!("{path}: the answer broke off, so that it is not whole; ask again");
            Error::new(ErrorKind::Unavailable, "http", what).with_source(e.without_url())
        };
        while let Some(piece) = answer.chunk().await.map_err(broke_off)? {
            take(&piece)?;
        }
        Ok(())
    }

    /// Delivers a post-call event as ElevenLabs does, signed at `unix_secs`.
    pub(super) async fn deliver(&self, secret: &Secret, unix_secs: i64, body: Vec<u8>) -> Result<Value> {
        let path = "/webhooks/post-call";
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header(signature::HEADER, signature::sign(secret, unix_secs, &body))
            .header("content-type", "application/json")
            .body(body);
        self.send(path, request).await
    }

    /// Waits until nothing is pending, running or retrying. Answers how many jobs are dead.
    ///
    /// # Errors
    /// `Timeout` when work is left after `patience`.
    pub(super) async fn drained(&self, patience: Duration) -> Result<u64> {
        let start = Instant::now();
        loop {
            let queue = self.get("/v1/queue").await?;
            let count = |name: &str| queue.get(name).and_then(Value::as_u64).unwrap_or_default();
            let open = count("pending") + count("running") + count("retrying");
            if open == 0 {
                return Ok(count("dead"));
            }
            if start.elapsed() > patience {
                let what = format!("{open} jobs are not done yet; see `hark jobs list`");
                return Err(Error::new(ErrorKind::Timeout, "queue", what));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn send(&self, path: &str, request: RequestBuilder) -> Result<Value> {
        Ok(self.answered(path, request).await?.json().await.unwrap_or_default())
    }

    /// The answer, if it is a good one.
    async fn answered(&self, path: &str, request: RequestBuilder) -> Result<Response> {
        let answer = request.bearer_auth(self.api_key.expose()).send().await.map_err(|e| self.unreachable(path, e))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body: Value = answer.json().await.unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let what = [text("code"), text("detail")].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ");
        let remedy = if status == StatusCode::UNAUTHORIZED {
            "; the credentials here are not those of that server: check --config and --data-dir"
        } else {
            ""
        };
        Err(Error::new(kind_of(status), "http", format!("{path}: status {}: {what}{remedy}", status.as_u16())))
    }

    fn unreachable(&self, path: &str, error: reqwest::Error) -> Error {
        let what = if error.is_connect() {
            format!("no server answers at {}; start one with `hark serve`, or name it with --url", self.base)
        } else if error.is_timeout() {
            format!("{}{path} took longer than {} s", self.base, REQUEST.as_secs())
        } else {
            format!("{}{path} cannot be asked", self.base)
        };
        Error::new(ErrorKind::Unavailable, "http", what).with_source(error.without_url())
    }
}

fn kind_of(status: StatusCode) -> ErrorKind {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Denied,
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::Limited,
        StatusCode::CONFLICT => ErrorKind::Conflict,
        status if status.is_client_error() => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}

/// Where the configured server is reached from this machine: one that listens on every address answers on
/// loopback too.
pub(super) fn local_url(config: &Config) -> String {
    let bind = &config.server.bind;
    let reachable = match bind.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() && address.is_ipv6() => format!("[::1]:{}", address.port()),
        Ok(address) if address.ip().is_unspecified() => format!("127.0.0.1:{}", address.port()),
        _ => bind.clone(),
    };
    format!("http://{reachable}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_server_is_reached_on_loopback() {
        for (bind, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("localhost:8080", "http://localhost:8080"),
        ] {
            let mut config = Config::default();
            config.server.bind = bind.to_owned();
            assert_eq!(local_url(&config), url);
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_run_is_told_with_the_remedy() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = Client::new(format!("http://{free}/"), Secret::new("key")).unwrap();
        let error = client.get("/v1/queue").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.context().contains("hark serve"), "{error}");
    }
}
