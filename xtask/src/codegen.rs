//! Files made by the program, committed, and checked.

use crate::build;
use crate::process::{Outcome, Workspace, output};
use crate::server::Server;
use std::fs;
use std::path::Path;

/// Write or check.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Changes nothing; fails and shows the difference when a file is not what the program would write
    #[arg(long)]
    pub(crate) check: bool,
}

/// What a file is made from.
type Source = fn(&Workspace, &Path) -> Outcome<String>;

const FILES: [(&str, Source); 2] = [("server/config.schema.json", config_schema), ("server/openapi.json", openapi)];

/// At most so many lines of a difference are shown.
const SHOWN: usize = 40;

/// Writes or checks them.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let hark = build::hark(workspace)?;
    let mut stale = Vec::new();
    for (file, source) in FILES {
        let wanted = normalise(&source(workspace, &hark)?);
        let path = workspace.root().join(file);
        let found = fs::read_to_string(&path).unwrap_or_default();
        if found == wanted {
            println!("{file}: up to date");
        } else if args.check {
            println!("{file}: out of date\n{}", difference(&found, &wanted));
            stale.push(file);
        } else {
            write(&path, &wanted)?;
            println!("{file}: written");
        }
    }
    match stale.as_slice() {
        [] => Ok(()),
        files => Err(format!("{} out of date; run `cargo xtask codegen` and commit", files.join(", "))),
    }
}

fn config_schema(workspace: &Workspace, hark: &Path) -> Outcome<String> {
    output(&mut workspace.command(hark, &["config", "schema"]))
}

/// As a running server gives it out, indented for people who read the difference.
fn openapi(workspace: &Workspace, hark: &Path) -> Outcome<String> {
    let served = Server::start(workspace, hark)?.get("/openapi.json")?;
    let document: serde_json::Value =
        serde_json::from_str(&served).map_err(|e| format!("/openapi.json is not JSON: {e}"))?;
    Ok(format!("{document:#}"))
}

fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|e| format!("{} cannot be written: {e}", path.display()))
}

/// Ends with exactly one newline, whatever the program printed.
fn normalise(text: &str) -> String {
    format!("{}\n", text.trim_end())
}

/// The lines between the first and the last that differ; enough to see what changed.
fn difference(found: &str, wanted: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (found.lines().collect(), wanted.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let longest_tail = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(longest_tail).take_while(|(a, b)| a == b).count();
    let minus = old[head..old.len() - tail].iter().map(|line| format!("-{line}"));
    let plus = new[head..new.len() - tail].iter().map(|line| format!("+{line}"));
    let lines: Vec<String> = minus.chain(plus).collect();
    let mut shown = vec![format!("@@ line {} @@", head + 1)];
    shown.extend(lines.iter().take(SHOWN).cloned());
    if lines.len() > SHOWN {
        shown.push(format!("… and {} more lines", lines.len() - SHOWN));
    }
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_shown() {
        assert_eq!(difference("a\nb\nc\n", "a\nB\nc\n"), "@@ line 2 @@\n-b\n+B");
        assert_eq!(difference("a\n", "a\nb\n"), "@@ line 2 @@\n+b");
        assert_eq!(difference("a\na\n", "a\n"), "@@ line 2 @@\n-a");
        assert_eq!(difference("", "x\n"), "@@ line 1 @@\n+x");
    }

    #[test]
    fn a_long_difference_is_cut_and_says_so() {
        let wanted: String = (0..100).map(|n| format!("{n}\n")).collect();
        let shown = difference("", &wanted);
        assert_eq!(shown.lines().count(), SHOWN + 2);
        assert!(shown.ends_with("… and 60 more lines"), "{shown}");
    }

    #[test]
    fn text_ends_with_one_newline() {
        assert_eq!(normalise("{}\n\n"), "{}\n");
        assert_eq!(normalise("{}"), "{}\n");
    }
}
