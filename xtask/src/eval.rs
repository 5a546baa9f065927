//! Quality on labelled examples.

use crate::process::{self, Outcome, Workspace};
use std::path::{Path, PathBuf};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// What the built-in rules learn from labelled calls: precision and recall
    Extraction,
    /// How the built-in rules tell corrections, repetitions and look-alikes apart: precision and recall
    Conflicts,
    /// How the built-in rules sort sentences into sectors: accuracy of each
    Sectors,
    /// How well secrets are found in what callers say, and how often something harmless is taken for one
    Redaction,
    /// How well orders to a model are told from what only looks like one
    Injection,
    /// How well questions find the turns that answer them, on labelled calls, by the whole of ingest and recall
    Recall(Recall),
    /// How well memories are found by questions in other words
    Paraphrase(Paraphrase),
}

#[derive(Debug, clap::Args)]
struct Paraphrase {
    /// A folder with `pairs.tsv`, "memory TAB question" a line, and perhaps `distract.txt`, memories that answer none
    #[arg(long, default_value = "../shared/reference/models/eval")]
    set: PathBuf,
    /// Asks by words alone
    #[arg(long)]
    no_embedder: bool,
}

#[derive(Debug, clap::Args)]
struct Recall {
    /// A folder of labelled calls, one file a caller; README.md of the default one says how they are written
    #[arg(long, default_value = "core/tests/labelled/recall")]
    set: PathBuf,
    /// Fits the weights of [recall.turns] to the set, and prints them
    #[arg(long)]
    learn: bool,
    /// Asks by words alone
    #[arg(long)]
    no_embedder: bool,
}

/// Measures, and prints the table.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let test = match &args.what {
        What::Extraction => "extraction",
        What::Conflicts => "conflicts",
        What::Sectors => "sectors",
        What::Redaction => "redaction",
        What::Injection => "injection",
        What::Recall(recall) => return run_recall(workspace, &recall.set, recall.no_embedder, recall.learn),
        What::Paraphrase(asked) => return run_recall(workspace, &asked.set, asked.no_embedder, false),
    };
    // One thread, so that the tables do not run into each other.
    let options = ["test", "-p", "hark-core", "--test", test, "--", "--nocapture", "--test-threads=1"];
    process::run(&mut workspace.cargo(&options))
}

fn run_recall(workspace: &Workspace, set: &Path, no_embedder: bool, learn: bool) -> Outcome {
    let mut cargo = workspace.cargo(&["run", "--release", "-p", "hark-local", "--example", "recall", "--"]);
    cargo.arg(workspace.root().join(set));
    if learn {
        cargo.arg("--learn");
    }
    if no_embedder {
        cargo.arg("--no-embedder");
    }
    process::run(&mut cargo)
}
