//! What acknowledging a post-call event costs, beside the cheapest thing that would be as durable: one commit of the
//! same bytes to a SQLite file on the same disk, with the server's settings. The two take turns, so that both see
//! the same disk at the same time.

use crate::Outcome;
use crate::client::Client;
use crate::rng::Rng;
use crate::stats::{Spread, millis};
use crate::{seed, sentences};
use hark_core::{Clock, SystemClock};
use serde::Serialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use std::time::{Duration, Instant};

/// Turns of a transcript.
const TURNS: usize = 24;
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
        let body = body(&mut rng, event, callers)?;
        bytes = body.len();
        let at = SystemClock.now().timestamp();
        let start = Instant::now();
        client.deliver(&body, at).await?;
        acks.push(millis(start.elapsed()));
        let start = Instant::now();
        sqlx::query("INSERT INTO event (id, body) VALUES (?, ?)")
            .bind(format!("evt_{event}"))
            .bind(body)
            .execute(&mut file)
            .await?;
        commits.push(millis(start.elapsed()));
    }
    while client.queued().await? > 0 {
        if begin.elapsed() > PATIENCE {
            return Err("the queue did not empty".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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

/// A call of its own, by one of the seeded callers.
fn body(rng: &mut Rng, event: usize, callers: usize) -> Outcome<Vec<u8>> {
    let transcript: Vec<_> = (0..TURNS)
        .map(|turn| {
            let (role, message) = match turn % 2 {
                0 => ("agent", "I see. Is there anything else I can do for you today?".to_owned()),
                _ => ("user", sentences::utterance(rng)),
            };
            json!({"role": role, "message": message, "time_in_call_secs": turn * 5, "tool_calls": [], "tool_results": []})
        })
        .collect();
    let start = SystemClock.now().timestamp() - 300;
    Ok(serde_json::to_vec(&json!({
        "type": "post_call_transcription",
        "event_timestamp": start + 240,
        "data": {
            "agent_id": "agent_bench",
            "conversation_id": format!("conv_bench_{event}"),
            "status": "done",
            "transcript": transcript,
            "has_audio": false, "has_user_audio": false, "has_response_audio": false, "has_auxiliary_audio": false,
            "metadata": {
                "start_time_unix_secs": start,
                "call_duration_secs": TURNS * 5,
                "phone_call": {
                    "type": "twilio", "direction": "inbound", "phone_number_id": "phnum_bench",
                    "agent_number": "+14155550199", "external_number": seed::number(rng.below(callers)),
                    "call_sid": "CAbench", "stream_sid": "MZbench",
                },
            },
        },
    }))?)
}
