//! What can be set about recall, with the defaults and where they come from.

use super::evidence::TurnWeights;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `[recall]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecallConfig {
    /// Milliseconds a question may take in all, from finding out who asks to following links. When the embedding
    /// is not there after four fifths of it, words answer alone.
    pub budget_ms: u64,
    /// Milliseconds the initiation webhook may take before it answers with neutral values.
    pub initiation_budget_ms: u64,
    /// Candidates taken from each search before scoring.
    pub candidates: usize,
    /// From so many of the best hits links are followed, one hop; 0 follows none.
    pub expand: usize,
    /// Megabytes of callers' vectors held in memory, and as many of their turns.
    pub cache_mb: u64,
    /// A memory that shares no word with the question must have at least this cosine, or it is left out: a
    /// caller must not hear what has nothing to do with the question.
    pub min_cosine: f32,
    /// What each part of the score counts.
    pub weights: Weights,
    /// Whether answers draw on what was said beside what was derived from it.
    pub evidence: bool,
    /// Whether turns are also found by their meaning: their vectors are made in memory, by an embedder of this machine
    /// only, when the caller is warmed or first asked about.
    pub turn_vectors: bool,
    /// Words of an answer with the usual limit of five, memories and what supports them together; in proportion for
    /// other limits. At least one item is always given.
    pub answer_words: usize,
    /// Where more was found than an answer with a limit above the usual five has places for, its last place goes to a
    /// passage of at most so many words: what else one call says of it. 0 gives none.
    pub passage_words: usize,
    /// Words of one excerpt at the most.
    pub excerpt_words: usize,
    /// A turn whose score is below this is left out: a caller must not hear what has nothing to do with the question.
    pub min_turn_score: f32,
    /// What each feature of a turn counts.
    pub turns: TurnWeights,
    /// Memories in `memory_context`, and as many open promises and complaints before them.
    pub context_memories: usize,
    /// Characters of `memory_context` at the most.
    pub context_chars: usize,
    /// `memory_greeting` for a caller whose name is known; `{name}` stands for it.
    pub greeting_named: String,
    /// `memory_greeting` for a known caller without a name.
    pub greeting_known: String,
    /// `memory_greeting` for a caller whose name is known, when a promise of the agent's is open; `{matter}` stands for
    /// it: "the callback we promised for Friday 27 November 2026". Empty: the greeting never asks after anything.
    pub greeting_named_open: String,
    /// The same for a known caller without a name.
    pub greeting_known_open: String,
    /// `memory_greeting` for a stranger.
    pub greeting_unknown: String,
}

impl Default for RecallConfig {
    fn default() -> Self {
        Self {
            budget_ms: 400,
            initiation_budget_ms: 1_000,
            candidates: 40,
            expand: 3,
            cache_mb: 64,
            min_cosine: 0.25,
            weights: Weights::default(),
            evidence: true,
            turn_vectors: true,
            answer_words: 200,
            passage_words: 450,
            excerpt_words: 30,
            min_turn_score: 0.01,
            turns: TurnWeights::default(),
            context_memories: 5,
            context_chars: 1_200,
            greeting_named: "Hi {name}, good to hear from you again. How can I help?".into(),
            greeting_known: "Hello, good to hear from you again. How can I help?".into(),
            greeting_named_open: "Hi {name}, good to hear from you again. Are you calling about {matter}?".into(),
            greeting_known_open: "Hello, good to hear from you again. Are you calling about {matter}?".into(),
            greeting_unknown: "Hello, how can I help?".into(),
        }
    }
}

/// Weights of the normalised parts. Similarity and keyword lead; salience and recency break ties: on the
/// recall benchmark the often-copied 0.6/0.2/0.1/0.1 costs 6 to 19 points of recall@5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Of the scaled cosine.
    pub similarity: f32,
    /// Of the scaled BM25.
    pub keyword: f32,
    /// Of the effective salience.
    pub salience: f32,
    /// Of the recency of the memory's date. Five times that when the question asks for the latest.
    pub recency: f32,
    /// A linked memory's score is its parent's, times the link's weight, times this.
    pub link: f32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { similarity: 0.48, keyword: 0.48, salience: 0.02, recency: 0.02, link: 0.6 }
    }
}
