//! Embeddings that were paid for are remembered: the same text is never paid for twice.

mod config;
mod flights;
mod tiers;

pub use config::EmbeddingCacheConfig;
pub use tiers::EmbeddingTiers;

use super::Profiles;
use crate::ai::{EmbedPurpose, Embedded, Embedder, EmbedderInfo, Usage};
use crate::cost::{account, charged_to};
use crate::store::EmbeddingKey;
use crate::{Error, ErrorKind, Result};
use async_trait::async_trait;
use flights::{Flight, Landed, Vector, Waiting};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tiers::Asked;
use tracing::Instrument;

/// An embedder that remembers. Texts are looked for in memory, then on disk, and only the missing ones are asked
/// for, in one call; those that somebody else is asking for at the moment are waited for. The call goes on when its
/// caller gives up, so that a late answer is there for the next one; it runs on the same account and in the same
/// span. Texts of one call fail together. Only whoever's call it was is told its usage: what was remembered costs
/// nothing.
///
/// What is kept on disk belongs to whoever [`super::spoken_by`] names, and goes with them.
#[derive(Debug)]
pub struct CachedEmbedder {
    inner: Arc<dyn Embedder>,
    tiers: Arc<EmbeddingTiers>,
}

impl CachedEmbedder {
    /// What `inner` answers is remembered in `tiers`.
    pub fn new(inner: Arc<dyn Embedder>, tiers: Arc<EmbeddingTiers>) -> Self {
        Self { inner, tiers }
    }

    /// Both profiles cached. A local embedder costs nothing and is left as it is.
    pub fn around(embedder: Profiles<dyn Embedder>, tiers: &Arc<EmbeddingTiers>) -> Profiles<dyn Embedder> {
        if !embedder.background.info().remote {
            return embedder;
        }
        let cached = |inner| Arc::new(Self::new(inner, tiers.clone()));
        Profiles { interactive: cached(embedder.interactive), background: cached(embedder.background) }
    }

    /// Takes what is there, joins the calls under way, and begins one for the rest.
    fn begin(&self, asked: Vec<Asked>, texts: &[String], purpose: EmbedPurpose) -> Begun {
        let mut begun = Begun::default();
        let mut own: Vec<(Asked, String)> = Vec::new();
        let mut seen = HashSet::new();
        let mut held = self.tiers.flights.hold();
        for (asked, text) in asked.into_iter().zip(texts) {
            if !seen.insert(asked.key) {
                continue;
            }
            // Looked for once more, now that no call can end meanwhile.
            if let Some(vector) = self.tiers.held(&asked.key) {
                begun.vectors.insert(asked.key, vector);
            } else if let Some(waiting) = held.get(&asked.key) {
                begun.joined.push(waiting.clone());
            } else {
                own.push((asked, text.clone()));
            }
        }
        count("memory", texts.len() - own.len());
        if !own.is_empty() {
            let keys = own.iter().map(|(asked, _)| asked.key).collect();
            let (flight, waiting) = Flight::begin(&self.tiers.flights, &mut held, keys);
            drop(held);
            begun.own = Some(waiting);
            let call = Call { inner: self.inner.clone(), tiers: self.tiers.clone(), purpose, flight };
            let (asked, texts) = own.into_iter().unzip();
            let work = call.run(asked, texts).in_current_span();
            match account() {
                Some(account) => drop(tokio::spawn(charged_to(account, work))),
                None => drop(tokio::spawn(work)),
            }
        }
        begun
    }
}

/// What there is, and what is waited for.
#[derive(Debug, Default)]
struct Begun {
    vectors: HashMap<EmbeddingKey, Vector>,
    own: Option<Waiting>,
    joined: Vec<Waiting>,
}

impl Begun {
    /// Waits for everything. Answers what came, what it cost, and the first failure.
    async fn finish(mut self) -> (HashMap<EmbeddingKey, Vector>, Usage, Option<Error>) {
        let (mut usage, mut failure) = (Usage::default(), None);
        let own = self.own.take().map(|waiting| (waiting, true));
        for (mut waiting, ours) in own.into_iter().chain(self.joined.into_iter().map(|waiting| (waiting, false))) {
            let landed = waiting.wait_for(Option::is_some).await.ok().and_then(|end| end.clone());
            let Some(landed) = landed else {
                failure.get_or_insert_with(broke_off);
                continue;
            };
            self.vectors.extend(landed.vectors.iter().map(|(key, vector)| (*key, vector.clone())));
            if ours {
                usage += landed.usage;
            }
            if let Some(error) = &landed.error {
                failure.get_or_insert_with(|| shared(error));
            }
        }
        (self.vectors, usage, failure)
    }
}

