//! Fills stores through the backends' own traits, much faster than by HTTP.

use crate::Outcome;
use crate::home::Home;
use crate::rng::Rng;
use crate::sentences::{self, Sentence};
use crate::stores::Place;
use chrono::Duration;
use hark_core::ai::{EmbedPurpose, Embedder};
use hark_core::backend::{Backend, OpenContext, Registry};
use hark_core::crypt::{Keyring, Vault};
use hark_core::store::{KeywordDoc, KeywordStore, MemoryStore, Space, VectorRow, VectorStore};
use hark_core::{
    Clock, IdentityKind, IndexState, Memory, MemoryId, MemoryState, Origin, Provenance, Scope, SystemClock,
    SystemEntropy, TenantId, Timestamp, UserId,
};
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Different sentences; their vectors are computed once and used for every caller who is given one.
const DISTINCT: usize = 4_096;
/// Memories are younger than the days after which they are put away (`decay.archive_after_days`, 180).
const YOUNGER_DAYS: usize = 170;
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

/// Stores that were opened, and what makes the vectors in them.
struct Opened {
    backends: Vec<Arc<dyn Backend>>,
    memory: Arc<dyn MemoryStore>,
    vectors: Arc<dyn VectorStore>,
    keywords: Arc<dyn KeywordStore>,
    embedder: Arc<dyn Embedder>,
}

/// What everybody's memories are made of, and what makes hashes of their numbers.
struct Pool {
    vault: Vault,
    sentences: Vec<Sentence>,
    vectors: Vec<Vec<f32>>,
    space: Space,
}

/// A caller, and the places of what is remembered of them in the pool.
struct Caller {
    number: usize,
    memories: Vec<(usize, Memory)>,
}

/// Writes `callers` callers of `each` memories into a place, with a new keyring; the same ones into every place.
pub(crate) async fn fill(home: &Home, place: &Place, callers: usize, each: usize) -> Outcome {
    let vault = Vault::new(keyring(home.keys())?, Arc::new(SystemEntropy));
    let stores = Arc::new(open(&home.data(), place).await?);
    let mut rng = Rng::new(1);
    let sentences = sentences::memories(DISTINCT, &mut rng);
    let vectors = embed(&*stores.embedder, &sentences).await?;
    let pool = Arc::new(Pool { vault, sentences, vectors, space: stores.embedder.info().space.clone() });
    let now = SystemClock.now();

    let (lanes, rows) = place.lanes();
    let at_once = (rows / each.max(1)).max(1);
    let mut writing = JoinSet::new();
    let mut progress = Progress { done: 0, of: callers };
    for first in (0..callers).step_by(at_once) {
        let lot: Vec<Caller> = (first..callers.min(first + at_once))
            .map(|number| Caller { number, memories: choose(&mut rng, number, each, &pool.sentences, now) })
            .collect();
        if writing.len() >= lanes
            && let Some(written) = writing.join_next().await
        {
            progress.note(written??);
        }
        writing.spawn(write(Arc::clone(&stores), Arc::clone(&pool), lot, now));
    }
    while let Some(written) = writing.join_next().await {
        progress.note(written??);
    }
    close(&stores).await?;
    place.tidy(&home.data()).await
}

/// Does at once what the stores and whoever runs them would do beside the measurement, and answers how many memories are in
/// them. The server must be down.
pub(crate) async fn tidy(home: &Home, place: &Place) -> Outcome<u64> {
    let stores = open(&home.data(), place).await?;
    let memories = stores.keywords.count().await?;
    close(&stores).await?;
    place.tidy(&home.data()).await?;
    Ok(memories)
}

/// How far it is.
struct Progress {
    done: usize,
    of: usize,
}

impl Progress {
    /// Tells of it at every twentieth.
    fn note(&mut self, callers: usize) {
        let twentieth = |done: usize| done * 20 / self.of.max(1);
        if twentieth(self.done + callers) > twentieth(self.done) {
            println!("  seeded {} of {} callers", self.done + callers, self.of);
        }
        self.done += callers;
    }
}

/// Writes callers with all that is remembered of them; answers how many.
async fn write(stores: Arc<Opened>, pool: Arc<Pool>, callers: Vec<Caller>, now: Timestamp) -> Outcome<usize> {
    let (mut docs, mut rows) = (Vec::new(), Vec::new());
    let count = callers.len();
    for Caller { number, memories } in callers {
        let scope = admit(&stores, &pool.vault, number, now).await?;
        for (at, memory) in &memories {
            let row = VectorRow { id: memory.id.clone(), sector: memory.sector, vector: pool.vectors[*at].clone() };
            docs.push((scope.clone(), doc(memory)));
            rows.push((scope.clone(), row));
        }
        let memories: Vec<Memory> = memories.into_iter().map(|(_, memory)| memory).collect();
        stores.memory.put_memories(&scope, &memories).await?;
    }
    stores.keywords.upsert_many(&docs).await?;
    stores.vectors.upsert_many(&pool.space, &rows).await?;
    Ok(count)
}

async fn open(data: &Path, place: &Place) -> Outcome<Opened> {
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
    for (kind, section) in place.backends() {
        let backend = registry.open(kind, section, &context).await?;
        if let Some(schema) = backend.migrate() {
            schema.run().await?;
        }
        opened.push(backend);
    }
    let missing = "the stores offer not every role: is pgvector on the server?";
    Ok(Opened {
        memory: opened.iter().find_map(|b| b.memory()).ok_or(missing)?,
        vectors: opened.iter().find_map(|b| b.vectors()).ok_or(missing)?,
        keywords: opened.iter().find_map(|b| b.keywords()).ok_or(missing)?,
        embedder: opened.iter().find_map(|b| b.embedder()).ok_or(missing)?,
        backends: opened,
    })
}

async fn close(stores: &Opened) -> Outcome {
    stores.vectors.optimise().await?;
    stores.keywords.optimise().await?;
    for backend in &stores.backends {
        backend.close().await?;
    }
    Ok(())
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

async fn admit(stores: &Opened, vault: &Vault, caller: usize, now: Timestamp) -> Outcome<Scope> {
    let tenant = TenantId::new(TENANT);
    let identity = vault.identity(&tenant, IdentityKind::Phone, &number(caller))?.ok_or("a number is an identity")?;
    let id = UserId::new(format!("usr_bench{caller:08}"));
    let resolved = stores.memory.ensure_user(&tenant, &[identity], &id, now).await?;
    Ok(Scope { tenant, caller: resolved.user.id })
}

/// `each` memories of a caller, with their places in the pool.
fn choose(rng: &mut Rng, caller: usize, each: usize, pool: &[Sentence], now: Timestamp) -> Vec<(usize, Memory)> {
    places(rng, each).into_iter().map(|at| (at, memory(rng, caller, at, &pool[at], now))).collect()
}

/// `each` different places in the pool. A power of two has no divisor in common with an odd stride, so none
/// comes up twice.
fn places(rng: &mut Rng, each: usize) -> Vec<usize> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_caller_is_never_given_a_sentence_twice() {
        let mut rng = Rng::new(3);
        for _ in 0..100 {
            assert_eq!(places(&mut rng, 100).into_iter().collect::<HashSet<_>>().len(), 100);
        }
    }

    #[test]
    fn numbers_are_told_apart_and_normalise() {
        let normal = |caller| hark_core::normalise_number(&number(caller)).unwrap();
        assert_eq!(normal(1), "14150000001");
        assert_ne!(normal(1), normal(10));
    }
}
