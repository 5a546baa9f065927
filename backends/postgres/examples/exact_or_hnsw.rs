//! What a search costs inside a caller: exact, as the store does it, and by an approximate index over everybody (HNSW); and what
//! words cost. It makes a schema of its own on the server, and takes it away.
//!
//! ```text
//! cargo xtask services -- cargo run --release -p hark-postgres --example exact_or_hnsw
//! ```
//!
//! `HARK_MEASURE_VECTORS` is how many vectors there are in all (100,000). The server may use a gigabyte to
//! build the index. No limits are asserted: machines differ. What counts are the ratios.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use hark_core::backend::{OpenContext, Registry};
use hark_core::store::{KeywordDoc, KeywordQuery, Space, VectorRow};
use hark_core::testkit::SeededEntropy;
use hark_core::{Entropy, Scope, Sector, SystemClock, SystemEntropy};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use std::collections::HashSet;
use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Done<T = ()> = Result<T, Box<dyn Error>>;

const WIDTH: usize = 384;
const TOPICS: usize = 500;
const SIZES: [usize; 3] = [100, 1_000, 10_000];
const QUESTIONS: usize = 100;
const NEAREST: usize = 10;

/// How the index is asked: looking no further than its candidates, or on until there are enough of the caller's.
const WAYS: [(&str, &str); 2] = [
    ("hnsw, 100 candidates", "SET hnsw.ef_search = 100; SET hnsw.iterative_scan = off"),
    ("hnsw, on until enough", "SET hnsw.ef_search = 100; SET hnsw.iterative_scan = strict_order"),
];

/// Sentences are about something: vectors that lie around topics, as those of a model do.
struct World {
    chance: SeededEntropy,
    topics: Vec<Vec<f32>>,
}

impl World {
    fn new() -> Self {
        let mut world = Self { chance: SeededEntropy::new(7), topics: Vec::new() };
        world.topics = (0..TOPICS).map(|_| world.noise()).collect();
        world
    }

    fn noise(&self) -> Vec<f32> {
        let mut bytes = [0; WIDTH * 2];
        self.chance.fill(&mut bytes);
        unit(bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]]))).collect())
    }

    fn sentence(&self) -> Vec<f32> {
        let topic = (self.chance.unit() * TOPICS as f64) as usize;
        unit(self.topics[topic].iter().zip(self.noise()).map(|(topic, noise)| topic + noise).collect())
    }

    fn words(&self, count: usize) -> String {
        let word = || format!("word{} ", (self.chance.unit().powi(3) * 5_000.0) as usize);
        (0..count).map(|_| word()).collect()
    }
}

fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::EPSILON);
    vector.into_iter().map(|x| x / length).collect()
}

/// Callers so that a fifth of all vectors are of the largest, a fifth of the middling and the rest of the small ones.
fn callers(total: usize) -> Vec<(String, usize)> {
    let of = |size: usize, share: usize| (0..(share / size).max(1)).map(move |n| (format!("usr_{size}_{n}"), size));
    of(SIZES[2], total / 5).chain(of(SIZES[1], total / 5)).chain(of(SIZES[0], total * 3 / 5)).collect()
}

fn median_and_p95(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    (at(0.5), at(0.95))
}

