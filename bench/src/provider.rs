//! A remote embedder that takes its time, and one that never answers: what callers hear of it. The provider is the
//! wire-level fake of `hark-openai`, on loopback; Hark is the real program on its real stores.

use crate::client::{Client, Recalled};
use crate::home::Home;
use crate::rng::Rng;
use crate::server::Server;
use crate::stats::{Spread, millis};
use crate::{Options, Outcome, seed, sentences};
use hark_openai::fake::{Behaviour, FakeOpenAi};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// What the slow provider takes.
pub(crate) const LATENCY_MS: u64 = 150;
/// `recall.budget_ms` by default, and what the issue grants the scheduler.
const BUDGET_MS: f64 = 400.0 + 50.0;
const CALLERS: usize = 50;
const MEMORIES: usize = 20;
/// Questions a second.
const RATE: u32 = 20;

/// One way the provider behaves.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Case {
    /// How it behaves.
    pub(crate) provider: String,
    /// Client time of memory queries, in milliseconds.
    pub(crate) query: Option<Spread>,
    /// Requests that failed.
    pub(crate) errors: usize,
    /// Answers that say they are degraded.
    pub(crate) degraded: usize,
    /// Answers later than the budget and 50 ms.
    pub(crate) late: usize,
}

#[derive(Debug, Default)]
struct Seen {
    query: Vec<f64>,
    errors: usize,
    degraded: usize,
}

/// Measures them in one run.
pub(crate) async fn run(options: &Options, base: &Path) -> Outcome<Vec<Case>> {
    println!("a remote embedder");
    let fake = FakeOpenAi::start().await;
    let folder = tempfile::Builder::new().prefix("hark-bench-").tempdir_in(base)?;
    let config = format!(
        "[roles]\nembedder = \"fake\"\n[backends.fake]\nkind = \"openai\"\nbase_url = \"{}\"\n\
         embedding_model = \"fake-model\"\ndimensions = 64\nchat_model = \"\"\n",
        fake.base_url()
    );
    std::fs::write(folder.path().join("config.toml"), config)?;
    let home = Home::new(&options.hark, folder.path())?;
    seed::keyring(home.keys())?;
    let server = Server::start(&home).await?;
    let client = Client::new(&server.url)?;
    fill(&client).await?;

    let seconds = options.seconds;
    let mut cases = vec![case(&client, "at once, new questions", 1, seconds).await?];
    fake.always(Behaviour::Latency(Duration::from_millis(LATENCY_MS)));
    cases.push(case(&client, &format!("after {LATENCY_MS} ms, new questions"), 2, seconds).await?);
    cases.push(case(&client, &format!("after {LATENCY_MS} ms, the same questions again"), 2, seconds).await?);
    fake.always(Behaviour::Hang);
    cases.push(case(&client, "never, new questions", 3, seconds).await?);
    server.stop().await?;
    fake.stop().await;
    Ok(cases)
}

/// Callers and their memories, written as an integrator would, so that their vectors are the provider's.
async fn fill(client: &Client) -> Outcome {
    let mut rng = Rng::new(5);
    for caller in 0..CALLERS {
        client.initiate(&conversation(caller), &seed::number(caller)).await?;
        let user = client.user_of(&seed::number(caller)).await?;
        let memories: Vec<_> = sentences::memories(MEMORIES, &mut rng)
            .into_iter()
            .map(|sentence| json!({"user_id": user, "content": sentence.text}))
            .collect();
        client.post("/v1/memories/batch", &json!({ "memories": memories })).await?;
    }
    Ok(())
}

fn conversation(caller: usize) -> String {
    format!("conv_provider_{caller}")
}

/// Asks at a fixed rate. Every question of a case is different; the same `seed` asks the same ones again.
async fn case(client: &Client, provider: &str, seed: u64, seconds: u64) -> Outcome<Case> {
    println!("  {provider}");
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut rng = Rng::new(seed);
    let begin = Instant::now() + Duration::from_millis(100);
    let mut running = JoinSet::new();
    for number in 0..RATE * u32::try_from(seconds)? {
        let question = format!("{} (case {seed}, question {number})", sentences::question(&mut rng));
        let conversation = conversation(rng.below(CALLERS));
        let due = begin + Duration::from_secs(1) / RATE * number;
        let (client, seen) = (client.clone(), seen.clone());
        running.spawn(async move {
            sleep_until(due).await;
            let answer = client.ask(&conversation, &question).await;
            note(&seen, millis(due.elapsed()), answer);
        });
    }
    while let Some(done) = running.join_next().await {
        done?;
    }
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Case {
        provider: provider.to_owned(),
        late: seen.query.iter().filter(|took| **took > BUDGET_MS).count(),
        query: Spread::of(seen.query),
        errors: seen.errors,
        degraded: seen.degraded,
    })
}

fn note(seen: &Mutex<Seen>, took: f64, answer: Outcome<Recalled>) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    match answer {
        Ok(answer) => {
            seen.query.push(took);
            seen.degraded += usize::from(answer.degraded);
        }
        Err(_) => seen.errors += 1,
    }
}

/// The cases as a table, and what the slow provider adds.
pub(crate) fn markdown(cases: &[Case]) -> Vec<String> {
    let mut lines = vec![
        "| the embedder answers | n | p50 ms | p95 ms | p99 ms | max ms | failed | degraded | over 450 ms |".to_owned(),
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |".to_owned(),
    ];
    lines.extend(cases.iter().map(|case| {
        let figures = case.query.map_or_else(
            || "0 | | | |".to_owned(),
            |s| format!("{} | {:.1} | {:.1} | {:.1} | {:.1}", s.n, s.p50, s.p95, s.p99, s.max),
        );
        format!("| {} | {figures} | {} | {} | {} |", case.provider, case.errors, case.degraded, case.late)
    }));
    if let Some(slow) = cases.get(1).and_then(|case| case.query) {
        lines.push(String::new());
        lines.push(format!("- p95 over the provider's own {LATENCY_MS} ms: {:.1} ms", slow.p95 - LATENCY_MS as f64));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_a_case_and_tells_what_is_added() {
        let spread = Spread { n: 10, p50: 151.0, p95: 158.5, p99: 160.0, max: 161.0 };
        let case = |provider: &str| Case {
            provider: provider.to_owned(),
            query: Some(spread),
            errors: 0,
            degraded: 1,
            late: 0,
        };
        let lines = markdown(&[case("at once"), case("slowly")]);
        assert_eq!(lines.iter().filter(|line| line.starts_with('|')).count(), 4);
        assert!(lines.iter().filter(|l| l.starts_with('|')).all(|l| l.matches('|').count() == 10), "{lines:?}");
        assert!(lines.last().unwrap().ends_with("8.5 ms"), "{lines:?}");
    }
}
