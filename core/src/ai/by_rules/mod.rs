//! Extraction and classification without a model: the quick start, the tests, and the deployments that may not call out.
//!
//! A call is read turn by turn, each turn clause by clause, and every clause is offered to the rules in a fixed order; the
//! first that knows what to do with it speaks. What the agent asked before decides what a bare "1042" or "Friday, please"
//! means. Everything is pure: the same transcript gives the same sentences, in well under five milliseconds.
//!
//! Honest limits, so that nobody is surprised:
//! - English only. Other languages give nothing, or now and then a name or an e-mail address.
//! - One clause, one thing: irony, long stories and "the blue one, not the other" are beyond rules. On calls never
//!   tuned on, nine in ten sentences are right, and half of what a person would note is missed; a chat model reads better.
//!   The figures: `cargo test -p hark-core --test extraction -- --nocapture`.
//! - Two people on one line are told apart only where they say so; "he" and "she" mean the relative named last.
//! - A promise made in a turn that recites the memory is not learnt: an echo learnt twice is worse than a promise missed.
//! - Text that reads like an instruction to a model silences its whole turn.

mod classifier;
mod complaints;
mod contact;
mod dates;
pub(in crate::ai) mod dedupe;
mod dialogue;
mod draft;
mod facts;
mod feelings;
mod judge;
mod names;
mod numbers;
mod orders;
mod preferences;
mod promises;
pub(in crate::ai) mod reading;
mod requests;
mod sentence;
mod words;

pub use classifier::RuleClassifier;
pub use judge::{Fate, RuleJudge, Statement};

use crate::ai::Extractor;
use crate::{Candidate, Result, Transcript};
use async_trait::async_trait;

/// No call teaches more than this; the most salient stay.
pub const MAX_CANDIDATES: usize = 40;

/// Extracts by rules. Stateless.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuleExtractor;

impl RuleExtractor {
    /// What the call teaches, in the order of its turns; never fails. At most [`MAX_CANDIDATES`], each of at most 300 characters.
    pub fn read(&self, transcript: &Transcript) -> Vec<Candidate> {
        if !transcript.has_user_words() {
            return Vec::new();
        }
        dedupe::settle(dialogue::read(transcript), MAX_CANDIDATES)
    }
}

#[async_trait]
impl Extractor for RuleExtractor {
    async fn extract(&self, transcript: &Transcript) -> Result<Vec<Candidate>> {
        Ok(self.read(transcript))
    }
}

#[cfg(test)]
mod tests;
