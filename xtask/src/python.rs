//! Python packages in environments of their own, made once and kept in the target folder.

use crate::process::{self, Outcome, Workspace, works};
use std::path::{Path, PathBuf};

/// A Python that has what a requirements file of the repository names. `folder` is the environment's, below the target folder
/// unless it is absolute.
pub(crate) fn environment(workspace: &Workspace, folder: impl AsRef<Path>, requirements: &str) -> Outcome<PathBuf> {
    let folder = workspace.target().join(folder);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let wanted = std::fs::read_to_string(workspace.root().join(requirements))
        .map_err(|e| format!("{requirements} cannot be read: {e}"))?;
    // The stamp is written last, so a half-made environment is made again.
    let stamp = folder.join("hark-requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && python.is_file() {
        return Ok(python);
    }
    if !works(&mut workspace.command("python3", &["--version"])) {
        return Err("there is no python3".to_owned());
    }
    println!("installing {requirements} into {}", folder.display());
    let mut make = workspace.command("python3", &["-m", "venv", "--clear"]);
    process::run(make.arg(&folder)).map_err(|why| format!("no virtual environment: {why}"))?;
    let mut install = workspace.command(&python, &["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    process::run(install.args(["-r", requirements])).map_err(|why| format!("no package: {why}"))?;
    std::fs::write(&stamp, wanted).map_err(|e| format!("{} cannot be written: {e}", stamp.display()))?;
    Ok(python)
}
