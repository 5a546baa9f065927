//! A day of conversations in a few minutes, on models that fail now and then: what callers and the platform hear of it, and
//! whether all of it is remembered once. The provider is the wire-level fake of `hark-openai`, on loopback; it embeds, and it
//! reads calls by the rules' understanding. Hark is the real program on its real stores.

use crate::client::Client;
use crate::finished::Finished;
use crate::home::Home;
use crate::load::{self, Call, Seen};
use crate::rng::Rng;
use crate::server::{Rss, Server};
use crate::stats::Spread;
use crate::{Options, Outcome, measure, seed};
use hark_core::{Clock, SystemClock};
use hark_openai::fake::{Behaviour, FakeOpenAi};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// Turns of a transcript, beside the two that name its order.
const TURNS: usize = 22;
/// How often an event is delivered until it is acknowledged.
const DELIVERIES: usize = 10;
/// How long the queue may take to empty.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// Callers say the number of their order; the first one's.
const FIRST_ORDER: usize = 3_000_000;

/// How much traffic, and on what.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Day {
    /// Conversations, each an initiation, three questions and the event afterwards
    #[arg(long, default_value_t = 10_000)]
    conversations: usize,
    /// Seconds they begin in
    #[arg(long, default_value_t = 600)]
    within: u64,
    /// Callers they are of
    #[arg(long, default_value_t = 2_500)]
    callers: usize,
    /// Of a thousand requests to the provider, so many get a 503
    #[arg(long, default_value_t = 50)]
    fail_per_mille: u32,
    /// What the provider takes for the others, in milliseconds
    #[arg(long, default_value_t = 50)]
    latency_ms: u64,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Outturn {
    conversations: usize,
    within_secs: u64,
    requests: usize,
    errors: usize,
    degraded: usize,
    initiation: Option<Spread>,
    query: Option<Spread>,
    query_server: Option<Spread>,
    ack: Option<Spread>,
    waiting_at_the_end: u64,
    learnt_after_secs: f64,
    unacknowledged: usize,
    lost: usize,
    doubled: usize,
    dead: u64,
    provider_requests: usize,
    loaded_mib: Option<f64>,
    peak_mib: Option<f64>,
}

/// Plays it and looks at what is remembered. An error where anything was lost or learnt twice.
pub(crate) async fn run(options: &Options, day: &Day) -> Outcome {
    println!("{} conversations of {} callers in {} s", day.conversations, day.callers, day.within);
    let fake = Arc::new(FakeOpenAi::start().await);
    fake.reply_by_rules();
    fake.always(Behaviour::Latency(Duration::from_millis(day.latency_ms)));
    fake.fail_by_chance(day.fail_per_mille, 17);
    let folder = tempfile::Builder::new().prefix("hark-day-").tempdir_in(measure::base(options)?)?;
    let server = serve(options, &fake, folder.path()).await?;
    let client = Client::new(&server.url)?;

    let asked = forget_now_and_then(&fake);
    let begin = Instant::now();
    let (seen, unacknowledged) = play(&client, day).await?;
    let waiting_at_the_end = client.queued().await?;
    println!("  {} s later {waiting_at_the_end} events wait", begin.elapsed().as_secs());
    client.until_learnt(PATIENCE).await?;
    let learnt_after_secs = begin.elapsed().as_secs_f64();
    println!("  after {learnt_after_secs:.0} s all is learnt; looking at every conversation");
    let rss = server.rss();
    let provider_requests = asked.end();
    let (lost, doubled) = check(&client, day).await?;
    let dead = client.get("/v1/queue").await?["dead"].as_u64().unwrap_or_default();
    server.stop().await?;
    fake.stop().await;

    let outturn = Outturn {
        conversations: day.conversations,
        within_secs: day.within,
        requests: seen.initiation.len() + seen.query.len() + seen.ack.len() + seen.errors,
        errors: seen.errors,
        degraded: seen.degraded,
        initiation: Spread::of(seen.initiation),
        query: Spread::of(seen.query),
        query_server: Spread::of(seen.query_server),
        ack: Spread::of(seen.ack),
        waiting_at_the_end,
        learnt_after_secs,
        unacknowledged,
        lost,
        doubled,
        dead,
        provider_requests,
        loaded_mib: rss.map(|rss: Rss| rss.now),
        peak_mib: rss.map(|rss| rss.peak),
    };
    if let Some(error) = seen.first_error {
        println!("  first error: {error}");
    }
    println!("\n{}", outturn.markdown());
    std::fs::write(&options.out, serde_json::to_vec_pretty(&outturn)?)?;
    println!("\nwritten to {}", options.out.display());
    match lost + doubled + unacknowledged {
        0 => Ok(()),
        _ => Err("not every conversation is remembered once".into()),
    }
}

async fn serve(options: &Options, fake: &FakeOpenAi, folder: &Path) -> Outcome<Server> {
    let config = format!(
        "[roles]\nembedder = \"fake\"\nchat = \"fake\"\n[backends.fake]\nkind = \"openai\"\nbase_url = \"{}\"\n\
         embedding_model = \"fake-model\"\ndimensions = 64\nchat_model = \"fake-model\"\n",
        fake.base_url()
    );
    std::fs::write(folder.join("config.toml"), config)?;
    let home = Home::new(&options.hark, folder)?;
    seed::keyring(home.keys())?;
    Server::start(&home).await
}

/// Counts what the fake is asked, and lets it forget: it would keep every transcript.
#[derive(Debug)]
struct Asked {
    count: Arc<Mutex<usize>>,
    fake: Arc<FakeOpenAi>,
    task: tokio::task::JoinHandle<()>,
}

