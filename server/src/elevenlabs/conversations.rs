//! The platform's own list of conversations: `GET /v1/convai/conversations`, and one of them.

use super::lenient::{List, Number, Object, Text};
use crate::http_client;
use chrono::DateTime;
use hark_core::{ConversationId, Error, ErrorKind, Result, Secret, Timestamp};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// How long one answer may take.
const REQUEST: Duration = Duration::from_secs(30);

/// Conversations of a page; the platform gives no more.
const PAGE: usize = 100;

/// A page of the list is smaller than this, in bytes.
const PAGE_LIMIT: usize = 8 << 20;

/// A client of the platform. Asks once: when to come back is the caller's business.
pub(crate) struct Conversations {
    http: reqwest::Client,
    base: Url,
    key: Secret,
    /// Largest conversation that is read, in bytes.
    limit: usize,
}

impl fmt::Debug for Conversations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversations").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// Where a conversation is, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Going on, or being analysed.
    Open,
    /// Over, with its analysis.
    Done,
    /// Broken off; something may have been said.
    Failed,
}

/// A conversation as the list has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The platform's id.
    pub(crate) id: ConversationId,
    /// When it started, in unix seconds.
    pub(crate) started: i64,
    /// Where it is.
    pub(crate) stage: Stage,
    /// Whether the list says that the human said nothing.
    pub(crate) silent: bool,
}

/// A page of the list, earliest start first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The conversations; what names no conversation is left out.
    pub(crate) items: Vec<Listed>,
    /// What the next page is asked for with.
    pub(crate) next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListWire {
    conversations: List<Object<ItemWire>>,
    next_cursor: Text,
    has_more: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ItemWire {
    conversation_id: Text,
    start_time_unix_secs: Number,
    status: Text,
    message_count: Number,
    user_message_count: Number,
}

impl Conversations {
    /// A client of the platform at `base`, with the key of one workspace.
    ///
    /// # Errors
    /// `Config` when the address is none, or the client cannot be built.
    pub(crate) fn new(base: &str, key: Secret, limit: usize) -> Result<Self> {
        let wrong =
            |e| Error::config(format!("elevenlabs.reconcile.base_url: `{base}` is not an address")).with_source(e);
        Ok(Self { http: http_client::build(base, REQUEST)?, base: Url::parse(base).map_err(wrong)?, key, limit })
    }

    /// A page of the conversations that started after `since` (unix seconds), earliest first.
    ///
    /// # Errors
    /// `Denied` for a key the platform does not take, `Limited` and `Unavailable` with its own advice when to come back,
    /// `Timeout`, `Corrupt` for an answer that is no list.
    pub(crate) async fn list(&self, since: i64, cursor: Option<&str>, now: Timestamp) -> Result<Listing> {
        const OPERATION: &str = "elevenlabs.list";
        let mut url = self.url(OPERATION, &["v1", "convai", "conversations"])?;
        url.query_pairs_mut()
            .append_pair("call_start_after_unix", &since.max(0).to_string())
            .append_pair("page_size", &PAGE.to_string())
            .append_pair("sort_direction", "asc")
            .append_pair("summary_mode", "exclude");
        if let Some(cursor) = cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        let answer = self.ask(OPERATION, url).await?;
        if !answer.status().is_success() {
            return Err(refusal(OPERATION, &answer, now));
        }
        let body = read(OPERATION, answer, PAGE_LIMIT).await?;
        let Ok(list) = serde_json::from_slice::<ListWire>(&body) else {
            return Err(Error::new(ErrorKind::Corrupt, OPERATION, "the platform's list cannot be read"));
        };
        let next = list.next_cursor.filled().filter(|_| list.has_more).map(str::to_owned);
        Ok(Listing { items: list.conversations.items().iter().filter_map(|item| listed(&item.0)).collect(), next })
    }

    /// A conversation, as its post-call event would hold it under `data`; `None` when the platform has it no more.
    ///
    /// # Errors
    /// As [`Conversations::list`]; `Corrupt` when it is no JSON object, is another conversation, or is too large.
    pub(crate) async fn get(&self, id: &ConversationId, now: Timestamp) -> Result<Option<Vec<u8>>> {
        const OPERATION: &str = "elevenlabs.get";
        let mut url = self.url(OPERATION, &["v1", "convai", "conversations", id.as_str()])?;
        url.query_pairs_mut().append_pair("format", "json");
        let answer = self.ask(OPERATION, url).await?;
        match answer.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_success() => read(OPERATION, answer, self.limit).await.map(Some),
            _ => Err(refusal(OPERATION, &answer, now)),
        }
    }

    fn url(&self, operation: &'static str, path: &[&str]) -> Result<Url> {
        let mut url = self.base.clone();
        let unfit = || Error::new(ErrorKind::Config, operation, "elevenlabs.reconcile.base_url cannot carry a path");
        url.path_segments_mut().map_err(|()| unfit())?.pop_if_empty().extend(path);
        Ok(url)
    }

    async fn ask(&self, operation: &'static str, url: Url) -> Result<Response> {
        let request = self.http.get(url).header("xi-api-key", self.key.expose());
        request.send().await.map_err(|e| failed(operation, e))
    }
}

