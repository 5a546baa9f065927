//! The models: what turns text into vectors, transcripts into sentences, sentences into sectors.

pub mod by_prompt;
pub mod by_rules;
mod chat;
mod classifier;
mod embedder;
mod extractor;

pub use chat::{AnswerEnd, AnswerSchema, ChatAnswer, ChatModel, ChatRequest, Usage};
pub use classifier::{Classified, Classifier};
pub use embedder::{Embedded, Embedder, EmbedderInfo, Purpose as EmbedPurpose};
pub use extractor::Extractor;
