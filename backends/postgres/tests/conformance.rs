//! PostgreSQL does what every store does.

#[expect(dead_code, reason = "the other tests also reach behind the store's back")]
#[path = "it/place.rs"]
mod place;

use async_trait::async_trait;
use hark_core::backend::Backend;
use hark_core::store::{EmbeddingCache, JobQueue, KeyStore, KeywordStore, MemoryStore, VectorStore};
use hark_core::testkit::{Guard, Reopen};
use place::Place;
use std::sync::Arc;

async fn memory() -> (Arc<dyn MemoryStore>, Guard) {
    let place = Place::new();
    (place.migrated().await.memory(), Box::new(place))
}

async fn cache() -> (Arc<dyn EmbeddingCache>, Guard) {
    let place = Place::new();
    (place.migrated().await.0.cache().expect("the role"), Box::new(place))
}

async fn keys() -> (Arc<dyn KeyStore>, Guard) {
    let place = Place::new();
    (place.migrated().await.0.keys().expect("what it offers"), Box::new(place))
}

async fn jobs() -> (Arc<dyn JobQueue>, Guard) {
    let place = Place::new();
    (place.migrated().await.jobs(), Box::new(place))
}

async fn vectors() -> (Arc<dyn VectorStore>, Guard) {
    let place = Place::new();
    (place.migrated().await.vectors(), Box::new(place))
}

async fn keywords() -> (Arc<dyn KeywordStore>, Guard) {
    let place = Place::new();
    (place.migrated().await.keywords(), Box::new(place))
}

#[async_trait]
impl Reopen<dyn MemoryStore> for Place {
    async fn open(&self) -> Arc<dyn MemoryStore> {
        self.migrated().await.memory()
    }
}

#[async_trait]
impl Reopen<dyn EmbeddingCache> for Place {
    async fn open(&self) -> Arc<dyn EmbeddingCache> {
        self.migrated().await.0.cache().expect("the role")
    }
}

#[async_trait]
impl Reopen<dyn KeyStore> for Place {
    async fn open(&self) -> Arc<dyn KeyStore> {
        self.migrated().await.0.keys().expect("what it offers")
    }
}

#[async_trait]
impl Reopen<dyn JobQueue> for Place {
    async fn open(&self) -> Arc<dyn JobQueue> {
        self.migrated().await.jobs()
    }
}

#[async_trait]
impl Reopen<dyn VectorStore> for Place {
    async fn open(&self) -> Arc<dyn VectorStore> {
        self.migrated().await.vectors()
    }
}

#[async_trait]
impl Reopen<dyn KeywordStore> for Place {
    async fn open(&self) -> Arc<dyn KeywordStore> {
        self.migrated().await.keywords()
    }
}

async fn whole() -> (Arc<dyn Backend>, Guard) {
    let place = Place::new();
    (place.migrated().await.0, Box::new(place))
}

async fn place() -> Place {
    Place::new()
}

hark_core::archive_suite!(whole);
hark_core::sealed_store_suite!(whole);
hark_core::memory_store_suite!(memory);
hark_core::memory_store_durability_suite!(place);
hark_core::job_queue_suite!(jobs);
hark_core::job_queue_durability_suite!(place);
hark_core::vector_store_suite!(vectors);
hark_core::vector_store_durability_suite!(place);
hark_core::keyword_store_suite!(keywords);
hark_core::keyword_store_durability_suite!(place);
hark_core::embedding_cache_suite!(cache);
hark_core::embedding_cache_durability_suite!(place);
hark_core::key_store_suite!(keys);
hark_core::key_store_durability_suite!(place);
