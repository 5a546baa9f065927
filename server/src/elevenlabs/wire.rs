//! What a post-call event looks like, as far as it is read.

use super::lenient::{List, Number, Object, Text, Word};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Types of events that are learnt from.
pub const TRANSCRIPTION: &str = "post_call_transcription";
/// The same call in OpenTelemetry form; the transcript has to be fetched.
pub const TRANSCRIPTION_OTEL: &str = "post_call_transcription_otel";
/// The recording. Never kept.
pub const AUDIO: &str = "post_call_audio";
/// A call that never came about. Nothing to remember.
pub const INITIATION_FAILURE: &str = "call_initiation_failure";

/// What is read of an event before it is kept: just enough to key it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Envelope {
    /// The type.
    #[serde(rename = "type")]
    pub kind: Text,
    /// The payload's id.
    pub data: Object<EnvelopeData>,
}

/// The part of the payload that keys an event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EnvelopeData {
    /// The platform's id of the conversation.
    pub conversation_id: Text,
}

/// A whole event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    /// When it was sent, in unix seconds.
    pub event_timestamp: Number,
    /// The call.
    pub data: Object<Data>,
}

/// The call; the same shape as `GET /v1/convai/conversations/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Data {
    /// The platform's id.
    pub conversation_id: Text,
    /// The agent.
    pub agent_id: Text,
    /// How it is called in the dashboard.
    pub agent_name: Text,
    /// Who, by whoever started the conversation.
    pub user_id: Text,
    /// The turns; missing when the webhook is set to leave them out.
    pub transcript: List<Object<TurnWire>>,
    /// When, how long, over which line.
    pub metadata: Object<Metadata>,
    /// What the initiation webhook, or a client, set at the start.
    pub conversation_initiation_client_data: Object<ClientData>,
    /// What the platform made of the call.
    pub analysis: Object<Analysis>,
    /// The OpenTelemetry form.
    pub otlp_traces: Object<Traces>,
}

/// One turn.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TurnWire {
    /// `user` or `agent`.
    pub role: Text,
    /// What was said; null on turns that only call a tool.
    pub message: Text,
    /// Seconds since the start.
    pub time_in_call_secs: Number,
    /// Tools the agent called.
    pub tool_calls: List<Object<ToolCall>>,
}

/// One tool call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ToolCall {
    /// The tool's name.
    pub tool_name: Text,
    /// Where it went.
    pub tool_details: Object<ToolDetails>,
}

/// Where a webhook tool's call went.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ToolDetails {
    /// The address.
    pub url: Text,
}

/// About the call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// Unix seconds.
    pub start_time_unix_secs: Number,
    /// Seconds.
    pub call_duration_secs: Number,
    /// The caller's time zone.
    pub timezone: Text,
    /// Where the platform's own examples put the user.
    pub user_id: Text,
    /// The line, when it was a phone call.
    pub phone_call: Object<PhoneCall>,
    /// WhatsApp.
    pub whatsapp: Object<Whatsapp>,
    /// Text messages.
    pub sms: Object<Sms>,
}

/// The line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PhoneCall {
    /// Always the human's number, whoever called.
    pub external_number: Text,
}

/// WhatsApp.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Whatsapp {
    /// The human's id there.
    pub whatsapp_user_id: Text,
}

/// Text messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sms {
    /// The human's number.
    pub sms_user_phone_number: Text,
}

/// What was set at the start of the conversation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClientData {
    /// Who.
    pub user_id: Text,
    /// Final values of the dynamic variables.
    pub dynamic_variables: Object<Variables>,
}

/// What the platform made of the call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Analysis {
    /// What it was told to collect.
    pub data_collection_results: Object<Collected>,
}

/// What the platform was told to collect, as far as we read it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Collected {
    /// Whether the caller agrees to be remembered.
    pub memory_consent: Object<CollectedValue>,
}

/// One collected thing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CollectedValue {
    /// What was found.
    pub value: Word,
}

/// The variables that we read when they come back.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Variables {
    /// As the initiation webhook set it.
    pub memory_user_id: Text,
    /// As the initiation webhook set it.
    pub memory_user_name: Text,
    /// How integrators commonly call the caller's name.
    pub user_name: Text,
    /// The same.
    pub customer_name: Text,
    /// The agent's first name, where the prompt has one.
    pub agent_name: Text,
    /// Whether the caller agrees to be remembered.
    pub memory_consent: Word,
}

/// The OpenTelemetry form.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Traces {
    resource_spans: List<Object<ResourceSpans>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ResourceSpans {
    scope_spans: List<Object<ScopeSpans>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ScopeSpans {
    spans: List<Object<Span>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Span {
    start_time_unix_nano: Text,
    attributes: List<Object<Attribute>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attribute {
    key: Text,
    value: Object<AttributeValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AttributeValue {
    string_value: Text,
    int_value: Text,
}

impl Traces {
    /// Attributes of all spans by name, the first of each name, and the earliest start in nanoseconds.
    pub fn attributes(&self) -> (BTreeMap<&str, &str>, Option<i64>) {
        let mut found = BTreeMap::new();
        let mut start: Option<i64> = None;
        let scopes = self.resource_spans.items().iter().flat_map(|r| r.0.scope_spans.items());
        for span in scopes.flat_map(|s| s.0.spans.items()) {
            let at = span.0.start_time_unix_nano.filled().and_then(|t| t.parse().ok());
            start = start.into_iter().chain(at).min();
            for attribute in span.0.attributes.items() {
                let value = &attribute.0.value.0;
                if let Some(key) = attribute.0.key.filled()
                    && let Some(value) = value.string_value.filled().or(value.int_value.filled())
                {
                    found.entry(key).or_insert(value);
                }
            }
        }
        (found, start)
    }
}
