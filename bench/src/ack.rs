//! What acknowledging a post-call event costs, beside the cheapest thing that would be as durable: one commit of the
//! same bytes to a SQLite file on the same disk, with the server's settings. The two take turns, so that both see
//! the same disk at the same time.

use crate::Outcome;
use crate::client::Client;
use crate::finished::Finished;
use crate::rng::Rng;
use crate::seed;
use crate::stats::{Spread, millis};
use hark_core::{Clock, SystemClock};
use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use std::time::{Duration, Instant};

/// Turns of a transcript.
pub(crate) const TURNS: usize = 24;
/// How long the queue may take to empty.
const PATIENCE: Duration = Duration::from_secs(600);

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Acks {
    /// Bytes of one event, about.
    pub(crate) bytes: usize,
    /// From sending to the 200, in milliseconds.
    pub(crate) ack: Option<Spread>,
    /// One bare commit of the same bytes, in milliseconds.
    pub(crate) commit: Option<Spread>,
    /// Events learnt a second, from the first delivery until the queue was empty.
    pub(crate) learnt_per_sec: f64,
}

/// Delivers `events` different events, one after the other.
pub(crate) async fn run(client: &Client, folder: &Path, events: usize, callers: usize) -> Outcome<Acks> {
    let mut file = bare(&folder.join("bare.db")).await?;
    let mut rng = Rng::new(99);
    let (mut acks, mut commits, mut bytes) = (Vec::new(), Vec::new(), 0);
    let begin = Instant::now();
    for event in 0..events {
        let at = SystemClock.now().timestamp();
        let number = seed::number(rng.below(callers));
        let body = Finished::at(format!("conv_bench_{event}"), number, at - 300).say(&mut rng, TURNS).event()?;
        bytes = body.len();
        let start = Instant::now();
        client.deliver_new(&body, at).await?;
        acks.push(millis(start.elapsed()));
        let start = Instant::now();
        sqlx::query("INSERT INTO event (id, body) VALUES (?, ?)")
            .bind(format!("evt_{event}"))
            .bind(body)
            .execute(&mut file)
            .await?;
        commits.push(millis(start.elapsed()));
    }
    client.until_learnt(PATIENCE).await?;
    let learnt_per_sec = events as f64 / begin.elapsed().as_secs_f64();
    file.close().await?;
    Ok(Acks { bytes, ack: Spread::of(acks), commit: Spread::of(commits), learnt_per_sec })
}

async fn bare(path: &Path) -> Outcome<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut file = options.connect().await?;
    sqlx::query("CREATE TABLE event (id TEXT PRIMARY KEY, body BLOB NOT NULL)").execute(&mut file).await?;
    Ok(file)
}
