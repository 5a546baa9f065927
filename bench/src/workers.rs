//! How fast calls are learnt by one, two and four workers on one PostgreSQL, beside a server that only takes them; and how much
//! a conversation leaves there. The workers begin at the same moment on a queue that is full already, so that neither their
//! start nor the deliveries count.

use crate::client::Client;
use crate::finished::Finished;
use crate::growth::{self, Growth, Talk};
use crate::home::Home;
use crate::postgres::{Postgres, Schema};
use crate::rng::Rng;
use crate::server::{Server, Worker};
use crate::stores::{Place, Stores};
use crate::{Options, Outcome, ack, measure, seed};
use hark_core::{Clock, SystemClock};
use hark_openai::fake::{Behaviour, FakeOpenAi};
use serde::Serialize;
use sqlx::Executor;
use sqlx::postgres::PgConnection;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long the queue may take to empty.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How long workers may take to start, and their connections to end.
const STARTING: Duration = Duration::from_secs(120);
/// How often it is looked whether all is done; more often would cost the workers.
const PACE: Duration = Duration::from_millis(100);

/// What is delivered, and who works.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Workers {
    /// Numbers of worker processes, each on a schema of its own
    #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
    workers: Vec<usize>,
    /// Calls that wait when they begin; and conversations after which growth is measured. 0 leaves out either
    #[arg(long, default_value_t = 300)]
    events: usize,
    /// Callers they are of, in turn
    #[arg(long, default_value_t = 100)]
    callers: usize,
    /// Embeds and reads calls by a provider that takes so many milliseconds (a fake on the loopback), not by the built-in
    /// model, which takes a core
    #[arg(long)]
    provider_ms: Option<u64>,
    /// Leaves out how much a conversation leaves
    #[arg(long)]
    no_growth: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Outturn {
    postgres: String,
    cores: usize,
    provider_ms: Option<u64>,
    callers: usize,
    event_bytes: f64,
    rounds: Vec<Round>,
    growth: Vec<Growth>,
}

/// What so many workers did.
#[derive(Debug, Clone, Copy, Serialize)]
struct Round {
    workers: usize,
    calls: usize,
    /// Of those calls, with what followed from them.
    jobs: u64,
    event_bytes: f64,
    /// From the moment they began until nothing was left to do.
    secs: f64,
}

/// Measures with each number of workers, then the growth.
pub(crate) async fn run(options: &Options, asked: &Workers) -> Outcome {
    let postgres = Postgres::find(options).await?;
    let fake = match asked.provider_ms {
        None => None,
        Some(millis) => {
            let fake = FakeOpenAi::start().await;
            fake.reply_by_rules();
            fake.always(Behaviour::Latency(Duration::from_millis(millis)));
            Some(fake)
        }
    };
    let models = fake.as_ref().map(models).unwrap_or_default();
    let mut rounds = Vec::new();
    for &count in asked.workers.iter().filter(|_| asked.events > 0) {
        println!("{count} workers, {} calls", asked.events);
        let schema = postgres.schema();
        let place = Place::Postgres(schema.clone());
        let round = place.end(round(options, asked, count, &schema, &models).await).await?;
        println!("  {:.1} s", round.secs);
        rounds.push(round);
    }
    if let Some(fake) = fake {
        fake.stop().await;
    }
    let mut growth = Vec::new();
    if !asked.no_growth && asked.events > 0 {
        let talk = Talk { conversations: asked.events, callers: asked.callers };
        for stores in [Stores::Postgres, Stores::Embedded] {
            growth.push(growth::run(options, talk, stores, Some(&postgres)).await?);
        }
    }
    let outturn = Outturn {
        postgres: postgres.settings,
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        provider_ms: asked.provider_ms,
        callers: asked.callers,
        event_bytes: rounds.first().map_or(0.0, |round| round.event_bytes),
        rounds,
        growth,
    };
    println!("\n{}", outturn.markdown());
    std::fs::write(&options.out, serde_json::to_vec_pretty(&outturn)?)?;
    println!("\nwritten to {}", options.out.display());
    Ok(())
}

