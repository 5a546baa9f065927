//! Line coverage of hark-core and hark-server, by the compiler's own instrumentation.
//!
//! Only this workspace's crates are instrumented: this program puts itself in front of the compiler for them
//! (`RUSTC_WORKSPACE_WRAPPER`), so that dependencies are shared with the ordinary build. The profiles are read with
//! `llvm-profdata` and `llvm-cov`, from the toolchain's `llvm-tools` component or from the system.

use crate::build::{self, Built};
use crate::lcov::{self, Covered};
use crate::process::{self, Outcome, Workspace, output, works};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Set for the compiler: this program is to be a wrapper.
const WRAPPER: &str = "HARK_COVERAGE_WRAPPER";
/// Versions of a system's LLVM that read what this compiler writes, newest first.
const SYSTEM_LLVM: std::ops::RangeInclusive<u32> = 19..=30;
/// What is counted, and the name it is counted under.
const COUNTED: [(&str, &str); 2] = [("core/src/", "hark-core"), ("server/src/", "hark-server")];
/// What tests are made of.
const TESTKIT: &str = "core/src/testkit/";

/// What to count and what to expect.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Fails below this percentage in total
    #[arg(long, default_value_t = 0.0)]
    min: f64,
    /// With the bundled backends: also runs the tests that need the whole program, and counts what it did
    #[arg(long)]
    bundled: bool,
}

/// Behaves as a compiler wrapper when started as one: `xtask rustc <args>`.
pub(crate) fn as_compiler_wrapper() -> Option<ExitCode> {
    std::env::var_os(WRAPPER)?;
    let mut args = std::env::args_os().skip(1);
    let mut rustc = Command::new(args.next()?);
    let args: Vec<_> = args.collect();
    let compiles = args.iter().any(|arg| arg == "--crate-name");
    let instrument = ["-C", "instrument-coverage"].iter().filter(|_| compiles);
    let status = rustc.args(&args).args(instrument).status().ok()?;
    Some(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Runs the tests and prints the table.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let tools = Tools::find(workspace)?;
    let folder = workspace.target().join("coverage");
    // Profiles of an earlier run would be counted again.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{} cannot be made: {e}", folder.display()))?;

    let mut build = instrumented(workspace, args, &folder)?;
    let built = build::programs(build.args(["--no-run", "--message-format=json-render-diagnostics"]))?;
    process::run(&mut instrumented(workspace, args, &folder)?)?;
    let report = tools.report(&folder, &built)?;

    let by_file = count(workspace.root(), &report);
    println!("\n{}", table(&by_file));
    let total = by_file.values().fold(Covered::default(), |sum, covered| sum + *covered).percent();
    if total < args.min {
        return Err(format!("{total:.1} % of lines are covered, wanted are {:.1} %", args.min));
    }
    Ok(())
}

fn instrumented(workspace: &Workspace, args: &Args, folder: &Path) -> Outcome<Command> {
    let own = std::env::current_exe().map_err(|e| format!("this program cannot find itself: {e}"))?;
    let mut cargo = workspace.cargo(&["test", "-p", "hark-core", "-p", "hark-server"]);
    if !args.bundled {
        cargo.arg("--no-default-features");
    }
    // `%m` with a number: as many processes as that share a file, which the runtime merges.
    cargo.env("RUSTC_WORKSPACE_WRAPPER", own).env(WRAPPER, "1").env("LLVM_PROFILE_FILE", folder.join("%4m.profraw"));
    Ok(cargo)
}

struct Tools {
    profdata: PathBuf,
    cov: PathBuf,
}

impl Tools {
    fn find(workspace: &Workspace) -> Outcome<Self> {
        let libdir = output(&mut workspace.command("rustc", &["--print", "target-libdir"]))?;
        let component = Path::new(libdir.trim()).parent().map(|folder| folder.join("bin")).unwrap_or_default();
        let of_toolchain = Self { profdata: component.join("llvm-profdata"), cov: component.join("llvm-cov") };
        let of_system = SYSTEM_LLVM.rev().map(|version| Self {
            profdata: format!("llvm-profdata-{version}").into(),
            cov: format!("llvm-cov-{version}").into(),
        });
        let usable = |tool: &Path| works(&mut workspace.command(tool, &["--version"]));
        std::iter::once(of_toolchain).chain(of_system).find(|t| usable(&t.profdata) && usable(&t.cov)).ok_or_else(
            || {
                format!(
                    "no LLVM tools; `rustup component add llvm-tools`, or the system's LLVM {} or later",
                    SYSTEM_LLVM.start()
                )
            },
        )
    }

    fn report(&self, folder: &Path, built: &[Built]) -> Outcome<Vec<lcov::Source>> {
        let raw = fs::read_dir(folder).map_err(|e| format!("{} cannot be read: {e}", folder.display()))?;
        let raw = raw.filter_map(|entry| Some(entry.ok()?.path()));
        let raw: Vec<PathBuf> = raw.filter(|path| path.extension().is_some_and(|e| e == "profraw")).collect();
        if raw.is_empty() {
            return Err("the tests wrote no profile".to_owned());
        }
        let merged = folder.join("all.profdata");
        output(Command::new(&self.profdata).args(["merge", "--sparse", "--output"]).arg(&merged).args(&raw))?;
        let mut export = Command::new(&self.cov);
        export.args(["export", "--format=lcov", "--instr-profile"]).arg(&merged);
        for (index, program) in built.iter().enumerate() {
            // The first is the argument, the others are named.
            if index > 0 {
                export.arg("--object");
            }
            export.arg(&program.path);
        }
        Ok(lcov::parse(&output(&mut export)?))
    }
}

/// What is counted, by its path in the repository.
fn count(root: &Path, report: &[lcov::Source]) -> BTreeMap<String, Covered> {
    let mut by_file = BTreeMap::new();
    for source in report {
        let path = Path::new(&source.path);
        let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        if crate_of(&path).is_none() {
            continue;
        }
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        by_file.insert(path, source.covered_before(lcov::tests_begin(&text)));
    }
    by_file
}

fn crate_of(path: &str) -> Option<&'static str> {
    let counted = COUNTED.into_iter().find(|(prefix, _)| path.starts_with(prefix))?;
    let tests = path.starts_with(TESTKIT) || path.ends_with("/tests.rs") || path.contains("/tests/");
    (!tests).then_some(counted.1)
}

