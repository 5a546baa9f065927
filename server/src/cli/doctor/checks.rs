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
            let jobs = backend.jobs().ok_or_else(missing)?;
            if waits_for_its_schema(backend).await? {
                return Ok(WAITS.to_owned());
            }
            jobs.ping().await?;
            let stats = jobs.stats(None::<&TenantId>, hark_core::Clock::now(&hark_core::SystemClock)).await?;
            Ok(format!("{} waiting, {} dead", stats.pending + stats.retrying, stats.dead))
        }
        Role::Embedder => embedder(&*backend.embedder().ok_or_else(missing)?, space.as_ref()).await,
        Role::Chat => chat(&*backend.chat().ok_or_else(missing)?).await,
        Role::Vectors => {
            let vectors = backend.vectors().ok_or_else(missing)?;
            match &*space {
                _ if waits_for_its_schema(backend).await? => Ok(WAITS.to_owned()),
                Some(space) => Ok(format!("{} vectors of `{}`", vectors.count(space).await?, space.model)),
                None => backend.health().await.map(|()| "empty".to_owned()),
            }
        }
        Role::Keywords => {
            let keywords = backend.keywords().ok_or_else(missing)?;
            if waits_for_its_schema(backend).await? {
                return Ok(WAITS.to_owned());
            }
            Ok(format!("{} documents", keywords.count().await?))
        }
        Role::Cache => {
            let cache = backend.cache().ok_or_else(missing)?;
            if waits_for_its_schema(backend).await? {
                return Ok(WAITS.to_owned());
            }
            Ok(format!("{} embeddings kept", cache.count().await?))
        }
        Role::Extractor | Role::Classifier | Role::Limits => backend.health().await.map(|()| "answers".to_owned()),
    }
}

/// What is said of a part whose tables are not there yet: the truth's line says what to do.
const WAITS: &str = "waits for its schema";

async fn waits_for_its_schema(backend: &dyn Backend) -> Result<bool> {
    match backend.migrate() {
        Some(schema) => Ok(!schema.pending().await?.is_empty()),
        None => Ok(false),
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

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use hark_core::ram::{RamEmbeddingCache, RamJobQueue, RamKeywordStore, RamMemoryStore, RamVectorStore};
    use hark_core::store::{EmbeddingCache, JobQueue, KeywordStore, MemoryStore, Migrate, Migration, VectorStore};
    use std::sync::Arc;

    /// One database whose tables are not there yet.
    #[derive(Debug)]
    struct Fresh;

    #[async_trait]
    impl Migrate for Fresh {
        async fn pending(&self) -> Result<Vec<Migration>> {
            Ok(vec![Migration { version: 1, description: "everything".to_owned() }])
        }

        async fn run(&self) -> Result<()> {
            Err(Error::new(ErrorKind::Internal, "doctor", "it changes nothing"))
        }
    }

    #[async_trait]
    impl Backend for Fresh {
        fn memory(&self) -> Option<Arc<dyn MemoryStore>> {
            Some(Arc::new(RamMemoryStore::default()))
        }
        fn jobs(&self) -> Option<Arc<dyn JobQueue>> {
            Some(Arc::new(RamJobQueue::default()))
        }
        fn vectors(&self) -> Option<Arc<dyn VectorStore>> {
            Some(Arc::new(RamVectorStore::default()))
        }
        fn keywords(&self) -> Option<Arc<dyn KeywordStore>> {
            Some(Arc::new(RamKeywordStore::default()))
        }
        fn cache(&self) -> Option<Arc<dyn EmbeddingCache>> {
            Some(Arc::new(RamEmbeddingCache::default()))
        }
        fn migrate(&self) -> Option<Arc<dyn Migrate>> {
            Some(Arc::new(Self))
        }
        async fn health(&self) -> Result<()> {
            Ok(())
        }
        async fn close(&self) -> Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn whoever_has_no_tables_yet_waits_for_them_and_has_not_failed() {
        let told = part(&Fresh, Role::Memory, &mut None).await.expect("no failure");
        assert!(told.contains("1 schema steps are pending"), "{told}");
        let space = Space { model: "small".to_owned(), dimensions: 2 };
        for role in [Role::Jobs, Role::Vectors, Role::Keywords, Role::Cache] {
            assert_eq!(part(&Fresh, role, &mut None).await.expect("no failure"), WAITS, "{}", role.name());
            assert_eq!(part(&Fresh, role, &mut Some(space.clone())).await.expect("no failure"), WAITS);
        }
    }
}