/// The roles of the models at the fake.
fn models(fake: &FakeOpenAi) -> Vec<(String, String)> {
    let settings = [
        ("HARK_ROLES__EMBEDDER", "fake".to_owned()),
        ("HARK_ROLES__CHAT", "fake".to_owned()),
        ("HARK_BACKENDS__FAKE__KIND", "openai".to_owned()),
        ("HARK_BACKENDS__FAKE__BASE_URL", fake.base_url()),
        ("HARK_BACKENDS__FAKE__EMBEDDING_MODEL", "fake-model".to_owned()),
        ("HARK_BACKENDS__FAKE__CHAT_MODEL", "fake-model".to_owned()),
        ("HARK_BACKENDS__FAKE__DIMENSIONS", "64".to_owned()),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).into()
}

async fn round(
    options: &Options,
    asked: &Workers,
    count: usize,
    schema: &Schema,
    models: &[(String, String)],
) -> Outcome<Round> {
    let folder = tempfile::Builder::new().prefix("hark-workers-").tempdir_in(measure::base(options)?)?;
    let home = Home::new(&options.hark, folder.path())?.with(models.to_vec());
    seed::keyring(home.keys())?;
    let server = Server::start_as(&home.clone().with(schema.settings("serve")), &["serve", "--no-worker"]).await?;
    let client = Client::new(&server.url)?;
    let bytes = deliver(&client, asked).await?;
    schema.tidy().await?;

    let gate = Gate::close(schema).await?;
    let mut workers = Vec::new();
    for n in 0..count {
        workers.push(Worker::start(&home.beside(&format!("worker-{n}"))?.with(schema.settings("worker")))?);
    }
    gate.until_waited_for(&mut workers).await?;
    gate.open().await?;
    let begin = Instant::now();
    until_done(&client, &mut workers).await?;
    let secs = begin.elapsed().as_secs_f64();
    for worker in workers {
        worker.stop().await?;
    }
    let jobs = done(schema, asked.events).await?;
    server.stop().await?;
    Ok(Round { workers: count, calls: asked.events, jobs, event_bytes: bytes as f64 / asked.events as f64, secs })
}

/// Delivers the calls, of which nobody learns yet. Answers how many bytes they were.
async fn deliver(client: &Client, asked: &Workers) -> Outcome<usize> {
    let mut rng = Rng::new(77);
    let mut bytes = 0;
    for event in 0..asked.events {
        let at = SystemClock.now().timestamp();
        let number = seed::number(event % asked.callers.max(1));
        let body = Finished::at(format!("conv_workers_{event}"), number, at - 300).say(&mut rng, ack::TURNS).event()?;
        bytes += body.len();
        client.deliver_new(&body, at).await?;
    }
    Ok(bytes)
}

async fn until_done(client: &Client, workers: &mut [Worker]) -> Outcome {
    let begin = Instant::now();
    while client.queued().await? > 0 {
        if begin.elapsed() > PATIENCE {
            return Err("the queue did not empty".into());
        }
        workers.iter_mut().try_for_each(Worker::check)?;
        sleep(PACE).await;
    }
    Ok(())
}

/// How many jobs were done, once the workers' connections have ended and told the server's statistics. An error where a call is not
/// learnt.
async fn done(schema: &Schema, calls: usize) -> Outcome<u64> {
    let mut connection = schema.connect().await?;
    let learnt: i64 = sqlx::query_scalar("SELECT count(*) FROM conversations WHERE state = 'learnt'")
        .fetch_one(&mut connection)
        .await?;
    if usize::try_from(learnt)? != calls {
        return Err(format!("of {calls} calls only {learnt} were learnt").into());
    }
    let begin = Instant::now();
    while connections(&mut connection, &schema.application("worker"), "%").await? > 0 {
        if begin.elapsed() > STARTING {
            return Err("the workers' connections do not end".into());
        }
        sleep(PACE).await;
    }
    // A job that is done is deleted.
    let done: i64 = sqlx::query_scalar("SELECT n_tup_del FROM pg_stat_user_tables WHERE relid = 'jobs'::regclass")
        .fetch_one(&mut connection)
        .await?;
    Ok(done.unsigned_abs())
}