fn table(by_file: &BTreeMap<String, Covered>) -> String {
    let row = |name: &str, c: Covered| format!("{name:<48} {:>7} {:>7} {:>6.1} %\n", c.lines, c.hit, c.percent());
    let sum = |of: &dyn Fn(&str) -> bool| {
        by_file.iter().filter(|(path, _)| of(path)).fold(Covered::default(), |sum, (_, c)| sum + *c)
    };
    let mut text = format!("{:<48} {:>7} {:>7} {:>8}\n", "line coverage, unit tests not counted", "lines", "hit", "");
    for (_, name) in COUNTED {
        text += &row(name, sum(&|path| crate_of(path) == Some(name)));
    }
    text += &row("total", sum(&|_| true));
    let mut least: Vec<_> = by_file.iter().filter(|(_, c)| c.lines > 0).collect();
    least.sort_by_key(|(_, c)| std::cmp::Reverse(c.lines - c.hit));
    text += "\nmost lines missed\n";
    for (path, covered) in least.into_iter().take(15) {
        text += &row(path, *covered);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_testkit_and_other_crates_are_not_counted() {
        assert_eq!(crate_of("core/src/recall/mod.rs"), Some("hark-core"));
        assert_eq!(crate_of("server/src/http/mod.rs"), Some("hark-server"));
        assert_eq!(crate_of("core/src/testkit/fixtures.rs"), None);
        assert_eq!(crate_of("server/tests/it/main.rs"), None);
        assert_eq!(crate_of("core/src/ai/by_rules/dates/tests.rs"), None);
    }

    #[test]
    fn the_table_has_each_crate_the_total_and_the_worst_first() {
        let table = table(&BTreeMap::from([
            ("core/src/a.rs".to_owned(), Covered { lines: 10, hit: 9 }),
            ("server/src/b.rs".to_owned(), Covered { lines: 10, hit: 1 }),
        ]));
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["hark-core", "10", "9", "90.0", "%"]);
        assert_eq!(lines[2], ["hark-server", "10", "1", "10.0", "%"]);
        assert_eq!(lines[3], ["total", "20", "10", "50.0", "%"]);
        assert_eq!(lines[6][0], "server/src/b.rs");
    }
}
