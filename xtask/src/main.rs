//! The chores of this repository: `cargo xtask <chore>`, one chore a file.
//!
//! It knows no crate of ours: it runs cargo, git, python and the built `hark` as children, so that it compiles in
//! seconds and cannot break with what it checks.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to whoever runs it")]

mod bench;
mod build;
mod ci;
mod codegen;
mod coverage;
mod eval;
mod fuzz;
mod http;
mod kill;
mod lcov;
mod object_storage;
mod process;
mod python;
mod realmodel;
mod schemathesis;
mod sdk;
mod server;
mod services;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use process::Workspace;
use std::process::ExitCode;

/// The chores of this repository.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Runs every test: Rust, documentation, and the check against the official ElevenLabs package
    Test(test::Args),
    /// Does everything CI does, in its order, and prints how long each step took
    Ci,
    /// Writes the generated files: configuration schema, OpenAPI
    Codegen(codegen::Args),
    /// Checks the rules of this repository that no linter knows
    Tidy,
    /// Prints the line coverage of hark-core and hark-server
    Coverage(coverage::Args),
    /// Measures quality on labelled examples
    Eval(eval::Args),
    /// Feeds damaged inputs to whatever reads from outside: a minute a target, or as long as told
    Fuzz(fuzz::Args),
    /// Kills a server again and again under traffic: 1,000 times, or as often as told
    Kill(kill::Args),
    /// Asks a running server what its OpenAPI document allows and forbids, and holds every answer against the document
    Schemathesis(schemathesis::Args),
    /// Starts the PostgreSQL and the Redis that tests ask, for as long as a program runs, or until Ctrl-C
    Services(services::Args),
    /// Tests vectors in an object store, against a fake of S3; builds LanceDB once more, with the client for it
    ObjectStorage,
    /// Measures a release build: latency, memory, start-up; or recall quality
    Bench(bench::Args),
    /// Runs the loop on a real language model, and measures how it reads calls
    Realmodel(realmodel::Args),
}

fn main() -> ExitCode {
    if let Some(code) = coverage::as_compiler_wrapper() {
        return code;
    }
    let cli = Cli::parse();
    let done = Workspace::find().and_then(|workspace| match &cli.chore {
        Chore::Test(args) => test::run(&workspace, args),
        Chore::Ci => ci::run(&workspace),
        Chore::Codegen(args) => codegen::run(&workspace, args),
        Chore::Tidy => tidy::run(&workspace),
        Chore::Coverage(args) => coverage::run(&workspace, args),
        Chore::Eval(args) => eval::run(&workspace, args),
        Chore::Fuzz(args) => fuzz::run(&workspace, args),
        Chore::Kill(args) => kill::run(&workspace, args),
        Chore::Schemathesis(args) => schemathesis::run(&workspace, args),
        Chore::Services(args) => services::run(&workspace, args),
        Chore::ObjectStorage => object_storage::run(&workspace),
        Chore::Bench(args) => bench::run(&workspace, args),
        Chore::Realmodel(args) => realmodel::run(&workspace, args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_chores_can_be_asked_for_as_documented() {
        Cli::command().debug_assert();
        for line in [
            "xtask test --no-sdk",
            "xtask ci",
            "xtask codegen --check",
            "xtask tidy",
            "xtask coverage --min 80 --bundled",
            "xtask eval extraction",
            "xtask eval conflicts",
            "xtask eval redaction",
            "xtask eval injection",
            "xtask fuzz --seconds 3600 --target event --seed 7",
            "xtask kill --kills 200 --seed 3 --hark target/release/hark",
            "xtask schemathesis",
            "xtask schemathesis --seconds 600 --examples 100 --seed 7 --hark target/debug/hark",
            "xtask services",
            "xtask services -- cargo nextest run -p hark-postgres",
            "xtask object-storage",
            "xtask bench",
            "xtask bench -- day --conversations 100 --within 10",
            "xtask bench -- drill --callers 100",
            "xtask bench --debug -- --callers 20 --seconds 2",
            "xtask bench --postgres -- --stores embedded,postgres --callers 1000,10000",
            "xtask bench --postgres -- workers --workers 1,2,4 --events 300",
            "xtask bench recall --postgres --mode turns",
            "xtask bench recall --harness bench --mode turns,transcripts --splits dev",
            "xtask realmodel --model 1.5b --calls 12 --set tuned --hark target/debug/hark --allow-skip",
            "xtask realmodel --only extraction",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        assert!(Cli::try_parse_from(["xtask", "bench", "recal"]).is_err());
    }
}
