//! The words of one caller's turns, each turn also found by those beside it.
//!
//! An answer often stands in a turn whose question was asked in the one before ("Which floor?" "The third, no
//! lift."): so every turn has three fields, itself, itself with the turn before, and itself with both neighbours. On
//! the recall benchmark the two wider fields are worth eight points of recall@5, more than any embedder.

use super::{SpokenCall, SpokenTurn, TurnTraits};
use crate::injection::reads_like_an_order;
use crate::text::{plain, words};
use crate::{ConversationId, Speaker, Transcript};
use std::collections::{BTreeSet, HashMap};

/// How soon further occurrences of a word stop to count.
const K1: f32 = 1.2;
/// How much the length of a field counts.
const B: f32 = 0.75;

/// BM25 of one turn's fields.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::recall) struct Fields {
    /// The turn itself, with its speaker's name and its call's date.
    pub own: f32,
    /// The turn with the one before.
    pub before: f32,
    /// The turn with both neighbours.
    pub around: f32,
}

/// One caller's turns. Turns without words are left out; what is beside each other here was said one after the other.
#[derive(Debug, Default)]
pub(in crate::recall) struct TurnIndex {
    turns: Vec<SpokenTurn>,
    calls: Vec<SpokenCall>,
    /// For each word the turns that hold it, and how often.
    postings: HashMap<String, Vec<(u32, f32)>>,
    lengths: Vec<f32>,
    fields: Lengths,
    callers: BTreeSet<String>,
    agents: BTreeSet<String>,
    bytes: usize,
}

impl TurnIndex {
    /// Indexes calls, oldest first. `caller` is how the caller is called, where the transcript does not say.
    pub(in crate::recall) fn new(mut calls: Vec<(ConversationId, Transcript)>, caller: &str) -> Self {
        calls.sort_by(|(a, x), (b, y)| (x.started_at, a).cmp(&(y.started_at, b)));
        let mut index = Self::default();
        for (conversation, transcript) in calls {
            index.add(conversation, &transcript, caller);
        }
        index.fields = index.field_lengths();
        index
    }

    fn add(&mut self, conversation: ConversationId, transcript: &Transcript, caller: &str) {
        let first = self.turns.len();
        let local = transcript.started_at + chrono::Duration::minutes(transcript.utc_offset_minutes.into());
        let date = local.format("%-d %B %Y").to_string();
        let caller = transcript.caller_name.as_deref().unwrap_or(caller);
        let agent = transcript.agent_name.as_deref().unwrap_or_default();
        self.callers.extend(plain(caller).filter(|part| part.len() > 1));
        self.agents.extend(plain(agent).filter(|part| part.len() > 1));
        for (turn, said) in transcript.turns.iter().enumerate() {
            // What reads like an order to a model is no evidence of anything.
            if !said.text.chars().any(char::is_alphanumeric) || reads_like_an_order(&said.text) {
                continue;
            }
            let name = match said.speaker {
                Speaker::User => caller,
                Speaker::Agent => agent,
            };
            let at = self.turns.len() as u32;
            let mut counts: HashMap<String, f32> = HashMap::new();
            let mut length = 0.0;
            for word in [name, &said.text, &date].into_iter().flat_map(words) {
                *counts.entry(word).or_default() += 1.0;
                length += 1.0;
            }
            for (word, count) in counts {
                self.bytes += word.len() + 8;
                self.postings.entry(word).or_default().push((at, count));
            }
            self.bytes += said.text.len() + 96;
            self.lengths.push(length);
            self.turns.push(SpokenTurn {
                call: self.calls.len(),
                turn: turn as u32,
                speaker: said.speaker,
                text: said.text.clone(),
                traits: TurnTraits::of(&said.text),
            });
        }
        let turns = first..self.turns.len();
        self.calls.push(SpokenCall { conversation, started_at: transcript.started_at, turns });
    }

    /// The turns, call by call.
    pub(in crate::recall) fn turns(&self) -> &[SpokenTurn] {
        &self.turns
    }

    /// The calls, oldest first.
    pub(in crate::recall) fn calls(&self) -> &[SpokenCall] {
        &self.calls
    }

    /// The parts of the names the caller goes by, in lower case.
    pub(in crate::recall) fn callers(&self) -> &BTreeSet<String> {
        &self.callers
    }

    /// The parts of the agents' names, in lower case.
    pub(in crate::recall) fn agents(&self) -> &BTreeSet<String> {
        &self.agents
    }

