//! What things cost; run with `cargo run --release -p hark-tantivy --example cost_of_words`. No limits are asserted: machines differ.
#![expect(clippy::unwrap_used, reason = "a measurement stops where it fails")]
#![expect(clippy::print_stderr, reason = "a measurement")]

use hark_core::backend::{OpenContext, Registry};
use hark_core::store::{KeywordDoc, KeywordQuery};
use hark_core::testkit::{MockClock, SeededEntropy};
use hark_core::{Scope, Sector};
use std::sync::Arc;
use std::time::Instant;

#[tokio::main]
async fn main() {
    let documents: usize = std::env::var("HARK_COST_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let section = std::env::var("HARK_COST_SECTION").unwrap_or_else(|_| "{}".into());
    let dir = tempfile::tempdir().unwrap();
    let mut registry = Registry::new();
    hark_tantivy::register(&mut registry);
    let context = OpenContext {
        data_dir: dir.path().to_owned(),
        clock: Arc::new(MockClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        vault: None,
    };
    let backend = registry.open("tantivy", section.parse().unwrap(), &context).await.unwrap();
    let store = backend.keywords().unwrap();
    let doc = |n: usize| KeywordDoc {
        id: format!("mem_{n:032}").into(),
        sector: Sector::ALL[n % 5],
        text: format!("the caller ordered item {} in {} and wants delivery on day {}", n, n % 997, n % 31),
    };
    let scope = |n: usize| Scope::new("tenant", format!("usr_{}", n % 1000));

    let start = Instant::now();
    for chunk in (0..documents).collect::<Vec<_>>().chunks(1000) {
        let docs: Vec<_> = chunk.iter().map(|&n| (scope(n), doc(n))).collect();
        store.upsert_many(&docs).await.unwrap();
    }
    eprintln!("{documents} documents in batches of 1000: {:?}", start.elapsed());

    let start = Instant::now();
    for n in 0..200 {
        store.upsert(&scope(n), &[doc(documents + n)]).await.unwrap();
    }
    eprintln!("one new document: {:?}", start.elapsed() / 200);
    let start = Instant::now();
    for n in 0..200 {
        store.upsert(&scope(n), &[doc(n)]).await.unwrap();
    }
    eprintln!("one replaced document: {:?}", start.elapsed() / 200);

    for text in ["delivery", "ordered item 17 delivery day 3", &"word ".repeat(20_000)] {
        let query = KeywordQuery { text: text.into(), sectors: vec![], limit: 20 };
        let start = Instant::now();
        for n in 0..100 {
            store.search(&scope(n), &query).await.unwrap();
        }
        eprintln!("a search with {} bytes: {:?}", text.len(), start.elapsed() / 100);
    }
    let start = Instant::now();
    store.optimise().await.unwrap();
    eprintln!("optimise: {:?}; again: {:?}", start.elapsed(), {
        let start = Instant::now();
        store.optimise().await.unwrap();
        start.elapsed()
    });
    backend.close().await.unwrap();
    drop((store, backend));
    let start = Instant::now();
    registry.open("tantivy", section.parse().unwrap(), &context).await.unwrap();
    eprintln!("open with all checksums: {:?}", start.elapsed());
}
