//! What core itself brings keeps what the traits promise: the in-memory stores, the rules, the fakes.

use hark_core::ai::by_rules::{RuleClassifier, RuleExtractor};
use hark_core::ai::{ChatModel, Classifier, Embedder, Extractor};
use hark_core::backend::Backend;
use hark_core::limit::RateLimiter;
use hark_core::ram::{
    RamBackend, RamEmbeddingCache, RamJobQueue, RamKeyStore, RamKeywordStore, RamMemoryStore, RamRateLimiter,
    RamVectorStore,
};
use hark_core::store::{EmbeddingCache, JobQueue, KeyStore, KeywordStore, MemoryStore, VectorStore};
use hark_core::testkit::{ChatReply, FakeClassifier, FakeEmbedder, FakeExtractor, ScriptedChat};
use std::sync::Arc;

async fn memory() -> (Arc<dyn MemoryStore>, ()) {
    (Arc::new(RamMemoryStore::default()), ())
}

async fn jobs() -> (Arc<dyn JobQueue>, ()) {
    (Arc::new(RamJobQueue::default()), ())
}

async fn vectors() -> (Arc<dyn VectorStore>, ()) {
    (Arc::new(RamVectorStore::default()), ())
}

async fn keywords() -> (Arc<dyn KeywordStore>, ()) {
    (Arc::new(RamKeywordStore::default()), ())
}

async fn cache() -> (Arc<dyn EmbeddingCache>, ()) {
    (Arc::new(RamEmbeddingCache::default()), ())
}

async fn keys() -> (Arc<dyn KeyStore>, ()) {
    (Arc::new(RamKeyStore::default()), ())
}

async fn whole() -> (Arc<dyn Backend>, ()) {
    (Arc::new(RamBackend::default()), ())
}

async fn limits() -> (Arc<dyn RateLimiter>, ()) {
    (Arc::new(RamRateLimiter::default()), ())
}

async fn fake_embedder() -> (Arc<dyn Embedder>, ()) {
    (Arc::new(FakeEmbedder::default()), ())
}

async fn fake_extractor() -> (Arc<dyn Extractor>, ()) {
    (Arc::new(FakeExtractor), ())
}

async fn fake_classifier() -> (Arc<dyn Classifier>, ()) {
    (Arc::new(FakeClassifier), ())
}

async fn scripted_chat(reply: ChatReply) -> (Arc<dyn ChatModel>, ()) {
    let chat = ScriptedChat::default();
    chat.then(Ok(reply));
    (Arc::new(chat), ())
}

hark_core::memory_store_suite!(memory);
hark_core::job_queue_suite!(jobs);
hark_core::vector_store_suite!(vectors);
hark_core::keyword_store_suite!(keywords);
hark_core::embedding_cache_suite!(cache);
hark_core::key_store_suite!(keys);
hark_core::sealed_store_suite!(whole);
hark_core::rate_limiter_suite!(limits);
hark_core::embedder_suite!(fake_embedder);
hark_core::extractor_suite!(fake_extractor);
hark_core::classifier_suite!(fake_classifier);
hark_core::chat_suite!(scripted_chat);

mod by_rules {
    use super::*;

    async fn rule_extractor() -> (Arc<dyn Extractor>, ()) {
        (Arc::new(RuleExtractor), ())
    }

    async fn rule_classifier() -> (Arc<dyn Classifier>, ()) {
        (Arc::new(RuleClassifier), ())
    }

    hark_core::extractor_suite!(rule_extractor);
    hark_core::classifier_suite!(rule_classifier);
}
