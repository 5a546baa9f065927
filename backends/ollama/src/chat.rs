//! The role: a question in, an answer out, with how it ended and what it cost.

use crate::client::{Call, Client};
use crate::config::OllamaConfig;
use crate::embedder::estimate;
use crate::error::{CHAT, corrupt, unreadable};
use crate::schema;
use async_trait::async_trait;
use hark_core::ai::{AnswerEnd, ChatAnswer, ChatModel, ChatRequest, Usage};
use hark_core::{Error, ErrorKind, Result};
use ollama_rs::generation::chat::ChatMessage;
use ollama_rs::generation::chat::request::ChatMessageRequest;
use ollama_rs::generation::parameters::{FormatType, JsonStructure, KeepAlive};
use ollama_rs::models::ModelOptions;
use schemars::Schema;
use serde::Deserialize;
use std::sync::Arc;

const CALL: Call = Call { operation: CHAT, path: "/api/chat", model: Some("chat_model") };

/// A [`ChatModel`] on `POST /api/chat`.
#[derive(Debug)]
pub(crate) struct OllamaChat {
    client: Arc<Client>,
    model: String,
    temperature: f32,
    num_ctx: Option<u64>,
    think: Option<bool>,
    keep_alive: Option<KeepAlive>,
}

impl OllamaChat {
    /// The chat model of a valid section.
    ///
    /// # Errors
    /// `Config`.
    pub(crate) fn new(config: &OllamaConfig, client: Arc<Client>) -> Result<Self> {
        Ok(Self {
            client,
            model: config.chat_model.clone(),
            temperature: config.temperature,
            num_ctx: config.num_ctx,
            think: config.think,
            keep_alive: config.keep_alive()?,
        })
    }

    fn request(&self, request: &ChatRequest) -> Result<ChatMessageRequest> {
        let messages = vec![ChatMessage::system(request.system.clone()), ChatMessage::user(request.user.clone())];
        let most = i32::try_from(request.max_tokens).unwrap_or(i32::MAX);
        let mut options = ModelOptions::default().temperature(self.temperature).num_predict(most);
        if let Some(num_ctx) = self.num_ctx {
            options = options.num_ctx(num_ctx);
        }
        let mut asked = ChatMessageRequest::new(self.model.clone(), messages).options(options);
        if let Some(answer) = &request.schema {
            let schema = Schema::try_from(schema::inlined(&answer.schema))
                .map_err(|_| Error::invalid(CHAT, "the schema of the answer is no JSON schema"))?;
            asked = asked.format(FormatType::StructuredJson(Box::new(JsonStructure::new_for_schema(schema))));
        }
        if let Some(think) = self.think {
            asked = asked.think(think);
        }
        if let Some(keep_alive) = &self.keep_alive {
            asked = asked.keep_alive(keep_alive.clone());
        }
        Ok(asked)
    }
}

#[async_trait]
impl ChatModel for OllamaChat {
    fn model(&self) -> &str {
        &self.model
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        let body = serde_json::to_vec(&self.request(request)?)
            .map_err(|_| Error::new(ErrorKind::Internal, CHAT, "the request cannot be written"))?;
        let answer = self.client.ask(CALL, Some(body)).await?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|error| unreadable(CHAT, &error))?;
        answer.read(request.system.len() + request.user.len())
    }
}

/// Read by a type of our own: that of `ollama-rs` leaves out why the answer ended.
#[derive(Deserialize)]
struct Answer {
    message: Message,
    done_reason: Option<String>,
    #[serde(default)]
    prompt_eval_count: u64,
    #[serde(default)]
    eval_count: u64,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: String,
}

