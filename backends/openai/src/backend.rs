//! Opening: from the section to roles.

use crate::chat::OpenAiChat;
use crate::client::{Call, Client};
use crate::config::OpenAiConfig;
use crate::embedder::OpenAiEmbedder;
use crate::error::HEALTH;
use async_trait::async_trait;
use hark_core::Result;
use hark_core::ai::{ChatModel, ChatRequest, EmbedPurpose, Embedder};
use hark_core::backend::{Backend, Factory, OpenContext, Role};
use hark_core::cost::Spend;
use std::sync::Arc;

/// The value of `kind`.
pub const KIND: &str = "openai";

/// Kind `openai`: embeddings and chat of OpenAI, or of any server that speaks its API.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiFactory;

#[async_trait]
impl Factory for OpenAiFactory {
    const KIND: &'static str = KIND;
    const ROLES: &'static [Role] = &[Role::Embedder, Role::Chat];
    type Config = OpenAiConfig;

    /// Connects to nothing: a provider that is down must not keep Hark from starting.
    async fn open(&self, config: OpenAiConfig, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        config.validate()?;
        let keys = config.keys(&context.data_dir)?;
        let client = Arc::new(Client::new(&config, keys, Arc::clone(&context.clock))?);
        let embedder = match config.embedding_model.is_empty() {
            true => None,
            false => Some(Arc::new(OpenAiEmbedder::new(&config, Arc::clone(&client))?)),
        };
        let chat = (!config.chat_model.is_empty()).then(|| Arc::new(OpenAiChat::new(&config, Arc::clone(&client))));
        Ok(Arc::new(OpenAiBackend { client, embedder, chat }))
    }
}

#[derive(Debug)]
struct OpenAiBackend {
    client: Arc<Client>,
    embedder: Option<Arc<OpenAiEmbedder>>,
    chat: Option<Arc<OpenAiChat>>,
}

#[async_trait]
impl Backend for OpenAiBackend {
    fn embedder(&self) -> Option<Arc<dyn Embedder>> {
        self.embedder.clone().map(|embedder| embedder as Arc<dyn Embedder>)
    }

    fn chat(&self) -> Option<Arc<dyn ChatModel>> {
        self.chat.clone().map(|chat| chat as Arc<dyn ChatModel>)
    }

    fn why_not(&self, role: Role) -> Option<String> {
        let key = match role {
            Role::Embedder => "embedding_model",
            Role::Chat => "chat_model",
            _ => return None,
        };
        Some(format!("`{key}` of its section is empty; name a model there"))
    }

    /// `GET /models`, which is free. A server without that route is asked for one small vector, or a one-word
    /// answer.
    async fn health(&self) -> Result<()> {
        let call = Call { operation: HEALTH, path: "/models", model: None };
        match self.client.ask(call, None).await {
            Ok(_) => Ok(()),
            Err(failure) if !matches!(failure.status, Some(404 | 405 | 501)) => Err(failure.error),
            Err(failure) => match (&self.embedder, &self.chat) {
                (Some(embedder), _) => embedder.embed(&["hello".to_owned()], EmbedPurpose::Query).await.map(drop),
                (None, Some(chat)) => chat.chat(&hello()).await.map(drop),
                (None, None) => Err(failure.error),
            },
        }
    }

    async fn close(&self) -> Result<()> {
        self.client.close();
        Ok(())
    }
}

fn hello() -> ChatRequest {
    ChatRequest {
        spend: Spend::Check,
        system: "Answer with the word hello.".to_owned(),
        user: "hello".to_owned(),
        schema: None,
        max_tokens: 16,
    }
}
