//! How well secrets are found in what callers say, measured on labelled calls: the ones the rules were made on and the ones they
//! were not. Run with `-- --nocapture` for the table, or `cargo xtask eval redaction`.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(unreachable_pub, reason = "a module of a test binary")]

#[path = "support/redaction_score.rs"]
mod redaction_score;

use hark_core::Speaker;
use hark_core::redact::{RedactionConfig, Redactor};
use redaction_score::{Case, Score, load};

const TUNED: &str = include_str!("labelled/redaction/tuned.txt");
const HELD_OUT: &str = include_str!("labelled/redaction/heldout.txt");

fn report(title: &str, text: &str, show: bool) -> Score {
    let score = Score::of(&Redactor::default(), &load(text));
    // The held-out calls are there to be measured, not studied: nobody tunes on what is not shown.
    let show = show || std::env::var_os("HARK_SHOW_HELDOUT").is_some();
    let table = format!("\n{}{}", if show { score.wrong.as_str() } else { "" }, score.table(title));
    std::io::Write::write_all(&mut std::io::stdout().lock(), table.as_bytes()).unwrap();
    score
}

/// The floors lie a little below what was measured, so that a rule that breaks others is noticed.
#[test]
fn secrets_are_hidden_and_orders_are_not() {
    let tuned = report("made on", TUNED, true);
    assert!(tuned.recall() >= 0.98 && tuned.alarms() <= 0.02, "{}", tuned.wrong);
    let held_out = report("held out", HELD_OUT, false);
    assert!(tuned.cases + held_out.cases >= 200 && tuned.negatives + held_out.negatives >= 80);
    assert!(held_out.recall() >= 0.90 && held_out.alarms() <= 0.05, "{}", held_out.table("held out"));
}

fn turns(case: &Case) -> Vec<(Speaker, &str)> {
    case.turns.iter().map(|(speaker, text)| (*speaker, text.as_str())).collect()
}

/// Transcripts are read again from the store, and redacted then too.
#[test]
fn what_was_redacted_holds_nothing_more() {
    let redactor = Redactor::default();
    for case in load(TUNED).iter().chain(&load(HELD_OUT)) {
        let mut clean: Vec<(Speaker, String)> = case.turns.clone();
        for secret in redactor.find(&turns(case)).iter().rev() {
            clean[secret.turn].1.replace_range(secret.span.clone(), secret.kind.mark());
        }
        let again: Vec<(Speaker, &str)> = clean.iter().map(|(speaker, text)| (*speaker, text.as_str())).collect();
        assert_eq!(redactor.find(&again), [], "{clean:?}");
    }
}

#[test]
fn what_is_switched_off_stays() {
    let off = Redactor::new(RedactionConfig { kinds: Vec::new(), ..RedactionConfig::default() });
    for case in load(TUNED) {
        assert_eq!(off.find(&turns(&case)), []);
    }
}
