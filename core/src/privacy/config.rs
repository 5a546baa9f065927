//! What an operator decides about people's rights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may expect of what is remembered about them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrivacyConfig {
    /// What stays out after somebody was erased: `past`, whatever was said or delivered before, so that who calls again
    /// is a stranger with an empty memory; or `forever`, what comes later as well, so that nothing is ever learnt of
    /// them again. Each erasure keeps what was configured when it was done.
    pub after_erasure: AfterErasure,
}

/// What stays out after somebody was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterErasure {
    /// Whatever was said or delivered before.
    #[default]
    Past,
    /// And what comes later.
    Forever,
}
