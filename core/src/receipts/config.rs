//! For how long receipts are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Receipts: what agents were told before and during calls, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiptConfig {
    /// Days receipts are kept, 0 to 36,500; 0 keeps none, and then nobody can tell which memories were never recalled.
    pub keep_days: u32,
}

impl Default for ReceiptConfig {
    fn default() -> Self {
        Self { keep_days: 90 }
    }
}

impl ReceiptConfig {
    /// What the type alone cannot check.
    ///
    /// # Errors
    /// The key that is wrong, and the remedy.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        match self.keep_days {
            0..=36_500 => Ok(()),
            _ => Err(("receipts.keep_days", "must be 0 to 36500".to_owned())),
        }
    }
}
