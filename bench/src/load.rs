//! Calls at a fixed rate, whatever the server does: latency is counted from the moment a request was due, so that a
//! server that stalls cannot hide the requests it kept waiting.

use crate::client::{Client, Recalled};
use crate::rng::Rng;
use crate::stats::{Spread, millis};
use crate::{Outcome, seed, sentences};
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Questions in a call, each different.
pub(crate) const QUESTIONS: u32 = 3;
/// From a call's beginning to its first question, and from one question to the next.
pub(crate) const PAUSE: Duration = Duration::from_millis(700);

/// What a rate did.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Load {
    /// Memory queries a second that were asked for.
    pub(crate) rate: u32,
    /// Transcripts kept of each caller who is asked about.
    pub(crate) transcripts: usize,
    /// Client time of memory queries, in milliseconds.
    pub(crate) query: Option<Spread>,
    /// What the server says they took (`took_ms`), in whole milliseconds.
    pub(crate) query_server: Option<Spread>,
    /// Client time of initiations, in milliseconds.
    pub(crate) initiation: Option<Spread>,
    /// Requests that failed.
    pub(crate) errors: usize,
    /// Answers that say they are degraded.
    pub(crate) degraded: usize,
    /// Answers without any memory.
    pub(crate) empty: usize,
}

/// What was seen so far; times in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) query: Vec<f64>,
    pub(crate) query_server: Vec<f64>,
    pub(crate) initiation: Vec<f64>,
    /// Of acknowledgements, where events are delivered.
    pub(crate) ack: Vec<f64>,
    pub(crate) errors: usize,
    pub(crate) degraded: usize,
    empty: usize,
    pub(crate) first_error: Option<String>,
}

/// Whose calls come, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Memory queries a second.
    pub(crate) rate: u32,
    /// The first of the callers.
    pub(crate) first: usize,
    /// How many there are.
    pub(crate) callers: usize,
    /// Transcripts kept of each of them.
    pub(crate) transcripts: usize,
    /// For how long.
    pub(crate) duration: Duration,
    /// Who calls and what is asked: another number, other questions.
    pub(crate) seed: u64,
}

/// Keeps up the rate, in calls of an initiation and three queries by callers chosen at random.
pub(crate) async fn run(client: &Client, plan: Plan, run: &str) -> Outcome<Load> {
    let Plan { rate, first, callers, transcripts, duration, seed } = plan;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut rng = Rng::new(seed);
    let apart = Duration::from_secs_f64(f64::from(QUESTIONS) / f64::from(rate));
    let calls = (duration.as_secs_f64() / apart.as_secs_f64()).ceil() as u32;
    let begin = Instant::now() + Duration::from_millis(100);
    let mut running = JoinSet::new();
    for call in 0..calls {
        let caller = seed::number(first + rng.below(callers));
        let call = Call::new(format!("conv_{run}_{call}"), caller, begin + apart * call, &mut rng);
        let (client, seen) = (client.clone(), Arc::clone(&seen));
        running.spawn(async move { call.play(&client, &seen).await });
    }
    while let Some(done) = running.join_next().await {
        done?;
    }
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = seen.first_error.take() {
        println!("  first error: {error}");
    }
    Ok(Load {
        rate,
        transcripts,
        query: Spread::of(std::mem::take(&mut seen.query)),
        query_server: Spread::of(std::mem::take(&mut seen.query_server)),
        initiation: Spread::of(std::mem::take(&mut seen.initiation)),
        errors: seen.errors,
        degraded: seen.degraded,
        empty: seen.empty,
    })
}

/// A call: an initiation, then questions.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) conversation: String,
    pub(crate) caller: String,
    questions: Vec<String>,
    due: Instant,
}

impl Call {
    /// A call that begins when it is due, with questions chosen at random.
    pub(crate) fn new(conversation: String, caller: String, due: Instant, rng: &mut Rng) -> Self {
        let questions = (0..QUESTIONS).map(|_| sentences::question(rng)).collect();
        Self { conversation, caller, questions, due }
    }

    /// Plays it. Answers when the last question was due.
    pub(crate) async fn play(&self, client: &Client, seen: &Mutex<Seen>) -> Instant {
        sleep_until(self.due).await;
        let begun = client.initiate(&self.conversation, &self.caller).await;
        note(seen, self.due, begun, |seen, took, ()| seen.initiation.push(took));
        let mut due = self.due;
        for question in &self.questions {
            due += PAUSE;
            sleep_until(due).await;
            let answer = client.ask(&self.conversation, question).await;
            note(seen, due, answer, |seen, took, answer: Recalled| {
                seen.query.push(took);
                seen.query_server.push(answer.took_ms);
                seen.degraded += usize::from(answer.degraded);
                seen.empty += usize::from(answer.is_empty());
            });
        }
        due
    }
}

/// Notes an answer with what it took since it was due, or that there was none.
pub(crate) fn note<T>(seen: &Mutex<Seen>, due: Instant, outcome: Outcome<T>, good: impl FnOnce(&mut Seen, f64, T)) {
    let took = millis(due.elapsed());
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    match outcome {
        Ok(answer) => good(&mut seen, took, answer),
        Err(error) => {
            seen.errors += 1;
            seen.first_error.get_or_insert_with(|| error.to_string());
        }
    }
}
