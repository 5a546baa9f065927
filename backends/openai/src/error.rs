//! Translation of what goes wrong, once, at this edge.
//!
//! What a provider writes into an error may quote the question, so nothing of it is kept but the status and the
//! error's code, and the code only if it looks like one.

use hark_core::{Error, ErrorKind};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// Name of the operation in errors and logs.
pub(crate) const EMBED: &str = "openai.embed";
/// Name of the operation in errors and logs.
pub(crate) const CHAT: &str = "openai.chat";
/// Name of the operation in errors and logs.
pub(crate) const HEALTH: &str = "openai.health";

const MAX_CODE: usize = 64;

/// What a server that refused gave as its reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reason {
    code: Option<String>,
    kind: Option<String>,
}

impl Reason {
    /// Reads the body of an error; whatever it is, this has an answer.
    pub(crate) fn read(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            error: Said,
        }
        #[derive(Deserialize)]
        struct Said {
            code: Option<Value>,
            r#type: Option<Value>,
        }
        let tame = |value: Option<Value>| match value {
            Some(Value::String(text)) if is_code(&text) => Some(text),
            _ => None,
        };
        serde_json::from_slice::<Body>(body)
            .map(|body| Self { code: tame(body.error.code), kind: tame(body.error.r#type) })
            .unwrap_or_default()
    }

    /// Whether code or type is this.
    pub(crate) fn is(&self, name: &str) -> bool {
        [&self.code, &self.kind].into_iter().flatten().any(|text| text == name)
    }
}

fn is_code(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    (1..=MAX_CODE).contains(&text.len()) && text.chars().all(allowed)
}

/// A call that failed, and what the key has to do with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The HTTP status, if there was an answer.
    pub(crate) status: Option<u16>,
    pub(crate) reason: Reason,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, status: None, reason: Reason::default() }
    }
}

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
    reason: Reason,
    retry_after: Option<Duration>,
) -> Failure {
    let code = match reason.code.as_ref().or(reason.kind.as_ref()) {
        Some(code) => format!("status {status}, {code}"),
        None => format!("status {status}"),
    };
    let new = |kind, what: String| Error::new(kind, operation, format!("{what} ({code})"));
    let again = |error: Error| match retry_after {
        Some(after) => error.with_retry_after(after),
        None => error,
    };
    let error = match status {
        300..=399 => new(ErrorKind::Config, "the server sends us elsewhere; correct base_url".to_owned()),
        401 | 403 => new(ErrorKind::Denied, "the server does not accept the key; check api_key".to_owned()),
        404 | 405 => {
            let model = model.map(|key| format!(" and {key}")).unwrap_or_default();
            new(ErrorKind::Config, format!("the server does not know this; check base_url{model}"))
        }
        408 => again(new(ErrorKind::Timeout, "the server gave up waiting".to_owned())),
        402 => new(ErrorKind::Limited, "the account has no money left".to_owned()).retriable(false),
        429 if ["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"]
            .iter()
            .any(|code| reason.is(code)) =>
        {
            new(ErrorKind::Limited, "the account has no money left".to_owned()).retriable(false)
        }
        429 => again(new(ErrorKind::Limited, "the server asks for fewer requests".to_owned())),
        501 => new(ErrorKind::Unsupported, "this server does not offer that".to_owned()),
        400..=499 => new(ErrorKind::Invalid, "the server does not take the request".to_owned()),
        _ => again(new(ErrorKind::Unavailable, "the server has a problem of its own".to_owned())),
    };
    Failure { error, status: Some(status), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_code_is_kept_of_what_a_server_says() {
        let read = |body: &str| Reason::read(body.as_bytes());
        let reason = read(r#"{"error": {"message": "Sam said…", "type": "tokens", "code": "rate_limit_exceeded"}}"#);
        assert!(reason.is("rate_limit_exceeded") && reason.is("tokens"));
        for body in [
            "<html>Sam</html>",
            r#"{"error": "Sam"}"#,
            r#"{"error": {"code": "Sam said hello"}}"#,
            r#"{"error": {"code": 42}}"#,
            r#"{"detail": "Sam"}"#,
            "",
        ] {
            assert_eq!(read(body), Reason::default(), "{body}");
        }
        assert!(!is_code(&"x".repeat(65)) && !is_code(""));
    }

    #[test]
    fn a_status_becomes_a_kind_and_advice() {
        let after = Some(Duration::from_secs(3));
        let plain = |status| refused(EMBED, Some("embedding_model"), status, Reason::default(), after).error;
        for (status, kind, retriable) in [
            (302, ErrorKind::Config, false),
            (400, ErrorKind::Invalid, false),
            (401, ErrorKind::Denied, false),
            (402, ErrorKind::Limited, false),
            (403, ErrorKind::Denied, false),
            (404, ErrorKind::Config, false),
            (408, ErrorKind::Timeout, true),
            (413, ErrorKind::Invalid, false),
            (429, ErrorKind::Limited, true),
            (500, ErrorKind::Unavailable, true),
            (501, ErrorKind::Unsupported, false),
            (503, ErrorKind::Unavailable, true),
        ] {
            let error = plain(status);
            assert_eq!((error.kind(), error.is_retriable()), (kind, retriable), "{status}");
            assert_eq!(error.retry_after(), after.filter(|_| retriable), "{status}");
        }
        assert!(plain(404).context().contains("embedding_model"));
        let reason = Reason::read(br#"{"error": {"type": "insufficient_quota", "code": "insufficient_quota"}}"#);
        let error = refused(CHAT, None, 429, reason, after).error;
        assert_eq!((error.kind(), error.is_retriable(), error.retry_after()), (ErrorKind::Limited, false, None));
    }
}