    /// What it takes in memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where a turn of a conversation's transcript stands here.
    pub(in crate::recall) fn place(&self, conversation: &ConversationId, turn: u32) -> Option<usize> {
        let call = self.calls.iter().find(|call| call.conversation == *conversation)?;
        let turns = self.turns.get(call.turns.clone())?;
        turns.binary_search_by_key(&turn, |said| said.turn).ok().map(|at| call.turns.start + at)
    }

    /// The turn before, if it belongs to the same call.
    pub(in crate::recall) fn before(&self, at: usize) -> Option<usize> {
        let other = at.checked_sub(1)?;
        (self.turns[other].call == self.turns[at].call).then_some(other)
    }

    /// The turn after, if it belongs to the same call.
    pub(in crate::recall) fn after(&self, at: usize) -> Option<usize> {
        let other = self.turns.get(at + 1)?;
        (other.call == self.turns[at].call).then_some(at + 1)
    }

    /// The rarity of each asked word among the turns; a word that is in none is as rare as can be.
    pub(in crate::recall) fn weights(&self, asked: &[String]) -> HashMap<String, f32> {
        let all = self.turns.len() as f32;
        let weight = |word: &String| {
            let holding = self.postings.get(word).map_or(0, Vec::len) as f32;
            (word.clone(), (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln())
        };
        asked.iter().map(weight).collect()
    }

    /// BM25 of every turn over its three fields, as a share of the most that these words could give.
    pub(in crate::recall) fn fields(&self, weights: &HashMap<String, f32>) -> Vec<Fields> {
        let mut fields = vec![Fields::default(); self.turns.len()];
        let lengths = &self.fields;
        let most: f32 = weights.values().map(|weight| weight * (K1 + 1.0)).sum();
        if most <= 0.0 {
            return fields;
        }
        let mut counts = vec![[0.0_f32; 3]; self.turns.len()];
        // In the order of the words, so that sums of floats do not depend on a hash.
        let mut asked: Vec<_> = weights.iter().collect();
        asked.sort_by(|a, b| a.0.cmp(b.0));
        for (word, weight) in asked {
            let Some(postings) = self.postings.get(word) else { continue };
            counts.fill([0.0; 3]);
            for &(at, count) in postings {
                let at = at as usize;
                counts[at][0] += count;
                counts[at][1] += count;
                counts[at][2] += count;
                if let Some(after) = self.after(at) {
                    counts[after][1] += count;
                    counts[after][2] += count;
                }
                if let Some(before) = self.before(at) {
                    counts[before][2] += count;
                }
            }
            for (at, counts) in counts.iter().enumerate().filter(|(_, counts)| counts[2] > 0.0) {
                let part = |field: usize| {
                    let length = 1.0 - B + B * lengths.each[at][field] / lengths.mean[field];
                    weight * counts[field] * (K1 + 1.0) / (counts[field] + K1 * length) / most
                };
                fields[at].own += part(0);
                fields[at].before += part(1);
                fields[at].around += part(2);
            }
        }
        fields
    }

    /// BM25 of a text that is not among the turns, on the scale of [`TurnIndex::fields`].
    pub(in crate::recall) fn foreign(&self, text: &str, weights: &HashMap<String, f32>) -> f32 {
        let most: f32 = weights.values().map(|weight| weight * (K1 + 1.0)).sum();
        let mut counts: HashMap<&str, f32> = HashMap::new();
        let mut length = 0.0;
        for word in words(text) {
            length += 1.0;
            if let Some((word, _)) = weights.get_key_value(&word) {
                *counts.entry(word).or_default() += 1.0;
            }
        }
        let mean = self.fields.mean[0];
        let length = 1.0 - B + B * length / mean;
        let part = |(word, count): (&&str, &f32)| weights[*word] * count * (K1 + 1.0) / (count + K1 * length);
        if most > 0.0 { counts.iter().map(part).sum::<f32>() / most } else { 0.0 }
    }

    fn field_lengths(&self) -> Lengths {
        let mut each = Vec::with_capacity(self.lengths.len());
        let mut sum = [0.0; 3];
        for (at, own) in self.lengths.iter().enumerate() {
            let before = self.before(at).map_or(0.0, |other| self.lengths[other]);
            let after = self.after(at).map_or(0.0, |other| self.lengths[other]);
            let lengths = [*own, own + before, own + before + after];
            for field in 0..3 {
                sum[field] += lengths[field];
            }
            each.push(lengths);
        }
        let all = self.lengths.len().max(1) as f32;
        Lengths { each, mean: sum.map(|sum: f32| (sum / all).max(1.0)) }
    }
}

/// How long every turn's three fields are, and are on average; the mean is at least 1 once it is counted.
#[derive(Debug, Default)]
struct Lengths {
    each: Vec<[f32; 3]>,
    mean: [f32; 3],
}
