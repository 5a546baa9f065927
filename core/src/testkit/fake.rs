//! Models that cost nothing and always say the same.

use crate::ai::{
    AnswerEnd, ChatAnswer, ChatModel, ChatRequest, Classified, Classifier, EmbedPurpose, Embedded, Embedder,
    EmbedderInfo, Extractor, Usage,
};
use crate::store::Space;
use crate::{Candidate, Error, ErrorKind, MemoryKind, Result, Sector, Speaker, Transcript};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::Mutex;

/// Embeds a text as the sum of its words, each of which is a direction of its own: texts that share words are
/// close, texts that share none are nearly at right angles. Words are compared without case, plural, "-ed",
/// "-ing"; the commonest words do not count.
#[derive(Debug, Clone)]
pub struct FakeEmbedder(EmbedderInfo);

impl Default for FakeEmbedder {
    fn default() -> Self {
        Self::new(64)
    }
}

impl FakeEmbedder {
    /// An embedder of so many dimensions, at least one; below about 30 unrelated texts come close by chance.
    pub fn new(dimensions: usize) -> Self {
        let dimensions = dimensions.max(1);
        let space = Space { model: format!("fake-{dimensions}"), dimensions };
        Self(EmbedderInfo { space, max_batch: 64, link_threshold: 0.8, remote: false })
    }

    /// The same, taking at most so many texts a call.
    #[must_use]
    pub fn with_max_batch(mut self, texts: usize) -> Self {
        self.0.max_batch = texts;
        self
    }

    /// The same, as if it were asked over a network and paid for.
    #[must_use]
    pub fn remote(mut self) -> Self {
        self.0.remote = true;
        self
    }

    /// The same, with another threshold for links.
    #[must_use]
    pub fn with_link_threshold(mut self, cosine: f32) -> Self {
        self.0.link_threshold = cosine;
        self
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0; self.0.space.dimensions];
        let mut add = |word: &str| {
            let mut state = hash(word);
            for number in &mut sum {
                state = mix(state);
                *number += (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
            }
        };
        let mut silent = true;
        for word in text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase) {
            if !word.is_empty() && !COMMON.contains(&word.as_str()) {
                add(base(&word));
                silent = false;
            }
        }
        if silent {
            // A text without words has a place of its own, and a length that is not zero.
            add("");
        }
        super::fixtures::unit(&sum)
    }
}

const COMMON: [&str; 20] = [
    "a", "an", "and", "are", "at", "be", "do", "for", "in", "is", "it", "my", "of", "on", "that", "the", "this", "to",
    "was", "with",
];

fn base(word: &str) -> &str {
    let ending = ["ies", "ing", "es", "ed", "s", "y"].iter().find_map(|end| word.strip_suffix(end));
    ending.filter(|front| front.len() >= 3).unwrap_or(word)
}

/// FNV-1a.
fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The step of SplitMix64.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[async_trait]
impl Embedder for FakeEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.0
    }

    async fn embed(&self, texts: &[String], _: EmbedPurpose) -> Result<Embedded> {
        if texts.len() > self.0.max_batch {
            return Err(Error::invalid("fake.embed", format!("at most {} texts a call", self.0.max_batch)));
        }
        Ok(Embedded::free(texts.iter().map(|text| self.vector(text)).collect()))
    }
}

/// What a chat model says to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatReply {
    /// A whole answer.
    Text(String),
    /// It will not answer.
    Refusal,
    /// It ran out of tokens after this much.
    Truncated(String),
}

/// A chat model that gives its answers in order and remembers what it was asked.
#[derive(Debug, Default)]
pub struct ScriptedChat {
    answers: Mutex<VecDeque<Result<ChatReply>>>,
    asked: Mutex<Vec<ChatRequest>>,
}

impl ScriptedChat {
    /// Whole answers, in order.
    pub fn new<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        let chat = Self::default();
        for text in texts {
            chat.then(Ok(ChatReply::Text(text.into())));
        }
        chat
    }

    /// Adds an answer, or an error, to the end.
    pub fn then(&self, answer: Result<ChatReply>) {
        self.answers.lock().expect("no panics while held").push_back(answer);
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<ChatRequest> {
        self.asked.lock().expect("no panics while held").clone()
    }
}

