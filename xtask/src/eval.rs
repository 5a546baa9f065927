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
}

/// Measures, and prints the table.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    match args.what {
        What::Extraction => process::run(&mut workspace.cargo(&[
            "test",
            "-p",
            "hark-core",
            "--test",
            "extraction",
            "--",
            "--nocapture",
        ])),
    }
}
