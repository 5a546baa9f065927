//! Inputs from outside, damaged at random: whatever comes, nothing panics or breaks what each target promises.
//!
//! The short run of every build: `proptest` damages the committed corpus (`corpus/<target>/`, one input a file) under a fixed seed, and
//! shrinks what fails. The same targets are fuzzed for as long as wanted, and by what new paths an input opens, by
//! `cargo xtask fuzz --seconds 3600` (libFuzzer, `fuzz/`), which also finds what hangs. What fails belongs into the corpus.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod damage;
mod targets;

use damage::Corpus;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Inputs for one target.
const INPUTS: u32 = 300;

fn fuzz(check: fn(&[u8]), corpus: &Corpus) {
    corpus.each(check);
    let config = Config { cases: INPUTS, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    // The same every time.
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[1; 32]));
    let done = runner.run(&corpus.damaged(), |input| {
        check(&input);
        Ok(())
    });
    done.unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn signature() {
    fuzz(targets::signature, &Corpus::of("signature"));
}

#[test]
fn event() {
    fuzz(targets::event, &Corpus::of("event"));
}

#[test]
fn tool() {
    fuzz(targets::tool, &Corpus::of("tool"));
}

#[test]
fn config() {
    fuzz(targets::config, &Corpus::of("config"));
}

#[test]
fn number() {
    fuzz(targets::number, &Corpus::of("number"));
}

#[test]
fn redaction() {
    fuzz(targets::redaction, &Corpus::of("redaction"));
}
