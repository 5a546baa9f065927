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

/// OpenAI's own limit.
const MAX_INPUTS: usize = 2048;

pub(super) fn router(script: Arc<Script>) -> Router {
    // Any base path is served, so that paths like Azure's can be tried.
    Router::new().fallback(answer).with_state(script)
}

async fn answer(State(script): State<Arc<Script>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let asked = asked(&uri, &headers, &body);
    let (mut behaviour, width) = script.with(|state| {
        state.asked.push(asked.clone());
        (state.meet(), state.width)
    });
    if let Some(refusal) = check_key(&script, &asked) {
        return refusal;
    }
    match &behaviour {
        Behaviour::Latency(pause) => tokio::time::sleep(*pause).await,
        Behaviour::Hang => {
            script.hang().await;
            behaviour = Behaviour::Answer;
        }
        Behaviour::Status { status, retry_after, code } => {
            return error(*status, code.as_deref(), retry_after.as_deref(), &asked.body);
        }
        Behaviour::Garbage => return format!("<html>It works! {}</html>", asked.body).into_response(),
        _ => {}
    }
    let answered = match asked.route {
        Route::Embeddings => match behaviour {
            Behaviour::WrongWidth(width) => embeddings(&asked, width).await,
            _ => embeddings(&asked, asked_width(&asked).unwrap_or(width)).await,
        },
        Route::Chat => chat(&script, &asked, &behaviour),
        Route::Models => Ok(json!({"object": "list", "data": [{"id": "fake", "object": "model"}]})),
        Route::Unknown => Err((404, "unknown_url")),
    };
    let body = match answered {
        Ok(body) => body.to_string(),
        Err((status, code)) => return error(status, Some(code), None, &asked.body),
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
        _ if path.ends_with("/embeddings") => Route::Embeddings,
        _ if path.ends_with("/chat/completions") => Route::Chat,
        _ if path.ends_with("/models") => Route::Models,
        _ => Route::Unknown,
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    Asked {
        route,
        target: uri.to_string(),
        headers: headers
            .keys()
            .map(|name| (name.to_string(), text(name.as_str()).unwrap_or_default().into()))
            .collect(),
        key: bearer.or_else(|| text("api-key")).map(str::to_owned),
        body: serde_json::from_slice(body).unwrap_or_default(),
    }
}

fn check_key(script: &Script, asked: &Asked) -> Option<Response> {
    script.with(|state| {
        let key = asked.key.clone().unwrap_or_default();
        if state.accepted.as_ref().is_some_and(|accepted| !accepted.contains(&key)) {
            return Some(error(401, Some("invalid_api_key"), None, &json!(key)));
        }
        let after = state.limited.get(&key)?.map(|after| after.as_secs_f64().to_string());
        Some(error(429, Some("rate_limit_exceeded"), after.as_deref(), &json!(key)))
    })
}

/// As OpenAI writes it, quoting what it should not.
fn error(status: u16, code: Option<&str>, retry_after: Option<&str>, quoted: &Value) -> Response {
    let body = json!({ "error": {
        "message": format!("There is a problem with your request: {quoted}"),
        "type": code.unwrap_or("server_error"), "param": null, "code": code
    }});
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let after = retry_after.map(|after| [(header::RETRY_AFTER, after.to_owned())]);
    let json = [(header::CONTENT_TYPE, "application/json")];
    match after {
        Some(after) => (status, after, json, body.to_string()).into_response(),
        None => (status, json, body.to_string()).into_response(),
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

async fn embeddings(asked: &Asked, width: usize) -> Result<Value, (u16, &'static str)> {
    let texts = asked.texts();
    let empty = texts.iter().any(String::is_empty);
    if texts.is_empty() || empty || texts.len() > MAX_INPUTS || asked.body["model"].as_str().is_none() {
        return Err((400, "invalid_request_error"));
    }
    let embedder = FakeEmbedder::new(width).with_max_batch(texts.len());
    let vectors = embedder.embed(&texts, EmbedPurpose::Query).await.map_err(|_| (500, "server_error"))?.vectors;
    let item = |(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector});
    // Backwards: the index is what counts.
    let data: Vec<_> = vectors.into_iter().enumerate().map(item).rev().collect();
    let tokens: usize = texts.iter().map(|text| words(text)).sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Ok(json!({"object": "list", "model": asked.body["model"], "data": data, "usage": usage}))
}

fn chat(script: &Script, asked: &Asked, behaviour: &Behaviour) -> Result<Value, (u16, &'static str)> {
    let format = &asked.body["response_format"]["json_schema"];
    if format["strict"] == true && !is_strict(&format["schema"]) {
        return Err((400, "invalid_json_schema"));
    }
    let (system, user) = (asked.message("system"), asked.message("user"));
    let reply = match behaviour {
        Behaviour::Refuse => ChatReply::Refusal,
        _ => {
            let (queued, usual) = script.with(|state| (state.replies.pop_front(), Arc::clone(&state.reply)));
            queued.unwrap_or_else(|| usual(&system, &user))
        }
    };
    let (content, refusal, finish) = match reply {
        ChatReply::Text(text) => (Some(text), None, "stop"),
        ChatReply::Refusal => (None, Some("I cannot help with that."), "stop"),
        ChatReply::Truncated(text) => (Some(text), None, "length"),
    };
    let (read, written) = (words(&system) + words(&user), words(content.as_deref().or(refusal).unwrap_or_default()));
    Ok(json!({
        "id": "chatcmpl-fake", "object": "chat.completion", "created": 0, "model": asked.body["model"],
        "choices": [{
            "index": 0, "finish_reason": finish, "logprobs": null,
            "message": {"role": "assistant", "content": content, "refusal": refusal}
        }],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    }))
}

/// Words stand for tokens.
fn words(text: &str) -> usize {
    text.split_whitespace().count().max(1)
}

/// What OpenAI asks of a strict schema: objects name all their properties as required and allow no others.
fn is_strict(schema: &Value) -> bool {
    let Value::Object(map) = schema else { return !matches!(schema, Value::Bool(_)) };
    if let Some(Value::Object(properties)) = map.get("properties") {
        let required = map.get("required").and_then(Value::as_array).map_or(0, Vec::len);
        if map.get("additionalProperties") != Some(&Value::Bool(false)) || required != properties.len() {
            return false;
        }
    }
    let inner = |key: &str| map.get(key).and_then(Value::as_object).into_iter().flat_map(|inner| inner.values());
    let listed = map.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    inner("properties").chain(inner("$defs")).chain(listed).chain(map.get("items")).all(is_strict)
}
