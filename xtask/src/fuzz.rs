//! Inputs from outside, damaged by what new paths they open (libFuzzer), for as long as wanted.
//!
//! On a stable compiler: LLVM's instrumentation is asked for by code generation options, as `cargo fuzz --sanitizer none` does. Needs a
//! C++ compiler for libFuzzer itself, which is why `fuzz/` is a workspace of its own.

use crate::build;
use crate::process::{Outcome, Workspace, output};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};

/// What is fed; `fuzz/fuzz_targets` has a program for each, `server/tests/fuzz/corpus` a folder.
const TARGETS: [&str; 6] = ["signature", "event", "tool", "config", "number", "redaction"];

/// Branches are counted, and what is compared is told to the fuzzer.
const INSTRUMENTED: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// For how long, and what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds for each target; they run side by side
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// One target only: signature, event, tool, config, number, redaction
    #[arg(long)]
    target: Option<String>,
    /// Other inputs than those of the last run
    #[arg(long, default_value_t = 1)]
    seed: u32,
}

/// Feeds each target until the time is up or one fails, beginning with the committed corpus and what earlier runs found.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let targets: Vec<&str> =
        TARGETS.into_iter().filter(|name| args.target.as_deref().is_none_or(|only| only == *name)).collect();
    if targets.is_empty() {
        return Err(format!("--target is one of {}", TARGETS.join(", ")));
    }
    let built = instrumented(workspace)?;
    let folder = workspace.target().join("fuzz-runs");
    let mut running = Vec::new();
    for name in targets {
        let child = start(workspace, &build::pick(&built, name)?, &folder.join(name), name, args)?;
        running.push((name, Running(child)));
    }
    let mut failed = Vec::new();
    println!("| target | inputs | a second | edges | kept | |\n| --- | ---: | ---: | ---: | ---: | --- |");
    for (name, mut running) in running {
        let status = running.0.wait().map_err(|e| format!("{name} got lost: {e}"))?;
        let log = std::fs::read_to_string(folder.join(name).join("log")).map_err(|e| format!("{name}: {e}"))?;
        let figures = Figures::of(&log);
        let outcome = if status.success() { "nothing failed" } else { "**failed**" };
        println!(
            "| {name} | {} | {} | {} | {} | {outcome} |",
            figures.inputs, figures.per_second, figures.edges, figures.kept
        );
        if !status.success() {
            failed.push(folder.join(name).join("log").display().to_string());
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("what failed is told in {}", failed.join(", "))) }
}

/// A fuzzer, which does not outlive the command: where one cannot start, those before it end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn instrumented(workspace: &Workspace) -> Outcome<Vec<build::Built>> {
    // Named, so that build scripts and macros are built without it.
    let host = output(workspace.command("rustc", &["-vV"]).stderr(Stdio::inherit()))?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not say its host")?;
    let mut cargo = workspace.cargo(&["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--locked"]);
    cargo.args(["--target", host, "--message-format=json-render-diagnostics"]).arg("--target-dir");
    cargo.arg(workspace.target().join("fuzz")).env("RUSTFLAGS", INSTRUMENTED);
    build::programs(&mut cargo)
}

fn start(workspace: &Workspace, program: &Path, folder: &Path, name: &str, args: &Args) -> Outcome<Child> {
    let found = folder.join("found");
    std::fs::create_dir_all(&found).map_err(|e| format!("{}: {e}", found.display()))?;
    let log = folder.join("log");
    let log = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
    let fuzz = workspace.root().join("server/tests/fuzz");
    let mut command = workspace.command(program, &[]);
    command.arg(&found).arg(fuzz.join("corpus").join(name)).arg(format!("-max_total_time={}", args.seconds));
    command.arg(format!("-dict={}", fuzz.join("scraps.dict").display()));
    command.arg(format!("-artifact_prefix={}/", folder.display())).arg(format!("-seed={}", args.seed));
    // Longer inputs find no more, slower. A minute is far beyond any input, also on a busy machine.
    command.args(["-max_len=16384", "-timeout=60", "-rss_limit_mb=1024", "-print_final_stats=1"]);
    command.stdout(Stdio::null()).stderr(log).spawn().map_err(|e| format!("{name} did not start: {e}"))
}

/// What libFuzzer said last.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    inputs: String,
    per_second: String,
    edges: String,
    kept: String,
}

impl Figures {
    fn of(log: &str) -> Self {
        let stat = |name: &str| {
            let line = log.lines().rev().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
            line.map_or("?", |value| value.trim_start_matches(':').trim()).to_owned()
        };
        // "#4194304	pulse  cov: 1203 ft: 4930 corp: 610/85Kb …"
        let field = |name: &str| {
            let line = log.lines().rev().find(|line| line.contains(" cov: "));
            let value = line.and_then(|line| line.split_once(name)?.1.split_whitespace().next());
            value.map_or("?", |value| value.split('/').next().unwrap_or(value)).to_owned()
        };
        Self {
            inputs: stat("number_of_executed_units"),
            per_second: stat("average_exec_per_sec"),
            edges: field(" cov: "),
            kept: field(" corp: "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_the_end() {
        let log = "#2\tINITED cov: 7 ft: 7 corp: 1/1b exec/s: 0\n#9000\tDONE   cov: 41 ft: 60 corp: 12/3Kb lim: 9 exec/s: 90\n\
                   Done 9000 runs in 100 second(s)\nstat::number_of_executed_units: 9000\nstat::average_exec_per_sec:     90\n";
        let text = str::to_owned;
        let figures = Figures { inputs: text("9000"), per_second: text("90"), edges: text("41"), kept: text("12") };
        assert_eq!(Figures::of(log), figures);
        assert_eq!(Figures::of("").inputs, "?");
    }
}
