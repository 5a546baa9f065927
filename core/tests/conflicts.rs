//! How well memories are told apart, measured on labelled pairs: the ones the rules were tuned on and the ones they were
//! not. Run with `-- --nocapture` for the table, or `cargo xtask eval conflicts`.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "support/conflict_score.rs"]
mod conflict_score;

use conflict_score::{Expect, Pair, Score};
use hark_core::Verdict;
use hark_core::ai::by_rules::RuleJudge;
use std::path::Path;

/// Below this the default configuration lets nothing give way.
const MIN_CONFIDENCE: f32 = 0.6;

fn load() -> Vec<Pair> {
    conflict_score::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/labelled/conflicts.json")).unwrap()
}

/// What the default configuration makes of a verdict.
fn outcome(pair: &Pair) -> Expect {
    let judgement = RuleJudge.judge(&pair.old.statement(), &pair.new.statement());
    match judgement.verdict {
        Verdict::Update | Verdict::Contradiction if judgement.confidence >= MIN_CONFIDENCE => Expect::Supersede,
        Verdict::Same if judgement.confidence >= MIN_CONFIDENCE => Expect::Reinforce,
        _ => Expect::KeepBoth,
    }
}

fn report(which: &str) -> Score {
    let score = Score::of(load().iter().filter(|pair| which == "all" || pair.set == which), outcome);
    // The held-out pairs are there to be measured, not studied: nobody tunes on what is not shown.
    let show = which == "tuned" || std::env::var_os("HARK_SHOW_HELDOUT").is_some();
    let text =
        format!("\n{}{}\n", if show { score.wrong.as_str() } else { "" }, score.summary(&format!("rules, {which}")));
    std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes()).unwrap();
    score
}

/// The floors of the last two lie a little below what was measured, so that a rule that breaks others is noticed.
#[test]
fn what_changed_gives_way_and_little_else() {
    let all = report("all");
    assert!(all.pairs >= 120);
    assert!(all.supersede.precision() >= 0.95 && all.supersede.recall() >= 0.6, "{}", all.summary("all"));
    let tuned = report("tuned");
    assert!(tuned.supersede.precision() >= 0.95);
    report("heldout");
}

/// A verdict does not depend on who is asked when.
#[test]
fn the_rules_judge_the_same_twice() {
    for pair in load() {
        let judged = || RuleJudge.judge(&pair.old.statement(), &pair.new.statement());
        assert_eq!(judged(), judged(), "{}", pair.id);
    }
}
