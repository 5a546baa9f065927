//! Where embeddings are remembered: in memory, and behind it on disk.

use super::config::EmbeddingCacheConfig;
use super::flights::{Flights, Vector};
use crate::ai::EmbedPurpose;
use crate::cost::account;
use crate::crypt::Vault;
use crate::layer::owners::owners;
use crate::store::{EmbeddingCache, EmbeddingKey, NewEmbedding, Space};
use crate::{Clock, Result, Scope, TenantId, Timestamp};
use chrono::Duration as Span;
use moka::sync::Cache;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// How long a question waits for the disk before the text is paid for once more: somebody is on the phone.
const PATIENCE_QUERY: Duration = Duration::from_millis(50);

/// How long everything else does.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long keeping may take before it is given up.
const PATIENCE_KEEP: Duration = Duration::from_secs(10);

/// A use is noted when the last one noted is older: a write a day is enough to tell what is no longer needed.
const TOUCH_AFTER: Span = Span::days(1);

/// Erasures that calls under way are compared with.
const ERASURES: usize = 1_000;

/// A text that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) key: EmbeddingKey,
    pub(super) tenant: TenantId,
    /// Whose words; `None` where nobody said so: then they are not kept on disk.
    pub(super) owner: Option<Scope>,
}

#[derive(Debug)]
struct Held {
    vector: Vector,
    owner: Option<Scope>,
}

#[derive(Debug, Default)]
struct Erasures {
    number: u64,
    last: VecDeque<(u64, Scope)>,
}

/// Remembers embeddings in memory and, if there is one, in an [`EmbeddingCache`]. Shared by all embedders of a
/// process. The cache may fail or be slow: then a text is paid for again, and `hark_embedding_cache_faults_total`
/// counts it.
#[derive(Debug)]
pub struct EmbeddingTiers {
    memory: Cache<EmbeddingKey, Arc<Held>>,
    store: Option<Arc<dyn EmbeddingCache>>,
    pub(super) flights: Arc<Flights>,
    erasures: Mutex<Erasures>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    tenant: TenantId,
    max_rows: u64,
    days: u64,
    /// Whether the store did not answer the last time.
    unwell: AtomicBool,
}

impl EmbeddingTiers {
    /// Tiers as configured. Texts are hashed with the vault's look-up key; those asked for on nobody's account
    /// count as `tenant`'s. Without a store, or with `persistent` off, memory is all there is.
    pub fn new(
        config: &EmbeddingCacheConfig,
        store: Option<Arc<dyn EmbeddingCache>>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        tenant: TenantId,
    ) -> Self {
        let memory = Cache::builder()
            .weigher(|_, held: &Arc<Held>| u32::try_from(held.vector.len() * 4 + 256).unwrap_or(u32::MAX))
            .max_capacity(config.memory_mb * 1024 * 1024)
            .build();
        Self {
            memory,
            store: store.filter(|_| config.persistent),
            flights: Arc::default(),
            erasures: Mutex::default(),
            vault,
            clock,
            tenant,
            max_rows: config.max_rows,
            days: config.days,
            unwell: AtomicBool::new(false),
        }
    }

    /// Forgets everything that was said by a caller, and what calls under way will bring of it. Can be repeated.
    ///
    /// # Errors
    /// What the store says.
    pub async fn erase(&self, scope: &Scope) -> Result<u64> {
        self.let_go(scope);
        match &self.store {
            Some(store) => store.erase(scope).await,
            None => Ok(0),
        }
    }

    /// The same in this process alone, where another one has erased the caller. Can be repeated.
    pub(crate) fn let_go(&self, scope: &Scope) {
        {
            let mut erasures = self.erasures.lock().unwrap_or_else(PoisonError::into_inner);
            erasures.number += 1;
            let number = erasures.number;
            // Said again and again, it must not take the places of others.
            erasures.last.retain(|(_, erased)| erased != scope);
            erasures.last.push_back((number, scope.clone()));
            if erasures.last.len() > ERASURES {
                erasures.last.pop_front();
            }
        }
        self.forget(scope);
    }

    /// Removes what was not used for long, and what is too much. Answers how much went.
    ///
    /// # Errors
    /// What the store says.
    pub async fn prune(&self) -> Result<u64> {
        let Some(store) = &self.store else { return Ok(0) };
        let unused_since = self.clock.now() - Span::days(i64::try_from(self.days).unwrap_or(36_500));
        store.prune(self.max_rows, unused_since).await
    }

    fn forget(&self, scope: &Scope) {
        let theirs: Vec<_> = self.memory.iter().filter(|(_, held)| held.owner.as_ref() == Some(scope)).collect();
        for (key, _) in theirs {
            self.memory.invalidate(&*key);
        }
    }

    /// Names texts by tenant, space, purpose and what they say.
    pub(super) fn name(&self, space: &Space, purpose: EmbedPurpose, texts: &[String]) -> Vec<Asked> {
        let owners = owners(texts.len());
        let payer = account().map_or_else(|| self.tenant.clone(), |account| account.tenant);
        let width = space.dimensions.to_string();
        let purpose = match purpose {
            EmbedPurpose::Query => "query".to_owned(),
            EmbedPurpose::Document(sector) => format!("document {}", sector.map_or("", crate::Sector::name)),
        };
        let name = |(index, text): (usize, &String)| {
            let owner = owners.as_ref().and_then(|owners| owners.get(index)).cloned();
            let tenant = owner.as_ref().map_or_else(|| payer.clone(), |owner| owner.tenant.clone());
            let parts = [tenant.as_str(), &space.model, &width, &purpose, text];
            Asked { key: EmbeddingKey(self.vault.keyed_hash("embedding", &parts)), tenant, owner }
        };
        texts.iter().enumerate().map(name).collect()
    }

