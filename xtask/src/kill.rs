//! `kill -9`, for as long as wanted.

use crate::process::{self, Outcome, Workspace};
use std::path::PathBuf;

/// How often, and when.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the server is killed
    #[arg(long, default_value_t = 1_000)]
    kills: u32,
    /// Other moments than those of the last run
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Another program than the development build, which learns several times slower than a release
    #[arg(long)]
    hark: Option<PathBuf>,
}

/// Runs the test of `server/tests/full/kill`, which the ordinary tests run with 50 kills.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    // The whole workspace, so that LanceDB is the one that the tests have built.
    let mut cargo = workspace.cargo(&["test", "--workspace", "--test", "full", "--", "--nocapture", "kill::"]);
    cargo.env("HARK_KILLS", args.kills.to_string()).env("HARK_KILL_SEED", args.seed.to_string());
    if let Some(hark) = &args.hark {
        let hark = std::path::absolute(hark).map_err(|e| format!("{}: {e}", hark.display()))?;
        cargo.env("HARK_TEST_PROGRAM", hark);
    }
    process::run(&mut cargo)
}
