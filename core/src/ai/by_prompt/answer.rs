//! What a model answers when it has read a call. Lenient where small models slip, since everything is checked afterwards.

use crate::{MemoryKind, Sector, Slot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was heard in a call, or a part of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "extraction")]
pub(crate) struct Answer {
    #[serde(default)]
    pub(crate) caller_name: Option<Name>,
    #[serde(default)]
    #[schemars(length(max = 40))]
    pub(crate) memories: Vec<Item>,
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub(crate) promises: Vec<Promise>,
}

/// How the caller is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Name {
    pub(crate) name: String,
    /// The caller asked to be called so.
    #[serde(default)]
    pub(crate) preferred: bool,
    #[serde(default)]
    #[schemars(length(max = 12))]
    pub(crate) turns: Vec<i64>,
}

/// One thing worth remembering.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Item {
    pub(crate) content: String,
    pub(crate) kind: MemoryKind,
    #[serde(default)]
    pub(crate) sector: Option<Sector>,
    #[serde(default)]
    pub(crate) salience: Option<f32>,
    #[serde(default)]
    pub(crate) confidence: Option<f32>,
    /// A date, a moment, or the words that mean one.
    #[serde(default)]
    pub(crate) occurred_at: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 12))]
    pub(crate) turns: Vec<i64>,
    #[serde(default)]
    pub(crate) slot: Option<Slot>,
}

/// Who bound themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    Agent,
    Caller,
}

/// What either side promised to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Promise {
    pub(crate) by: By,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) due: Option<String>,
    #[serde(default)]
    #[schemars(length(max = 12))]
    pub(crate) turns: Vec<i64>,
    #[serde(default)]
    pub(crate) confidence: Option<f32>,
    /// It was taken back later in the call.
    #[serde(default)]
    pub(crate) withdrawn: bool,
}
