//! SQLite does what every store does.

use async_trait::async_trait;
use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::crypt::{Keyring, Vault};
use hark_core::store::{EmbeddingCache, JobQueue, KeyStore, MemoryStore};
use hark_core::testkit::{CopyPlaces, Guard, MockClock, Reopen, SeededEntropy};
use hark_core::{Result, SystemEntropy};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// The same every time, so that what was sealed opens when the file is opened again.
fn vault() -> Vault {
    Vault::new(Keyring::generate(&SeededEntropy::new(21)), Arc::new(SystemEntropy))
}

/// A folder of its own; it goes with the value.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    /// Opens the file and runs the migrations, as the server does.
    async fn migrated(&self) -> Arc<dyn Backend> {
        let mut registry = Registry::default();
        hark_sqlite::register(&mut registry);
        let context = OpenContext {
            data_dir: self.0.path().to_owned(),
            clock: Arc::new(MockClock::default()),
            entropy: Arc::new(SeededEntropy::new(1)),
            vault: Some(vault()),
        };
        let backend = registry.open("sqlite", serde_json::json!({}), &context).await.expect("it opens");
        backend.migrate().expect("a schema").run().await.expect("it migrates");
        backend
    }

    async fn memory(&self) -> Arc<dyn MemoryStore> {
        self.migrated().await.memory().expect("the role")
    }

    async fn cache(&self) -> Arc<dyn EmbeddingCache> {
        self.migrated().await.cache().expect("the role")
    }

    async fn keys(&self) -> Arc<dyn KeyStore> {
        self.migrated().await.keys().expect("what it offers")
    }

    async fn jobs(&self) -> Arc<dyn JobQueue> {
        self.migrated().await.jobs().expect("the role")
    }
}

async fn memory() -> (Arc<dyn MemoryStore>, Guard) {
    let place = Place::new();
    (place.memory().await, Box::new(place))
}

async fn cache() -> (Arc<dyn EmbeddingCache>, Guard) {
    let place = Place::new();
    (place.cache().await, Box::new(place))
}

async fn keys() -> (Arc<dyn KeyStore>, Guard) {
    let place = Place::new();
    (place.keys().await, Box::new(place))
}

async fn jobs() -> (Arc<dyn JobQueue>, Guard) {
    let place = Place::new();
    (place.jobs().await, Box::new(place))
}

#[async_trait]
impl Reopen<dyn MemoryStore> for Place {
    async fn open(&self) -> Arc<dyn MemoryStore> {
        Place::memory(self).await
    }
}

#[async_trait]
impl Reopen<dyn EmbeddingCache> for Place {
    async fn open(&self) -> Arc<dyn EmbeddingCache> {
        Place::cache(self).await
    }
}

#[async_trait]
impl Reopen<dyn KeyStore> for Place {
    async fn open(&self) -> Arc<dyn KeyStore> {
        Place::keys(self).await
    }
}

#[async_trait]
impl Reopen<dyn JobQueue> for Place {
    async fn open(&self) -> Arc<dyn JobQueue> {
        Place::jobs(self).await
    }
}

async fn whole() -> (Arc<dyn Backend>, Guard) {
    let place = Place::new();
    (place.migrated().await, Box::new(place))
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
hark_core::embedding_cache_suite!(cache);
hark_core::embedding_cache_durability_suite!(place);
hark_core::key_store_suite!(keys);
hark_core::key_store_durability_suite!(place);

/// Folders in one folder.
struct Places {
    parent: TempDir,
    next: AtomicUsize,
}

impl Places {
    fn context(&self, place: usize) -> (Registry, OpenContext) {
        let mut registry = Registry::default();
        hark_sqlite::register(&mut registry);
        let data_dir = self.parent.path().join(format!("place-{place}"));
        std::fs::create_dir_all(&data_dir).expect("a folder");
        let (clock, entropy) = (Arc::new(MockClock::default()), Arc::new(SeededEntropy::new(1)));
        (registry, OpenContext { data_dir, clock, entropy, vault: Some(vault()) })
    }
}

#[async_trait]
impl CopyPlaces for Places {
    async fn open(&self, place: usize) -> Arc<dyn Backend> {
        let (registry, context) = self.context(place);
        let backend = registry.open("sqlite", serde_json::json!({}), &context).await.expect("it opens");
        backend.migrate().expect("a schema").run().await.expect("it migrates");
        backend
    }

    async fn restore(&self, place: usize, from: &Path) -> Result<()> {
        let (registry, context) = self.context(place);
        registry.restore("sqlite", serde_json::json!({}), &context, from).await
    }

    fn folder(&self) -> PathBuf {
        let folder = self.parent.path().join(format!("copy-{}", self.next.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&folder).expect("a folder");
        folder
    }
}

async fn places() -> Places {
    Places { parent: TempDir::new().expect("a temporary folder"), next: AtomicUsize::new(0) }
}

hark_core::backup_suite!(places);
