//! The role: texts in, vectors out, with the model on its own threads and a small memory.

use crate::error::{EMBED, inference, task};
use crate::lanes::Lanes;
use crate::model::{PLACEHOLDER, TextModel};
use async_trait::async_trait;
use hark_core::ai::{EmbedPurpose, Embedded, Embedder, EmbedderInfo};
use hark_core::{Error, Result};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Texts a call may bring.
const MAX_BATCH: usize = 256;
/// Texts computed before the core is offered to whoever waits, so that a bulk job does not keep a question waiting
/// for long.
const TEXTS_A_TURN: usize = 8;
/// Bytes of a text that are looked at. Models read 128 to 512 pieces, far less than this.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// Vectors of people's words are not kept for longer.
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);

type Key = [u8; 32];
type Vector = Arc<[f32]>;

/// An [`Embedder`] on a model in this process.
#[derive(Debug)]
pub(crate) struct LocalEmbedder {
    info: EmbedderInfo,
    model: Arc<dyn TextModel>,
    lanes: Lanes,
    kept: Kept,
}

/// What was computed. Questions have a place of their own: calls bring many more texts to be remembered than are ever
/// asked for again, and would push out what the next caller asks.
#[derive(Debug)]
struct Kept {
    questions: Cache<Key, Vector>,
    documents: Cache<Key, Vector>,
}

impl Kept {
    /// Room for so many texts of each kind.
    fn new(texts: usize) -> Self {
        let room = || Cache::builder().max_capacity(texts as u64).time_to_live(KEPT_FOR).build();
        Self { questions: room(), documents: room() }
    }

    fn of(&self, purpose: EmbedPurpose) -> &Cache<Key, Vector> {
        match purpose {
            EmbedPurpose::Query => &self.questions,
            EmbedPurpose::Document(_) => &self.documents,
        }
    }

    fn forget(&self) {
        self.questions.invalidate_all();
        self.documents.invalidate_all();
    }
}

impl LocalEmbedder {
    /// Serves a model on `threads` cores, keeping the vectors of `cache_texts` questions and as many documents.
    pub(crate) fn new(
        model: Arc<dyn TextModel>,
        threads: usize,
        link_threshold: Option<f32>,
        cache_texts: usize,
    ) -> Self {
        let info = EmbedderInfo {
            space: model.space().clone(),
            max_batch: MAX_BATCH,
            link_threshold: link_threshold.unwrap_or_else(|| model.link_threshold()),
            remote: false,
        };
        Self { info, model, lanes: Lanes::new(threads), kept: Kept::new(cache_texts) }
    }

    /// Computes one vector, whatever is kept.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    pub(crate) async fn probe(&self) -> Result<()> {
        self.compute(vec![PLACEHOLDER.to_owned()]).await.map(drop)
    }

    /// Refuses further calls and forgets what was kept.
    pub(crate) fn close(&self) {
        self.lanes.close();
        self.kept.forget();
    }

    async fn compute(&self, texts: Vec<String>) -> Result<Vec<Vector>> {
        let lane = self.lanes.take(EMBED).await?;
        let model = Arc::clone(&self.model);
        let work = move || {
            let width = model.space().dimensions;
            texts.iter().map(|text| unit(model.embed(text, lane.pool())?, width)).collect()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| task(EMBED, error))?
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        if texts.len() > MAX_BATCH {
            return Err(Error::invalid(EMBED, format!("at most {MAX_BATCH} texts a call, not {}", texts.len())));
        }
        let prefix = self.model.prefix(purpose);
        let kept = self.kept.of(purpose);
        let mut keys = Vec::with_capacity(texts.len());
        let mut found = HashMap::with_capacity(texts.len());
        let mut missing = Vec::new();
        for text in texts {
            let text = format!("{prefix}{}", readable(text));
            let key = Key::from(Sha256::digest(text.as_bytes()));
            keys.push(key);
            if found.contains_key(&key) {
                continue;
            }
            let vector = kept.get(&key);
            if vector.is_none() {
                missing.push((key, text));
            }
            found.insert(key, vector);
        }
        tracing::trace!(texts = texts.len(), computed = missing.len(), "embedding");
        let mut missing = missing.into_iter();
        loop {
            let (turn, texts): (Vec<_>, Vec<_>) = missing.by_ref().take(TEXTS_A_TURN).unzip();
            if turn.is_empty() {
                break;
            }
            for (key, vector) in turn.into_iter().zip(self.compute(texts).await?) {
                kept.insert(key, Arc::clone(&vector));
                found.insert(key, Some(vector));
            }
        }
        let vector = |key| found.get(key).and_then(Option::as_deref).map(<[f32]>::to_vec);
        let vectors: Result<_> =
            keys.iter().map(|key| vector(key).ok_or_else(|| inference("a text was left out"))).collect();
        Ok(Embedded::free(vectors?))
    }
}

/// The part of a text a model is shown; never blank.
fn readable(text: &str) -> &str {
    let text = &text[..text.floor_char_boundary(MAX_TEXT_BYTES)];
    if text.trim().is_empty() { PLACEHOLDER } else { text }
}

