//! Builds, and tells where the programs went.

use crate::process::{Outcome, Workspace};
use serde::Deserialize;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Built {
    /// The target's name, such as `hark`.
    pub(crate) name: String,
    /// Whether it is a test harness rather than the program itself.
    pub(crate) test: bool,
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// Everything the tests need, and `hark` itself.
///
/// Always by this one command: `cargo build` would choose other features for shared dependencies than
/// `cargo test` does, and build LanceDB a second time.
pub(crate) fn everything(workspace: &Workspace) -> Outcome<Vec<Built>> {
    programs(&mut workspace.cargo(&["test", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]))
}

/// The development `hark`, built as the tests build it.
pub(crate) fn hark(workspace: &Workspace) -> Outcome<PathBuf> {
    pick(&everything(workspace)?, "hark")
}

/// The program of that name.
pub(crate) fn pick(built: &[Built], name: &str) -> Outcome<PathBuf> {
    built
        .iter()
        .find(|b| b.name == name && !b.test)
        .map(|b| b.path.clone())
        .ok_or_else(|| format!("cargo built no program `{name}`"))
}

/// Runs a cargo command that was told `--message-format=json-render-diagnostics`.
pub(crate) fn programs(command: &mut Command) -> Outcome<Vec<Built>> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| format!("cargo did not start: {e}"))?;
    let mut built = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(|e| format!("cargo's output cannot be read: {e}"))?;
            built.extend(parse(&line));
        }
    }
    let status = child.wait().map_err(|e| format!("cargo got lost: {e}"))?;
    if status.success() { Ok(built) } else { Err("the build failed".to_owned()) }
}

fn parse(line: &str) -> Option<Built> {
    #[derive(Deserialize)]
    struct Message {
        target: Target,
        profile: Profile,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    #[derive(Deserialize)]
    struct Profile {
        test: bool,
    }
    // Other messages lack these fields.
    let message: Message = serde_json::from_str(line).ok()?;
    Some(Built { name: message.target.name, test: message.profile.test, path: message.executable? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_from_libraries_tests_and_other_messages() {
        let artifact = |executable: &str, test: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"kind":["bin"],"name":"hark"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let lines = [artifact("null", false), artifact("\"t/hark-1\"", true), artifact("\"t/hark\"", false)];
        let built: Vec<_> = lines.iter().filter_map(|line| parse(line)).collect();
        assert_eq!(built.len(), 2);
        assert_eq!(pick(&built, "hark").unwrap(), PathBuf::from("t/hark"));
        assert!(pick(&built, "other").is_err());
        assert_eq!(parse(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
