//! How well each turn answers a question: a small linear sum over features that are cheap to compute.

use super::asked::{Asked, tells_when};
use super::{Fields, TurnIndex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A turn that shares no word with the question needs this cosine.
const MIN_COSINE: f32 = 0.2;

/// Section `[recall.turns]`: what each feature of a turn counts. Features of words and vectors are scaled to the
/// spread they have over the caller's turns for this question (standard deviations above the mean), so that weights
/// mean the same for every caller and every question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TurnWeights {
    /// Of the turn's own words (BM25), with its speaker's name and its call's date.
    pub own: f32,
    /// Of its words with those of the turn before.
    pub before: f32,
    /// Of its words with those of both neighbours.
    pub around: f32,
    /// Of the three best turns of the same call.
    pub call: f32,
    /// For a turn of the side that the question does not ask about.
    pub other_speaker: f32,
    /// Of the logarithm of its number of words.
    pub length: f32,
    /// For a turn that only asks, in proportion to how much of it does.
    pub question: f32,
    /// For a turn after one of the other side that ended with a question.
    pub reply: f32,
    /// For a turn that tells a time when the question asks for one.
    pub when: f32,
    /// For a turn of a call in the month or year that the question names.
    pub date: f32,
    /// Of the cosine of the turn.
    pub similarity: f32,
    /// Of the cosine of the turn with the one before.
    pub similarity_before: f32,
    /// Of the words of a memory derived from the turn.
    pub fact: f32,
    /// Added to the sum before it becomes a score, so that a score is about the share of such turns that answered the
    /// question in the labelled calls.
    pub bias: f32,
}

/// Learnt from the labelled calls of `core/tests/labelled/recall` by `cargo xtask eval recall --learn`.
impl Default for TurnWeights {
    fn default() -> Self {
        Self {
            own: 0.0,
            before: 0.4,
            around: 0.0,
            call: 0.41,
            other_speaker: -1.76,
            length: 0.48,
            question: -1.43,
            reply: 1.0,
            when: 0.34,
            date: 0.37,
            similarity: 0.08,
            similarity_before: 0.55,
            fact: 0.08,
            bias: -6.3,
        }
    }
}

/// One turn's features for one question. Those of words and vectors in standard deviations above the mean of the
/// caller's turns.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TurnParts {
    /// Its own words.
    pub own: f32,
    /// With the turn before.
    pub before: f32,
    /// With both neighbours.
    pub around: f32,
    /// The three best turns of its call.
    pub call: f32,
    /// 1 when the question asks about the other side.
    pub other_speaker: f32,
    /// `ln(1 + words)`.
    pub length: f32,
    /// Share of its words that stand in questions.
    pub question: f32,
    /// 1 when it follows a question of the other side.
    pub reply: f32,
    /// 1 when it tells a time and the question asks for one.
    pub when: f32,
    /// 1 when its call lies in the month or year that the question names.
    pub date: f32,
    /// Its cosine.
    pub similarity: f32,
    /// Its cosine with the turn before.
    pub similarity_before: f32,
    /// The words of a memory derived from it.
    pub fact: f32,
}

impl TurnParts {
    /// The score, 0 to 1: the logistic function of the weighted sum.
    pub(in crate::recall) fn score(&self, w: &TurnWeights, ties: f32) -> f32 {
        1.0 / (1.0 + (-self.sum(w) - ties).exp())
    }

    fn sum(&self, w: &TurnWeights) -> f32 {
        w.bias
            + w.own * self.own
            + w.before * self.before
            + w.around * self.around
            + w.call * self.call
            + w.other_speaker * self.other_speaker
            + w.length * self.length
            + w.question * self.question
            + w.reply * self.reply
            + w.when * self.when
            + w.date * self.date
            + w.similarity * self.similarity
            + w.similarity_before * self.similarity_before
            + w.fact * self.fact
    }
}

/// What is read off a turn once, when it is indexed: a caller's turns are many, and a question has few milliseconds.
#[derive(Debug, Clone, Copy)]
pub(in crate::recall) struct TurnTraits {
    /// [`TurnParts::length`]
    length: f32,
    /// [`TurnParts::question`]
    question: f32,
    /// Whether it ends with a question.
    asks: bool,
    /// Whether it tells a time.
    tells_when: bool,
}

impl TurnTraits {
    pub(in crate::recall) fn of(text: &str) -> Self {
        Self {
            length: length(text),
            question: asking(text),
            asks: text.trim_end().ends_with('?'),
            tells_when: tells_when(text),
        }
    }
}

/// Every turn's features and what they are scaled by.
#[derive(Debug)]
pub(in crate::recall) struct Ranked {
    /// In the index's order.
    pub parts: Vec<TurnParts>,
    /// Whether the turn, or one beside it, shares a word with the question.
    pub matched: Vec<bool>,
    own: Scale,
    similarity: Scale,
    best_call: f32,
}

impl Ranked {
    /// The words of a text that is not a turn, on the scale of [`TurnParts::own`].
    pub(in crate::recall) fn words(&self, index: &TurnIndex, asked: &Asked, text: &str) -> f32 {
        self.own.of(index.foreign(text, &asked.weights))
    }

