//! The role: a question in, an answer out, with how it ended and what it cost.

use crate::client::{Call, Client};
use crate::config::{MaxTokensField, OpenAiConfig, Structured};
use crate::embedder::estimate;
use crate::error::{CHAT, corrupt, unreadable};
use crate::schema;
use async_openai::types::chat::{
    ChatCompletionRequestMessage, ChatCompletionRequestSystemMessage, ChatCompletionRequestUserMessage,
    CreateChatCompletionRequest, ResponseFormat, ResponseFormatJsonSchema,
};
use async_trait::async_trait;
use hark_core::ai::{AnswerEnd, AnswerSchema, ChatAnswer, ChatModel, ChatRequest, Usage};
use hark_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::sync::Arc;

/// Families that refuse any temperature.
const WITHOUT_TEMPERATURE: [&str; 4] = ["o1", "o3", "o4", "gpt-5"];

const CALL: Call = Call { operation: CHAT, path: "/chat/completions", model: Some("chat_model") };

/// A [`ChatModel`] on `POST /chat/completions`.
#[derive(Debug)]
pub(crate) struct OpenAiChat {
    client: Arc<Client>,
    model: String,
    temperature: Option<f32>,
    structured: Structured,
    max_tokens_field: MaxTokensField,
}

impl OpenAiChat {
    /// The chat model of a valid section.
    pub(crate) fn new(config: &OpenAiConfig, client: Arc<Client>) -> Self {
        let model = config.chat_model.clone();
        let usual = (!WITHOUT_TEMPERATURE.iter().any(|family| model.starts_with(family))).then_some(0.0);
        Self {
            client,
            model,
            temperature: config.temperature.or(usual),
            structured: config.structured,
            max_tokens_field: config.max_tokens_field,
        }
    }

    fn request(&self, request: &ChatRequest) -> CreateChatCompletionRequest {
        let mut system = request.system.clone();
        let mut response_format = None;
        if let Some(schema) = &request.schema {
            response_format = self.format(schema);
            if matches!(self.structured, Structured::JsonObject | Structured::None) {
                system.push_str(&schema::told(&schema.schema));
            }
        }
        let messages = vec![
            ChatCompletionRequestMessage::System(ChatCompletionRequestSystemMessage::from(system)),
            ChatCompletionRequestMessage::User(ChatCompletionRequestUserMessage::from(request.user.as_str())),
        ];
        let most = Some(request.max_tokens);
        let mut asked = CreateChatCompletionRequest {
            model: self.model.clone(),
            messages,
            temperature: self.temperature,
            response_format,
            ..CreateChatCompletionRequest::default()
        };
        match self.max_tokens_field {
            MaxTokensField::MaxCompletionTokens => asked.max_completion_tokens = most,
            #[expect(deprecated, reason = "the only field that older servers know")]
            MaxTokensField::MaxTokens => asked.max_tokens = most,
        }
        asked
    }

    fn format(&self, answer: &AnswerSchema) -> Option<ResponseFormat> {
        let by_schema = |schema| {
            let json_schema =
                ResponseFormatJsonSchema { name: answer.name.clone(), description: None, schema, strict: Some(true) };
            Some(ResponseFormat::JsonSchema { json_schema })
        };
        match self.structured {
            Structured::JsonSchema => by_schema(schema::strict(&answer.schema)),
            Structured::FullSchema => by_schema(answer.schema.clone()),
            Structured::JsonObject => Some(ResponseFormat::JsonObject),
            Structured::None => None,
        }
    }
}

#[async_trait]
impl ChatModel for OpenAiChat {
    fn model(&self) -> &str {
        &self.model
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        let body = serde_json::to_vec(&self.request(request))
            .map_err(|_| Error::new(ErrorKind::Internal, CHAT, "the request cannot be written"))?;
        match self.client.ask(CALL, Some(&body)).await {
            Ok(answer) => {
                let answer: Answer = serde_json::from_slice(&answer).map_err(|error| unreadable(CHAT, &error))?;
                answer.read(request.system.len() + request.user.len())
            }
            // Azure's filter says by an error what OpenAI's says by a refusal; no token was read.
            Err(failure) if failure.status == Some(400) && failure.reason.is("content_filter") => {
                Ok(ChatAnswer { text: String::new(), end: AnswerEnd::Refused, usage: Usage::default() })
            }
            Err(failure) => Err(failure.error),
        }
    }
}

/// Read leniently: compatible servers leave out what nobody needs.
#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
    usage: Option<Counted>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counted {
    prompt_tokens: u64,
    completion_tokens: u64,
}