fn listed(item: &ItemWire) -> Option<Listed> {
    let nothing = |count: Number| count.whole() == Some(0);
    Some(Listed {
        id: ConversationId::new(item.conversation_id.filled()?),
        started: item.start_time_unix_secs.whole().unwrap_or(0),
        // What is not known to have ended is asked for again.
        stage: match item.status.filled() {
            Some("done") => Stage::Done,
            Some("failed") => Stage::Failed,
            _ => Stage::Open,
        },
        silent: nothing(item.message_count) || nothing(item.user_message_count),
    })
}

/// A text of the platform's could quote anybody: only the status is told.
fn refusal(operation: &'static str, answer: &Response, now: Timestamp) -> Error {
    let status = answer.status();
    let (kind, why) = match status.as_u16() {
        401 | 403 => (ErrorKind::Denied, "; check elevenlabs.reconcile.api_key, which needs the scope convai_read"),
        429 => (ErrorKind::Limited, ""),
        408 | 409 => (ErrorKind::Unavailable, ""),
        _ if status.is_server_error() => (ErrorKind::Unavailable, ""),
        _ => (ErrorKind::Corrupt, "; the platform does not take the request"),
    };
    let error = Error::new(kind, operation, format!("the platform answers with status {}{why}", status.as_u16()));
    match retry_after(answer, now).filter(|_| matches!(kind, ErrorKind::Limited | ErrorKind::Unavailable)) {
        Some(after) => error.with_retry_after(after),
        None => error,
    }
}

/// When to come back: seconds, milliseconds or a date, as the official client understands it too.
fn retry_after(answer: &Response, now: Timestamp) -> Option<Duration> {
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number =
        |name: &str| header(name).and_then(|text| text.parse::<f64>().ok()).filter(|n| (0.0..1e11).contains(n));
    if let Some(ms) = number("retry-after-ms") {
        return Some(Duration::from_secs_f64(ms / 1e3));
    }
    if let Some(secs) = number("retry-after") {
        return Some(Duration::from_secs_f64(secs));
    }
    let at = header("retry-after").and_then(|text| DateTime::parse_from_rfc2822(text).ok().map(|at| at.timestamp()));
    let at = at.or_else(|| number("x-ratelimit-reset").map(|at| at as i64))?;
    Some(Duration::from_secs(u64::try_from(at - now.timestamp()).unwrap_or(0)))
}

async fn read(operation: &'static str, mut answer: Response, limit: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| failed(operation, e))? {
        if body.len() + chunk.len() > limit {
            let what = format!("the platform's answer is larger than {limit} bytes (server.event_limit_bytes)");
            return Err(Error::new(ErrorKind::Corrupt, operation, what));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failed(operation: &'static str, error: reqwest::Error) -> Error {
    let (kind, what) = match error.is_timeout() {
        true => (ErrorKind::Timeout, "the platform does not answer in time"),
        false => (ErrorKind::Unavailable, "the platform cannot be reached"),
    };
    Error::new(kind, operation, what).with_source(error.without_url())
}
