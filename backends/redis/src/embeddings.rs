//! [`EmbeddingCache`] that all nodes share.
//!
//! A vector lies in a hash of its owner, and beside it stands whose it is: `at:<id>` names the owner, `of:<owner>` holds the
//! vectors by their ids, `used` orders all ids by their last use. So an owner's vectors go with one key, whatever else Redis
//! has thrown away for want of memory: of a vector that lacks one of its three parts there is nothing to be found.
//! Ids and owners are keyed hashes, vectors are sealed.

use crate::config::RedisConfig;
use crate::error::no_keys;
use crate::link::Link;
use async_trait::async_trait;
use chrono::DateTime;
use hark_core::crypt::{Purpose, Sealed, Vault};
use hark_core::store::{CachedEmbedding, EmbeddingCache, EmbeddingKey, NewEmbedding, Space};
use hark_core::{Error, Result, Scope, TenantId, Timestamp};
use redis::{Script, ScriptInvocation};
use std::fmt::Write;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// So many are asked for, or removed, by one script: others are served between two of them.
const BATCH: usize = 500;

/// For so long, in seconds, nothing is taken for who was erased: no call for an embedding takes longer.
const GONE: u32 = 900;

type Code = LazyLock<Script>;

static GET: Code = LazyLock::new(|| Script::new(include_str!("scripts/get.lua")));
static PUT: Code = LazyLock::new(|| Script::new(include_str!("scripts/put.lua")));
static TOUCH: Code = LazyLock::new(|| Script::new(include_str!("scripts/touch.lua")));
static ERASE: Code = LazyLock::new(|| Script::new(include_str!("scripts/erase.lua")));
static PRUNE: Code = LazyLock::new(|| Script::new(include_str!("scripts/prune.lua")));
static COUNT: Code = LazyLock::new(|| Script::new("return redis.call('ZCARD', ARGV[1] .. 'used')"));

/// Embeddings in Redis. While it does not answer there are none, and nothing is kept; an erasure fails, to be repeated.
#[derive(Debug)]
pub(crate) struct RedisEmbeddings {
    link: Arc<Link>,
    vault: Option<Vault>,
    prefix: String,
    keep_secs: u64,
    patience: Duration,
    long_patience: Duration,
}

impl RedisEmbeddings {
    pub(crate) fn new(config: &RedisConfig, link: Arc<Link>, vault: Option<Vault>) -> Self {
        Self {
            link,
            vault,
            // In braces, so that a proxy before a cluster keeps them together.
            prefix: format!("{{{}}}:embedding:", config.prefix),
            keep_secs: u64::from(config.keep_days) * 86_400,
            patience: config.patience(),
            long_patience: config.long_patience(),
        }
    }

