//! Children: how cargo and the others are run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a chore comes to; the error is a sentence for whoever ran it.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// This repository on disk.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace this program was started for.
    pub(crate) fn find() -> Outcome<Self> {
        // Cargo names the package's folder at run time; the one known at compile time may have moved since.
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().filter(|root| root.join("Cargo.lock").is_file());
        root.map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| "the workspace is not where it was built; run it as `cargo xtask`".to_owned())
    }

    /// Its top folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> PathBuf {
        self.root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
    }

    /// Cargo in this workspace, with nothing to read, as if it had been typed by hand.
    ///
    /// What the `cargo run` that started this program says of *its* package goes no further: build scripts watch some of
    /// it, and LanceDB stands behind one of them, so that a change between `cargo …` and `cargo xtask …` would build
    /// its whole engine anew.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(is_about_a_package) {
                command.env_remove(name);
            }
        }
        command
    }

    /// Any program in this workspace, with nothing to read.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root).stdin(Stdio::null());
        command
    }
}

/// Whether cargo sets this variable for the one package it builds or runs.
fn is_about_a_package(name: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|prefix| name.starts_with(prefix))
}

/// Runs it and lets it talk.
pub(crate) fn run(command: &mut Command) -> Outcome {
    println!("$ {}", line(command));
    let status = command.status().map_err(|e| format!("`{}` did not start: {e}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` failed ({status})", line(command))) }
}

/// Runs it and answers what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let done =
        command.stderr(Stdio::inherit()).output().map_err(|e| format!("`{}` did not start: {e}", line(command)))?;
    if !done.status.success() {
        return Err(format!("`{}` failed ({})", line(command), done.status));
    }
    String::from_utf8(done.stdout).map_err(|_| format!("`{}` did not write UTF-8", line(command)))
}

/// Whether it runs at all and says all is well.
pub(crate) fn works(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Whether this is a run that may not skip anything.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    command.get_args().fold(name, |line, arg| format!("{line} {}", arg.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_hears_nothing_of_the_package_that_called_it() {
        let workspace = Workspace::find().unwrap();
        let cargo = workspace.cargo(&["--version"]);
        // Cargo runs this very test with the variables of xtask's package.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        for name in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION_MAJOR", "CARGO_MANIFEST_DIR"] {
            assert!(cargo.get_envs().any(|(key, value)| key == name && value.is_none()), "{name} is passed on");
        }
        assert!(!is_about_a_package("CARGO_TARGET_DIR") && !is_about_a_package("CARGO_HOME"));
    }
}