#[async_trait]
impl ChatModel for ScriptedChat {
    fn model(&self) -> &str {
        "scripted"
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        self.asked.lock().expect("no panics while held").push(request.clone());
        let next = self.answers.lock().expect("no panics while held").pop_front();
        let (text, end) = match next {
            None => return Err(Error::new(ErrorKind::Internal, "fake.chat", "the script has no more answers")),
            Some(Err(error)) => return Err(error),
            Some(Ok(ChatReply::Refusal)) => (String::new(), AnswerEnd::Refused),
            Some(Ok(ChatReply::Truncated(text))) => (text, AnswerEnd::Truncated),
            Some(Ok(ChatReply::Text(text))) => (text, AnswerEnd::Whole),
        };
        if text.is_empty() && end == AnswerEnd::Whole {
            return Err(Error::new(ErrorKind::Corrupt, "fake.chat", "the answer has no content"));
        }
        let tokens = |text: &str| text.split_whitespace().count() as u64;
        let usage =
            Usage { input_tokens: tokens(&request.system) + tokens(&request.user), output_tokens: tokens(&text) };
        Ok(ChatAnswer { text, end, usage })
    }
}

/// Takes every turn in which the caller says words for a fact, word for word.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeExtractor;

#[async_trait]
impl Extractor for FakeExtractor {
    async fn extract(&self, transcript: &Transcript) -> Result<Vec<Candidate>> {
        let spoken = (0u32..)
            .zip(&transcript.turns)
            .filter(|(_, turn)| turn.speaker == Speaker::User && turn.text.chars().any(char::is_alphanumeric));
        Ok(spoken
            .map(|(index, turn)| Candidate {
                content: turn.text.trim().to_owned(),
                kind: MemoryKind::Fact,
                sector: None,
                salience: None,
                occurred_at: None,
                turns: vec![index],
                slot: None,
                confidence: 1.0,
            })
            .collect())
    }
}

/// Calls everything a semantic fact; what is said with an exclamation mark matters more.
#[derive(Debug, Clone, Copy, Default)]
pub struct FakeClassifier;

#[async_trait]
impl Classifier for FakeClassifier {
    async fn classify(&self, sentences: &[String]) -> Result<Vec<Classified>> {
        let verdict = |sentence: &String| Classified {
            sector: Sector::Semantic,
            kind: MemoryKind::Fact,
            salience: if sentence.contains('!') { 0.9 } else { 0.5 },
        };
        Ok(sentences.iter().map(verdict).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Spend;

    #[tokio::test]
    async fn shared_words_mean_closeness() {
        let texts = ["The delivery was late", "Late deliveries", "Plays the piano"].map(str::to_owned);
        let v = FakeEmbedder::default().embed(&texts, EmbedPurpose::Query).await.unwrap().vectors;
        let cosine = |a: usize, b: usize| v[a].iter().zip(&v[b]).map(|(x, y)| x * y).sum::<f32>();
        assert!(cosine(0, 1) > 0.9, "{}", cosine(0, 1));
        assert!(cosine(0, 2).abs() < 0.4, "{}", cosine(0, 2));
    }

    #[tokio::test]
    async fn a_script_that_is_over_is_an_error_and_questions_are_remembered() {
        let chat = ScriptedChat::new(["yes"]);
        chat.then(Err(Error::new(ErrorKind::Timeout, "fake", "late")));
        let request = ChatRequest {
            spend: Spend::Check,
            system: "s".to_owned(),
            user: "u".to_owned(),
            schema: None,
            max_tokens: 5,
        };
        assert_eq!(chat.chat(&request).await.unwrap().text, "yes");
        assert_eq!(chat.chat(&request).await.unwrap_err().kind(), ErrorKind::Timeout);
        assert_eq!(chat.chat(&request).await.unwrap_err().kind(), ErrorKind::Internal);
        assert_eq!(chat.asked().len(), 3);
    }
}
