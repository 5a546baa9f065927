//! Everything CI does. `.ci/run` only calls this.

use crate::process::{self, Outcome, Workspace};
use crate::{codegen, schemathesis, test, tidy};
use std::time::{Duration, Instant};

type Step = (&'static str, fn(&Workspace) -> Outcome);

/// Cheap steps first. Clippy and the tests see the same features, so nothing is compiled for one feature set and
/// again for another.
const STEPS: [Step; 6] = [
    ("fmt", |w| process::run(&mut w.cargo(&["fmt", "--all", "--check"]))),
    ("tidy", tidy::run),
    ("clippy", |w| {
        process::run(&mut w.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
    }),
    ("codegen", |w| codegen::run(w, &codegen::Args { check: true })),
    ("test", |w| test::run(w, &test::Args::default())),
    ("schemathesis", |w| schemathesis::run(w, &schemathesis::Args::default())),
];

/// Runs the steps until one fails, and tells how long each took.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut times = Vec::new();
    let mut done = Ok(());
    for (name, step) in STEPS {
        println!("\n=== {name}");
        let start = Instant::now();
        done = step(workspace).map_err(|why| format!("{name}: {why}"));
        times.push((name, start.elapsed()));
        if done.is_err() {
            break;
        }
    }
    println!("\n{}", table(&times));
    done
}

fn table(times: &[(&str, Duration)]) -> String {
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    let row = |name: &str, time: Duration| format!("{name:<12} {:>8.1} s\n", time.as_secs_f64());
    times.iter().map(|(name, time)| row(name, *time)).chain([row("total", total)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_ends_with_the_sum() {
        let table = table(&[("fmt", Duration::from_millis(500)), ("test", Duration::from_secs(61))]);
        assert_eq!(table.lines().count(), 3);
        assert!(table.ends_with("total            61.5 s\n"), "{table}");
    }
}
