//! Real models: llama.cpp's server, a small chat model and an embedding model, all out of packages on PyPI.
//!
//! First how the model does what rules do, on the labelled sets: read calls, judge pairs of memories, sort sentences; then the
//! whole loop on it, by kind `openai`; then the same by kind `ollama` through an imitation of Ollama's API. Nothing here is part of CI: half a gigabyte is fetched once, and
//! a call is read for half a minute.

pub(crate) mod calls;
mod check;
mod fetch;
mod serve;

use crate::build;
use crate::process::{self, Outcome, Workspace};
use fetch::ChatModel;
use serve::{Llama, OllamaImitation};
use std::path::PathBuf;

/// What to run on which model.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The chat model's size
    #[arg(long, value_enum, default_value_t = Size::Small)]
    model: Size,
    /// Only this part
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// How many labelled calls are scored
    #[arg(long, default_value_t = 5)]
    calls: usize,
    /// Of which set, the first ones by name: heldout or tuned
    #[arg(long, default_value = "heldout", value_parser = ["heldout", "tuned"])]
    set: String,
    /// A built `hark`, instead of building one
    #[arg(long)]
    hark: Option<PathBuf>,
    /// The folder with serve.py and st2gguf.py
    #[arg(long, default_value = "../shared/reference/models")]
    reference: PathBuf,
    /// Where models cannot be had, say so and be content
    #[arg(long)]
    allow_skip: bool,
}

/// A chat model by its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Size {
    /// Qwen2.5-Coder-0.5B-Instruct, 491 MB
    #[value(name = "0.5b")]
    Small,
    /// Qwen2.5-Coder-1.5B-Instruct, 1,117 MB
    #[value(name = "1.5b")]
    Larger,
}

/// A part of the chore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Precision and recall of extraction beside the rules'
    Extraction,
    /// What gives way and what is strengthened among labelled pairs of memories, beside the rules'
    Conflicts,
    /// Sentences sorted into sectors, beside the rules'
    Sectors,
    /// The loop by kind openai
    Openai,
    /// The loop by kind ollama
    Ollama,
}

/// Fetches, serves, measures and checks.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let reference = workspace.root().join(&args.reference);
    let model = match args.model {
        Size::Small => ChatModel::SMALL,
        Size::Larger => ChatModel::LARGER,
    };
    let fetched = match fetch::fetch(workspace, &reference, model) {
        Ok(fetched) => fetched,
        Err(why) if args.allow_skip => {
            println!("SKIPPED: real models ({why})");
            return Ok(());
        }
        Err(why) => return Err(format!("real models cannot be had: {why}; --allow-skip makes this no failure")),
    };
    let wanted = |part| args.only.is_none_or(|only| only == part);
    // Built before anything is served: a build and a model are too much for two processors.
    let hark = match &args.hark {
        _ if !wanted(Part::Openai) && !wanted(Part::Ollama) => None,
        Some(hark) => Some(std::path::absolute(hark).map_err(|e| format!("{}: {e}", hark.display()))?),
        None => Some(build::hark(workspace)?),
    };
    let labelled = [(Part::Extraction, "extraction"), (Part::Conflicts, "conflicts"), (Part::Sectors, "sectors")];
    if labelled.iter().any(|(part, _)| wanted(*part)) {
        process::run(&mut example(workspace, "build"))?;
    }
    println!("serving {} and all-MiniLM-L6-v2", model.name);
    let llama = Llama::start(workspace, &reference, &fetched)?;
    for (_, what) in labelled.into_iter().filter(|(part, _)| wanted(*part)) {
        println!("\n## {}, labelled {what} beside the rules\n", model.name);
        let mut measure = example(workspace, "run");
        measure.args(["--", what]);
        if what == "extraction" {
            measure.args([&args.set, &args.calls.to_string()]);
        }
        measure.env("HARK_EXAMPLE_BASE_URL", llama.chat_url()).env("HARK_EXAMPLE_MODEL", Llama::CHAT);
        process::run(measure.env("HARK_EXAMPLE_STRUCTURED", "full_schema"))?;
    }
    if let Some(hark) = &hark {
        if wanted(Part::Openai) {
            check::openai(workspace, hark, &llama)?;
        }
        if wanted(Part::Ollama) {
            let imitation = OllamaImitation::start(workspace, &fetched, &llama)?;
            check::ollama(workspace, hark, &imitation)?;
        }
    }
    Ok(())
}

fn example(workspace: &Workspace, what: &str) -> std::process::Command {
    workspace.cargo(&[what, "--quiet", "-p", "hark-openai", "--example", "labelled"])
}
