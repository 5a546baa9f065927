//! The role: texts in, vectors out, and nothing believed that was not checked.

use crate::client::{Call, Client};
use crate::config::{OpenAiConfig, TEXT_BYTES};
use crate::error::{EMBED, corrupt, unreadable};
use async_openai::types::embeddings::{CreateEmbeddingRequest, EmbeddingInput};
use async_trait::async_trait;
use hark_core::ai::{EmbedPurpose, Embedded, Embedder, EmbedderInfo, Usage};
use hark_core::store::Space;
use hark_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Stands in for a text that holds nothing, which the API refuses.
const PLACEHOLDER: &str = "empty";
/// Bytes of one request. OpenAI reads at most 300,000 tokens at once, and a token is at least a byte.
const REQUEST_BYTES: usize = 256 << 10;

const CALL: Call = Call { operation: EMBED, path: "/embeddings", model: Some("embedding_model") };

/// An [`Embedder`] on `POST /embeddings`.
#[derive(Debug)]
pub(crate) struct OpenAiEmbedder {
    info: EmbedderInfo,
    client: Arc<Client>,
    model: String,
    send_dimensions: bool,
    query_prefix: String,
    document_prefix: String,
    max_text_bytes: usize,
}

impl OpenAiEmbedder {
    /// The embedder of a valid section.
    ///
    /// # Errors
    /// `Config`, when the width is not known.
    pub(crate) fn new(config: &OpenAiConfig, client: Arc<Client>) -> Result<Self> {
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
            send_dimensions: config.sends_dimensions(),
            query_prefix: config.query_prefix.clone(),
            document_prefix: config.document_prefix.clone(),
            max_text_bytes: config.max_text_bytes,
        })
    }

    /// One request.
    async fn request(&self, texts: Vec<String>) -> Result<Embedded> {
        let (count, bytes) = (texts.len(), texts.iter().map(String::len).sum::<usize>());
        let dimensions = self.send_dimensions.then(|| u32::try_from(self.info.space.dimensions).unwrap_or(u32::MAX));
        let request = CreateEmbeddingRequest {
            model: self.model.clone(),
            input: EmbeddingInput::StringArray(texts),
            dimensions,
            ..CreateEmbeddingRequest::default()
        };
        let body = serde_json::to_vec(&request)
            .map_err(|_| Error::new(ErrorKind::Internal, EMBED, "the request cannot be written"))?;
        let answer = self.client.ask(CALL, Some(&body)).await.map_err(|failure| failure.error)?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|error| unreadable(EMBED, &error))?;
        let counted = answer.usage.unwrap_or_default().prompt_tokens;
        let input_tokens = if counted > 0 { counted } else { estimate(bytes) };
        let vectors = self.in_order(answer.data, count)?;
        Ok(Embedded { vectors, usage: Usage { input_tokens, output_tokens: 0 } })
    }

    fn in_order(&self, items: Vec<Item>, count: usize) -> Result<Vec<Vec<f32>>> {
        if items.len() != count {
            return Err(corrupt(EMBED, format!("{count} texts were sent and {} vectors came back", items.len())));
        }
        let mut vectors = vec![Vec::new(); count];
        for (position, item) in items.into_iter().enumerate() {
            let vector = self.unit(item.embedding)?;
            match vectors.get_mut(item.index.unwrap_or(position)) {
                Some(place) if place.is_empty() => *place = vector,
                _ => return Err(corrupt(EMBED, "the vectors' numbers are not those of the texts")),
            }
        }
        Ok(vectors)
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
impl Embedder for OpenAiEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    /// One request, and more only where the texts together are longer than the API reads at once.
    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        let most = self.info.max_batch;
        if texts.len() > most {
            return Err(Error::invalid(EMBED, format!("at most {most} texts a call, not {}", texts.len())));
        }
        let mut all = Embedded::default();
        let prepared: Vec<_> = texts.iter().map(|text| self.prepare(text, purpose)).collect();
        let mut texts = prepared.into_iter().peekable();
        while texts.peek().is_some() {
            let mut room = REQUEST_BYTES;
            let mut batch = Vec::new();
            // The first one goes in any case: a text alone is never too long.
            while let Some(text) = texts.next_if(|text| batch.is_empty() || text.len() <= room) {
                room = room.saturating_sub(text.len());
                batch.push(text);
            }
            let part = self.request(batch).await?;
            all.vectors.extend(part.vectors);
            all.usage += part.usage;
        }
        Ok(all)
    }
}

