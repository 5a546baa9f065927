//! How well pairs of memories are told apart with a model: rules where they know a pair, else the model, as in ingest.

use crate::Outcome;
use crate::chat::Counting;
use crate::conflict_score::{Expect, Score, load};
use hark_core::ai::ChatModel;
use hark_core::ingest::{ReconcileConfig, judge_pair};
use hark_core::{JudgedBy, Judgement, Verdict};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

pub(crate) async fn run(chat: Arc<Counting>) -> Outcome {
    let pairs = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/tests/labelled/conflicts.json"))?;
    let mut judged: HashMap<String, (Judgement, Judgement, JudgedBy)> = HashMap::new();
    let config = ReconcileConfig::default();
    let started = Instant::now();
    for pair in &pairs {
        let statements = (&pair.old.statement(), &pair.new.statement());
        // As for neighbours that were found by meaning: nothing is spared.
        let (rules, _) = judge_pair(&config, None, statements, true).await;
        let (model, by) = judge_pair(&config, Some(&*chat), statements, true).await;
        judged.insert(pair.id.clone(), (rules, model, by));
    }
    let asked = judged.values().filter(|(_, _, by)| *by != JudgedBy::Rules).count();
    let failed = judged.values().filter(|(_, _, by)| *by == JudgedBy::StandIn).count();
    for set in ["tuned", "heldout", "all"] {
        let of = || pairs.iter().filter(|pair| set == "all" || pair.set == set);
        let rules = Score::of(of(), |pair| outcome(&judged[&pair.id].0));
        let model = Score::of(of(), |pair| outcome(&judged[&pair.id].1));
        println!("\n{}", rules.summary(&format!("rules, {set}")));
        if set == "tuned" {
            print!("{}", model.wrong);
        }
        println!("{}", model.summary(&format!("rules and {}, {set}", chat.model())));
    }
    println!("\n{asked} of {} pairs asked for, {failed} without a verdict; {}", pairs.len(), chat.counted());
    println!("{:.1} s a pair asked for", started.elapsed().as_secs_f64() / asked.max(1) as f64);
    if asked == failed {
        return Err("no pair was judged by the model; is the server up, and the model the one it serves?".into());
    }
    Ok(())
}

/// What the default configuration makes of a verdict.
fn outcome(judgement: &Judgement) -> Expect {
    let sure = judgement.confidence >= ReconcileConfig::default().min_confidence;
    match judgement.verdict {
        Verdict::Update | Verdict::Contradiction if sure => Expect::Supersede,
        Verdict::Same if sure => Expect::Reinforce,
        _ => Expect::KeepBoth,
    }
}
