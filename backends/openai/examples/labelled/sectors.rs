//! How well sentences are sorted into sectors: by the model, and by rules where it gives no usable answer, as in ingest.

use crate::Outcome;
use crate::chat::Counting;
use hark_core::Sector;
use hark_core::ai::by_prompt::{PromptClassifier, PromptConfig};
use hark_core::ai::by_rules::RuleClassifier;
use hark_core::ai::{ChatModel, Classifier};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Instant;

/// Sentences in one question, as a call gives them.
const BATCH: usize = 10;

#[derive(Debug, Deserialize)]
struct Labelled {
    text: String,
    sector: Sector,
    set: String,
}

pub(crate) async fn run(chat: Arc<Counting>) -> Outcome {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/tests/labelled/sectors.json");
    let all: Vec<Labelled> = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let model = PromptClassifier::new(chat.clone(), &PromptConfig::default());
    let by_rules = sort(&RuleClassifier, &all).await?;
    let started = Instant::now();
    let by_model = sort(&model, &all).await?;
    let seconds = started.elapsed().as_secs_f64();
    println!("\n| set | who | all | {} |", Sector::ALL.map(Sector::name).join(" | "));
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for set in ["tuned", "heldout", "all"] {
        println!("{}", row(set, "rules", &all, &by_rules));
        println!("{}", row(set, chat.model(), &all, &by_model));
    }
    println!("\n{}, {:.1} s a sentence", chat.counted(), seconds / all.len() as f64);
    if chat.counted().answers() == 0 {
        return Err("the model answered nothing; is the server up, and the model the one it serves?".into());
    }
    Ok(())
}

/// The sector of each sentence.
async fn sort(classifier: &dyn Classifier, all: &[Labelled]) -> Outcome<Vec<Sector>> {
    let mut sorted = Vec::with_capacity(all.len());
    for batch in all.chunks(BATCH) {
        let sentences: Vec<String> = batch.iter().map(|labelled| labelled.text.clone()).collect();
        sorted.extend(classifier.classify(&sentences).await?.into_iter().map(|found| found.sector));
    }
    Ok(sorted)
}

fn row(set: &str, who: &str, all: &[Labelled], sorted: &[Sector]) -> String {
    let count = |sector: Option<Sector>| {
        let of = all.iter().zip(sorted);
        let of = of.filter(|(l, _)| (set == "all" || l.set == set) && sector.is_none_or(|sector| l.sector == sector));
        of.fold((0, 0), |(right, here), (l, found)| (right + usize::from(*found == l.sector), here + 1))
    };
    let (right, here) = count(None);
    let each = Sector::ALL.map(|sector| count(Some(sector))).map(|(right, here)| format!("{right}/{here}"));
    format!("| {set} | {who} | {:.2} ({right}/{here}) | {} |", right as f64 / here.max(1) as f64, each.join(" | "))
}
