//! Fills a data folder through the backends' own traits, much faster than by HTTP.

use crate::Outcome;
use crate::rng::Rng;
use crate::sentences::{self, Sentence};
use chrono::Duration;
use hark_core::ai::{EmbedPurpose, Embedder};
use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::crypt::{Keyring, Vault};
use hark_core::store::{KeywordDoc, KeywordStore, MemoryStore, Space, VectorRow, VectorStore};
use hark_core::{
    Clock, IdentityKind, IndexState, Memory, MemoryId, MemoryState, Origin, Provenance, Scope, SystemClock,
    SystemEntropy, TenantId, Timestamp, UserId,
};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Different sentences; their vectors are computed once and used for every caller who is given one.
const DISTINCT: usize = 4_096;
/// Memories are younger than the days after which they are put away (`decay.archive_after_days`, 180).
const YOUNGER_DAYS: usize = 170;
/// Rows written to the derived stores at once.
const BATCH: usize = 20_000;
/// The tenant of a server that is told nothing else.
const TENANT: &str = "default";

/// The telephone number of a caller.
pub(crate) fn number(caller: usize) -> String {
    format!("+1415{caller:07}")
}

/// A new keyring, written there.
pub(crate) fn keyring(keys: &Path) -> Outcome<Keyring> {
    let keyring = Keyring::generate(&SystemEntropy);
    std::fs::write(keys, keyring.to_text().as_bytes())?;
    Ok(keyring)
}

struct Stores {
    opened: Vec<Arc<dyn Backend>>,
    memory: Arc<dyn MemoryStore>,
    vectors: Arc<dyn VectorStore>,
    keywords: Arc<dyn KeywordStore>,
    embedder: Arc<dyn Embedder>,
}

/// Writes `callers` callers of `each` memories into `data`, with a new keyring in `keys`.
pub(crate) async fn fill(data: &Path, keys: &Path, callers: usize, each: usize) -> Outcome {
    let vault = Vault::new(keyring(keys)?, Arc::new(SystemEntropy));
    let stores = open(data).await?;
    let mut rng = Rng::new(1);
    let pool = sentences::memories(DISTINCT, &mut rng);
    let vectors = embed(&*stores.embedder, &pool).await?;
    let space = stores.embedder.info().space.clone();
    let now = SystemClock.now();

    let (mut docs, mut rows) = (Vec::new(), Vec::new());
    for caller in 0..callers {
        let scope = admit(&stores, &vault, caller, now).await?;
        let chosen = choose(&mut rng, each);
        let memories: Vec<Memory> = chosen.iter().map(|&at| memory(&mut rng, caller, at, &pool[at], now)).collect();
        stores.memory.put_memories(&scope, &memories).await?;
        for (memory, &at) in memories.iter().zip(&chosen) {
            let row = VectorRow { id: memory.id.clone(), sector: memory.sector, vector: vectors[at].clone() };
            docs.push((scope.clone(), doc(memory)));
            rows.push((scope.clone(), row));
        }
        if rows.len() >= BATCH || caller + 1 == callers {
            flush(&stores, &space, &mut docs, &mut rows).await?;
            println!("  seeded {} of {callers} callers", caller + 1);
        }
    }
    stores.vectors.optimise().await?;
    stores.keywords.optimise().await?;
    for backend in stores.opened {
        backend.close().await?;
    }
    Ok(())
}

