//! The check against the official ElevenLabs package: Python, in an environment of its own.

use crate::process::{self, Outcome, Workspace, in_ci};
use crate::python;
use std::path::Path;
use std::process::Command;

const REQUIREMENTS: &str = "server/tests/elevenlabs/requirements.txt";
const CHECK: &str = "server/tests/elevenlabs/check.py";

/// Runs it against a built `hark` and a built fake of the platform. Without Python or network it is left out, loudly; in CI that is a failure.
pub(crate) fn run(workspace: &Workspace, hark: &Path, fake: &Path) -> Outcome {
    let python = match python::environment(workspace, "elevenlabs-venv", REQUIREMENTS) {
        Ok(python) => python,
        Err(why) if in_ci() => return Err(format!("the check against the official SDK cannot run: {why}")),
        Err(why) => {
            println!("SKIPPED: the check against the official ElevenLabs SDK ({why}); CI runs it");
            return Ok(());
        }
    };
    println!("official SDK: starting hark on a free loopback port with a temporary data folder");
    let mut check = Command::new(python);
    check
        .arg(CHECK)
        .arg("--hark")
        .arg(hark)
        .arg("--fake")
        .arg(fake)
        .current_dir(workspace.root())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    process::run(&mut check)
}
