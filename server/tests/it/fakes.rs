//! Models without a model.

use super::switches::{Part, Switches};
use async_trait::async_trait;
use hark_core::ai::{Classified, Classifier, EmbedPurpose, Embedded, Embedder, EmbedderInfo, Extractor, Usage};
use hark_core::backend::Backend;
use hark_core::store::Space;
use hark_core::{Candidate, MemoryKind, Result, Sector, Speaker, Transcript};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Every sentence of the caller's becomes a memory, as it was said.
#[derive(Debug)]
pub(crate) struct Verbatim {
    pub(crate) switches: Arc<Switches>,
    pub(crate) asked: AtomicUsize,
}

#[async_trait]
impl Extractor for Verbatim {
    async fn extract(&self, transcript: &Transcript) -> Result<Vec<Candidate>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.switches.gate(Part::Extractor).await?;
        let said =
            transcript.turns.iter().zip(0u32..).filter(|(t, _)| t.speaker == Speaker::User && !t.text.is_empty());
        Ok(said
            .map(|(turn, index)| Candidate {
                content: turn.text.clone(),
                kind: MemoryKind::Fact,
                sector: Some(Sector::Episodic),
                salience: Some(0.7),
                occurred_at: None,
                turns: vec![index],
                slot: None,
                confidence: 1.0,
            })
            .collect())
    }
}

/// Everything is a fact.
#[derive(Debug)]
pub(crate) struct Facts;

#[async_trait]
impl Classifier for Facts {
    async fn classify(&self, sentences: &[String]) -> Result<Vec<Classified>> {
        let fact = Classified { sector: Sector::Semantic, kind: MemoryKind::Fact, salience: 0.5 };
        Ok(vec![fact; sentences.len()])
    }
}

/// Sentences that share letters are near each other.
#[derive(Debug)]
pub(crate) struct Letters {
    pub(crate) switches: Arc<Switches>,
    info: EmbedderInfo,
}

impl Letters {
    pub(crate) fn new(switches: Arc<Switches>) -> Self {
        let space = Space { model: "letters".to_owned(), dimensions: 32 };
        Self { switches, info: EmbedderInfo { space, max_batch: 64, link_threshold: 0.99, remote: false } }
    }

    /// The same over a network, under a model's name; a token a word.
    pub(crate) fn paid(switches: Arc<Switches>, model: &str) -> Self {
        let mut letters = Self::new(switches);
        letters.info.space.model = model.to_owned();
        letters.info.remote = true;
        letters
    }
}

#[async_trait]
impl Embedder for Letters {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, texts: &[String], _: EmbedPurpose) -> Result<Embedded> {
        self.switches.gate(Part::Embedder).await?;
        let vectors = texts
            .iter()
            .map(|text| {
                let mut vector = [0.01f32; 32];
                for byte in text.to_lowercase().bytes().filter(u8::is_ascii_alphabetic) {
                    vector[usize::from(byte - b'a')] += 1.0;
                }
                let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
                vector.iter().map(|x| x / length).collect()
            })
            .collect();
        let input_tokens = texts.iter().map(|text| text.split_whitespace().count() as u64).sum();
        Ok(Embedded { vectors, usage: Usage { input_tokens, output_tokens: 0 } })
    }
}

/// Where the letters come from; counts how often it is asked how it is.
#[derive(Debug)]
pub(crate) struct LettersBackend {
    switches: Arc<Switches>,
    pub(crate) checked: AtomicUsize,
}

impl LettersBackend {
    pub(crate) fn new(switches: Arc<Switches>) -> Self {
        Self { switches, checked: 0.into() }
    }
}

#[async_trait]
impl Backend for LettersBackend {
    async fn health(&self) -> Result<()> {
        self.checked.fetch_add(1, Ordering::SeqCst);
        self.switches.gate(Part::Embedder).await
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
