//! The rules of this repository that no linter knows. Each is a function from the tree to its findings.

mod rules;

use crate::process::{Outcome, Workspace, output};

/// A file that git knows or would add.
#[derive(Debug, Clone)]
pub(crate) struct File {
    /// From the top folder, with `/`.
    pub(crate) path: String,
    /// Its text; binary files are not part of the tree.
    pub(crate) text: String,
}

/// What a rule has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// CI fails.
    Error(String),
    /// Somebody should look.
    Warning(String),
}

type Rule = fn(&[File]) -> Vec<Finding>;

const RULES: [Rule; 6] =
    [rules::length, rules::rooms, rules::unfinished, rules::machine_paths, rules::changelog, rules::named_tests];

/// Checks the tree.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let files = read(workspace)?;
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&files)).collect();
    let mut errors = 0;
    for finding in &findings {
        match finding {
            Finding::Error(what) => {
                errors += 1;
                println!("error: {what}");
            }
            Finding::Warning(what) => println!("warning: {what}"),
        }
    }
    match errors {
        0 => {
            println!("tidy: {} files, {} rules, nothing wrong", files.len(), RULES.len());
            Ok(())
        }
        n => Err(format!("tidy found {n} problem(s)")),
    }
}

fn read(workspace: &Workspace) -> Outcome<Vec<File>> {
    let mut git = workspace.command("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = output(&mut git)?;
    let paths = listed.split('\0').filter(|path| !path.is_empty());
    // What is deleted but not committed yet, or is not text, has no text to check.
    Ok(paths
        .filter_map(|path| {
            let text = std::fs::read_to_string(workspace.root().join(path)).ok()?;
            Some(File { path: path.to_owned(), text })
        })
        .collect())
}