    /// The features of a sentence without a turn: its own words and its own cosine stand for its neighbours' too, and
    /// a statement is as good as a reply.
    pub(in crate::recall) fn alone(&self, words: f32, text: &str, cosine: Option<f32>) -> TurnParts {
        let similarity = cosine.map_or(0.0, |cosine| self.similarity.of(cosine));
        TurnParts {
            own: words,
            before: words,
            around: words,
            call: words.min(self.best_call),
            length: length(text),
            reply: 1.0,
            similarity,
            similarity_before: similarity,
            ..TurnParts::default()
        }
    }
}

/// The features of every turn.
pub(in crate::recall) fn features(index: &TurnIndex, asked: &Asked, cosines: &[Option<f32>]) -> Ranked {
    let fields = index.fields(&asked.weights);
    let own_scale = Scale::over(fields.iter().map(|f| f.own));
    let own = scaled(fields.iter().map(|f| f.own).collect());
    let before = scaled(fields.iter().map(|f| f.before).collect());
    let around = scaled(fields.iter().map(|f| f.around).collect());
    let call = scaled(of_calls(index, &fields));
    let best_call = call.iter().copied().fold(0.0, f32::max);
    let similarity_scale = Scale::over(cosines.iter().copied().flatten());
    let similarity = scaled_known(cosines);
    let with_before = |at: usize| match (cosines[at], index.before(at).and_then(|other| cosines[other])) {
        (Some(own), Some(other)) => Some((own + other) / 2.0),
        (own, _) => own,
    };
    let similarity_before = scaled_known(&(0..cosines.len()).map(with_before).collect::<Vec<_>>());
    let parts = index
        .turns()
        .iter()
        .enumerate()
        .map(|(at, said)| TurnParts {
            own: own[at],
            before: before[at],
            around: around[at],
            call: call[at],
            other_speaker: f32::from(u8::from(asked.speaker.is_some_and(|speaker| speaker != said.speaker))),
            length: said.traits.length,
            question: said.traits.question,
            reply: f32::from(u8::from(index.before(at).is_some_and(|other| {
                let other = &index.turns()[other];
                other.speaker != said.speaker && other.traits.asks
            }))),
            when: f32::from(u8::from(asked.when && said.traits.tells_when)),
            date: f32::from(u8::from(asked.dated(index.calls()[said.call].started_at))),
            similarity: similarity[at],
            similarity_before: similarity_before[at],
            fact: 0.0,
        })
        .collect();
    Ranked {
        parts,
        matched: fields
            .iter()
            .zip(cosines)
            .map(|(f, c)| f.around > 0.0 || c.is_some_and(|c| c >= MIN_COSINE))
            .collect(),
        own: own_scale,
        similarity: similarity_scale,
        best_call,
    }
}

/// For each turn the mean of its call's three best.
fn of_calls(index: &TurnIndex, fields: &[Fields]) -> Vec<f32> {
    let mut scores = Vec::with_capacity(fields.len());
    for call in index.calls() {
        let mut best: Vec<f32> = fields[call.turns.clone()].iter().map(|f| f.own).collect();
        best.sort_by(|a, b| b.total_cmp(a));
        best.truncate(3);
        let mean = best.iter().sum::<f32>() / 3.0;
        scores.extend(call.turns.clone().map(|_| mean));
    }
    scores
}

fn length(text: &str) -> f32 {
    (super::span::count(text) as f32).ln_1p()
}

/// The share of a text's words that stand in questions.
fn asking(text: &str) -> f32 {
    let (mut asked, mut all) = (0, 0);
    for sentence in super::span::sentences(text) {
        let words = super::span::count(sentence);
        all += words;
        if sentence.ends_with('?') {
            asked += words;
        }
    }
    asked as f32 / all.max(1) as f32
}

/// Mean and standard deviation of one feature.
#[derive(Debug, Clone, Copy)]
struct Scale {
    mean: f32,
    deviation: f32,
}

impl Scale {
    fn over(values: impl Iterator<Item = f32> + Clone) -> Self {
        let all = values.clone().count().max(1) as f32;
        let mean = values.clone().sum::<f32>() / all;
        let deviation = (values.map(|v| (v - mean).powi(2)).sum::<f32>() / all).sqrt();
        Self { mean, deviation }
    }

    /// Standard deviations above the mean; zero where nothing differs.
    fn of(&self, value: f32) -> f32 {
        if self.deviation > 1e-6 { (value - self.mean) / self.deviation } else { 0.0 }
    }
}

fn scaled(values: Vec<f32>) -> Vec<f32> {
    let scale = Scale::over(values.iter().copied());
    values.into_iter().map(|value| scale.of(value)).collect()
}

/// As [`scaled`]; what is not known stands at the mean.
fn scaled_known(values: &[Option<f32>]) -> Vec<f32> {
    let scale = Scale::over(values.iter().copied().flatten());
    values.iter().map(|value| value.map_or(0.0, |value| scale.of(value))).collect()
}
