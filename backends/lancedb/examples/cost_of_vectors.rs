//! What things cost; run with `cargo run --release -p hark-lancedb --example cost_of_vectors`. No limits are asserted: machines differ.
#![expect(clippy::unwrap_used, reason = "a measurement stops where it fails")]
#![expect(clippy::print_stderr, reason = "a measurement")]

use hark_core::Entropy;
use hark_core::backend::{OpenContext, Registry};
use hark_core::store::{Space, VectorRow};
use hark_core::testkit::{MockClock, SeededEntropy};
use hark_core::{Scope, Sector};
use std::sync::Arc;
use std::time::Instant;

#[tokio::main]
async fn main() {
    let total: usize = std::env::var("HARK_COST_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let dir = tempfile::tempdir().unwrap();
    let mut registry = Registry::new();
    hark_lancedb::register(&mut registry);
    let context = OpenContext {
        data_dir: dir.path().to_owned(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    };
    let backend = registry.open("lancedb", "{}".parse().unwrap(), &context).await.unwrap();
    let store = backend.vectors().unwrap();
    let space = Space { model: "cost".into(), dimensions: 384 };
    let chance = SeededEntropy::new(2);
    let mut bytes = [0; 384];
    let mut row = |n: usize| {
        chance.fill(&mut bytes);
        let vector = bytes.iter().map(|&b| f32::from(b) / 255.0 - 0.5).collect();
        VectorRow { id: format!("mem_{n:032}").into(), sector: Sector::ALL[n % 5], vector }
    };
    let scope = |n: usize| Scope::new("tenant", format!("usr_{}", n % 1000));

    let start = Instant::now();
    for chunk in (0..total).collect::<Vec<_>>().chunks(5000) {
        let rows: Vec<_> = chunk.iter().map(|&n| (scope(n), row(n))).collect();
        store.upsert_many(&space, &rows).await.unwrap();
    }
    eprintln!("{total} rows in batches of 5000: {:?}", start.elapsed());
    let start = Instant::now();
    store.optimise().await.unwrap();
    eprintln!("optimise: {:?}", start.elapsed());
    let start = Instant::now();
    store.optimise().await.unwrap();
    eprintln!("optimise again: {:?}", start.elapsed());

    for round in 0..2 {
        let start = Instant::now();
        for n in 0..200 {
            store.upsert(&scope(n), &space, &[row(total + round * 200 + n)]).await.unwrap();
        }
        eprintln!("one new row: {:?}", start.elapsed() / 200);
    }
    let start = Instant::now();
    for n in 0..100 {
        store.upsert(&scope(n), &space, &[row(n)]).await.unwrap();
    }
    eprintln!("one replaced row: {:?}", start.elapsed() / 100);
    let query = row(0).vector;
    let start = Instant::now();
    for n in 0..100 {
        store.search(&scope(n), &space, &query, &[], 20).await.unwrap();
    }
    eprintln!("one search: {:?}", start.elapsed() / 100);
    let start = Instant::now();
    for n in 0..100 {
        store.load(&scope(n), &space, 5000).await.unwrap();
    }
    eprintln!("one load: {:?}", start.elapsed() / 100);
    backend.close().await.unwrap();
    drop((store, backend));
    let start = Instant::now();
    registry.open("lancedb", "{}".parse().unwrap(), &context).await.unwrap();
    eprintln!("open: {:?}", start.elapsed());
}