/// A vector of the right width and of length one.
fn unit(vector: Vec<f32>, width: usize) -> Result<Vector> {
    if vector.len() != width {
        return Err(inference(format!("the model gave {} numbers, not {width}", vector.len())));
    }
    let length = vector.iter().map(|&number| f64::from(number).powi(2)).sum::<f64>().sqrt();
    if !length.is_finite() || length <= 0.0 {
        return Err(inference("the model gave a vector without a direction"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "a quotient of at most one fits")]
    Ok(vector.into_iter().map(|number| (f64::from(number) / length) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hark_core::ErrorKind;
    use hark_core::store::Space;
    use rten::ThreadPool;
    use std::borrow::Cow;
    use std::sync::Mutex;

    /// Notes what it is shown; the vector says how long the text is.
    #[derive(Debug)]
    struct Recording {
        space: Space,
        seen: Mutex<Vec<String>>,
    }

    impl TextModel for Recording {
        fn space(&self) -> &Space {
            &self.space
        }
        fn link_threshold(&self) -> f32 {
            0.6
        }
        fn prefix(&self, purpose: EmbedPurpose) -> Cow<'_, str> {
            purpose.prefix("query: ", "")
        }
        fn embed(&self, text: &str, _: &Arc<ThreadPool>) -> Result<Vec<f32>> {
            assert!(text != "panic", "as asked");
            self.seen.lock().unwrap().push(text.to_owned());
            Ok(vec![text.len() as f32, 1.0])
        }
    }

    fn recording(dimensions: usize) -> Arc<Recording> {
        Arc::new(Recording { space: Space { model: "recording".into(), dimensions }, seen: Mutex::default() })
    }

    fn embedder(model: &Arc<Recording>, cache_texts: usize) -> LocalEmbedder {
        LocalEmbedder::new(Arc::clone(model) as Arc<dyn TextModel>, 2, None, cache_texts)
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[tokio::test]
    async fn a_text_is_computed_once_and_the_order_is_kept() {
        let model = recording(2);
        let embedder = embedder(&model, 100);
        let document = EmbedPurpose::Document(None);
        let many: Vec<String> = (0..20).map(|i| "x".repeat(i % 10 + 1)).collect();
        let vectors = embedder.embed(&many, document).await.unwrap().vectors;
        for (text, vector) in many.iter().zip(&vectors) {
            let length = text.len() as f32;
            assert!((vector[0] / vector[1] - length).abs() < 1e-3);
            assert!((vector[0].hypot(vector[1]) - 1.0).abs() < 1e-6);
        }
        assert_eq!(model.seen.lock().unwrap().len(), 10);
        embedder.embed(&texts(&["xxx"]), document).await.unwrap();
        assert_eq!(model.seen.lock().unwrap().len(), 10, "kept from before");
        embedder.embed(&texts(&["xxx"]), EmbedPurpose::Query).await.unwrap();
        assert_eq!(model.seen.lock().unwrap().last().unwrap(), "query: xxx", "another prefix, another vector");
    }

    #[tokio::test]
    async fn however_much_is_said_the_questions_are_kept() {
        let model = recording(2);
        let embedder = embedder(&model, 4);
        let questions = texts(&["a", "bb", "ccc"]);
        embedder.embed(&questions, EmbedPurpose::Query).await.unwrap();
        for call in 0..50 {
            let said: Vec<String> = (0..4).map(|turn| format!("turn {turn} of call {call}")).collect();
            embedder.embed(&said, EmbedPurpose::Document(None)).await.unwrap();
        }
        let computed = model.seen.lock().unwrap().len();
        embedder.embed(&questions, EmbedPurpose::Query).await.unwrap();
        assert_eq!(model.seen.lock().unwrap().len(), computed);
    }

    #[tokio::test]
    async fn without_a_cache_every_call_computes() {
        let model = recording(2);
        let embedder = embedder(&model, 0);
        for _ in 0..2 {
            embedder.embed(&texts(&["a", "a"]), EmbedPurpose::Document(None)).await.unwrap();
        }
        assert_eq!(model.seen.lock().unwrap().len(), 2, "twice alike in one call is computed once");
    }

    #[tokio::test]
    async fn blank_texts_become_a_word_and_endless_ones_are_cut_at_a_character() {
        let model = recording(2);
        let embedder = embedder(&model, 0);
        let endless = format!("a{}", "é".repeat(MAX_TEXT_BYTES));
        let vectors =
            embedder.embed(&[String::new(), " \n\t".into(), endless], EmbedPurpose::Document(None)).await.unwrap();
        assert_eq!(vectors.vectors.len(), 3);
        let seen = model.seen.lock().unwrap();
        assert_eq!(seen[0], PLACEHOLDER);
        assert_eq!(seen[1].len(), MAX_TEXT_BYTES - 1);
    }

    #[tokio::test]
    async fn too_many_texts_are_the_callers_mistake_and_none_are_fine() {
        let embedder = embedder(&recording(2), 0);
        let error = embedder.embed(&vec![String::new(); MAX_BATCH + 1], EmbedPurpose::Query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(embedder.embed(&[], EmbedPurpose::Query).await.unwrap().vectors.is_empty());
    }

    #[tokio::test]
    async fn a_model_that_misbehaves_is_an_error_and_gives_its_lane_back() {
        let model = recording(3);
        let embedder = embedder(&model, 0);
        for _ in 0..4 {
            let error = embedder.embed(&texts(&["a"]), EmbedPurpose::Document(None)).await.unwrap_err();
            assert!(error.context().contains("2 numbers, not 3"), "{error}");
            let error = embedder.embed(&texts(&["panic"]), EmbedPurpose::Document(None)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Internal);
        }
    }

    #[test]
    fn a_vector_without_direction_is_refused() {
        assert!(unit(vec![0.0, 0.0], 2).is_err());
        assert!(unit(vec![f32::NAN, 0.0], 2).is_err());
        assert!(unit(vec![3.0, 4.0], 2).is_ok_and(|v| (v[0] - 0.6).abs() < 1e-6));
    }

    #[tokio::test]
    async fn after_closing_calls_are_refused() {
        let embedder = embedder(&recording(2), 10);
        embedder.probe().await.unwrap();
        embedder.close();
        embedder.close();
        assert_eq!(embedder.probe().await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
}
