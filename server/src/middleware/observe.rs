//! One span, one log line and one measurement a request. Routes are named by their pattern, never by what was
//! asked: ids in a path can be somebody's number.

use super::request_id::RequestId;
use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use tracing::Instrument;

/// How long requests took, by route, method and status.
pub const DURATION: &str = "hark_http_request_duration_seconds";

/// Measures and logs.
pub async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = known(request.method());
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let span = tracing::info_span!("request", request_id = %id, method, route = %route);
    async move {
        let response = next.run(request).await;
        let (status, took) = (response.status().as_u16(), started.elapsed());
        metrics::histogram!(DURATION, "route" => route.clone(), "method" => method, "status" => status.to_string())
            .record(took.as_secs_f64());
        let took_ms = took.as_secs_f64() * 1_000.0;
        if route.starts_with("/health") || route == "/metrics" {
            tracing::debug!(status, took_ms, "answered");
        } else {
            tracing::info!(status, took_ms, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

/// A method as a label: clients can make up methods, and labels must not grow.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
