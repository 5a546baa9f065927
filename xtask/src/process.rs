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

    /// Cargo in this workspace, with nothing to read.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args)
    }

    /// Any program in this workspace, with nothing to read.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root).stdin(Stdio::null());
        command
    }
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
