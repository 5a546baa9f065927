//! Everything the flows need, in one value that is cheap to clone.

use crate::ai::{ChatModel, Classifier, Embedder, EmbedderInfo, Extractor};
use crate::cost::Meter;
use crate::crypt::Vault;
use crate::decay::{DecayConfig, LinkConfig};
use crate::ingest::NextSpace;
use crate::layer::{EmbeddingTiers, Profiles};
use crate::privacy::PrivacyConfig;
use crate::receipts::Recorder;
use crate::redact::Redactor;
use crate::store::{JobQueue, KeywordStore, MemoryStore, VectorStore};
use crate::{Clock, Entropy};
use std::sync::Arc;

/// The open parts of a running Hark. Wiring makes one; [`crate::people::People`], [`crate::ingest::Ingest`]
/// and [`crate::recall::Recall`] work on it.
#[derive(Debug, Clone)]
pub struct Engine {
    /// The truth.
    pub memory: Arc<dyn MemoryStore>,
    /// Durable work.
    pub jobs: Arc<dyn JobQueue>,
    /// Vectors, derived.
    pub vectors: Arc<dyn VectorStore>,
    /// Words, derived.
    pub keywords: Arc<dyn KeywordStore>,
    /// The embedder; `None` for keyword search only.
    pub embedder: Option<Profiles<dyn Embedder>>,
    /// The embedder that is to take over, while its space is being filled.
    pub next: Option<NextSpace>,
    /// The chat model, for work in the background; `None` where rules do it.
    pub chat: Option<Arc<dyn ChatModel>>,
    /// What is remembered of remote embedders, for forgetting it; `None` where there is nothing to remember.
    pub embeddings: Option<Arc<EmbeddingTiers>>,
    /// What models cost.
    pub meter: Arc<Meter>,
    /// What agents were told.
    pub receipts: Arc<Recorder>,
    /// What makes candidates of transcripts.
    pub extractor: Arc<dyn Extractor>,
    /// What steps in when the extractor has failed for too long; `None` where the extractor needs no model.
    pub stand_in: Option<Arc<dyn Extractor>>,
    /// What gives sentences a sector.
    pub classifier: Arc<dyn Classifier>,
    /// How fast memories and links fade.
    pub decay: DecayConfig,
    /// When memories are linked.
    pub link: LinkConfig,
    /// What people may expect.
    pub privacy: PrivacyConfig,
    /// What is taken out of what people say before anything is made of it.
    pub redaction: Redactor,
    /// Encryption and keyed hashes.
    pub vault: Vault,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

impl Engine {
    /// From this cosine on two memories are about the same thing.
    pub(crate) fn link_threshold(&self, embedder: &EmbedderInfo) -> f32 {
        self.link.threshold.unwrap_or(embedder.link_threshold)
    }

    /// The same engine for work that somebody waits for: it has no more patience with its models than a caller on
    /// the phone.
    pub(crate) fn hurried(&self) -> Self {
        let hurried = |models: &Profiles<dyn Embedder>| Profiles::same(models.interactive.clone());
        Self { embedder: self.embedder.as_ref().map(hurried), ..self.clone() }
    }
}
