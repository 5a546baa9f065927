//! The smallest real request to each part.

use hark_core::ai::{AnswerEnd, AnswerSchema, ChatModel, ChatRequest, EmbedPurpose, Embedder};
use hark_core::backend::{Backend, Role};
use hark_core::cost::Spend;
use hark_core::store::Space;
use hark_core::{Error, ErrorKind, Result, TenantId};
use serde_json::json;
use std::time::Instant;

/// Whether the part is a model, which needs no data folder.
pub(super) fn is_model(role: Role) -> bool {
    matches!(role, Role::Embedder | Role::Chat | Role::Extractor | Role::Classifier)
}

/// Tries one part. `space` is what the truth says the vectors are in; roles come with the truth before the
/// embedder.
///
/// # Errors
/// What the part says, or `Config` where it does not fit what is stored.
pub(super) async fn part(backend: &dyn Backend, role: Role, space: &mut Option<Space>) -> Result<String> {
    let missing = || {
        let why = backend.why_not(role).unwrap_or_else(|| "it offers no such part with this configuration".to_owned());
        Error::new(ErrorKind::Config, "doctor", why)
    };
    match role {
        Role::Memory => {
            let memory = backend.memory().ok_or_else(missing)?;
            if let Some(schema) = backend.migrate() {
                let pending = schema.pending().await?;
                if !pending.is_empty() {
                    return Ok(format!("{} schema steps are pending: the next start runs them", pending.len()));
                }
            }
            memory.ping().await?;
            *space = memory.space().await?;
            Ok(format!("{} memories", memory.count_memories().await?))
        }
        Role::Jobs => {
            if let Some(schema) = backend.migrate()
                && !schema.pending().await?.is_empty()
            {
                return Ok("waits for its schema".to_owned());
            }
            let jobs = backend.jobs().ok_or_else(missing)?;
            jobs.ping().await?;
            let stats = jobs.stats(None::<&TenantId>, hark_core::Clock::now(&hark_core::SystemClock)).await?;
            Ok(format!("{} waiting, {} dead", stats.pending + stats.retrying, stats.dead))
        }
        Role::Embedder => embedder(&*backend.embedder().ok_or_else(missing)?, space.as_ref()).await,
        Role::Chat => chat(&*backend.chat().ok_or_else(missing)?).await,
        Role::Vectors => match &*space {
            Some(space) => {
                let vectors = backend.vectors().ok_or_else(missing)?;
                Ok(format!("{} vectors of `{}`", vectors.count(space).await?, space.model))
            }
            None => backend.health().await.map(|()| "empty".to_owned()),
        },
        Role::Keywords => {
            let keywords = backend.keywords().ok_or_else(missing)?;
            Ok(format!("{} documents", keywords.count().await?))
        }
        Role::Cache => {
            if let Some(schema) = backend.migrate()
                && !schema.pending().await?.is_empty()
            {
                return Ok("waits for its schema".to_owned());
            }
            Ok(format!("{} embeddings kept", backend.cache().ok_or_else(missing)?.count().await?))
        }
        Role::Extractor | Role::Classifier | Role::Limits => backend.health().await.map(|()| "answers".to_owned()),
    }
}

async fn embedder(embedder: &dyn Embedder, noted: Option<&Space>) -> Result<String> {
    let own = &embedder.info().space;
    let start = Instant::now();
    let answer = embedder.embed(&["Does this answer?".to_owned()], EmbedPurpose::Query).await?;
    let took = start.elapsed().as_millis();
    let width = answer.vectors.first().map_or(0, Vec::len);
    if let Some(noted) = noted.filter(|noted| *noted != own) {
        return Err(Error::config(format!(
            "`{}` answers ({width} numbers, {took} ms), but the memories' vectors are of `{}` ({} numbers)",
            own.model, noted.model, noted.dimensions
        )));
    }
    Ok(format!("`{}`, {width} numbers, {took} ms", own.model))
}

async fn chat(chat: &dyn ChatModel) -> Result<String> {
    let schema = json!({
        "type": "object", "properties": { "answer": { "type": "string", "enum": ["yes"] } },
        "required": ["answer"], "additionalProperties": false
    });
    let request = ChatRequest {
        spend: Spend::Check,
        system: "Answer in JSON.".to_owned(),
        user: "Do you answer? Say {\"answer\": \"yes\"}.".to_owned(),
        schema: Some(AnswerSchema { name: "check".to_owned(), schema }),
        max_tokens: 60,
    };
    let start = Instant::now();
    let answer = chat.chat(&request).await?;
    let took = start.elapsed().as_millis();
    let corrupt = |what: &str| Err(Error::new(ErrorKind::Corrupt, "doctor.chat", format!("`{}` {what}", chat.model())));
    match answer.end {
        AnswerEnd::Refused => corrupt("refused to answer"),
        AnswerEnd::Truncated => corrupt("ran out of tokens before it had answered"),
        AnswerEnd::Whole if serde_json::from_str::<serde_json::Value>(&answer.text).is_err() => {
            corrupt("does not keep to a JSON schema")
        }
        AnswerEnd::Whole => Ok(format!(
            "`{}`, {took} ms, {} tokens read, {} written",
            chat.model(),
            answer.usage.input_tokens,
            answer.usage.output_tokens
        )),
    }
}
