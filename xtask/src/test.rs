//! Every test there is.

use crate::process::{self, Outcome, Workspace, in_ci, works};
use crate::services::Services;
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
    let services = Services::start(workspace)?;
    let tests = |args: &[&str]| process::run(services.tell(&mut workspace.cargo(args)));
    if works(&mut workspace.cargo(&["nextest", "--version"])) {
        let profile = if in_ci() { "ci" } else { "default" };
        tests(&["nextest", "run", "--workspace", "--profile", profile])?;
    } else {
        tests(&["test", "--workspace", "--lib", "--bins", "--tests", "--examples"])?;
    }
    tests(&["test", "--workspace", "--doc"])?;
    // What follows asks none of them.
    drop(services);
    if args.no_sdk { Ok(()) } else { sdk::run(workspace, &hark, &fake) }
}