/// Connections of that name that run, or ran last, a statement like this.
async fn connections(connection: &mut PgConnection, application: &str, statement: &str) -> Outcome<usize> {
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND query LIKE $2")
            .bind(application)
            .bind(statement)
            .fetch_one(connection)
            .await?;
    Ok(usize::try_from(count)?)
}

/// Holds the row that everybody locks who wants to lease a job, until all wait for it.
struct Gate<'a> {
    schema: &'a Schema,
    holds: PgConnection,
}

impl<'a> Gate<'a> {
    async fn close(schema: &'a Schema) -> Outcome<Self> {
        let mut holds = schema.connect().await?;
        holds.execute("BEGIN; SELECT FROM job_turn FOR UPDATE").await?;
        Ok(Self { schema, holds })
    }

    async fn until_waited_for(&self, workers: &mut [Worker]) -> Outcome {
        // Within a transaction the server would show the same picture again and again.
        let mut looks = self.schema.connect().await?;
        let begin = Instant::now();
        while connections(&mut looks, &self.schema.application("worker"), "%job_turn FOR UPDATE").await? < workers.len()
        {
            if begin.elapsed() > STARTING {
                return Err("the workers do not ask for work".into());
            }
            workers.iter_mut().try_for_each(Worker::check)?;
            sleep(PACE).await;
        }
        Ok(())
    }

    async fn open(mut self) -> Outcome {
        self.holds.execute("COMMIT").await?;
        Ok(())
    }
}

impl Outturn {
    fn markdown(&self) -> String {
        let mut lines = Vec::new();
        if let Some(first) = self.rounds.first() {
            lines.push("| workers | calls | jobs | s | calls/s | jobs/s | over the first |".to_owned());
            lines.push("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned());
            lines.extend(self.rounds.iter().map(|round| {
                format!(
                    "| {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.2} |",
                    round.workers,
                    round.calls,
                    round.jobs,
                    round.secs,
                    round.calls as f64 / round.secs,
                    round.jobs as f64 / round.secs,
                    first.secs / round.secs
                )
            }));
            lines.push(String::new());
            let models = self.provider_ms.map_or_else(
                || "the built-in embedder in each worker, calls read by rules".to_owned(),
                |millis| format!("a provider that takes {millis} ms, for embedding and for reading calls"),
            );
            lines.push(format!(
                "- calls of {} callers, each of {} turns and {:.1} kB; {models}; processes with `worker.concurrency` as by default, on \
                 {} cores with the server, PostgreSQL and this program",
                self.callers,
                ack::TURNS,
                self.event_bytes / 1e3,
                self.cores
            ));
            lines.push("- s: from the moment all workers begin at once on the full queue until it is empty".to_owned());
        }
        lines.push(format!("- {}", self.postgres));
        for growth in &self.growth {
            lines.push(String::new());
            lines.extend(growth.markdown());
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_workers_has_a_row_that_is_measured_by_the_first() {
        let round = |workers, secs| Round { workers, calls: 300, jobs: 900, event_bytes: 4_500.0, secs };
        let outturn = Outturn {
            postgres: "PostgreSQL 16".to_owned(),
            cores: 2,
            provider_ms: None,
            callers: 100,
            event_bytes: 4_500.0,
            rounds: vec![round(1, 30.0), round(2, 20.0)],
            growth: Vec::new(),
        };
        let markdown = outturn.markdown();
        assert!(markdown.contains(
            "\n| 1 | 300 | 900 | 30.0 | 10.0 | 30.0 | 1.00 |\n| 2 | 300 | 900 | 20.0 | 15.0 | 45.0 | 1.50 |\n"
        ));
        assert!(markdown.lines().filter(|line| line.starts_with('|')).all(|line| line.matches('|').count() == 8));
    }
}
