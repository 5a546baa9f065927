//! What was said, turn by turn: the layer under the derived memories.
//!
//! At rest the words are only inside the sealed transcripts. A caller's turns are opened and indexed in memory when
//! the caller is warmed or first asked about, and bounded there like every cache.

mod asked;
mod blend;
mod cache;
mod index;
mod join;
mod passage;
mod rank;
mod span;
mod stale;
mod widen;

pub(super) use asked::Asked;
pub(super) use blend::{blend, wants_turns};
pub(super) use cache::EvidenceCache;
pub(super) use index::{Fields, TurnIndex};
pub(super) use join::join;
pub(super) use passage::{passage, ranked};
pub use rank::{TurnParts, TurnWeights};
pub(super) use rank::{TurnTraits, features};
pub(super) use span::{count, span};
pub(super) use stale::GaveWay;
pub(super) use widen::{USUAL_LIMIT, cost, most_words, widen};

use crate::{ConversationId, Speaker, Timestamp};
use std::collections::HashSet;
use std::sync::Arc;

/// What a caller and the agents said, as of a question.
#[derive(Debug)]
pub(super) struct Spoken {
    /// The turns.
    pub index: Arc<TurnIndex>,
    /// Turns that say what is no longer true, as places in the index: never shown by themselves.
    pub stale: HashSet<usize>,
}

/// One turn with words.
#[derive(Debug, Clone)]
pub(super) struct SpokenTurn {
    /// Which of the caller's indexed calls it belongs to.
    pub call: usize,
    /// Its 0-based index in the platform's transcript.
    pub turn: u32,
    /// Who said it.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
    /// What ranking asks of it whatever the question is.
    pub traits: TurnTraits,
}

/// A call whose turns are indexed.
#[derive(Debug, Clone)]
pub(super) struct SpokenCall {
    /// Which one.
    pub conversation: ConversationId,
    /// When it started.
    pub started_at: Timestamp,
    /// Its turns, as a range of [`TurnIndex::turns`].
    pub turns: std::ops::Range<usize>,
}
