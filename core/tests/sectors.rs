//! How the built-in rules sort sentences into sectors, on labelled sentences.
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
    let sentences: Vec<String> = all.iter().map(|labelled| labelled.text.clone()).collect();
    let sorted = RuleClassifier.classify(&sentences).await.expect("rules do not fail");
    for set in ["tuned", "heldout"] {
        let (mut right, mut asked) = (0, 0);
        for sector in Sector::ALL {
            let of = all.iter().zip(&sorted).filter(|(l, _)| l.set == set && l.sector == sector);
            let (mut here, mut hit) = (0, 0);
            for (labelled, found) in of {
                here += 1;
                hit += usize::from(found.sector == labelled.sector);
            }
            println!("{set:<8} {:<11} {hit:>3}/{here}", sector.name());
            right += hit;
            asked += here;
        }
        let accuracy = right as f64 / asked as f64;
        println!("{set:<8} all         {right:>3}/{asked} = {accuracy:.2}");
    }
}