fn forget_now_and_then(fake: &Arc<FakeOpenAi>) -> Asked {
    let count = Arc::new(Mutex::new(0));
    let (counted, asked) = (Arc::clone(&count), Arc::clone(fake));
    let task = tokio::spawn(async move {
        loop {
            sleep(Duration::from_secs(1)).await;
            *counted.lock().unwrap_or_else(PoisonError::into_inner) += asked.forget();
        }
    });
    Asked { count, fake: Arc::clone(fake), task }
}

impl Asked {
    fn end(self) -> usize {
        self.task.abort();
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) + self.fake.forget()
    }
}

/// What was seen, and how many events were never acknowledged.
async fn play(client: &Client, day: &Day) -> Outcome<(Seen, usize)> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut rng = Rng::new(23);
    let apart = Duration::from_secs_f64(day.within as f64 / day.conversations as f64);
    let begin = Instant::now() + Duration::from_millis(100);
    let mut running = JoinSet::new();
    for number in 0..day.conversations {
        let caller = seed::number(rng.below(day.callers));
        let call = Call::new(conversation(number), caller, begin + apart * u32::try_from(number)?, &mut rng);
        let (client, seen) = (client.clone(), Arc::clone(&seen));
        running.spawn(async move {
            let last = call.play(&client, &seen).await;
            hang_up(&client, &seen, &call, number, last + load::PAUSE).await
        });
    }
    let mut unacknowledged = 0;
    while let Some(acknowledged) = running.join_next().await {
        unacknowledged += usize::from(!acknowledged?);
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((seen, unacknowledged))
}

/// The event is delivered until it is acknowledged, as the platform does, only faster. Whether it was in the end.
async fn hang_up(client: &Client, seen: &Mutex<Seen>, call: &Call, number: usize, mut due: Instant) -> bool {
    for _ in 0..DELIVERIES {
        sleep_until(due).await;
        let at = SystemClock.now().timestamp();
        let delivered = match event(call, number, at) {
            Ok(body) => client.deliver(&body, at).await,
            Err(error) => Err(error),
        };
        let acknowledged = delivered.is_ok();
        load::note(seen, due, delivered, |seen, took, _| seen.ack.push(took));
        if acknowledged {
            return true;
        }
        due = Instant::now() + load::PAUSE;
    }
    false
}

/// What was said is the same at every delivery.
fn event(call: &Call, number: usize, at: i64) -> Outcome<Vec<u8>> {
    let order = format!("My order number is {}.", FIRST_ORDER + number);
    let finished = Finished::at(call.conversation.clone(), call.caller.clone(), at - 240);
    finished.saying(&order).say(&mut Rng::new(number as u64), TURNS).event()
}

fn conversation(number: usize) -> String {
    format!("conv_day_{number}")
}

/// Of how many conversations the order is not remembered, and of how many more than once.
async fn check(client: &Client, day: &Day) -> Outcome<(usize, usize)> {
    let (mut lost, mut doubled) = (0, 0);
    for number in 0..day.conversations {
        let told = client.get(&format!("/v1/conversations/{}", conversation(number))).await;
        match told.map_or(0, |told| orders(&told, number)) {
            0 => lost += 1,
            1 => {}
            _ => doubled += 1,
        }
    }
    Ok((lost, doubled))
}

fn orders(told: &Value, number: usize) -> usize {
    let order = (FIRST_ORDER + number).to_string();
    let memories = told["memories"].as_array().map(Vec::as_slice).unwrap_or_default();
    memories.iter().filter_map(|memory| memory["content"].as_str()).filter(|says| says.contains(&order)).count()
}

impl Outturn {
    fn markdown(&self) -> String {
        let mut lines = vec![
            "| what | n | p50 ms | p95 ms | p99 ms | max ms |".to_owned(),
            "| --- | ---: | ---: | ---: | ---: | ---: |".to_owned(),
        ];
        for (what, spread) in [
            ("initiation", self.initiation),
            ("memory-query", self.query),
            ("memory-query, server's own", self.query_server),
            ("post-call acknowledged", self.ack),
        ] {
            if let Some(s) = spread {
                let figures = format!("{} | {:.1} | {:.1} | {:.1} | {:.1}", s.n, s.p50, s.p95, s.p99, s.max);
                lines.push(format!("| {what} | {figures} |"));
            }
        }
        let share = 100.0 * self.errors as f64 / self.requests.max(1) as f64;
        lines.push(String::new());
        lines.push(format!("- failed: {} of {} requests ({share:.3} %)", self.errors, self.requests));
        lines.push(format!(
            "- degraded: {} answers; the provider was asked {} times",
            self.degraded, self.provider_requests
        ));
        lines.push(format!(
            "- {} events waited at the end; all were learnt {:.0} s after the beginning",
            self.waiting_at_the_end, self.learnt_after_secs
        ));
        lines.push(format!(
            "- never acknowledged {}, lost {}, learnt twice {}, dead jobs {}",
            self.unacknowledged, self.lost, self.doubled, self.dead
        ));
        if let Some((now, peak)) = self.loaded_mib.zip(self.peak_mib) {
            lines.push(format!("- memory after all was learnt {now:.0} MiB, at its most {peak:.0} MiB"));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_order_is_counted_where_it_is_remembered() {
        let told = json!({"memories": [
            {"content": "Order number 3000007"}, {"content": "Lives in Leeds"}, {"content": "Asked about order 3000007"},
        ]});
        assert_eq!((orders(&told, 7), orders(&told, 8), orders(&json!({}), 7)), (2, 0, 0));
    }
}
