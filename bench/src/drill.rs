//! The recovery drill of `docs/operations/backup.md`, by the clock: a backup of a server that is being called, an erasure after it, the
//! disk gone, a restore into an empty folder, and the same questions before and after.

use crate::client::Client;
use crate::disk::{self, mebibytes};
use crate::home::Home;
use crate::load::{self, Load, Plan};
use crate::rng::Rng;
use crate::server::Server;
use crate::stores::Place;
use crate::{Options, Outcome, measure, seed, sentences};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Questions asked before the loss and after it, each of another caller.
const QUESTIONS: usize = 200;

/// How much there is to lose.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Drill {
    /// Callers, at least four, each of as many memories as `--memories` says
    #[arg(long, default_value_t = 1_000, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(4..))]
    callers: usize,
    /// Callers of whom calls were learnt as well, as many of each as `--calls` says
    #[arg(long, default_value_t = 50)]
    talkers: usize,
}

/// What it took.
#[derive(Debug, Serialize)]
struct Outturn {
    memories: usize,
    talkers: usize,
    calls: usize,
    data_mib: f64,
    backup_mib: f64,
    backup_secs: f64,
    beside: Load,
    ledger_secs: f64,
    restore_secs: f64,
    start_secs: f64,
    asked: usize,
    other_answers: usize,
    other_memories: usize,
    erased_is_back: bool,
}

/// Loses a data folder and brings it back. An error where an answer is another one than before, or an erased caller is back.
pub(crate) async fn run(options: &Options, drill: &Drill) -> Outcome {
    let memories = drill.callers * options.memories;
    println!("{memories} memories of {} callers", drill.callers);
    let folder = tempfile::Builder::new().prefix("hark-drill-").tempdir_in(measure::base(options)?)?;
    let home = Home::new(&options.hark, folder.path())?;
    let (backup, ledger) = (folder.path().join("backup"), folder.path().join("ledger"));
    seed::fill(&home, &Place::Embedded, drill.callers, options.memories).await?;
    let server = Server::start(&home).await?;
    let client = Client::new(&server.url)?;
    let talkers = drill.talkers.min(drill.callers / 2);
    measure::tell(&client, talkers, options.calls).await?;

    // The last caller is erased after the backup, and the others of the second half call during it: recalling changes what they are
    // told next time, while those of the first half are asked the same.
    let (erased, half) = (drill.callers - 1, drill.callers / 2);
    let asked = questions(talkers, half);
    let before = (answers(&client, &asked).await?, remembered(&client, talkers).await?);
    println!("  backup beside calls");
    let rate = options.rates.first().copied().unwrap_or(20);
    let plan = Plan {
        rate,
        first: half,
        callers: erased - half,
        transcripts: 0,
        duration: Duration::from_secs(options.seconds),
        seed: rate.into(),
    };
    let hark = async |args: &[&str]| hark(&home, args).await;
    let save = ["backup", text(&backup)?];
    let (beside, backup_secs) = tokio::join!(load::run(&client, plan, "drill"), hark(&save));
    let (beside, backup_secs) = (beside?, backup_secs?);
    let user = client.user_of(&seed::number(erased)).await?;
    client.delete(&format!("/v1/users/{user}")).await?;
    let ledger_secs = hark(&["backup", "--ledger-only", text(&ledger)?]).await?;
    server.stop().await?;

    let data_mib = mebibytes(disk::bytes(&home.data())?);
    std::fs::remove_dir_all(home.data())?;
    println!("  restore");
    let restore_secs = hark(&["restore", text(&backup)?, "--ledger", text(&ledger)?]).await?;
    let server = Server::start(&home).await?;
    let client = Client::new(&server.url)?;
    let after = (answers(&client, &asked).await?, remembered(&client, talkers).await?);
    let outturn = Outturn {
        memories,
        talkers,
        calls: talkers * options.calls,
        data_mib,
        backup_mib: mebibytes(disk::bytes(&backup)?),
        backup_secs,
        beside,
        ledger_secs,
        restore_secs,
        start_secs: server.started_in.as_secs_f64(),
        asked: asked.len(),
        other_answers: before.0.iter().zip(&after.0).filter(|(before, after)| before != after).count(),
        other_memories: before.1.iter().zip(&after.1).filter(|(before, after)| before != after).count(),
        erased_is_back: client.get(&format!("/v1/users/{user}")).await.is_ok(),
    };
    server.stop().await?;
    println!("\n{}", outturn.markdown());
    std::fs::write(&options.out, serde_json::to_vec_pretty(&outturn)?)?;
    println!("\nwritten to {}", options.out.display());
    match outturn.other_answers + outturn.other_memories == 0 && !outturn.erased_is_back {
        true => Ok(()),
        false => Err("what came back is not what was lost".into()),
    }
}

