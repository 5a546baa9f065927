//! Inputs from outside, damaged at random, for as long as wanted.

use crate::process::{self, Outcome, Workspace};

/// For how long, and what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// One target only: signature, event, tool, config, number, redaction
    #[arg(long)]
    target: Option<String>,
    /// Other inputs than those of the last run; what fails names its seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Damages inputs until the time is up or one fails. Targets run side by side, one a core.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let mut cargo =
        workspace.cargo(&["test", "-p", "hark-server", "--no-default-features", "--test", "fuzz", "--", "--nocapture"]);
    cargo.env("HARK_FUZZ_SECONDS", args.seconds.to_string()).env("HARK_FUZZ_SEED", args.seed.to_string());
    if let Some(target) = &args.target {
        cargo.env("HARK_FUZZ_TARGET", target);
    }
    process::run(&mut cargo)
}
