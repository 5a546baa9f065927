//! How well the rules read calls, measured: precision and recall on labelled calls, the ones they were tuned on and the ones
//! they were not. Run with `-- --nocapture` for the table.

#[path = "support/extraction_score.rs"]
mod extraction_score;

use extraction_score::{Score, load};
use hark_core::ai::by_rules::RuleExtractor;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The total over a folder, and its table.
fn measure(folder: &str) -> (Score, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/labelled/extraction").join(folder);
    let (mut total, mut table) = (Score::default(), String::new());
    // The held-out calls are there to be measured, not studied: nobody tunes on what is not shown.
    let show = folder != "heldout" || std::env::var_os("HARK_SHOW_HELDOUT").is_some();
    let mut spent = Duration::ZERO;
    for (name, case) in load(&root) {
        let transcript = case.transcript();
        let found = RuleExtractor.read(&transcript);
        // Once more, for the time without compiling the patterns.
        let start = Instant::now();
        let again = RuleExtractor.read(&transcript);
        spent += start.elapsed();
        assert_eq!(found, again, "{name}: not the same twice");
        let (score, notes) = case.score(&found);
        let _ = writeln!(
            table,
            "{name:<28} {:>3}/{:<3} {:>3}/{:<3} {:>2}",
            score.found, score.expected, score.right, score.proposed, score.forbidden
        );
        if show {
            for note in notes {
                let _ = writeln!(table, "    {note}");
            }
        }
        total.add(score);
    }
    let per_call = spent / u32::try_from(total.calls.max(1)).unwrap_or(u32::MAX);
    let _ = writeln!(table, "{per_call:.1?} a call in this build");
    (total, table)
}

fn report(folder: &str) -> Score {
    let (total, table) = measure(folder);
    let title = if folder.is_empty() { "tuned on" } else { folder };
    let summary = format!(
        "{title}: {} calls, precision {:.3} ({}/{}), recall {:.3} ({}/{}), f1 {:.3}, forbidden {}",
        total.calls,
        total.precision(),
        total.right,
        total.proposed,
        total.recall(),
        total.found,
        total.expected,
        total.f1(),
        total.forbidden
    );
    let mut out = std::io::stdout().lock();
    let _ = std::io::Write::write_all(
        &mut out,
        format!("\n{:<28} found   right   forbidden\n{table}{summary}\n", "call").as_bytes(),
    );
    total
}

/// The floors lie a little below what was measured, so that a rule that breaks others is noticed.
#[test]
fn calls_tuned_on() {
    let score = report("");
    assert!(score.calls >= 40);
    assert!(score.precision() >= 0.96 && score.recall() >= 0.96);
    assert_eq!(score.forbidden, 0);
}

/// Written after the rules were done with, in freer speech, and never tuned on: what to expect of callers we do not know.
#[test]
fn calls_held_out() {
    let score = report("heldout");
    assert!(score.calls >= 10);
    assert!(score.precision() >= 0.85 && score.recall() >= 0.42);
    assert_eq!(score.forbidden, 0);
}
