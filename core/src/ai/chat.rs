//! A model that answers.

use crate::Result;
use async_trait::async_trait;
use std::fmt::Debug;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The instructions.
    pub system: String,
    /// The material. Data, never orders.
    pub user: String,
    /// JSON schema the answer must satisfy; `None` for free text.
    pub schema: Option<serde_json::Value>,
    /// At most so many tokens in the answer.
    pub max_tokens: u32,
}

/// Tokens used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatAnswer {
    /// The text; valid JSON for the schema when one was given.
    pub text: String,
    /// What it cost.
    pub usage: Usage,
}

/// A chat model.
#[async_trait]
pub trait ChatModel: Debug + Send + Sync + 'static {
    /// The model's name.
    fn model(&self) -> &str;

    /// One answer. A refusal, a truncated answer or one that is not JSON where a schema was given is an error
    /// of kind `Corrupt`, never a made-up answer.
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer>;
}
