//! The wire format, and the ways of breaking it.

use super::script::{Asked, Behaviour, Route, Script};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use hark_core::ai::{EmbedPurpose, Embedder};
use hark_core::testkit::{ChatReply, FakeEmbedder};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;

pub(super) fn router(script: Arc<Script>) -> Router {
    // Any base path is served, as behind a gate.
    Router::new().fallback(answer).with_state(script)
}

async fn answer(State(script): State<Arc<Script>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let asked = asked(&uri, &headers, &body);
    let (mut behaviour, width) = script.with(|state| {
        state.asked.push(asked.clone());
        (state.queue.pop_front().unwrap_or_else(|| state.always.clone()), state.width)
    });
    match &behaviour {
        Behaviour::Latency(pause) => tokio::time::sleep(*pause).await,
        Behaviour::Hang => {
            script.hang().await;
            behaviour = Behaviour::Answer;
        }
        Behaviour::Status { status, retry_after } => return error(*status, retry_after.as_deref(), &asked.body),
        Behaviour::Garbage => return format!("<html>It works! {}</html>", asked.body).into_response(),
        _ => {}
    }
    let answered = match asked.route {
        Route::Embed => match behaviour {
            Behaviour::WrongWidth(width) => embed(&asked, width).await,
            _ => embed(&asked, asked_width(&asked).unwrap_or(width)).await,
        },
        Route::Chat => chat(&script, &asked, &behaviour),
        Route::Tags => Ok(json!({"models": [{"name": "fake:latest", "modified_at": "", "size": 0}]})),
        Route::Version => Ok(json!({"version": "0.0.0-fake"})),
        Route::Unknown => Err(404),
    };
    let body = match answered {
        Ok(body) => body.to_string(),
        Err(status) => return error(status, None, &asked.body),
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    match behaviour {
        Behaviour::CutStream => cut(&body),
        Behaviour::TruncatedJson => (json, body[..body.len() / 2].to_owned()).into_response(),
        _ => (json, body).into_response(),
    }
}

fn asked(uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Asked {
    let path = uri.path();
    let route = match path {
        _ if path.ends_with("/api/embed") => Route::Embed,
        _ if path.ends_with("/api/chat") => Route::Chat,
        _ if path.ends_with("/api/tags") => Route::Tags,
        _ if path.ends_with("/api/version") => Route::Version,
        _ => Route::Unknown,
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Asked {
        route,
        target: uri.to_string(),
        headers: headers
            .keys()
            .map(|name| (name.to_string(), text(name.as_str()).unwrap_or_default().into()))
            .collect(),
        body: serde_json::from_slice(body).unwrap_or_default(),
    }
}

/// As Ollama writes it, quoting what it should not.
fn error(status: u16, retry_after: Option<&str>, quoted: &Value) -> Response {
    let body = json!({ "error": format!("there is a problem with your request: {quoted}") }).to_string();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = [(header::CONTENT_TYPE, "application/json")];
    match retry_after.map(|after| [(header::RETRY_AFTER, after.to_owned())]) {
        Some(after) => (status, after, json, body).into_response(),
        None => (status, json, body).into_response(),
    }
}

/// Promises the whole body, sends half of it and ends the connection.
fn cut(body: &str) -> Response {
    let half = Bytes::copy_from_slice(&body.as_bytes()[..body.len() / 2]);
    let parts = stream::unfold(Some(half), |half| async move {
        match half {
            Some(half) => Some((Ok(half), None)),
            None => {
                // Gives the first half the time to leave.
                tokio::task::yield_now().await;
                Some((Err(io::Error::from(io::ErrorKind::ConnectionReset)), None))
            }
        }
    });
    let headers =
        [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_LENGTH, body.len().to_string())];
    (headers, Body::from_stream(parts)).into_response()
}

fn asked_width(asked: &Asked) -> Option<usize> {
    asked.body["dimensions"].as_u64().and_then(|width| usize::try_from(width).ok())
}

/// A text that holds nothing gets a vector without numbers, as from Ollama.
async fn embed(asked: &Asked, width: usize) -> Result<Value, u16> {
    let texts = asked.texts();
    if asked.body["model"].as_str().is_none() {
        return Err(400);
    }
    let embedder = FakeEmbedder::new(width).with_max_batch(texts.len());
    let mut vectors = embedder.embed(&texts, EmbedPurpose::Query).await.map_err(|_| 500_u16)?.vectors;
    for (vector, _) in vectors.iter_mut().zip(&texts).filter(|(_, text)| text.is_empty()) {
        vector.clear();
    }
    let tokens: usize = texts.iter().map(|text| words(text)).sum();
    Ok(json!({"model": asked.body["model"], "embeddings": vectors, "total_duration": 1, "load_duration": 1,
        "prompt_eval_count": tokens}))
}

fn chat(script: &Script, asked: &Asked, behaviour: &Behaviour) -> Result<Value, u16> {
    // Without `stream: false` Ollama answers in many lines, which this does not speak.
    let format = &asked.body["format"];
    if asked.body["stream"] != false || !(format.is_null() || format.is_object()) || refers(format) {
        return Err(400);
    }
    let (system, user) = (asked.message("system"), asked.message("user"));
    let reply = match behaviour {
        Behaviour::Refuse => ChatReply::Refusal,
        _ => {
            let (queued, usual) = script.with(|state| (state.replies.pop_front(), Arc::clone(&state.reply)));
            queued.unwrap_or_else(|| usual(&system, &user))
        }
    };
    let (content, reason) = match reply {
        ChatReply::Text(text) => (text, "stop"),
        ChatReply::Refusal => (String::new(), "content_filter"),
        ChatReply::Truncated(text) => (text, "length"),
    };
    Ok(json!({
        "model": asked.body["model"], "created_at": "2026-11-22T10:00:00Z",
        "message": {"role": "assistant", "content": content}, "done": true, "done_reason": reason,
        "total_duration": 1, "load_duration": 1, "prompt_eval_duration": 1, "eval_duration": 1,
        "prompt_eval_count": words(&system) + words(&user), "eval_count": words(&content)
    }))
}

/// Words stand for tokens.
fn words(text: &str) -> usize {
    text.split_whitespace().count().max(1)
}

/// Whether a schema holds a reference, which Ollama does not follow.
fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.contains_key("$ref") || map.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}