/// Tokens of so many bytes, where the server does not count: four to one, as in English.
pub(crate) fn estimate(bytes: usize) -> u64 {
    bytes.div_ceil(4) as u64
}

/// The model, the width, and a fingerprint of whatever else changes the numbers and is not as usual. Not the
/// address: the same model is the same model behind every server.
fn space_name(config: &OpenAiConfig, dimensions: usize) -> String {
    let mut name = format!("{}-{dimensions}", config.embedding_model);
    let (query, document) = (&config.query_prefix, &config.document_prefix);
    if !query.is_empty() || !document.is_empty() || config.max_text_bytes != TEXT_BYTES {
        let changes = format!("{}:{query}{}:{document}{}", query.len(), document.len(), config.max_text_bytes);
        let hash = Sha256::digest(changes.as_bytes());
        name.extend(["-".to_owned()].into_iter().chain(hash.iter().take(4).map(|byte| format!("{byte:02x}"))));
    }
    name
}

/// Read leniently: compatible servers leave out what nobody needs.
#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
    usage: Option<Counted>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Vec<f32>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counted {
    prompt_tokens: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::SystemClock;
    use serde_json::json;

    fn embedder(section: serde_json::Value) -> OpenAiEmbedder {
        let mut section = section;
        section["base_url"] = "http://127.0.0.1:1/v1".into();
        let config: OpenAiConfig = serde_json::from_value(section).unwrap();
        config.validate().unwrap();
        let client = Client::new(&config, Vec::new(), Arc::new(SystemClock)).unwrap();
        OpenAiEmbedder::new(&config, Arc::new(client)).unwrap()
    }

    #[test]
    fn the_space_changes_with_everything_that_changes_the_numbers() {
        let sections = [
            json!({}),
            json!({"dimensions": 512}),
            json!({"embedding_model": "text-embedding-ada-002"}),
            json!({"query_prefix": "query: "}),
            json!({"document_prefix": "query: "}),
            json!({"query_prefix": "q", "document_prefix": "d"}),
            json!({"query_prefix": "qd"}),
            json!({"max_text_bytes": 1000}),
        ];
        let mut names: Vec<_> = sections.into_iter().map(|section| embedder(section).info.space.model).collect();
        assert_eq!(names[0], "text-embedding-3-small-1536");
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
        let elsewhere = embedder(json!({"link_threshold": 0.5, "chat_model": "x", "max_batch": 3}));
        assert_eq!(elsewhere.info.space.model, "text-embedding-3-small-1536");
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
    fn vectors_are_put_into_the_order_of_their_texts_or_refused() {
        let embedder = embedder(json!({"embedding_model": "two", "dimensions": 2}));
        let item = |index, x, y| Item { index, embedding: vec![x, y] };
        let vectors = embedder.in_order(vec![item(Some(1), 0.0, 2.0), item(Some(0), 3.0, 0.0)], 2).unwrap();
        assert_eq!(vectors, [[1.0, 0.0], [0.0, 1.0]]);
        assert_eq!(embedder.in_order(vec![item(None, 3.0, 4.0)], 1).unwrap(), [[0.6, 0.8]]);
        for wrong in [
            vec![item(Some(0), 1.0, 0.0)],
            vec![item(Some(0), 1.0, 0.0), item(Some(0), 1.0, 0.0)],
            vec![item(Some(0), 1.0, 0.0), item(Some(2), 1.0, 0.0)],
        ] {
            let error = embedder.in_order(wrong, 2).unwrap_err();
            assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Corrupt, true));
        }
        for wrong in [item(None, 0.0, 0.0), item(None, f32::NAN, 1.0), item(None, f32::INFINITY, 1.0)] {
            let error = embedder.in_order(vec![wrong], 1).unwrap_err();
            assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Corrupt, false));
        }
    }
}
