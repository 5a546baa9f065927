//! The readers by prompt do what every reader does, over a model that answers sensibly and over one that does not answer.

use hark_core::ai::by_prompt::{PromptClassifier, PromptConfig, PromptExtractor};
use hark_core::ai::{Classifier, Extractor};
use hark_core::testkit::{Guard, RuleBackedChat, ScriptedChat};
use std::sync::Arc;

async fn extractor() -> (Arc<dyn Extractor>, Guard) {
    (Arc::new(PromptExtractor::new(Arc::new(RuleBackedChat), PromptConfig::default())), Box::new(()))
}

async fn classifier() -> (Arc<dyn Classifier>, Guard) {
    (Arc::new(PromptClassifier::new(Arc::new(RuleBackedChat), &PromptConfig::default())), Box::new(()))
}

hark_core::extractor_suite!(extractor);
hark_core::classifier_suite!(classifier);

/// Calls read in many small windows.
mod windowed {
    use super::*;

    async fn extractor() -> (Arc<dyn Extractor>, Guard) {
        let config = PromptConfig { window_tokens: 200, overlap_turns: 2, ..PromptConfig::default() };
        (Arc::new(PromptExtractor::new(Arc::new(RuleBackedChat), config)), Box::new(()))
    }

    hark_core::extractor_suite!(extractor);
}

/// A model that is gone.
mod without_a_model {
    use super::*;

    async fn classifier() -> (Arc<dyn Classifier>, Guard) {
        (Arc::new(PromptClassifier::new(Arc::new(ScriptedChat::default()), &PromptConfig::default())), Box::new(()))
    }

    hark_core::classifier_suite!(classifier);
}
