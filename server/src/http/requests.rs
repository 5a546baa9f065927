//! What the platform sends, as it is meant to be sent: for the document only. It is read far more leniently than that
//! (`crate::elevenlabs`): further fields are ignored, tools may put theirs into a `parameters` object, numbers may be text.

use super::words;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A call that is about to begin. Nothing is required: whatever comes is answered.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"caller_id": "+14155550123", "called_number": "+14155550199", "agent_id": "agent_1",
    "call_sid": "CA1", "conversation_id": "conv_1"}))]
pub struct CallBegins {
    /// The number that calls; on an outbound call one of your own.
    pub caller_id: Option<String>,
    /// The number that is called.
    pub called_number: Option<String>,
    /// The agent.
    pub agent_id: Option<String>,
    /// The conversation that will be.
    pub conversation_id: Option<String>,
    /// The line's own id of the call; empty for messages.
    pub call_sid: Option<String>,
}

/// A question to a caller's memory. Somebody has to be named: by a conversation that is known, by a user, a token or a number.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"query": "which delivery day", "conversation_id": "conv_1", "limit": 5, "sector": "episodic"}))]
pub struct MemoryQuestion {
    /// What to look for, in plain words.
    pub query: String,
    /// Who, by our own id or the integrator's.
    pub user_id: Option<String>,
    /// The conversation it is asked in. What it is bound to outranks everything else. Also as header `x-conversation-id`.
    pub conversation_id: Option<String>,
    /// The caller's number.
    pub caller_id: Option<String>,
    /// `secret__memory_token` of the initiation data. Also as header `x-memory-token`, which the model does not see.
    pub memory_token: Option<String>,
    /// The agent that asks.
    pub agent_id: Option<String>,
    /// Memories at the most; 5 unless told.
    #[schema(minimum = 1, maximum = 50)]
    pub limit: Option<u32>,
    /// Only this sector. `sector_type` means the same.
    #[schema(schema_with = words::sector_or_null)]
    pub sector: Option<String>,
    /// Only these sectors.
    #[schema(schema_with = words::sectors_or_null)]
    pub sectors: Option<Vec<String>>,
    /// As it stood then: a time, or a day for its end.
    pub as_of: Option<DateTime<Utc>>,
    /// Whether what has faded is searched too.
    pub include_archived: Option<bool>,
    /// Whether the parts of each score are told.
    pub explain: Option<bool>,
}

/// A sentence about the caller, to be remembered. Somebody has to be named, as for a question.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"content": "Prefers to be called Sam", "conversation_id": "conv_1"}))]
pub struct SentenceToRemember {
    /// The sentence.
    #[schema(min_length = 1, max_length = 4_000, pattern = r"\S")]
    pub content: String,
    /// Who, by our own id or the integrator's.
    pub user_id: Option<String>,
    /// The conversation it was said in.
    pub conversation_id: Option<String>,
    /// The caller's number.
    pub caller_id: Option<String>,
    /// `secret__memory_token` of the initiation data.
    pub memory_token: Option<String>,
    /// The classifier decides when left out.
    #[schema(schema_with = words::sector_or_null)]
    pub sector: Option<String>,
}

/// A call that has ended.
#[derive(Debug, ToSchema)]
pub struct CallEnded {
    /// Transcripts are learnt from; everything else is checked and ignored.
    #[schema(rename = "type", schema_with = words::event_types)]
    pub kind: String,
    /// When it was sent, in unix seconds.
    pub event_timestamp: Option<i64>,
    /// The call.
    pub data: CallEndedData,
}

/// The call, in the form of the platform's own `GET /v1/convai/conversations/{id}`.
#[derive(Debug, ToSchema)]
pub struct CallEndedData {
    /// The platform's id; with the event's type it tells a repeated delivery.
    #[schema(min_length = 1, pattern = r"\S")]
    pub conversation_id: String,
    /// The agent.
    pub agent_id: Option<String>,
    /// Who, by whoever started the conversation.
    pub user_id: Option<String>,
    /// What was said, in its order.
    pub transcript: Option<Vec<CallEndedTurn>>,
    /// When, how long, over which line.
    pub metadata: Option<CallEndedMetadata>,
    /// What the initiation webhook, or a client, set at the start.
    #[schema(value_type = Option<Object>)]
    pub conversation_initiation_client_data: Option<Map<String, Value>>,
    /// What the platform made of the call.
    #[schema(value_type = Option<Object>)]
    pub analysis: Option<Map<String, Value>>,
}

/// One turn.
#[derive(Debug, ToSchema)]
pub struct CallEndedTurn {
    /// `user` or `agent`.
    #[schema(schema_with = words::roles)]
    pub role: String,
    /// What was said; null on turns that only call a tool.
    pub message: Option<String>,
    /// Seconds since the start.
    pub time_in_call_secs: Option<u32>,
}

/// About the call.
#[derive(Debug, ToSchema)]
pub struct CallEndedMetadata {
    /// Unix seconds.
    pub start_time_unix_secs: Option<i64>,
    /// Seconds.
    pub call_duration_secs: Option<u32>,
    /// The line, when it was a phone call.
    pub phone_call: Option<CallEndedLine>,
}

/// The line.
#[derive(Debug, ToSchema)]
pub struct CallEndedLine {
    /// `inbound` or `outbound`.
    pub direction: Option<String>,
    /// The human's number, whoever called.
    pub external_number: Option<String>,
    /// The agent's.
    pub agent_number: Option<String>,
}