/// Runs a command on the data folder and answers how many seconds it took.
async fn hark(home: &Home, args: &[&str]) -> Outcome<f64> {
    let begin = Instant::now();
    let mut command = home.command();
    let done = command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).status().await?;
    if done.success() { Ok(begin.elapsed().as_secs_f64()) } else { Err(format!("hark {}: {done}", args[0]).into()) }
}

fn text(path: &Path) -> Outcome<&str> {
    path.to_str().ok_or_else(|| "the folder's name is not UTF-8".into())
}

/// A number and a question for each of some callers. Not of those of whom calls were learnt: they were told so many sentences that
/// differ in a number only that a rebuilt index may choose others among equals.
fn questions(from: usize, to: usize) -> Vec<(String, String)> {
    let mut rng = Rng::new(31);
    (from..to).take(QUESTIONS).map(|caller| (seed::number(caller), sentences::question(&mut rng))).collect()
}

/// What is told, sorted: having been asked before, all of it ranks higher, and each by another step.
async fn answers(client: &Client, asked: &[(String, String)]) -> Outcome<Vec<Vec<String>>> {
    let mut all = Vec::with_capacity(asked.len());
    for (number, question) in asked {
        let body = json!({"query": question, "caller_id": number, "limit": 5});
        all.push(contents(&client.post("/tools/memory-query", &body).await?["memories"]));
    }
    Ok(all)
}

/// All that is remembered of each of the first callers.
async fn remembered(client: &Client, callers: usize) -> Outcome<Vec<Vec<String>>> {
    let mut all = Vec::with_capacity(callers);
    for caller in 0..callers {
        let user = client.user_of(&seed::number(caller)).await?;
        let page = client.get(&format!("/v1/users/{user}/memories?limit=1000")).await?;
        all.push(contents(&page["items"]));
    }
    Ok(all)
}

fn contents(memories: &Value) -> Vec<String> {
    let content = |memory: &Value| memory["content"].as_str().map(str::to_owned);
    let mut contents: Vec<String> = memories.as_array().into_iter().flatten().filter_map(content).collect();
    contents.sort();
    contents
}

impl Outturn {
    fn markdown(&self) -> String {
        let query = self.beside.query.map_or_else(|| "?".to_owned(), |s| format!("{:.1} ms", s.p95));
        [
            format!("| {} memories, {} calls, {:.0} MiB of data | |", self.memories, self.calls, self.data_mib),
            "| --- | ---: |".to_owned(),
            format!("| `hark backup`, beside {} questions/s | {:.1} s |", self.beside.rate, self.backup_secs),
            format!("| p95 of those questions, as the client sees it | {query} |"),
            format!("| of them failed | {} |", self.beside.errors),
            format!("| the backup's size | {:.0} MiB |", self.backup_mib),
            format!("| `hark backup --ledger-only` | {:.1} s |", self.ledger_secs),
            format!("| `hark restore`, words and vectors rebuilt | {:.1} s |", self.restore_secs),
            format!("| start | {:.1} s |", self.start_secs),
            format!("| of {} questions, answered otherwise than before | {} |", self.asked, self.other_answers),
            format!("| of {} callers, remembered otherwise than before | {} |", self.talkers, self.other_memories),
            format!(
                "| the caller erased after the backup | {} |",
                if self.erased_is_back { "**is back**" } else { "stays erased" }
            ),
        ]
        .join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_is_asked_once() {
        let numbers: std::collections::BTreeSet<String> =
            questions(50, 1_000).into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers.len(), QUESTIONS);
    }
}