/// The default configuration's backends, but for the flush at every commit: what is lost in a power cut is
/// seeded again.
async fn open(data: &Path) -> Outcome<Stores> {
    let mut registry = Registry::new();
    hark_plugins::install(&mut registry);
    std::fs::create_dir_all(data)?;
    let context = OpenContext {
        data_dir: data.to_owned(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        vault: None,
    };
    let mut opened = Vec::new();
    for (kind, section) in [
        ("sqlite", json!({"synchronous": "normal"})),
        ("lancedb", json!({})),
        ("tantivy", json!({})),
        ("local", json!({})),
    ] {
        let backend = registry.open(kind, section, &context).await?;
        if let Some(schema) = backend.migrate() {
            schema.run().await?;
        }
        opened.push(backend);
    }
    let offered = "the bundle offers every role";
    Ok(Stores {
        memory: opened.iter().find_map(|b| b.memory()).ok_or(offered)?,
        vectors: opened.iter().find_map(|b| b.vectors()).ok_or(offered)?,
        keywords: opened.iter().find_map(|b| b.keywords()).ok_or(offered)?,
        embedder: opened.iter().find_map(|b| b.embedder()).ok_or(offered)?,
        opened,
    })
}

async fn embed(embedder: &dyn Embedder, pool: &[Sentence]) -> Outcome<Vec<Vec<f32>>> {
    let mut vectors = Vec::with_capacity(pool.len());
    // One by one in sector, since an embedder may treat each differently, and in the pool's order.
    for run in pool.chunk_by(|a, b| a.sector == b.sector) {
        for batch in run.chunks(embedder.info().max_batch.max(1)) {
            let texts: Vec<String> = batch.iter().map(|s| s.text.clone()).collect();
            vectors.extend(embedder.embed(&texts, EmbedPurpose::Document(Some(batch[0].sector))).await?.vectors);
        }
    }
    Ok(vectors)
}

async fn admit(stores: &Stores, vault: &Vault, caller: usize, now: Timestamp) -> Outcome<Scope> {
    let tenant = TenantId::new(TENANT);
    let identity = vault.identity(&tenant, IdentityKind::Phone, &number(caller))?.ok_or("a number is an identity")?;
    let id = UserId::new(format!("usr_bench{caller:08}"));
    let resolved = stores.memory.ensure_user(&tenant, &[identity], &id, now).await?;
    Ok(Scope { tenant, caller: resolved.user.id })
}

/// `each` different places in the pool. A power of two has no divisor in common with an odd stride, so none
/// comes up twice.
fn choose(rng: &mut Rng, each: usize) -> Vec<usize> {
    let (start, stride) = (rng.below(DISTINCT), 2 * rng.below(DISTINCT / 2) + 1);
    (0..each.min(DISTINCT)).map(|n| (start + n * stride) % DISTINCT).collect()
}

fn memory(rng: &mut Rng, caller: usize, at: usize, sentence: &Sentence, now: Timestamp) -> Memory {
    // Younger than what fades: the first look at what has faded would put half of it away while it is measured.
    let when = now - Duration::hours(rng.below(YOUNGER_DAYS * 24) as i64);
    Memory {
        id: MemoryId::new(format!("mem_bench{caller:08}{at:04}")),
        content: sentence.text.clone(),
        sector: sentence.sector,
        kind: sentence.kind,
        slot: None,
        salience: 0.3 + rng.below(60) as f32 / 100.0,
        occurred_at: when,
        learnt_at: when,
        reinforced_at: when,
        decay_rate: None,
        state: MemoryState::Active,
        valid_to: None,
        superseded_by: None,
        corrected_at: None,
        speaker: None,
        provenance: Provenance { origin: Origin::Api, conversation_id: None, turns: Vec::new() },
        metadata: serde_json::Map::new(),
        index: IndexState::Indexed,
    }
}

/// As the ingest flow words it: the sentence and its day.
fn doc(memory: &Memory) -> KeywordDoc {
    let text = format!("{} ({})", memory.content, memory.occurred_at.format("%-d %B %Y"));
    KeywordDoc { id: memory.id.clone(), sector: memory.sector, text }
}

async fn flush(
    stores: &Stores,
    space: &Space,
    docs: &mut Vec<(Scope, KeywordDoc)>,
    rows: &mut Vec<(Scope, VectorRow)>,
) -> Outcome {
    stores.keywords.upsert_many(docs).await?;
    stores.vectors.upsert_many(space, rows).await?;
    docs.clear();
    rows.clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_caller_is_never_given_a_sentence_twice() {
        let mut rng = Rng::new(3);
        for _ in 0..100 {
            assert_eq!(choose(&mut rng, 100).into_iter().collect::<HashSet<_>>().len(), 100);
        }
    }

    #[test]
    fn numbers_are_told_apart_and_normalise() {
        let normal = |caller| hark_core::normalise_number(&number(caller)).unwrap();
        assert_eq!(normal(1), "14150000001");
        assert_ne!(normal(1), normal(10));
    }
}