impl Answer {
    fn read(self, asked_bytes: usize) -> Result<ChatAnswer> {
        let counted = self.usage.unwrap_or_default();
        let Choice { message, finish_reason } =
            self.choices.into_iter().next().ok_or_else(|| corrupt(CHAT, "the answer holds no choice"))?;
        let said = message.content.unwrap_or_default();
        let refused = message.refusal.is_some_and(|refusal| !refusal.is_empty());
        let end = match finish_reason.as_deref() {
            _ if refused => AnswerEnd::Refused,
            Some("content_filter") => AnswerEnd::Refused,
            Some("length") => AnswerEnd::Truncated,
            _ if said.is_empty() => return Err(corrupt(CHAT, "the answer has no content")),
            _ => AnswerEnd::Whole,
        };
        let or_estimate = |counted: u64, bytes: usize| if counted > 0 { counted } else { estimate(bytes) };
        let usage = Usage {
            input_tokens: or_estimate(counted.prompt_tokens, asked_bytes),
            output_tokens: or_estimate(counted.completion_tokens, said.len()),
        };
        let text = if end == AnswerEnd::Refused { String::new() } else { said };
        Ok(ChatAnswer { text, end, usage })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::SystemClock;
    use hark_core::cost::Spend;
    use serde_json::{Value, json};

    fn sent(section: Value) -> Value {
        let mut section = section;
        section["base_url"] = "http://127.0.0.1:1/v1".into();
        let config: OpenAiConfig = serde_json::from_value(section).unwrap();
        let client = Arc::new(Client::new(&config, Vec::new(), Arc::new(SystemClock)).unwrap());
        let schema = json!({"type": "object", "properties": {"n": {"type": "string", "maxLength": 9}}});
        let request = ChatRequest {
            spend: Spend::Check,
            system: "System.".to_owned(),
            user: "User.".to_owned(),
            schema: Some(AnswerSchema { name: "caller".to_owned(), schema }),
            max_tokens: 77,
        };
        serde_json::to_value(OpenAiChat::new(&config, client).request(&request)).unwrap()
    }

    #[test]
    fn a_request_is_what_openai_documents() {
        assert_eq!(
            sent(json!({})),
            json!({
                "model": "gpt-4o-mini",
                "messages": [{"role": "system", "content": "System."}, {"role": "user", "content": "User."}],
                "temperature": 0.0,
                "max_completion_tokens": 77,
                "response_format": {"type": "json_schema", "json_schema": {
                    "name": "caller", "strict": true,
                    "schema": {
                        "type": "object", "properties": {"n": {"type": ["string", "null"]}},
                        "required": ["n"], "additionalProperties": false
                    }
                }}
            })
        );
    }

    #[test]
    fn what_a_server_lacks_can_be_left_out() {
        let old = sent(json!({"max_tokens_field": "max_tokens", "structured": "json_object", "temperature": 0.5}));
        assert_eq!((&old["max_tokens"], &old["max_completion_tokens"]), (&json!(77), &Value::Null));
        assert_eq!((&old["response_format"], &old["temperature"]), (&json!({"type": "json_object"}), &json!(0.5)));
        assert!(old["messages"][0]["content"].as_str().unwrap().contains("maxLength"), "the schema is told");
        let none = sent(json!({"structured": "none", "chat_model": "o3-mini"}));
        assert_eq!((&none["response_format"], &none["temperature"]), (&Value::Null, &Value::Null));
        let full = sent(json!({"structured": "full_schema"}));
        assert_eq!(full["response_format"]["json_schema"]["schema"]["properties"]["n"]["maxLength"], 9);
    }

    #[test]
    fn every_ending_is_told_apart() {
        let read = |answer: Value| serde_json::from_value::<Answer>(answer).unwrap().read(100);
        let choice =
            |message: Value, finish: Value| json!({"choices": [{"message": message, "finish_reason": finish}]});
        for (message, finish, text, end) in [
            (json!({"content": "yes"}), json!("stop"), "yes", AnswerEnd::Whole),
            (json!({"content": "yes", "refusal": null}), Value::Null, "yes", AnswerEnd::Whole),
            (json!({"content": "ye"}), json!("length"), "ye", AnswerEnd::Truncated),
            (json!({"content": null}), json!("length"), "", AnswerEnd::Truncated),
            (json!({"content": null, "refusal": "I cannot"}), json!("stop"), "", AnswerEnd::Refused),
            (json!({"content": "half"}), json!("content_filter"), "", AnswerEnd::Refused),
        ] {
            let answer = read(choice(message, finish)).unwrap();
            assert_eq!((answer.text.as_str(), answer.end), (text, end));
            assert_eq!(answer.usage.input_tokens, 25, "estimated, since nobody counted");
        }
        for empty in
            [json!({"choices": []}), choice(json!({"content": ""}), json!("stop")), choice(json!({}), json!(null))]
        {
            let error = read(empty).unwrap_err();
            assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Corrupt, true));
        }
    }
}
