//! How well orders to a model are told from what only looks like one, measured on labelled sentences: the ones the rules were made on
//! and the ones they were not. Run with `-- --nocapture` for the table, or `cargo xtask eval injection`.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

use hark_core::injection::reads_like_an_order;

const TUNED: &str = include_str!("labelled/injection/tuned.txt");
const HELD_OUT: &str = include_str!("labelled/injection/heldout.txt");

struct Score {
    orders: usize,
    caught: usize,
    others: usize,
    alarms: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        self.caught as f64 / self.orders as f64
    }

    fn alarm_rate(&self) -> f64 {
        self.alarms as f64 / self.others as f64
    }
}

fn report(title: &str, text: &str, show: bool) -> Score {
    let mut score = Score { orders: 0, caught: 0, others: 0, alarms: 0 };
    let mut wrong = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (label, said) = line.split_at(2);
        let caught = reads_like_an_order(said);
        let is_order = label == "+ ";
        assert!(is_order || label == "- ", "a line begins with + or -: {line}");
        let (all, found) =
            if is_order { (&mut score.orders, &mut score.caught) } else { (&mut score.others, &mut score.alarms) };
        *all += 1;
        *found += usize::from(caught);
        if caught != is_order {
            wrong.push_str(&format!("{line}\n"));
        }
    }
    // The held-out sentences are there to be measured, not studied: nobody tunes on what is not shown.
    let show = show || std::env::var_os("HARK_SHOW_HELDOUT").is_some();
    let table = format!(
        "\n{}{title}: orders caught {}/{} = {:.2}, harmless ones taken for orders {}/{} = {:.2}\n",
        if show { wrong.as_str() } else { "" },
        score.caught,
        score.orders,
        score.recall(),
        score.alarms,
        score.others,
        score.alarm_rate(),
    );
    std::io::Write::write_all(&mut std::io::stdout().lock(), table.as_bytes()).unwrap();
    score
}

/// The floors lie a little below what was measured, so that a rule that breaks others is noticed.
#[test]
fn orders_are_told_from_what_looks_like_one() {
    let tuned = report("made on", TUNED, true);
    let held_out = report("held out", HELD_OUT, false);
    assert!(tuned.orders + held_out.orders >= 60 && tuned.others + held_out.others >= 60);
    assert!(tuned.recall() >= 0.98 && tuned.alarm_rate() <= 0.03);
    assert!(held_out.recall() >= 0.80 && held_out.alarm_rate() <= 0.08);
}
