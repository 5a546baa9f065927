//! The role: texts in, vectors out, and nothing believed that was not checked.

use crate::client::{Call, Client};
use crate::config::{OllamaConfig, TEXT_BYTES};
use crate::error::{EMBED, corrupt, unreadable};
use async_trait::async_trait;
use hark_core::ai::{EmbedPurpose, Embedded, Embedder, EmbedderInfo, Usage};
use hark_core::store::Space;
use hark_core::{Error, ErrorKind, Result};
use ollama_rs::generation::embeddings::request::{EmbeddingsInput, GenerateEmbeddingsRequest};
use ollama_rs::generation::parameters::KeepAlive;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Stands in for a text that holds nothing, whose vector would have no numbers.
const PLACEHOLDER: &str = "empty";

const CALL: Call = Call { operation: EMBED, path: "/api/embed", model: Some("embedding_model") };

/// An [`Embedder`] on `POST /api/embed`.
#[derive(Debug)]
pub(crate) struct OllamaEmbedder {
    info: EmbedderInfo,
    client: Arc<Client>,
    model: String,
    send_dimensions: bool,
    keep_alive: Option<KeepAlive>,
    query_prefix: String,
    document_prefix: String,
    max_text_bytes: usize,
}

impl OllamaEmbedder {
    /// The embedder of a valid section.
    ///
    /// # Errors
    /// `Config`, when the width is not known.
    pub(crate) fn new(config: &OllamaConfig, client: Arc<Client>) -> Result<Self> {
        let dimensions = config.width()?;
        let info = EmbedderInfo {
            space: Space { model: space_name(config, dimensions), dimensions },
            max_batch: config.max_batch,
            link_threshold: config.link_threshold,
            remote: true,
        };
        Ok(Self {
            info,
            client,
            model: config.embedding_model.clone(),
            send_dimensions: config.send_dimensions,
            keep_alive: config.keep_alive()?,
            query_prefix: config.query_prefix.clone(),
            document_prefix: config.document_prefix.clone(),
            max_text_bytes: config.max_text_bytes,
        })
    }

    /// One request.
    async fn request(&self, texts: Vec<String>) -> Result<Embedded> {
        let (count, bytes) = (texts.len(), texts.iter().map(String::len).sum::<usize>());
        let dimensions = self.send_dimensions.then(|| u32::try_from(self.info.space.dimensions).unwrap_or(u32::MAX));
        let request = GenerateEmbeddingsRequest {
            model_name: self.model.clone(),
            input: EmbeddingsInput::Multiple(texts),
            truncate: Some(true),
            keep_alive: self.keep_alive.clone(),
            dimensions,
            ..GenerateEmbeddingsRequest::default()
        };
        let body = serde_json::to_vec(&request)
            .map_err(|_| Error::new(ErrorKind::Internal, EMBED, "the request cannot be written"))?;
        let answer = self.client.ask(CALL, Some(body)).await?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|error| unreadable(EMBED, &error))?;
        let counted = answer.prompt_eval_count;
        let input_tokens = if counted > 0 { counted } else { estimate(bytes) };
        let vectors = self.checked(answer.embeddings, count)?;
        Ok(Embedded { vectors, usage: Usage { input_tokens, output_tokens: 0 } })
    }

    fn checked(&self, vectors: Vec<Vec<f32>>, count: usize) -> Result<Vec<Vec<f32>>> {
        if vectors.len() != count {
            return Err(corrupt(EMBED, format!("{count} texts were sent and {} vectors came back", vectors.len())));
        }
        vectors.into_iter().map(|vector| self.unit(vector)).collect()
    }

    /// The vector at length one. What a model gives once it gives always, so these are not worth another try.
    fn unit(&self, vector: Vec<f32>) -> Result<Vec<f32>> {
        let wrong = |what: String| Error::new(ErrorKind::Corrupt, EMBED, what);
        let (model, width) = (&self.model, self.info.space.dimensions);
        if vector.len() != width {
            let got = vector.len();
            return Err(wrong(format!(
                "`{model}` gave {got} numbers where {width} are configured; if that is right, set dimensions = {got} \
                 and run `hark reindex`"
            )));
        }
        let length = vector.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt();
        if !length.is_finite() || length <= 0.0 {
            return Err(wrong(format!("`{model}` gave a vector without a direction")));
        }
        #[expect(clippy::cast_possible_truncation, reason = "a quotient of at most one fits")]
        Ok(vector.into_iter().map(|number| (f64::from(number) / length) as f32).collect())
    }

    fn prepare(&self, text: &str, purpose: EmbedPurpose) -> String {
        let prefix = purpose.prefix(&self.query_prefix, &self.document_prefix);
        let text = &text[..text.floor_char_boundary(self.max_text_bytes - prefix.len())];
        let text = if text.trim().is_empty() { PLACEHOLDER } else { text };
        format!("{prefix}{text}")
    }
}

