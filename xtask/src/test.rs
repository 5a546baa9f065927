//! Every test there is.

use crate::process::{self, Outcome, Workspace, in_ci, works};
use crate::{build, sdk};

/// What to leave out.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Leaves out the check against the official ElevenLabs package (it needs Python, and once the network)
    #[arg(long)]
    no_sdk: bool,
}

/// Runs them.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let built = build::everything(workspace)?;
    let (hark, fake) = (build::pick(&built, "hark")?, build::pick(&built, "fake_elevenlabs")?);
    if works(&mut workspace.cargo(&["nextest", "--version"])) {
        let profile = if in_ci() { "ci" } else { "default" };
        process::run(&mut workspace.cargo(&["nextest", "run", "--workspace", "--profile", profile]))?;
    } else {
        process::run(&mut workspace.cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--examples"]))?;
    }
    process::run(&mut workspace.cargo(&["test", "--workspace", "--doc"]))?;
    if args.no_sdk { Ok(()) } else { sdk::run(workspace, &hark, &fake) }
}
