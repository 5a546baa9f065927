//! Whether the built-in model understands: our own questions share hardly a word with the memories they ask
//! for. Floors are what was measured less a margin of three questions; see the README for the measurements.

#[path = "quality/eval.rs"]
mod eval;

use hark_core::ai::{EmbedPurpose, Embedder};
use hark_core::backend::{OpenContext, Registry};
use hark_core::testkit::{MockClock, SeededEntropy};
use serde_json::json;
use std::sync::Arc;

const RECALL: &str = include_str!("quality/recall.tsv");
const SAME: &str = include_str!("quality/same.tsv");
const LABELLED: &str = include_str!("../../../core/tests/labelled/conflicts.json");

async fn builtin() -> Arc<dyn Embedder> {
    let mut registry = Registry::new();
    hark_local::register(&mut registry);
    let context = OpenContext {
        data_dir: "unused".into(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    };
    let backend = registry.open("local", json!({}), &context).await.expect("an empty section is the built-in model");
    backend.embedder().expect("the role it offers")
}

#[tokio::test]
async fn a_question_in_other_words_finds_its_memory() {
    let embedder = builtin().await;
    let (memories, questions) = eval::columns(RECALL);
    assert!(memories.len() >= 40, "{}", memories.len());
    let memories = embedder.embed(&memories, EmbedPurpose::Document(None)).await.unwrap().vectors;
    let questions = embedder.embed(&questions, EmbedPurpose::Query).await.unwrap().vectors;
    let ranks = eval::ranks(&memories, &questions);
    let (first, five) = (eval::recall_at(1, &ranks), eval::recall_at(5, &ranks));
    assert!(five >= 0.72, "recall at 5 is {five:.3}, ranks {ranks:?}");
    assert!(first >= 0.40, "recall at 1 is {first:.3}, ranks {ranks:?}");
}

#[tokio::test]
async fn the_link_threshold_parts_the_same_from_the_unrelated() {
    let embedder = builtin().await;
    let threshold = embedder.info().link_threshold;
    let (once, again) = eval::columns(SAME);
    let once = embedder.embed(&once, EmbedPurpose::Document(None)).await.unwrap().vectors;
    let again = embedder.embed(&again, EmbedPurpose::Document(None)).await.unwrap().vectors;
    let linked = eval::reaching(threshold, &eval::same(&once, &again));
    let chance = eval::reaching(threshold, &eval::unrelated(&once));
    assert!(linked >= 0.75, "only {linked:.3} of what is said twice is linked");
    assert!(chance <= 0.005, "{chance:.4} of unrelated pairs are linked");
}

/// On other people's sentences than those the threshold was chosen by: pairs of the labelled set, and all strangers among
/// them (of which some do have something in common, so that a few links are right).
#[tokio::test]
async fn the_link_threshold_holds_on_the_labelled_pairs() {
    let embedder = builtin().await;
    let threshold = embedder.info().link_threshold;
    let (old, new) = eval::about_the_same(LABELLED);
    assert!(old.len() >= 100, "{}", old.len());
    let old = embedder.embed(&old, EmbedPurpose::Document(None)).await.unwrap().vectors;
    let new = embedder.embed(&new, EmbedPurpose::Document(None)).await.unwrap().vectors;
    let linked = eval::reaching(threshold, &eval::same(&old, &new));
    let chance = eval::reaching(threshold, &eval::unrelated(&old));
    assert!(linked >= 0.62, "only {linked:.3} of what is about the same is linked");
    assert!(chance <= 0.005, "{chance:.4} of strangers are linked");
}
