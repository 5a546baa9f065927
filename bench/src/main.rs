//! Measures a built `hark` from outside, over HTTP on loopback. Run it by `cargo xtask bench`, which builds both.
//!
//! For each size and choice of stores: these are filled through the bundled backends' own traits, `hark serve` is started
//! on them, and asked by an open-loop load generator. All ratios are between figures of one run on one machine.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints what it measured")]

mod ack;
mod client;
mod day;
mod disk;
mod drill;
mod finished;
mod growth;
mod home;
mod load;
mod measure;
mod postgres;
mod provider;
mod report;
mod rng;
mod seed;
mod sentences;
mod server;
mod stats;
mod stores;
mod workers;

use clap::Parser;
use postgres::Postgres;
use std::path::PathBuf;
use std::process::ExitCode;
use stores::Stores;

/// What went wrong, for whoever ran it.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures a built `hark`: start-up, memory, latency under load, durability's price.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Options {
    /// The program to measure
    #[arg(long)]
    pub(crate) hark: PathBuf,
    /// Where the figures go, as JSON
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Where data folders are made; on the disk that is to be measured
    #[arg(long)]
    pub(crate) work: Option<PathBuf>,
    /// By which stores; every size is measured with each of them
    #[arg(long, value_enum, value_delimiter = ',', default_value = "embedded")]
    pub(crate) stores: Vec<Stores>,
    /// A PostgreSQL with pgvector, as a superuser; schemas are made there, and dropped afterwards
    #[arg(long, global = true, env = "HARK_TEST_POSTGRES_URL", hide_env_values = true)]
    pub(crate) postgres_url: Option<String>,
    /// Numbers of callers, each a size
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    pub(crate) callers: Vec<usize>,
    /// Memories of each caller
    #[arg(long, default_value_t = 100)]
    pub(crate) memories: usize,
    /// Rates of memory queries, in requests a second
    #[arg(long, value_delimiter = ',', default_value = "20,100")]
    pub(crate) rates: Vec<u32>,
    /// How long each rate is kept up, in seconds
    #[arg(long, default_value_t = 20)]
    pub(crate) seconds: u64,
    /// Post-call events delivered
    #[arg(long, default_value_t = 300)]
    pub(crate) events: usize,
    /// Callers of each size who are asked about once more after calls of theirs were learnt
    #[arg(long, default_value_t = 50)]
    pub(crate) talkers: usize,
    /// Calls learnt of each of them
    #[arg(long, default_value_t = 10)]
    pub(crate) calls: usize,
    /// Leaves out the remote embedder
    #[arg(long)]
    pub(crate) no_provider: bool,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum What {
    /// A day of conversations in ten minutes, with models that fail now and then
    Day(day::Day),
    /// A backup beside calls, everything lost, a restore
    Drill(drill::Drill),
    /// Calls learnt by one, two and four workers on a PostgreSQL, and how much a conversation leaves there
    Workers(workers::Workers),
}

fn main() -> ExitCode {
    let options = Options::parse();
    // Plain http is all that is spoken, but the client wants a provider to exist.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("hark-bench: {e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("hark-bench: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Outcome {
    match &options.what {
        Some(What::Day(day)) => return day::run(options, day).await,
        Some(What::Drill(drill)) => return drill::run(options, drill).await,
        Some(What::Workers(workers)) => return workers::run(options, workers).await,
        None => {}
    }
    let postgres = match options.stores.contains(&Stores::Postgres) {
        true => Some(Postgres::find(options).await?),
        false => None,
    };
    let mut sizes = Vec::new();
    for &callers in &options.callers {
        for &stores in &options.stores {
            sizes.push(measure::size(options, callers, stores, postgres.as_ref()).await?);
        }
    }
    let providers =
        if options.no_provider { Vec::new() } else { provider::run(options, &measure::base(options)?).await? };
    let report = report::Report::new(options, sizes, providers, postgres.map(|postgres| postgres.settings));
    println!("\n{}", report.markdown());
    std::fs::write(&options.out, serde_json::to_vec_pretty(&report)?)?;
    println!("\nwritten to {}", options.out.display());
    Ok(())
}
