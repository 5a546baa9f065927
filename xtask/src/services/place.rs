//! Where programs and data of the servers are, and as whom they run.

use crate::process::{self, Outcome, Workspace, output};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// What programs are started through where they may not run as root.
const DROP: [&str; 2] = ["setpriv", "--clear-groups"];

/// A folder for programs, templates and the data of this run, which the servers' user can read.
#[derive(Debug)]
pub(crate) struct Place {
    home: PathBuf,
    run: PathBuf,
    /// Who runs what refuses root; `None` where nobody is root.
    drop_to: Option<Ids>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ids {
    user: u32,
    group: u32,
}

impl Place {
    /// Below the target folder; elsewhere where root keeps that from everybody else.
    pub(crate) fn find(workspace: &Workspace) -> Outcome<Self> {
        let target = workspace.target().join("services");
        let drop_to = match id(&["-u"])? {
            0 => Some(Ids { user: id(&["-u", "nobody"])?, group: id(&["-g", "nobody"])? }),
            _ => None,
        };
        make(&target)?;
        let shared = std::env::temp_dir().join("hark-services");
        let home = match drop_to {
            Some(ids) if !reaches(ids, &target) => {
                make(&shared)?;
                shared
            }
            _ => target,
        };
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let run = home.join(format!("run-{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed)));
        let place = Self { home, run, drop_to };
        place.sweep();
        make(&place.run)?;
        // Not what is in them: data is the servers' own, and somebody else's may be starting.
        place.readable(&place.home, &[])?;
        place.readable(&place.run, &[])?;
        Ok(place)
    }

    /// Where programs and templates stay.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// A folder of this run, for the one server that is called so; it may not be there yet.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.run.join(name)
    }

    /// Lets everybody read what root alone might: programs.
    pub(crate) fn open(&self, folder: &Path) -> Outcome {
        self.readable(folder, &["-R"])
    }

    fn readable(&self, folder: &Path, how: &[&str]) -> Outcome {
        if self.drop_to.is_none() {
            return Ok(());
        }
        quietly(Command::new("chmod").args(how).arg("a+rX").arg(folder))
    }

    /// Makes a folder the servers' own.
    pub(crate) fn give(&self, folder: &Path) -> Outcome {
        let Some(Ids { user, group }) = self.drop_to else { return Ok(()) };
        let mut chown = Command::new("chown");
        quietly(chown.arg("-R").arg(format!("{user}:{group}")).arg(folder))
    }

    /// Whether whoever runs this may install programs.
    pub(crate) fn is_root(&self) -> bool {
        self.drop_to.is_some()
    }

    /// The beginning of a command line that runs as the servers' user; empty where that is who runs already.
    pub(crate) fn as_user(&self) -> Vec<String> {
        self.drop_to.map(Ids::command_line).unwrap_or_default()
    }

    /// Takes away what runs left behind that were killed with everything they had started.
    fn sweep(&self) {
        let Ok(entries) = std::fs::read_dir(&self.home) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some((pid, _)) = name.to_str().and_then(|name| name.strip_prefix("run-")?.split_once('-')) else {
                continue;
            };
            if !process::works(Command::new("kill").args(["-0", pid])) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The servers' folders went with them; what they said is left.
        let _ = std::fs::remove_dir_all(&self.run);
    }
}

impl Ids {
    fn command_line(self) -> Vec<String> {
        let ids = [format!("--reuid={}", self.user), format!("--regid={}", self.group), "--".to_owned()];
        DROP.map(str::to_owned).into_iter().chain(ids).collect()
    }
}

/// Runs it without a word, unless it fails.
pub(crate) fn quietly(command: &mut Command) -> Outcome {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.output().map_err(|e| format!("`{program}` did not start: {e}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    Err(format!("`{program}` failed ({}): {}", done.status, String::from_utf8_lossy(&said).trim()))
}

fn id(args: &[&str]) -> Outcome<u32> {
    let said = output(Command::new("id").args(args))?;
    said.trim().parse().map_err(|_| format!("`id {}` says no number", args.join(" ")))
}

fn reaches(ids: Ids, folder: &Path) -> bool {
    let mut line = ids.command_line();
    line.extend(["test".to_owned(), "-x".to_owned()]);
    process::works(Command::new(&line[0]).args(&line[1..]).arg(folder))
}

fn make(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|e| format!("{} cannot be made: {e}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_runs_servers_as_nobody_and_everybody_else_as_themselves() {
        let place = |drop_to| Place { home: "home".into(), run: "home/run-1".into(), drop_to };
        assert_eq!(place(None).as_user(), [""; 0]);
        let line = place(Some(Ids { user: 7, group: 8 })).as_user().join(" ");
        assert_eq!(line, "setpriv --clear-groups --reuid=7 --regid=8 --");
    }

    #[test]
    fn what_a_child_says_is_told_when_it_fails() {
        assert_eq!(quietly(Command::new("sh").args(["-c", "echo no; exit 0"])), Ok(()));
        let why = quietly(Command::new("sh").args(["-c", "echo too full >&2; exit 3"])).unwrap_err();
        assert!(why.contains("`sh` failed") && why.ends_with("too full"), "{why}");
    }
}
