//! What an operator decides about people's rights.

use super::RetentionConfig;
use crate::Consent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What people may expect of what is remembered about them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrivacyConfig {
    /// What holds of a person of whom nobody has said whether they agree to be remembered: `opt_out`, they are until they
    /// refuse; or `opt_in`, they are not until they agree.
    pub consent: ConsentRule,
    /// What stays out after somebody was erased: `past`, whatever was said or delivered before, so that who calls again
    /// is a stranger with an empty memory; or `forever`, what comes later as well, so that nothing is ever learnt of
    /// them again. Each erasure keeps what was configured when it was done.
    pub after_erasure: AfterErasure,
    /// For how long what is remembered is kept.
    pub retention: RetentionConfig,
}

/// What holds of a person of whom nobody has said whether they agree to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentRule {
    /// They are remembered until they refuse.
    #[default]
    OptOut,
    /// They are not remembered until they agree.
    OptIn,
}

impl PrivacyConfig {
    /// Whether a person is remembered: learnt of, and told of.
    pub fn remembers(&self, consent: Consent) -> bool {
        match consent {
            Consent::Given => true,
            Consent::Refused => false,
            Consent::Unknown => self.consent == ConsentRule::OptOut,
        }
    }
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
