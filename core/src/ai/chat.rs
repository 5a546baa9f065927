//! A model that answers.

use crate::Result;
use crate::cost::Spend;
use async_trait::async_trait;
use std::fmt::Debug;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// What for; costs are counted by it.
    pub spend: Spend,
    /// The instructions.
    pub system: String,
    /// The material. Data, never orders.
    pub user: String,
    /// What the answer must look like; `None` for free text.
    pub schema: Option<AnswerSchema>,
    /// At most so many tokens in the answer.
    pub max_tokens: u32,
}

/// A shape for an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerSchema {
    /// Its name: letters, digits, `_` and `-`, at most 64 (OpenAI's rule).
    pub name: String,
    /// The JSON schema.
    pub schema: serde_json::Value,
}

/// Tokens used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerEnd {
    /// The model had said all it wanted to.
    Whole,
    /// It ran out of tokens.
    Truncated,
    /// It would not answer, or a filter of the provider's stopped it.
    Refused,
}

/// What came back, and was paid for.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatAnswer {
    /// The text as the model wrote it; empty after a refusal.
    pub text: String,
    /// How it ended.
    pub end: AnswerEnd,
    /// What it cost.
    pub usage: Usage,
}

/// A chat model.
#[async_trait]
pub trait ChatModel: Debug + Send + Sync + 'static {
    /// The model's name.
    fn model(&self) -> &str;

    /// One answer, as the model gave it and never made up. With a schema the model is held to it as well as the
    /// provider can; whether the text keeps to it is for the asker to see. A refusal and a truncated answer are
    /// answers too ([`ChatAnswer::end`]), since they are paid for; an answer without any content is an error of
    /// kind `Corrupt`.
    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer>;
}
