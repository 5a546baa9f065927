//! How the built-in rules sort sentences into sectors, on labelled sentences.
//!
//! Two thirds of the sentences were looked at while the rules were written ("tuned"); the others judge, and were not looked at.
//! The rules know every sentence of the first kind, so only the row of the second says what to expect of others:
//! 0.80 when this was written, with 70 sentences, where one more or less is 0.014.
#![expect(clippy::print_stdout, reason = "the table is the point")]

use hark_core::Sector;
use hark_core::ai::Classifier;
use hark_core::ai::by_rules::RuleClassifier;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Labelled {
    text: String,
    sector: Sector,
    set: String,
}

#[tokio::test]
async fn rules_sort_sentences_into_sectors() {
    let all: Vec<Labelled> = serde_json::from_str(include_str!("labelled/sectors.json")).expect("a JSON array");
    assert!(all.len() >= 150, "{} sentences are too few to judge by", all.len());
    let sentences: Vec<String> = all.iter().map(|labelled| labelled.text.clone()).collect();
    let sorted = RuleClassifier.classify(&sentences).await.expect("rules do not fail");
    assert_eq!(sorted.len(), all.len());
    let accuracy = |set: &str| {
        let (mut right, mut asked) = (0, 0);
        for sector in Sector::ALL {
            let of = all.iter().zip(&sorted).filter(|(l, _)| (set == "all" || l.set == set) && l.sector == sector);
            let (mut hit, mut here) = (0, 0);
            for (labelled, found) in of {
                here += 1;
                hit += usize::from(found.sector == labelled.sector);
            }
            println!("{set:<8} {:<11} {hit:>3}/{here}", sector.name());
            right += hit;
            asked += here;
        }
        let accuracy = right as f64 / asked as f64;
        println!("{set:<8} of all      {right:>3}/{asked} = {accuracy:.2}");
        accuracy
    };
    accuracy("tuned");
    let (held_out, whole) = (accuracy("heldout"), accuracy("all"));
    assert!(whole >= 0.75, "accuracy {whole:.2}");
    assert!(held_out >= 0.75, "accuracy on sentences never tuned on {held_out:.2}");
}
