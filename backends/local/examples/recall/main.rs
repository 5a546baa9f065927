//! How well questions find the turns that answer them, on labelled calls, through the whole of ingest and recall on
//! stores in memory.
//!
//! ```text
//! cargo run --release -p hark-local --example recall -- core/tests/labelled/recall
//! cargo run --release -p hark-local --example recall -- DIR --learn
//! ```
//!
//! A folder of JSON files, one a caller: see `core/tests/labelled/recall`; or of memories and questions for them in other
//! words: see `pairs.rs`. `--no-embedder` asks by words alone,
//! `--recall JSON` changes `[recall]`, `--learn` fits the weights of `[recall.turns]` to the set.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

mod learn;
mod pairs;
mod set;
mod world;

use hark_core::recall::RecallConfig;
use pairs::Pairs;
use set::{Caller, Scores};
use std::error::Error;
use std::path::PathBuf;
use world::World;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let mut folder = None;
    let (mut embedder, mut learn, mut recall) = (true, false, serde_json::json!({}));
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--no-embedder" => embedder = false,
            "--learn" => learn = true,
            "--recall" => recall = serde_json::from_str(&arguments.next().ok_or("--recall needs JSON")?)?,
            other => folder = Some(PathBuf::from(other)),
        }
    }
    let folder = folder.ok_or("name the folder of the set")?;
    let pairs = Pairs::read(&folder)?;
    let callers = if pairs.is_some() { Vec::new() } else { Caller::read(&folder)? };
    let mut config: RecallConfig = serde_json::from_value(recall)?;
    if learn {
        (config.answer_words, config.min_turn_score) = (usize::MAX / 100, 0.0);
    }
    let world = World::open(embedder, config).await?;
    if let Some(pairs) = pairs {
        return pairs.measure(&world).await;
    }
    for caller in &callers {
        world.learn(caller).await?;
    }
    if learn {
        return learn::run(&world, &callers).await;
    }
    let mut all = Scores::default();
    for caller in &callers {
        for question in &caller.questions {
            let hits = world.ask(&caller.caller, &question.q, 10).await?;
            all.add(&question.kind, question, &hits);
        }
    }
    all.print();
    Ok(())
}
