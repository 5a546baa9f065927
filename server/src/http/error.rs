//! Errors as problem documents (RFC 9457). The only place that chooses a status, and the only one that logs.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use hark_core::{Error, ErrorKind, KeyScope};
use serde::Serialize;
use std::any::Any;
use std::time::Duration;
use utoipa::ToSchema;

/// When to come back to a store that takes no writes.
const UNWRITABLE: Duration = Duration::from_secs(5);

/// What a client is told about a failure.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// `urn:hark:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: &'static str,
    /// The status.
    pub status: u16,
    /// Stable; what programs should look at.
    pub code: &'static str,
    /// What is wrong and how to mend it.
    pub detail: String,
    /// The field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// A failure on its way out.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    field: Option<String>,
    retry_after: Option<Duration>,
    cause: Option<Box<Error>>,
}

impl Problem {
    /// A failure with a stable code. The detail must hold nobody's words, numbers or secrets.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), field: None, retry_after: None, cause: None }
    }

    /// A field that is wrong.
    pub fn field(code: &'static str, field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail) }
    }

    /// The thing asked for does not exist, or is not this tenant's.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} of that id"))
    }

    /// Old data must not bring back a person who was erased.
    pub fn erased_before(field: String) -> Self {
        let detail = format!(
            "`{field}` names a person who was erased, and what is sent is from before then or does not say when it is \
             from; give an `occurred_at` after the erasure, or leave it out of the import"
        );
        Self { field: Some(field), ..Self::new(StatusCode::CONFLICT, "erased", detail) }
    }

    /// Nothing is to be kept of a person or of a conversation any more.
    pub fn erased() -> Self {
        let detail = "the person was erased, and is kept out: for ever, or in the conversation that was going on then";
        Self::new(StatusCode::CONFLICT, "erased", detail)
    }

    /// Nothing is to be written about a person who does not agree to be remembered.
    pub fn no_consent(field: String) -> Self {
        let detail = format!(
            "`{field}` names a person who does not agree to be remembered, or of whom nobody has said that they do where \
             `privacy.consent` is \"opt_in\"; `PATCH /v1/users/{{id}}` with `consent` says that they do, and somebody new \
             is made known by `POST /v1/sessions` first"
        );
        Self { field: Some(field), ..Self::new(StatusCode::CONFLICT, "no_consent", detail) }
    }

    /// The body is larger than agreed.
    pub fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
    }

    /// No valid key.
    pub fn unauthorised(code: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// Nobody can say at the moment whether the key or the signature is valid.
    pub fn unchecked(cause: Error) -> Self {
        let detail = "keys cannot be checked at the moment; try again";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "key_unchecked", detail).caused_by(cause);
        Self { retry_after: Some(Duration::from_secs(1)), ..problem }
    }

    /// It comes too often.
    pub fn limited(retry_after: Duration) -> Self {
        let detail = "too many requests; wait as long as Retry-After says, or see [limits] of the configuration";
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail) }
    }

    /// Too many wrong keys or signatures came from there.
    pub fn too_many_failures(retry_after: Duration) -> Self {
        let detail = "too many wrong keys or signatures came from this address; wait as long as Retry-After says";
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", detail) }
    }

    /// There is too much to do; nothing was begun.
    pub fn overloaded() -> Self {
        let detail = "there is too much to do at the moment; nothing was begun, try again";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail);
        Self { retry_after: Some(Duration::from_secs(1)), ..problem }
    }

    /// It took too long.
    pub fn timed_out() -> Self {
        let detail = "the request took too long and was given up; what it had done by then stays done";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", detail);
        Self { retry_after: Some(Duration::from_secs(1)), ..problem }
    }

    /// A body did not arrive in time.
    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive in time; send it again")
    }

    /// The key does not allow it.
    pub fn scope_missing(scope: KeyScope) -> Self {
        let detail = format!("the key lacks the scope `{}`, which this route needs", scope.name());
        Self::new(StatusCode::FORBIDDEN, "scope_missing", detail)
    }

    /// The route is about the deployment, and the key is a tenant's.
    pub fn deployment_only() -> Self {
        let detail = "this is about the whole deployment, and open to keys of its own tenant only";
        Self::new(StatusCode::FORBIDDEN, "deployment_only", detail)
    }

    fn caused_by(mut self, cause: Error) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    fn log(&self) {
        match &self.cause {
            Some(cause) if self.status.is_server_error() => {
                tracing::error!(code = self.code, status = self.status.as_u16(), error = ?cause, "request failed");
            }
            _ => tracing::debug!(code = self.code, status = self.status.as_u16(), "request refused"),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
            ErrorKind::Denied => StatusCode::FORBIDDEN,
            ErrorKind::Limited => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Timeout | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if let Some(why) = error.refusal() {
            let detail = format!(
                "nothing can be written at the moment, while reading goes on: {why}; somebody has to see to that \
                 (docs/operations/incidents.md), then send it again"
            );
            let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorKind::Unavailable.name(), detail);
            return Self { retry_after: Some(UNWRITABLE), ..problem }.caused_by(error);
        }
        let detail = if status.is_server_error() {
            // What broke is the operator's business; the log has it under the request's id.
            "the request could not be served; the log has the reason under this x-request-id".to_owned()
        } else {
            error.context().to_owned()
        };
        let field = Some(&error).filter(|error| error.kind() == ErrorKind::Invalid).and_then(named);
        let retry_after = error.retry_after().or(error.is_retriable().then_some(Duration::from_secs(1)));
        Self { retry_after, field, ..Self::new(status, error.kind().name(), detail) }.caused_by(error)
    }
}

/// The field that stands first in what is said of it, in backticks.
fn named(error: &Error) -> Option<String> {
    error.context().strip_prefix('`')?.split_once('`').map(|(field, _)| field.to_owned())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        self.log();
        let body = ProblemBody {
            kind: format!("urn:hark:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
            field: self.field,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED && self.code.starts_with("key_") {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_millis().div_ceil(1_000).max(1) as u64));
        }
        response
    }
}

/// No such route.
pub async fn no_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_route", "there is no such route; see /docs")
}

/// A route asked with the wrong method.
pub async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "the route does not take this method; see /docs")
}

/// A handler panicked. What it said may quote anybody, so it is not repeated.
pub fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    tracing::error!("a handler panicked");
    metrics::counter!("hark_http_panics_total").increment(1);
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be served").into_response()
}
