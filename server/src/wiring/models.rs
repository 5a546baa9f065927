//! Models in their layers, one breaker a backend.

use super::Surroundings;
use hark_core::Entropy;
use hark_core::ai::{ChatModel, Embedder};
use hark_core::cost::Meter;
use hark_core::layer::{
    self, Breaker, CachedEmbedder, EmbeddingTiers, MeteredChat, MeteredEmbedder, Profiles, Resilience,
};
use std::sync::Arc;

/// What models are layered with.
#[derive(Debug)]
pub(super) struct Models {
    resilience: Resilience,
    entropy: Arc<dyn Entropy>,
    meter: Arc<Meter>,
    cache: Arc<EmbeddingTiers>,
    breakers: Vec<(String, Arc<Breaker>)>,
}

impl Models {
    pub(super) fn new(
        resilience: Resilience,
        around: &Surroundings<'_>,
        meter: &Arc<Meter>,
        cache: &Arc<EmbeddingTiers>,
    ) -> Self {
        Self {
            resilience,
            entropy: around.entropy.clone(),
            meter: meter.clone(),
            cache: cache.clone(),
            breakers: Vec::new(),
        }
    }

    /// An embedder of that backend. Everything that waits, tries again or gives up is inside of what is paid for,
    /// and that inside of what is remembered.
    pub(super) fn embedder(&mut self, backend: &str, bare: Arc<dyn Embedder>) -> Profiles<dyn Embedder> {
        let breaker = self.breaker(backend);
        let guarded = layer::embedder(backend, bare, &self.resilience, &breaker, &self.entropy);
        CachedEmbedder::around(MeteredEmbedder::around(guarded, &self.meter), &self.cache)
    }

    /// A chat model of that backend, for work in the background: no caller waits for one.
    pub(super) fn chat(&mut self, backend: &str, bare: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        let breaker = self.breaker(backend);
        let guarded = layer::chat(backend, bare, &self.resilience, &breaker, &self.entropy).background;
        Arc::new(MeteredChat::new(guarded, self.meter.clone()))
    }

    /// The breakers there are, by backend.
    pub(super) fn breakers(self) -> Vec<(String, Arc<Breaker>)> {
        self.breakers
    }

    fn breaker(&mut self, backend: &str) -> Arc<Breaker> {
        if let Some((_, known)) = self.breakers.iter().find(|(name, _)| name == backend) {
            return known.clone();
        }
        let breaker = Breaker::new(backend, &self.resilience);
        self.breakers.push((backend.to_owned(), breaker.clone()));
        breaker
    }
}
