//! What can be set about reconciling.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `[reconcile]`: new memories are held against what is known of the same caller, so that what was corrected
/// gives way and what was said twice stands once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcileConfig {
    /// Whether new memories are held against older ones at all. Without, contradictions stand side by side.
    pub enabled: bool,
    /// Who says how two memories stand to each other: `rules`; `model`, which asks `roles.chat` and needs one; or
    /// `auto`, which is model where there is a chat model, else rules. Rules stand in for a model that fails.
    pub judge: JudgeChoice,
    /// Where rules are at least so sure, no model is asked, 0 to 1. They are less sure than the default where they know
    /// nothing of a pair. 1.0 asks a model about nearly every pair, which costs three times the questions; a small model
    /// is wrong more often than rules are (docs/benchmarks.md).
    pub ask_below: f32,
    /// Memories a new one is held against, taken from each of both searches, 1 to 50. With a model each may cost two
    /// questions, unless rules are sure or the two have nothing in common.
    pub candidates: usize,
    /// A memory only gives way, or stands for another, where the judge is at least so sure, 0 to 1; below that both
    /// stay and the conflict waits for somebody to decide. A memory wrongly replaced is worse than one too many.
    pub min_confidence: f32,
}

/// Who judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgeChoice {
    /// The chat model where there is one, else rules.
    #[default]
    Auto,
    /// Rules.
    Rules,
    /// The chat model.
    Model,
}

impl Default for ReconcileConfig {
    fn default() -> Self {
        Self { enabled: true, judge: JudgeChoice::Auto, ask_below: 0.7, candidates: 5, min_confidence: 0.6 }
    }
}

impl ReconcileConfig {
    /// What types alone cannot check. `chat` is whether there is a chat model.
    ///
    /// # Errors
    /// The key that is wrong, and the remedy.
    pub fn check(&self, chat: bool) -> Result<(), (&'static str, String)> {
        if !(1..=50).contains(&self.candidates) {
            return Err(("reconcile.candidates", "must be 1 to 50".to_owned()));
        }
        if !(0.0..=1.0).contains(&self.ask_below) {
            return Err(("reconcile.ask_below", "must be 0 to 1".to_owned()));
        }
        if !(0.0..=1.0).contains(&self.min_confidence) {
            return Err(("reconcile.min_confidence", "must be 0 to 1".to_owned()));
        }
        if self.enabled && self.judge == JudgeChoice::Model && !chat {
            let remedy = "is `model`, but `roles.chat` is `none`; name a chat model there, or set this to `auto`";
            return Err(("reconcile.judge", remedy.to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(ReconcileConfig::default().check(false), Ok(()));
        let wrong = |config: ReconcileConfig, chat| config.check(chat).unwrap_err().0;
        let base = ReconcileConfig::default;
        for candidates in [0, 51] {
            assert_eq!(wrong(ReconcileConfig { candidates, ..base() }, true), "reconcile.candidates");
        }
        for ask_below in [-0.1, 1.1, f32::NAN] {
            assert_eq!(wrong(ReconcileConfig { ask_below, ..base() }, true), "reconcile.ask_below");
        }
        for min_confidence in [-0.1, 1.1, f32::NAN] {
            assert_eq!(wrong(ReconcileConfig { min_confidence, ..base() }, true), "reconcile.min_confidence");
        }
        let model = ReconcileConfig { judge: JudgeChoice::Model, ..base() };
        assert_eq!(model.check(true), Ok(()));
        assert_eq!(wrong(model.clone(), false), "reconcile.judge");
        assert_eq!(ReconcileConfig { enabled: false, ..model }.check(false), Ok(()));
    }
}
