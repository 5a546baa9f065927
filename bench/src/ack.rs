//! What acknowledging a post-call event costs, beside the cheapest thing that would be as durable: one commit of the
//! same bytes to a SQLite file on the same disk, with the server's settings, or to the same PostgreSQL. The two take
//! turns, so that both see the same disk at the same time.

use crate::Outcome;
use crate::client::Client;
use crate::finished::Finished;
use crate::rng::Rng;
use crate::seed;
use crate::stats::{Spread, millis};
use crate::stores::Bare;
use hark_core::{Clock, SystemClock};
use serde::Serialize;
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
    /// Whose commit that was.
    pub(crate) committed_by: &'static str,
    /// Events learnt a second, from the first delivery until the queue was empty.
    pub(crate) learnt_per_sec: f64,
}

/// Delivers `events` different events, one after the other.
pub(crate) async fn run(client: &Client, mut bare: Bare, events: usize, callers: usize) -> Outcome<Acks> {
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
        bare.commit(format!("evt_{event}"), body).await?;
        commits.push(millis(start.elapsed()));
    }
    client.until_learnt(PATIENCE).await?;
    let learnt_per_sec = events as f64 / begin.elapsed().as_secs_f64();
    let (ack, commit) = (Spread::of(acks), Spread::of(commits));
    Ok(Acks { bytes, ack, commit, committed_by: bare.name(), learnt_per_sec })
}