    fn script(&self, code: &'static Code) -> ScriptInvocation<'static> {
        let mut call = code.prepare_invoke();
        call.arg(&self.prefix);
        call
    }

    fn vault(&self, operation: &'static str) -> Result<&Vault> {
        self.vault.as_ref().ok_or_else(|| no_keys(operation))
    }
}

/// What an embedding is found by. It is bound into the sealed vector too, so that none can be passed off as another.
fn id(vault: &Vault, tenant: &TenantId, space: &Space, key: &EmbeddingKey) -> [u8; 32] {
    vault.keyed_hash("redis embedding", &[tenant.as_str(), &space.model, &space.dimensions.to_string(), &hex(&key.0)])
}

/// What all of somebody's are found by.
fn owner(vault: &Vault, scope: &Scope) -> [u8; 32] {
    vault.keyed_hash("redis owner", &[scope.tenant.as_str(), scope.caller.as_str()])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Opens what was kept. What does not open, or is no vector of the space, is not there: it is paid for again.
fn opened(
    vault: &Vault,
    (tenant, space, id): (&TenantId, &Space, &[u8; 32]),
    found: (Option<Vec<u8>>, Option<f64>),
) -> Option<CachedEmbedding> {
    let (Some(sealed), Some(used)) = found else { return None };
    let bytes = vault.open(tenant, Purpose::Embedding, &hex(id), &Sealed::from_bytes(sealed)).ok()?;
    if bytes.len() != space.dimensions * 4 {
        return None;
    }
    let vector = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    // Whole microseconds of our time are exact in a double.
    Some(CachedEmbedding { vector, used_at: DateTime::from_timestamp_micros(used as i64)? })
}

#[async_trait]
impl EmbeddingCache for RedisEmbeddings {
    async fn get(
        &self,
        tenant: &TenantId,
        space: &Space,
        keys: &[EmbeddingKey],
    ) -> Result<Vec<Option<CachedEmbedding>>> {
        let vault = self.vault("redis.get_embeddings")?;
        let mut embeddings = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let ids: Vec<_> = keys.iter().map(|key| id(vault, tenant, space, key)).collect();
            let mut call = self.script(&GET);
            for id in &ids {
                call.arg(&id[..]);
            }
            let found: Vec<(Option<Vec<u8>>, Option<f64>)> =
                self.link.run("redis.get_embeddings", self.patience, call).await?;
            let found = ids.iter().zip(found).map(|(id, found)| opened(vault, (tenant, space, id), found));
            embeddings.extend(found);
        }
        Ok(embeddings)
    }

    async fn put(&self, tenant: &TenantId, space: &Space, rows: &[NewEmbedding], now: Timestamp) -> Result<()> {
        const OPERATION: &str = "redis.put_embeddings";
        if rows.iter().any(|row| row.vector.len() != space.dimensions) {
            return Err(Error::invalid(OPERATION, "a vector has not the space's width"));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let vault = self.vault(OPERATION)?;
        let keys = vault.keys().fold("\n".to_owned(), |keys, (key, _)| keys + key + "\n");
        let mut call = self.script(&PUT);
        call.arg(now.timestamp_micros()).arg(self.keep_secs).arg(keys);
        for row in rows {
            let id = id(vault, tenant, space, &row.key);
            let bytes: Vec<u8> = row.vector.iter().flat_map(|n| n.to_le_bytes()).collect();
            let sealed = vault.seal(tenant, Purpose::Embedding, &hex(&id), &bytes)?;
            let owner = owner(vault, &Scope::new(tenant.clone(), row.owner.clone()));
            call.arg(&id[..]).arg(&owner[..]).arg(sealed.as_bytes());
        }
        self.link.run(OPERATION, self.long_patience, call).await
    }

    async fn touch(&self, tenant: &TenantId, space: &Space, keys: &[EmbeddingKey], now: Timestamp) -> Result<()> {
        let vault = self.vault("redis.touch_embeddings")?;
        for keys in keys.chunks(BATCH) {
            let mut call = self.script(&TOUCH);
            call.arg(now.timestamp_micros()).arg(self.keep_secs);
            for key in keys {
                call.arg(&id(vault, tenant, space, key)[..]);
            }
            self.link.run::<()>("redis.touch_embeddings", self.long_patience, call).await?;
        }
        Ok(())
    }

    async fn erase(&self, scope: &Scope) -> Result<u64> {
        let vault = self.vault("redis.erase_embeddings")?;
        let mut call = self.script(&ERASE);
        call.arg(&owner(vault, scope)[..]).arg(GONE);
        self.link.run("redis.erase_embeddings", self.long_patience, call).await
    }

    async fn prune(&self, keep: u64, unused_since: Timestamp) -> Result<u64> {
        let mut removed = 0;
        loop {
            let mut call = self.script(&PRUNE);
            call.arg(unused_since.timestamp_micros()).arg(keep).arg(BATCH);
            match self.link.run::<u64>("redis.prune_embeddings", self.long_patience, call).await? {
                0 => return Ok(removed),
                some => removed += some,
            }
        }
    }

    async fn count(&self) -> Result<u64> {
        self.link.run("redis.count_embeddings", self.long_patience, self.script(&COUNT)).await
    }
}
