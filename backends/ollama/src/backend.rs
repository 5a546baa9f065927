//! Opening: from the section to roles.

use crate::chat::OllamaChat;
use crate::client::{Call, Client};
use crate::config::OllamaConfig;
use crate::embedder::OllamaEmbedder;
use crate::error::HEALTH;
use async_trait::async_trait;
use hark_core::Result;
use hark_core::ai::{ChatModel, Embedder};
use hark_core::backend::{Backend, Factory, OpenContext, Role};
use std::sync::Arc;

/// The value of `kind`.
pub const KIND: &str = "ollama";

/// Kind `ollama`: embeddings and chat of an Ollama server.
#[derive(Debug, Clone, Copy)]
pub struct OllamaFactory;

#[async_trait]
impl Factory for OllamaFactory {
    const KIND: &'static str = KIND;
    const ROLES: &'static [Role] = &[Role::Embedder, Role::Chat];
    type Config = OllamaConfig;

    /// Connects to nothing: a server that is down must not keep Hark from starting.
    async fn open(&self, config: OllamaConfig, context: &OpenContext) -> Result<Arc<dyn Backend>> {
        config.validate()?;
        let client = Arc::new(Client::new(&config, Arc::clone(&context.clock))?);
        let embedder = match config.embedding_model.is_empty() {
            true => None,
            false => Some(Arc::new(OllamaEmbedder::new(&config, Arc::clone(&client))?)),
        };
        let chat = match config.chat_model.is_empty() {
            true => None,
            false => Some(Arc::new(OllamaChat::new(&config, Arc::clone(&client))?)),
        };
        Ok(Arc::new(OllamaBackend { client, embedder, chat }))
    }
}

#[derive(Debug)]
struct OllamaBackend {
    client: Arc<Client>,
    embedder: Option<Arc<OllamaEmbedder>>,
    chat: Option<Arc<OllamaChat>>,
}

#[async_trait]
impl Backend for OllamaBackend {
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

    /// `GET /api/version`: whether the server is there, not whether it has the models, since asking one loads it.
    async fn health(&self) -> Result<()> {
        self.client.ask(Call { operation: HEALTH, path: "/api/version", model: None }, None).await.map(drop)
    }

    async fn close(&self) -> Result<()> {
        self.client.close();
        Ok(())
    }
}
