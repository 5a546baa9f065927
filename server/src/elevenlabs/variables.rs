//! The dynamic variables a conversation starts with: always the full set.
//!
//! A variable an agent refers to and nobody sets ends the call in its first second. So every answer has every
//! name, with a neutral value where nothing is known, and only types the platform takes: string, number, boolean.

use crate::app::App;
use chrono::Duration;
use hark_core::recall::Introduction;
use hark_core::{Scope, User};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// What the platform wants to know before a conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InitiationData {
    /// Always `conversation_initiation_client_data`; without it calls fail silently.
    #[serde(rename = "type")]
    #[schema(example = "conversation_initiation_client_data")]
    pub kind: &'static str,
    /// The caller, by our own id; comes back as `data.user_id`. Left out when nobody is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Name to string, number or boolean.
    #[schema(value_type = Object)]
    pub dynamic_variables: Map<String, Value>,
}

/// The answer for a caller who is known, or has just been admitted.
pub fn known(app: &App, scope: &Scope, user: &User, told: &Introduction) -> InitiationData {
    let expires = app.engine.clock.now() + Duration::seconds(app.settings.elevenlabs.token_ttl_secs);
    let token = app.engine.vault.token(scope, expires);
    answer(app, Some(user.id.as_str()), told, token)
}

/// The answer for nobody, and for every failure.
pub fn neutral(app: &App) -> InitiationData {
    answer(app, None, &app.recall.neutral(), String::new())
}

fn answer(app: &App, user_id: Option<&str>, told: &Introduction, token: String) -> InitiationData {
    // Configured names first: none of them can replace one of ours.
    let configured = &app.settings.elevenlabs.variables;
    let mut variables: Map<String, Value> =
        configured.iter().filter_map(|(name, value)| Some((name.clone(), neutral_default(value)?))).collect();
    let ours = [
        ("memory_user_id", json!(user_id.unwrap_or_default())),
        ("memory_user_name", json!(told.name)),
        ("memory_context", json!(told.context)),
        ("memory_greeting", json!(told.greeting)),
        ("memory_is_returning", json!(told.is_returning)),
        ("memory_call_count", json!(told.call_count)),
        ("memory_last_call", json!(told.last_call)),
        ("secret__memory_token", json!(token)),
    ];
    variables.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    InitiationData {
        kind: "conversation_initiation_client_data",
        user_id: user_id.map(str::to_owned),
        dynamic_variables: variables,
    }
}

/// The platform takes three types, and refuses the rest along with the call.
fn neutral_default(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(value.clone()),
        Value::Null => Some(json!("")),
        Value::Array(_) | Value::Object(_) => None,
    }
}
