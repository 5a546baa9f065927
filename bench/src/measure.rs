//! The course of one size.

use crate::ack::{self, Acks};
use crate::client::Client;
use crate::disk::mebibytes;
use crate::finished::Finished;
use crate::home::Home;
use crate::load::{self, Load, Plan};
use crate::postgres::Postgres;
use crate::rng::Rng;
use crate::seed;
use crate::server::Server;
use crate::stats::millis;
use crate::stores::{Place, Stores};
use crate::{Options, Outcome};
use hark_core::{Clock, SystemClock};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long the server is left alone before its idle memory is read.
const IDLE: Duration = Duration::from_secs(5);

/// How long telling of calls may take to be learnt.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// Everything measured at one size.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Size {
    /// By which stores.
    pub(crate) stores: Stores,
    /// Memories in them.
    pub(crate) memories: usize,
    /// Callers they belong to.
    pub(crate) callers: usize,
    /// How long seeding took, in seconds.
    pub(crate) seeded_secs: f64,
    /// What the stores take after it, in MiB.
    pub(crate) stored_mib: f64,
    /// From the start of the process until it says it is ready, in milliseconds.
    pub(crate) start_ms: f64,
    /// Resident memory after five idle seconds, in MiB.
    pub(crate) idle_mib: Option<f64>,
    /// Resident memory after all load, in MiB.
    pub(crate) loaded_mib: Option<f64>,
    /// The most it ever was, in MiB.
    pub(crate) peak_mib: Option<f64>,
    /// Each rate.
    pub(crate) loads: Vec<Load>,
    /// Acknowledging events.
    pub(crate) acks: Acks,
}

/// Where data folders are made.
pub(crate) fn base(options: &Options) -> Outcome<PathBuf> {
    let base = match &options.work {
        Some(work) => std::path::absolute(work)?,
        None => std::path::absolute(&options.out)?.parent().map(ToOwned::to_owned).unwrap_or_default(),
    };
    std::fs::create_dir_all(&base)?;
    Ok(base)
}

/// Seeds, starts, asks, by the stores of one choice.
pub(crate) async fn size(
    options: &Options,
    callers: usize,
    stores: Stores,
    postgres: Option<&Postgres>,
) -> Outcome<Size> {
    println!("{} memories of {callers} callers, {}", callers * options.memories, stores.name());
    let place = Place::new(stores, postgres)?;
    place.end(size_in(options, callers, stores, &place).await).await
}

async fn size_in(options: &Options, callers: usize, stores: Stores, place: &Place) -> Outcome<Size> {
    let folder = tempfile::Builder::new().prefix("hark-bench-").tempdir_in(base(options)?)?;
    let home = Home::new(&options.hark, folder.path())?.with(place.settings());
    let start = Instant::now();
    seed::fill(&home, place, callers, options.memories).await?;
    let seeded_secs = start.elapsed().as_secs_f64();
    let stored: u64 = place.parts(&home.data()).await?.values().map(|part| part.bytes).sum();

    let server = Server::start(&home).await?;
    let client = Client::new(&server.url)?;
    tokio::time::sleep(IDLE).await;
    let idle = server.rss();

    let duration = Duration::from_secs(options.seconds);
    let mut loads = Vec::new();
    for &rate in &options.rates {
        println!("  {rate} queries/s for {} s", options.seconds);
        let plan = Plan { rate, first: 0, callers, transcripts: 0, duration, seed: rate.into() };
        loads.push(load::run(&client, plan, &format!("bench_{callers}_{rate}")).await?);
    }
    let talkers = options.talkers.min(callers);
    if talkers > 0 {
        println!("  {talkers} callers tell of {} calls each", options.calls);
        tell(&client, talkers, options.calls).await?;
        for &rate in &options.rates {
            println!("  {rate} queries/s about them for {} s", options.seconds);
            // Other questions than before: whoever calls after a call asks something new.
            let seed = u64::from(rate) + 1;
            let plan = Plan { rate, first: 0, callers: talkers, transcripts: options.calls, duration, seed };
            loads.push(load::run(&client, plan, &format!("bench_told_{callers}_{rate}")).await?);
        }
    }
    println!("  {} post-call events", options.events);
    let acks = ack::run(&client, place.bare(folder.path()).await?, options.events, callers).await?;
    let loaded = server.rss();
    let start_ms = millis(server.started_in);
    server.stop().await?;
    Ok(Size {
        stores,
        memories: callers * options.memories,
        callers,
        seeded_secs,
        stored_mib: mebibytes(stored),
        start_ms,
        idle_mib: idle.map(|rss| rss.now),
        loaded_mib: loaded.map(|rss| rss.now),
        peak_mib: loaded.map(|rss| rss.peak),
        loads,
        acks,
    })
}

/// Each of the first `talkers` callers has had so many calls, a day apart, whose turns are evidence from now on. Delivered
/// as the platform would; returns when all is learnt.
pub(crate) async fn tell(client: &Client, talkers: usize, calls: usize) -> Outcome {
    let mut rng = Rng::new(11);
    for call in 0..calls {
        for talker in 0..talkers {
            let at = SystemClock.now().timestamp();
            let start = at - 86_400 * i64::try_from(calls - call)?;
            let conversation = format!("conv_told_{talker}_{call}");
            let body = Finished::at(conversation, seed::number(talker), start).say(&mut rng, ack::TURNS).event()?;
            client.deliver_new(&body, at).await?;
        }
    }
    client.until_learnt(PATIENCE).await
}