    /// What is held in memory.
    pub(super) fn held(&self, key: &EmbeddingKey) -> Option<Vector> {
        self.memory.get(key).map(|held| held.vector.clone())
    }

    /// Holds vectors in memory.
    pub(super) fn hold(&self, asked: &[Asked], vectors: &HashMap<EmbeddingKey, Vector>) {
        for asked in asked {
            if let Some(vector) = vectors.get(&asked.key) {
                let held = Held { vector: vector.clone(), owner: asked.owner.clone() };
                self.memory.insert(asked.key, Arc::new(held));
            }
        }
    }

    /// What is kept on disk, with when it was last used. A store that fails or is late has nothing.
    pub(super) async fn kept(
        &self,
        space: &Space,
        purpose: EmbedPurpose,
        asked: &[Asked],
    ) -> HashMap<EmbeddingKey, (Vector, Timestamp)> {
        let mut found = HashMap::new();
        let Some(store) = &self.store else { return found };
        let patience = if purpose == EmbedPurpose::Query { PATIENCE_QUERY } else { PATIENCE };
        for (tenant, keys) in by_tenant(asked.iter().map(|asked| (&asked.tenant, asked.key))) {
            let Some(rows) = self.bounded("get", patience, store.get(tenant, space, &keys)).await else { continue };
            for (key, row) in keys.into_iter().zip(rows) {
                // What is no vector of this space was damaged; it is paid for again rather than searched with.
                let row = row.filter(|row| row.vector.len() == space.dimensions);
                if let Some(row) = row.filter(|row| row.vector.iter().all(|n| n.is_finite())) {
                    found.insert(key, (row.vector.into(), row.used_at));
                }
            }
        }
        found
    }

    /// Which erasure was the last one, for [`EmbeddingTiers::keep`].
    pub(super) fn erasure(&self) -> u64 {
        self.erasures.lock().unwrap_or_else(PoisonError::into_inner).number
    }

    fn erased_since(&self, erasure: u64, scope: &Scope) -> bool {
        let erasures = self.erasures.lock().unwrap_or_else(PoisonError::into_inner);
        erasures.last.iter().any(|(number, erased)| *number > erasure && erased == scope)
    }

    /// Keeps on disk what was just paid for, except the words of who was erased since `erasure`, which are forgotten
    /// in memory too: a late answer must not bring an erased person back.
    pub(super) async fn keep(
        &self,
        space: &Space,
        asked: &[Asked],
        vectors: &HashMap<EmbeddingKey, Vector>,
        erasure: u64,
    ) {
        let owned = asked.iter().filter_map(|asked| Some((asked, asked.owner.as_ref()?, vectors.get(&asked.key)?)));
        let owned: Vec<_> = owned.filter(|(_, owner, _)| !self.erased_since(erasure, owner)).collect();
        if let Some(store) = &self.store {
            let rows = owned.iter().map(|(asked, owner, vector)| {
                let row = NewEmbedding { key: asked.key, owner: owner.caller.clone(), vector: vector.to_vec() };
                (&asked.tenant, row)
            });
            for (tenant, rows) in by_tenant(rows) {
                self.bounded("put", PATIENCE_KEEP, store.put(tenant, space, &rows, self.clock.now())).await;
            }
        }
        let mut gone: Vec<&Scope> = asked.iter().filter_map(|asked| asked.owner.as_ref()).collect();
        gone.sort();
        gone.dedup();
        for scope in gone.into_iter().filter(|scope| self.erased_since(erasure, scope)) {
            self.forget(scope);
            if let Some(store) = &self.store {
                self.bounded("erase", PATIENCE_KEEP, store.erase(scope)).await;
            }
        }
    }

    /// What the store answers in time; otherwise it is counted and done without, and told once until it answers again.
    async fn bounded<T>(
        &self,
        operation: &'static str,
        patience: Duration,
        work: impl Future<Output = Result<T>>,
    ) -> Option<T> {
        let (reason, error) = match timeout(patience, work).await {
            Ok(Ok(answer)) => {
                if self.unwell.swap(false, Ordering::Relaxed) {
                    tracing::info!("the embedding cache answers again");
                }
                return Some(answer);
            }
            Ok(Err(error)) => (error.kind().name(), Some(error)),
            Err(_) => ("late", None),
        };
        if !self.unwell.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                operation,
                reason,
                ?error,
                "the embedding cache does not answer, embeddings may be paid for again"
            );
        }
        metrics::counter!("hark_embedding_cache_faults_total", "operation" => operation, "reason" => reason)
            .increment(1);
        None
    }

    /// Notes the use of what was found on disk, where that was not noted lately.
    pub(super) async fn touch(
        &self,
        space: &Space,
        asked: &[Asked],
        kept: &HashMap<EmbeddingKey, (Vector, Timestamp)>,
    ) {
        let Some(store) = &self.store else { return };
        let now = self.clock.now();
        let stale = asked.iter().filter(|asked| kept.get(&asked.key).is_some_and(|(_, at)| now - *at > TOUCH_AFTER));
        for (tenant, keys) in by_tenant(stale.map(|asked| (&asked.tenant, asked.key))) {
            self.bounded("touch", PATIENCE_KEEP, store.touch(tenant, space, &keys, now)).await;
        }
    }
}

fn by_tenant<'a, T>(items: impl Iterator<Item = (&'a TenantId, T)>) -> BTreeMap<&'a TenantId, Vec<T>> {
    let mut groups: BTreeMap<&TenantId, Vec<T>> = BTreeMap::new();
    for (tenant, item) in items {
        groups.entry(tenant).or_default().push(item);
    }
    groups
}
