//! Quality on labelled examples.

use crate::process::{self, Outcome, Workspace};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// What the built-in rules learn from labelled calls: precision and recall
    Extraction,
    /// How the built-in rules tell corrections, repetitions and look-alikes apart: precision and recall
    Conflicts,
}

/// Measures, and prints the table.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let test = match args.what {
        What::Extraction => "extraction",
        What::Conflicts => "conflicts",
    };
    // One thread, so that the tables do not run into each other.
    let options = ["test", "-p", "hark-core", "--test", test, "--", "--nocapture", "--test-threads=1"];
    process::run(&mut workspace.cargo(&options))
}
