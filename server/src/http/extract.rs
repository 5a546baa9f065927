//! What handlers are given: bodies, queries and ids, read strictly, with errors that name the field.

use super::error::Problem;
use crate::app::App;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use futures::StreamExt;
use hark_core::PageRequest;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// 413 beyond the limit; 400 when the client breaks off.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| broken_off())?;
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

/// The client went away in the middle of its body.
pub(crate) fn broken_off() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "broken_body", "the body ended before it was complete")
}

/// A JSON body of our own routes: unknown fields are refused.
#[derive(Debug)]
pub struct AppJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for AppJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read_body(request.into_body(), app.settings.http.body_limit_bytes).await?;
        parse(&bytes).map(Self)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde would read a list as an object, field by field.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(not_json());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() { wrong_field(&path, &error.to_string()) } else { not_json() }
    })?;
    deserializer.end().map_err(|_| not_json())?;
    Ok(value)
}

fn not_json() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_json", "the body must be one JSON object, not nested too deeply")
}

/// Says what is wrong with a field without repeating what it held: serde's own messages quote it.
fn wrong_field(path: &str, message: &str) -> Problem {
    let message = message.split(" at line ").next().unwrap_or_default();
    let quoted = message.split('`').nth(1).unwrap_or_default();
    let name: String = quoted.chars().take(64).collect();
    let within = |name: &str| if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    // The path of an unknown field already ends in its name.
    let inside = path == name || path.ends_with(&format!(".{name}"));
    if message.starts_with("unknown field") {
        let known = message.split_once(", expected ").map_or("none", |(_, known)| known);
        let detail = format!("unknown field `{name}`; known are {}", known.trim_start_matches("one of "));
        return Problem::field("unknown_field", if inside { path.to_owned() } else { within(&name) }, detail);
    }
    if message.starts_with("missing field") {
        return Problem::field("missing_field", within(&name), format!("`{name}` is required"));
    }
    let wanted = message.rsplit_once(", expected ").map_or("of the documented form; see /docs", |(_, wanted)| wanted);
    let field = if path == "." { "body" } else { path };
    Problem::field("invalid_field", field, format!("`{field}` must be {wanted}"))
}

/// A query string: unknown parameters are refused.
#[derive(Debug)]
pub struct AppQuery<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for AppQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let read = Query::<T>::from_request_parts(parts, app).await;
        read.map(|Query(query)| Self(query)).map_err(|refused| {
            let text = refused.body_text();
            let message = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            match message.split_once(": ") {
                Some((field, message)) if !field.contains(' ') => wrong_field(field, message),
                _ => wrong_field(".", message),
            }
        })
    }
}

/// The id in a route's path, decoded.
#[derive(Debug)]
pub struct Id(pub String);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "invalid_path", "the id in the path is not UTF-8"))?;
        Ok(Self(id))
    }
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items, 1 to 1,000; 50 unless told.
    #[param(minimum = 1, maximum = 1_000)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// The page a list is asked for.
///
/// # Errors
/// 422 for a limit out of range.
pub fn page(limit: Option<i64>, cursor: Option<String>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(50);
    match usize::try_from(limit) {
        Ok(limit @ 1..=1_000) => Ok(PageRequest { limit, cursor: cursor.filter(|c| !c.is_empty()) }),
        _ => Err(Problem::field("invalid_field", "limit", "`limit` must be 1 to 1000")),
    }
}