impl Answer {
    fn read(self, asked_bytes: usize) -> Result<ChatAnswer> {
        let said = self.message.content;
        let end = match self.done_reason.as_deref() {
            // Ollama's own models refuse in words; this comes from providers behind a translating proxy.
            Some("content_filter") => AnswerEnd::Refused,
            Some("length") => AnswerEnd::Truncated,
            _ if said.is_empty() => return Err(corrupt(CHAT, "the answer has no content")),
            _ => AnswerEnd::Whole,
        };
        let or_estimate = |counted: u64, bytes: usize| if counted > 0 { counted } else { estimate(bytes) };
        let usage = Usage {
            input_tokens: or_estimate(self.prompt_eval_count, asked_bytes),
            output_tokens: or_estimate(self.eval_count, said.len()),
        };
        let text = if end == AnswerEnd::Refused { String::new() } else { said };
        Ok(ChatAnswer { text, end, usage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::SystemClock;
    use hark_core::ai::AnswerSchema;
    use hark_core::cost::Spend;
    use serde_json::{Value, json};

    fn sent(section: Value, schema: Option<Value>) -> Result<Value> {
        let config: OllamaConfig = serde_json::from_value(section).unwrap();
        let client = Arc::new(Client::new(&config, Arc::new(SystemClock)).unwrap());
        let request = ChatRequest {
            spend: Spend::Check,
            system: "System.".to_owned(),
            user: "User.".to_owned(),
            schema: schema.map(|schema| AnswerSchema { name: "caller".to_owned(), schema }),
            max_tokens: 77,
        };
        Ok(serde_json::to_value(OllamaChat::new(&config, client)?.request(&request)?).unwrap())
    }

    #[test]
    fn a_request_is_what_ollama_documents() {
        let schema =
            json!({"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"type": "string"}}});
        let sent = sent(json!({"chat_model": "m", "num_ctx": 4096, "keep_alive": "10m", "think": false}), Some(schema));
        let sent = sent.unwrap();
        for (key, value) in [
            ("model", json!("m")),
            ("stream", json!(false)),
            ("think", json!(false)),
            ("keep_alive", json!("10m")),
            ("options", json!({"temperature": 0.0, "num_predict": 77, "num_ctx": 4096})),
            ("format", json!({"type": "object", "properties": {"n": {"type": "string"}}})),
        ] {
            assert_eq!(sent[key], value, "{key}");
        }
        assert_eq!(
            (&sent["messages"][0]["role"], &sent["messages"][0]["content"]),
            (&json!("system"), &json!("System."))
        );
        assert_eq!((&sent["messages"][1]["role"], &sent["messages"][1]["content"]), (&json!("user"), &json!("User.")));
    }

    #[test]
    fn what_is_not_set_is_not_sent_and_a_schema_that_is_none_is_invalid() {
        let plain = sent(json!({"chat_model": "m"}), None).unwrap();
        assert_eq!(plain["options"], json!({"temperature": 0.0, "num_predict": 77}));
        for key in ["format", "think", "keep_alive"] {
            assert_eq!(plain.get(key), None, "{key}");
        }
        assert_eq!(sent(json!({"chat_model": "m"}), Some(json!("text"))).unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn every_ending_is_told_apart() {
        let read = |content: &str, reason: Value| {
            let answer = json!({"message": {"role": "assistant", "content": content}, "done_reason": reason});
            serde_json::from_value::<Answer>(answer).unwrap().read(100)
        };
        for (content, reason, text, end) in [
            ("yes", json!("stop"), "yes", AnswerEnd::Whole),
            ("yes", Value::Null, "yes", AnswerEnd::Whole),
            ("ye", json!("length"), "ye", AnswerEnd::Truncated),
            ("", json!("length"), "", AnswerEnd::Truncated),
            ("half", json!("content_filter"), "", AnswerEnd::Refused),
        ] {
            let answer = read(content, reason).unwrap();
            assert_eq!((answer.text.as_str(), answer.end), (text, end));
            assert_eq!(answer.usage.input_tokens, 25, "estimated, since nobody counted");
        }
        for reason in [json!("stop"), json!("load")] {
            let error = read("", reason).unwrap_err();
            assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Corrupt, true));
        }
    }
}
