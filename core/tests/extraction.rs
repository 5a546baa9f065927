//! How well calls are read, measured: precision and recall on labelled calls, the ones the rules were tuned on and the ones they
//! were not. Run with `-- --nocapture` for the table.

#[path = "support/extraction_score.rs"]
mod extraction_score;

use extraction_score::{Score, load, measure};
use hark_core::ai::Extractor;
use hark_core::ai::by_prompt::{PromptConfig, PromptExtractor};
use hark_core::ai::by_rules::RuleExtractor;
use hark_core::testkit::RuleBackedChat;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/labelled/extraction").join(name)
}

/// The total over a folder; the table goes to the output.
async fn report(extractor: &dyn Extractor, who: &str, name: &str) -> Score {
    // The held-out calls are there to be measured, not studied: nobody tunes on what is not shown.
    let show = name != "heldout" || std::env::var_os("HARK_SHOW_HELDOUT").is_some();
    let measured = measure(extractor, &folder(name), usize::MAX, show).await;
    let title = format!("{who}, {}", if name.is_empty() { "tuned on" } else { name });
    let summary = measured.summary(&title);
    let mut out = std::io::stdout().lock();
    let table = measured.table;
    let text = format!("\n{:<28} found   right   forbidden\n{table}{summary}\n", "call");
    let _ = std::io::Write::write_all(&mut out, text.as_bytes());
    assert_eq!(measured.total.failed, 0);
    measured.total
}

/// The floors lie a little below what was measured, so that a rule that breaks others is noticed.
#[tokio::test]
async fn calls_tuned_on() {
    let score = report(&RuleExtractor, "rules", "").await;
    assert!(score.calls >= 40);
    assert!(score.precision() >= 0.96 && score.recall() >= 0.96);
    assert_eq!(score.forbidden, 0);
}

/// Written after the rules were done with, in freer speech, and never tuned on: what to expect of callers we do not know.
#[tokio::test]
async fn calls_held_out() {
    let score = report(&RuleExtractor, "rules", "heldout").await;
    assert!(score.calls >= 10);
    assert!(score.precision() >= 0.85 && score.recall() >= 0.42);
    assert_eq!(score.forbidden, 0);
}

#[test]
fn the_rules_read_the_same_twice() {
    for (name, case) in load(&folder("")) {
        let call = case.transcript();
        assert_eq!(RuleExtractor.read(&call), RuleExtractor.read(&call), "{name}");
    }
}

/// A model that answers what is right loses little to the checks of what it answers: they are there for what is wrong.
#[tokio::test]
async fn the_checks_of_a_prompts_answer_let_the_right_ones_pass() {
    let extractor = PromptExtractor::new(Arc::new(RuleBackedChat), PromptConfig::default());
    let score = report(&extractor, "rules by prompt", "").await;
    assert!(score.precision() >= 0.96 && score.recall() >= 0.90);
    assert_eq!(score.forbidden, 0);
    let score = report(&extractor, "rules by prompt", "heldout").await;
    assert!(score.precision() >= 0.85 && score.recall() >= 0.38);
    assert_eq!(score.forbidden, 0);
}