/// One call for texts that are not known yet.
#[derive(Debug)]
struct Call {
    inner: Arc<dyn Embedder>,
    tiers: Arc<EmbeddingTiers>,
    purpose: EmbedPurpose,
    flight: Flight,
}

impl Call {
    async fn run(self, asked: Vec<Asked>, texts: Vec<String>) {
        let space = &self.inner.info().space;
        let erasure = self.tiers.erasure();
        let kept = self.tiers.kept(space, self.purpose, &asked).await;
        let missing: (Vec<Asked>, Vec<String>) =
            asked.iter().cloned().zip(texts).filter(|(asked, _)| !kept.contains_key(&asked.key)).unzip();
        count("store", kept.len());
        count("miss", missing.0.len());

        let mut landed = Landed::default();
        if !missing.0.is_empty() {
            match ask(&*self.inner, self.purpose, &missing).await {
                Ok((vectors, usage)) => (landed.vectors, landed.usage) = (vectors, usage),
                Err(error) => landed.error = Some(Arc::new(error)),
            }
        }
        let paid = landed.vectors.clone();
        landed.vectors.extend(kept.iter().map(|(key, (vector, _))| (*key, vector.clone())));
        self.tiers.hold(&asked, &landed.vectors);
        self.flight.land(landed);

        self.tiers.keep(space, &asked, &paid, erasure).await;
        self.tiers.touch(space, &asked, &kept).await;
    }
}

/// Asks for the missing texts, and checks that each has come back as a vector.
async fn ask(
    inner: &dyn Embedder,
    purpose: EmbedPurpose,
    (asked, texts): &(Vec<Asked>, Vec<String>),
) -> Result<(HashMap<EmbeddingKey, Vector>, Usage)> {
    let embedded = inner.embed(texts, purpose).await?;
    let width = inner.info().space.dimensions;
    if embedded.vectors.len() != texts.len() || embedded.vectors.iter().any(|vector| vector.len() != width) {
        let context = "the embedder answered with another number or width of vectors than it was asked for";
        return Err(Error::new(ErrorKind::Corrupt, "cache.embed", context));
    }
    let vectors = asked.iter().zip(embedded.vectors).map(|(asked, vector)| (asked.key, vector.into())).collect();
    Ok((vectors, embedded.usage))
}

#[async_trait]
impl Embedder for CachedEmbedder {
    fn info(&self) -> &EmbedderInfo {
        self.inner.info()
    }

    async fn embed(&self, texts: &[String], purpose: EmbedPurpose) -> Result<Embedded> {
        let info = self.inner.info();
        if texts.len() > info.max_batch {
            return Err(Error::invalid("cache.embed", format!("at most {} texts a call", info.max_batch)));
        }
        let asked = self.tiers.name(&info.space, purpose, texts);
        let keys: Vec<EmbeddingKey> = asked.iter().map(|asked| asked.key).collect();
        let held: Option<Vec<Vec<f32>>> = keys.iter().map(|key| Some(self.tiers.held(key)?.to_vec())).collect();
        if let Some(vectors) = held {
            count("memory", vectors.len());
            return Ok(Embedded::free(vectors));
        }
        let (found, usage, failure) = self.begin(asked, texts, purpose).finish().await;
        let vectors: Option<Vec<Vec<f32>>> = keys.iter().map(|key| Some(found.get(key)?.to_vec())).collect();
        match (vectors, failure) {
            (Some(vectors), _) => Ok(Embedded { vectors, usage }),
            (None, failure) => Err(failure.unwrap_or_else(broke_off)),
        }
    }
}

fn broke_off() -> Error {
    Error::new(ErrorKind::Internal, "cache.embed", "the call to the embedder broke off").retriable(true)
}

/// The same error for everybody who waited.
fn shared(error: &Arc<Error>) -> Error {
    let copy = Error::new(error.kind(), error.operation(), error.context()).with_source(error.clone());
    let copy = match error.retry_after() {
        Some(after) => copy.with_retry_after(after),
        None => copy,
    };
    copy.retriable(error.is_retriable())
}

fn count(result: &'static str, texts: usize) {
    if texts > 0 {
        metrics::counter!("hark_embedding_cache_total", "result" => result).increment(texts as u64);
    }
}
