//! The check against the official ElevenLabs package: Python, in an environment of its own.

use crate::process::{self, Outcome, Workspace, in_ci, works};
use std::path::Path;
use std::process::Command;

const REQUIREMENTS: &str = "server/tests/elevenlabs/requirements.txt";
const CHECK: &str = "server/tests/elevenlabs/check.py";

/// Runs it against a built `hark` and a built fake of the platform. Without Python or network it is left out, loudly; in CI that is a failure.
pub(crate) fn run(workspace: &Workspace, hark: &Path, fake: &Path) -> Outcome {
    let python = match environment(workspace) {
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

/// A Python that has the package; made once, kept in the target folder.
fn environment(workspace: &Workspace) -> Outcome<std::path::PathBuf> {
    let folder = workspace.target().join("elevenlabs-venv");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let wanted = std::fs::read_to_string(workspace.root().join(REQUIREMENTS))
        .map_err(|e| format!("{REQUIREMENTS} cannot be read: {e}"))?;
    // The stamp is written last, so a half-made environment is made again.
    let stamp = folder.join("hark-requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && python.is_file() {
        return Ok(python);
    }
    if !works(&mut workspace.command("python3", &["--version"])) {
        return Err("there is no python3".to_owned());
    }
    println!("official SDK: installing it into {}", folder.display());
    let mut make = workspace.command("python3", &["-m", "venv", "--clear"]);
    process::run(make.arg(&folder)).map_err(|why| format!("no virtual environment: {why}"))?;
    let mut install = workspace.command(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    process::run(install.args(["-r", REQUIREMENTS])).map_err(|why| format!("no package: {why}"))?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{} cannot be written: {e}", stamp.display()))?;
    Ok(python)
}
