//! Translation of what goes wrong, once, at this edge.
//!
//! What a server writes into an error may quote the question, so nothing of it is kept but the status.

use hark_core::{Error, ErrorKind};
use std::time::Duration;

/// Name of the operation in errors and logs.
pub(crate) const EMBED: &str = "ollama.embed";
/// Name of the operation in errors and logs.
pub(crate) const CHAT: &str = "ollama.chat";
/// Name of the operation in errors and logs.
pub(crate) const HEALTH: &str = "ollama.health";

/// No answer came.
pub(crate) fn transport(operation: &'static str, error: reqwest::Error) -> Error {
    let (kind, what) = if error.is_timeout() {
        (ErrorKind::Timeout, "there was no answer within connect_timeout_ms and request_timeout_secs")
    } else if error.is_connect() {
        (ErrorKind::Unavailable, "cannot connect to the server at base_url")
    } else if error.is_builder() {
        (ErrorKind::Internal, "the request cannot be built")
    } else {
        (ErrorKind::Unavailable, "the connection broke before there was an answer")
    };
    Error::new(kind, operation, what).with_source(error.without_url())
}

/// An answer began and did not end.
pub(crate) fn broken(operation: &'static str, error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return transport(operation, error);
    }
    Error::new(ErrorKind::Corrupt, operation, "the answer broke off").retriable(true).with_source(error.without_url())
}

/// An answer came and is not what it should be. Another attempt may well help.
pub(crate) fn corrupt(operation: &'static str, what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, operation, what).retriable(true)
}

/// An answer that is not JSON, or not of the right shape. The parser's words may quote it, its place does not.
pub(crate) fn unreadable(operation: &'static str, error: &serde_json::Error) -> Error {
    let place = format!("line {} column {}", error.line(), error.column());
    corrupt(operation, format!("the answer cannot be read as JSON of the right shape ({place})"))
}

/// The server refused. `model` is the configuration key of the model that was asked, if one was.
pub(crate) fn refused(
    operation: &'static str,
    model: Option<&str>,
    status: u16,
    retry_after: Option<Duration>,
) -> Error {
    let new = |kind, what: String| Error::new(kind, operation, format!("{what} (status {status})"));
    let again = |error: Error| match retry_after {
        Some(after) => error.with_retry_after(after),
        None => error,
    };
    match status {
        300..=399 => new(ErrorKind::Config, "the server sends us elsewhere; correct base_url".to_owned()),
        401 | 403 => new(ErrorKind::Denied, "the server does not let us in; check headers".to_owned()),
        404 | 405 => {
            let what = match model {
                Some(key) => format!("the server has no such model; `ollama pull` it, or correct {key} or base_url"),
                None => "this is no Ollama server; correct base_url".to_owned(),
            };
            new(ErrorKind::Config, what)
        }
        408 => again(new(ErrorKind::Timeout, "the server gave up waiting".to_owned())),
        429 => again(new(ErrorKind::Limited, "the server asks for fewer requests".to_owned())),
        501 => new(ErrorKind::Unsupported, "this server does not offer that".to_owned()),
        400..=499 => new(ErrorKind::Invalid, "the server does not take the request".to_owned()),
        _ => again(new(ErrorKind::Unavailable, "the server has a problem of its own".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_becomes_a_kind_and_advice() {
        let after = Some(Duration::from_secs(3));
        for (status, kind, retriable) in [
            (302, ErrorKind::Config, false),
            (400, ErrorKind::Invalid, false),
            (401, ErrorKind::Denied, false),
            (403, ErrorKind::Denied, false),
            (404, ErrorKind::Config, false),
            (408, ErrorKind::Timeout, true),
            (429, ErrorKind::Limited, true),
            (500, ErrorKind::Unavailable, true),
            (501, ErrorKind::Unsupported, false),
            (503, ErrorKind::Unavailable, true),
        ] {
            let error = refused(EMBED, Some("embedding_model"), status, after);
            assert_eq!((error.kind(), error.is_retriable()), (kind, retriable), "{status}");
            assert_eq!(error.retry_after(), after.filter(|_| retriable), "{status}");
        }
        assert!(refused(EMBED, Some("embedding_model"), 404, None).context().contains("embedding_model"));
        assert!(refused(HEALTH, None, 404, None).context().contains("base_url"));
    }
}