#[tokio::main]
async fn main() -> Done {
    let total = std::env::var("HARK_MEASURE_VECTORS").ok().map_or(Ok(100_000), |n| n.parse())?;
    let url = std::env::var("HARK_TEST_POSTGRES_URL").map_err(|_| "run it by `cargo xtask services -- …`")?;
    let schema = format!("measure_{}", SystemEntropy.hex(4));
    let mut connection = PgConnectOptions::from_str(&url)?.options([("search_path", &*schema)]).connect().await?;
    let measured = measure(&mut connection, &url, &schema, total).await;
    connection.execute(AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {schema} CASCADE"))).await?;
    measured
}

async fn measure(connection: &mut PgConnection, url: &str, schema: &str, total: usize) -> Done {
    let mut registry = Registry::new();
    hark_postgres::register(&mut registry);
    let context = OpenContext {
        data_dir: ".".into(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        vault: None,
    };
    let backend = registry.open("postgres", json!({"url": url, "schema": schema}), &context).await?;
    backend.migrate().ok_or("no schema")?.run().await?;
    let (vectors, words) = (backend.vectors().ok_or("no vectors")?, backend.keywords().ok_or("no words")?);
    let (world, space) = (World::new(), Space { model: "measure".to_owned(), dimensions: WIDTH });
    let scope = |name: &str| Scope::new("acme", name);

    let mut owners: Vec<String> = callers(total).into_iter().flat_map(|(name, size)| vec![name; size]).collect();
    // As calls come: everybody's rows lie among everybody else's.
    for n in (1..owners.len()).rev() {
        owners.swap(n, (world.chance.unit() * (n + 1) as f64) as usize);
    }
    let (mut vectors_took, mut words_took) = (Duration::ZERO, Duration::ZERO);
    for (n, batch) in owners.chunks(2_000).enumerate() {
        let id = |i: usize| format!("mem_{:032}", n * 2_000 + i).into();
        let row = |i| VectorRow { id: id(i), sector: Sector::ALL[i % 5], vector: world.sentence() };
        let rows: Vec<_> = batch.iter().enumerate().map(|(i, owner)| (scope(owner), row(i))).collect();
        let doc = |i| KeywordDoc { id: id(i), sector: Sector::ALL[i % 5], text: world.words(14) };
        let docs: Vec<_> = batch.iter().enumerate().map(|(i, owner)| (scope(owner), doc(i))).collect();
        let started = Instant::now();
        vectors.upsert_many(&space, &rows).await?;
        vectors_took += started.elapsed();
        let started = Instant::now();
        words.upsert_many(&docs).await?;
        words_took += started.elapsed();
    }
    let each = |took: Duration| took.as_secs_f64() * 1e6 / owners.len() as f64;
    println!(
        "{} rows, written in {:.0} us a vector, {:.0} us a document",
        owners.len(),
        each(vectors_took),
        each(words_took)
    );
    connection.execute("VACUUM ANALYZE vectors_1, words").await?;

    let questions: Vec<Vec<f32>> = (0..QUESTIONS).map(|_| world.sentence()).collect();
    let mut exact = Vec::new();
    for size in SIZES {
        let caller = scope(&format!("usr_{size}_0"));
        let (mut found, mut times, mut word_times) = (Vec::new(), Vec::new(), Vec::new());
        for question in &questions {
            let started = Instant::now();
            let hits = vectors.search(&caller, &space, question, &[], NEAREST).await?;
            times.push(started.elapsed());
            found.push(hits.into_iter().map(|hit| hit.id.to_string()).collect::<HashSet<_>>());
            let query = KeywordQuery { text: world.words(8), sectors: vec![], limit: 20 };
            let started = Instant::now();
            words.search(&caller, &query).await?;
            word_times.push(started.elapsed());
        }
        let started = Instant::now();
        vectors.load(&caller, &space, 20_000).await?;
        let load = started.elapsed().as_secs_f64() * 1e3;
        let ((p50, p95), (w50, w95)) = (median_and_p95(times), median_and_p95(word_times));
        println!(
            "{size:>6} of a caller: exact p50 {p50:.2} ms, p95 {p95:.2}; words p50 {w50:.2} ms, p95 {w95:.2}; all vectors {load:.1} ms"
        );
        exact.push((caller, found, p50));
    }
    backend.close().await?;
    approximate(connection, &questions, &exact, schema).await
}

/// The same questions by an index over everybody's vectors.
async fn approximate(
    connection: &mut PgConnection,
    questions: &[Vec<f32>],
    exact: &[(Scope, Vec<HashSet<String>>, f64)],
    schema: &str,
) -> Done {
    let started = Instant::now();
    connection.execute("SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2").await?;
    // As anybody would have it who has pgvector where it usually is.
    connection.execute("SET search_path = public, \"$user\"").await?;
    let table = format!("{schema}.vectors_1");
    let made = format!("CREATE INDEX nearest ON {table} USING hnsw (vector vector_cosine_ops)");
    connection.execute(AssertSqlSafe(made)).await?;
    let sizes: (String, String) = sqlx::query_as(
        "SELECT pg_size_pretty(pg_table_size($1::regclass)), pg_size_pretty(pg_relation_size($2::regclass))",
    )
    .bind(&table)
    .bind(format!("{schema}.nearest"))
    .fetch_one(&mut *connection)
    .await?;
    println!(
        "hnsw: built in {:.0} s; the table has {}, the index {}",
        started.elapsed().as_secs_f64(),
        sizes.0,
        sizes.1
    );
    // The server would take the key, and be right.
    connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off").await?;
    for (name, settings) in WAYS {
        connection.execute(settings).await?;
        let sql = format!(
            "SELECT id FROM {table} WHERE tenant = $1 AND caller = $2 ORDER BY vector <=> $3::real[]::vector LIMIT {NEAREST}"
        );
        for (caller, expected, exact_p50) in exact {
            let (mut times, mut same, mut all) = (Vec::new(), 0, 0);
            for (question, expected) in questions.iter().zip(expected) {
                let started = Instant::now();
                let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql.clone()))
                    .bind(caller.tenant.as_str())
                    .bind(caller.caller.as_str())
                    .bind(question)
                    .fetch_all(&mut *connection)
                    .await?;
                times.push(started.elapsed());
                same += found.iter().filter(|id| expected.contains(*id)).count();
                all += expected.len();
            }
            let (p50, p95) = median_and_p95(times);
            let found = 100.0 * f64::from(u32::try_from(same)?) / f64::from(u32::try_from(all)?);
            println!(
                "{name}, {}: p50 {p50:.2} ms, p95 {p95:.2}; {:.1} times exact; finds {found:.0} % of the nearest {NEAREST}",
                caller.caller,
                p50 / exact_p50
            );
        }
    }
    Ok(())
}
