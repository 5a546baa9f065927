//! Inputs from outside, damaged at random: whatever comes, nothing panics, hangs, or breaks what each target promises.
//!
//! cargo-fuzz needs a nightly compiler for its instrumentation; this runs on stable: `proptest` damages the committed corpus
//! (`corpus/<target>/`, one input a file) under a seed that every run prints, and shrinks what fails. Ordinarily a few hundred
//! inputs a target; for longer, `cargo xtask fuzz --seconds 3600`. What fails belongs into the corpus.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails where it stands and says what it did")]

mod damage;
mod targets;

use damage::Corpus;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::time::{Duration, Instant};

/// Inputs of an ordinary run, for one target.
const INPUTS: u32 = 300;
/// Inputs between two looks at the clock.
const BATCH: u32 = 500;
/// An input that takes longer hangs a worker.
const SLOW: Duration = Duration::from_secs(5);

/// Seconds for each target, the one target asked for, and the seed, where `cargo xtask fuzz` says.
fn asked<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn fuzz(target: &str, check: fn(&[u8])) {
    if asked::<String>("HARK_FUZZ_TARGET").is_some_and(|only| only != target) {
        return;
    }
    let corpus = Corpus::of(target);
    corpus.each(check);
    let seconds: Option<u64> = asked("HARK_FUZZ_SECONDS");
    // An ordinary run is the same every time.
    let seed: u64 = asked("HARK_FUZZ_SEED").unwrap_or(1);
    let begun = Instant::now();
    let mut inputs = 0_u64;
    for round in 0.. {
        let cases = if seconds.is_some() { BATCH } else { INPUTS };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&u64::to_le_bytes(round));
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let done = runner.run(&corpus.damaged(), |input| {
            let start = Instant::now();
            check(&input);
            let took = start.elapsed();
            assert!(took < SLOW, "{} bytes took {took:?}", input.len());
            Ok(())
        });
        inputs += u64::from(cases);
        if let Err(why) = done {
            panic!("{target}, seed {seed}, round {round}: {why}");
        }
        if seconds.is_none_or(|seconds| begun.elapsed().as_secs() >= seconds) {
            break;
        }
    }
    println!("{target}: {inputs} inputs in {:.1} s, seed {seed}", begun.elapsed().as_secs_f64());
}

#[test]
fn signature() {
    fuzz("signature", targets::signature);
}

#[test]
fn event() {
    fuzz("event", targets::event);
}

#[test]
fn tool() {
    fuzz("tool", targets::tool);
}

#[test]
fn config() {
    fuzz("config", targets::config);
}

#[test]
fn number() {
    fuzz("number", targets::number);
}

#[test]
fn redaction() {
    fuzz("redaction", targets::redaction);
}