#[async_trait]
impl Embedder for OllamaEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        let most = self.info.max_batch;
        if texts.len() > most {
            return Err(Error::invalid(EMBED, format!("at most {most} texts a call, not {}", texts.len())));
        }
        if texts.is_empty() {
            return Ok(Embedded::default());
        }
        self.request(texts.iter().map(|text| self.prepare(text, purpose)).collect()).await
    }
}

/// Tokens of so many bytes, where the server does not count: four to one, as in English.
pub(crate) fn estimate(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

/// The model, the width, and a fingerprint of whatever else changes the numbers and is not as usual. Not the
/// address: the same model is the same model behind every server.
fn space_name(config: &OllamaConfig, dimensions: usize) -> String {
    // Ollama takes a name without a tag for the latest one.
    let model = config.embedding_model.strip_suffix(":latest").unwrap_or(&config.embedding_model);
    let mut name = format!("{model}-{dimensions}");
    let (query, document) = (&config.query_prefix, &config.document_prefix);
    if !query.is_empty() || !document.is_empty() || config.max_text_bytes != TEXT_BYTES {
        let changes = format!("{}:{query}{}:{document}{}", query.len(), document.len(), config.max_text_bytes);
        let hash = Sha256::digest(changes.as_bytes());
        name.extend(["-".to_owned()].into_iter().chain(hash.iter().take(4).map(|byte| format!("{byte:02x}"))));
    }
    name
}

/// Read by a type of our own: that of `ollama-rs` leaves the tokens out.
#[derive(Deserialize)]
struct Answer {
    embeddings: Vec<Vec<f32>>,
    #[serde(default)]
    prompt_eval_count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::SystemClock;
    use serde_json::json;

    fn embedder(section: serde_json::Value) -> OllamaEmbedder {
        let mut section = section;
        section["base_url"] = "http://127.0.0.1:1".into();
        let config: OllamaConfig = serde_json::from_value(section).unwrap();
        config.validate().unwrap();
        let client = Client::new(&config, Arc::new(SystemClock)).unwrap();
        OllamaEmbedder::new(&config, Arc::new(client)).unwrap()
    }

    #[test]
    fn the_space_changes_with_everything_that_changes_the_numbers() {
        let sections = [
            json!({}),
            json!({"dimensions": 128, "send_dimensions": true}),
            json!({"embedding_model": "nomic-embed-text"}),
            json!({"embedding_model": "all-minilm:33m", "dimensions": 384}),
            json!({"query_prefix": "query: "}),
            json!({"document_prefix": "query: "}),
            json!({"query_prefix": "q", "document_prefix": "d"}),
            json!({"query_prefix": "qd"}),
            json!({"max_text_bytes": 1000}),
        ];
        let mut names: Vec<_> = sections.into_iter().map(|section| embedder(section).info.space.model).collect();
        assert_eq!(names[0], "all-minilm-384");
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
        let elsewhere = embedder(
            json!({"link_threshold": 0.5, "chat_model": "x", "num_ctx": 9, "embedding_model": "all-minilm:latest"}),
        );
        assert_eq!(elsewhere.info.space.model, "all-minilm-384");
    }

    #[test]
    fn a_text_is_cut_at_a_character_and_a_blank_one_becomes_a_word() {
        let embedder = embedder(json!({"max_text_bytes": 64, "query_prefix": "query: "}));
        assert_eq!(embedder.prepare(" \n", EmbedPurpose::Query), "query: empty");
        let cut = embedder.prepare(&format!("a{}", "é".repeat(100)), EmbedPurpose::Query);
        assert_eq!(cut.len(), 64);
        assert_eq!(embedder.prepare(&"é".repeat(100), EmbedPurpose::Query).len(), 63);
        assert_eq!(embedder.prepare("tea", EmbedPurpose::Document(None)), "tea");
    }

    #[test]
    fn a_memory_is_embedded_as_of_its_sector_where_the_prefix_says_so() {
        let embedder = embedder(json!({"document_prefix": "{sector}: "}));
        let purpose = EmbedPurpose::Document(Some(hark_core::Sector::Emotional));
        assert_eq!(embedder.prepare("tea", purpose), "emotional: tea");
    }

    #[test]
    fn vectors_are_counted_measured_and_made_of_length_one() {
        let embedder = embedder(json!({"embedding_model": "two", "dimensions": 2}));
        assert_eq!(embedder.checked(vec![vec![3.0, 4.0]], 1).unwrap(), [[0.6, 0.8]]);
        let error = embedder.checked(vec![vec![3.0, 4.0]], 2).unwrap_err();
        assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Corrupt, true));
        for wrong in [vec![], vec![1.0], vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]] {
            let error = embedder.checked(vec![wrong], 1).unwrap_err();
            assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Corrupt, false));
        }
    }
}
