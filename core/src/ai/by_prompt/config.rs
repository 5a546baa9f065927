//! What can be set about the model that reads calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `[extraction]`: how a chat model reads calls. Without a chat model the rules read, and nothing here matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PromptConfig {
    /// Estimated tokens of a transcript shown at once, 200 to 200000; longer calls are read in windows. Instructions
    /// (about 1000 tokens) and answer come on top: all three must fit into the model's context.
    pub window_tokens: usize,
    /// Turns that two windows share, 0 to 50, so that a question and its answer are read together.
    pub overlap_turns: usize,
    /// Tokens of an answer at the most, 100 to 32000. An answer that needs more is an error.
    pub max_answer_tokens: u32,
    /// Memories of a call at the most, 1 to 200; the most salient stay.
    pub max_memories: usize,
    /// What the model is less sure of is not learnt; 0 to 1.
    pub min_confidence: f32,
    /// The share of a memory's words that must have been said where the memory says it comes from, 0 to 1. Names and
    /// numbers must always have been said.
    pub min_grounding: f32,
}

impl Default for PromptConfig {
    fn default() -> Self {
        Self {
            window_tokens: 6_000,
            overlap_turns: 4,
            max_answer_tokens: 4_000,
            max_memories: 40,
            min_confidence: 0.4,
            min_grounding: 0.6,
        }
    }
}

impl PromptConfig {
    /// Whether every value is within its range.
    ///
    /// # Errors
    /// The key that is wrong, and the remedy.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let share = |value: f32| (0.0..=1.0).contains(&value);
        let checks = [
            ((200..=200_000).contains(&self.window_tokens), "extraction.window_tokens", "must be 200 to 200000"),
            (self.overlap_turns <= 50, "extraction.overlap_turns", "must be 0 to 50"),
            ((100..=32_000).contains(&self.max_answer_tokens), "extraction.max_answer_tokens", "must be 100 to 32000"),
            ((1..=200).contains(&self.max_memories), "extraction.max_memories", "must be 1 to 200"),
            (share(self.min_confidence), "extraction.min_confidence", "must be between 0 and 1"),
            (share(self.min_grounding), "extraction.min_grounding", "must be between 0 and 1"),
        ];
        match checks.into_iter().find(|(fine, ..)| !fine) {
            Some((_, key, what)) => Err((key, what.to_owned())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_every_range_is_checked() {
        PromptConfig::default().check().unwrap();
        for (key, value) in [
            ("window_tokens", "10"),
            ("overlap_turns", "51"),
            ("max_answer_tokens", "1"),
            ("max_memories", "0"),
            ("min_confidence", "1.5"),
            ("min_grounding", "-0.1"),
        ] {
            let config: PromptConfig = serde_json::from_str(&format!("{{\"{key}\": {value}}}")).unwrap();
            assert_eq!(config.check().unwrap_err().0, format!("extraction.{key}"));
        }
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(serde_json::from_str::<PromptConfig>("{\"window_token\": 500}").is_err());
    }
}
