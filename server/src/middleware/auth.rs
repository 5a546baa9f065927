//! `Authorization: Bearer <key>`, compared in constant time with every configured key.

use crate::app::{App, digest};
use crate::http::error::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use subtle::{Choice, ConstantTimeEq};

/// Lets a request through that carries a valid key.
///
/// # Errors
/// 401.
pub async fn require_key(State(app): State<App>, request: Request, next: Next) -> Result<Response, Problem> {
    match check(&app, request.headers()) {
        Ok(()) => Ok(next.run(request).await),
        Err(reason) => {
            metrics::counter!("hark_http_auth_failures_total", "reason" => reason).increment(1);
            Err(Problem::unauthorised(reason, "send `Authorization: Bearer <key>` with one of auth.api_keys"))
        }
    }
}

fn check(app: &App, headers: &HeaderMap) -> Result<(), &'static str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Err("key_missing") };
    let value = value.as_bytes();
    let Some((scheme, key)) = value.split_at_checked(7) else { return Err("key_missing") };
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err("key_missing");
    }
    let given = digest(key.trim_ascii());
    // Every key is compared, so that the time taken does not say which one came close.
    let known = app.keys.iter().fold(Choice::from(0), |known, key| known | key.ct_eq(&given));
    if bool::from(known) { Ok(()) } else { Err("key_unknown") }
}
