//! The model that is measured, and what it was asked.

use async_trait::async_trait;
use hark_core::ai::{AnswerEnd, ChatAnswer, ChatModel, ChatRequest, Usage};
use hark_core::backend::{OpenContext, Registry};
use hark_core::{SystemClock, SystemEntropy};
use serde_json::json;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The chat model the environment names, opened as the server would.
async fn named() -> Result<Arc<dyn ChatModel>, Box<dyn Error>> {
    let needed = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let mut section = json!({
        "base_url": needed("HARK_EXAMPLE_BASE_URL")?,
        "chat_model": needed("HARK_EXAMPLE_MODEL")?,
        "structured": std::env::var("HARK_EXAMPLE_STRUCTURED").unwrap_or_else(|_| "json_schema".to_owned()),
        "embedding_model": "",
        "request_timeout_secs": 900,
    });
    if let Ok(key) = std::env::var("HARK_EXAMPLE_API_KEY") {
        section["api_key"] = key.into();
    }
    let mut registry = Registry::new();
    hark_openai::register(&mut registry);
    let context = OpenContext {
        data_dir: std::env::temp_dir(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        vault: None,
    };
    let backend = registry.open(hark_openai::KIND, section, &context).await?;
    Ok(backend.chat().ok_or("this backend answers nothing")?)
}

/// Counts what the model was asked and what it cost.
#[derive(Debug)]
pub(crate) struct Counting {
    inner: Arc<dyn ChatModel>,
    counted: Mutex<Counted>,
}

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    answers: u32,
    truncated: u32,
    refused: u32,
    usage: Usage,
}

impl Counting {
    /// The chat model the environment names, counted.
    ///
    /// # Errors
    /// What is missing in the environment, or what the backend says.
    pub(crate) async fn open() -> Result<Arc<Self>, Box<dyn Error>> {
        Ok(Arc::new(Self { inner: named().await?, counted: Mutex::default() }))
    }

    /// So far.
    pub(crate) fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// Answers the model gave, of whatever use.
    pub(crate) fn answers(&self) -> u32 {
        self.answers
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answers, truncated, refused, usage } = self;
        let (read, written) = (usage.input_tokens, usage.output_tokens);
        write!(f, "{answers} answers ({truncated} cut off, {refused} refused), {read} tokens read, {written} written")
    }
}

#[async_trait]
impl ChatModel for Counting {
    fn model(&self) -> &str {
        self.inner.model()
    }

    async fn chat(&self, request: &ChatRequest) -> hark_core::Result<ChatAnswer> {
        let answer = self.inner.chat(request).await?;
        let mut counted = self.counted();
        counted.answers += 1;
        counted.truncated += u32::from(answer.end == AnswerEnd::Truncated);
        counted.refused += u32::from(answer.end == AnswerEnd::Refused);
        counted.usage += answer.usage;
        Ok(answer)
    }
}
