//! The turns of the callers who are on the line, in memory.

use super::{GaveWay, TurnIndex};
use crate::ai::EmbedPurpose;
use crate::engine::Engine;
use crate::ingest::open_transcript;
use crate::layer::spoken_by;
use crate::store::Space;
use crate::{Conversation, ConversationId, ConversationState, PageRequest, Result, Scope, Timestamp, Transcript, User};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Semaphore;

/// Turns of a caller that are indexed at the most, the latest calls first: what a person has said in a year of weekly
/// calls, several times over.
const MAX_TURNS: usize = 20_000;

/// Conversations read at once.
const PAGE: usize = 100;

#[derive(Debug)]
struct Entry {
    call_count: u64,
    epoch: u64,
    name: String,
    /// When the first of the calls began.
    oldest: Option<Timestamp>,
    index: Arc<TurnIndex>,
}

/// What gave way, and what it was read at.
#[derive(Debug)]
struct AsOf {
    revision: u64,
    /// The index that its places are in; its words are not kept for it.
    index: Weak<TurnIndex>,
    gave_way: Arc<GaveWay>,
}

/// Callers whose superseded memories are known at once; a few hundred bytes each.
const MAX_GAVE_WAY: u64 = 10_000;

/// The vectors of one call's turns with words, one after the other.
type CallVectors = Arc<Vec<f32>>;

/// Callers whose turns wait to be embedded, at the most: after a restart everybody's are, and each holds them in memory.
const MAX_WAITING: usize = 64;

/// Texts embedded at once: few, so that a question that comes meanwhile does not wait long for the model.
const BATCH: usize = 2;

/// A bounded cache of callers' turns; the least recently used go first.
///
/// An entry is valid for the number of calls and the epoch it was read at: a turn never changes, so only another call, a merge
/// or a split, another name of the caller's, or that a call is kept no longer, makes it stale. All of that is read with the
/// caller's row, whichever node has written it.
#[derive(Debug)]
pub(in crate::recall) struct EvidenceCache {
    entries: Cache<Scope, Arc<Entry>>,
    gave_way: Cache<Scope, Arc<AsOf>>,
    vectors: Cache<(Scope, ConversationId, Space), CallVectors>,
    filling: Mutex<HashSet<Scope>>,
    /// One caller's turns at a time: questions need the model more.
    lane: Semaphore,
}

impl EvidenceCache {
    /// A cache of at most so many megabytes.
    pub(in crate::recall) fn new(megabytes: u64) -> Self {
        let entries = Cache::builder()
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, entry: &Arc<Entry>| u32::try_from(entry.index.bytes() + 256).unwrap_or(u32::MAX))
            .max_capacity(megabytes * 1024 * 1024)
            .build();
        let vectors = Cache::builder()
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, vectors: &CallVectors| u32::try_from(vectors.len() * 4 + 256).unwrap_or(u32::MAX))
            .max_capacity(megabytes * 1024 * 1024)
            .build();
        Self {
            entries,
            gave_way: Cache::builder().eviction_policy(EvictionPolicy::lru()).max_capacity(MAX_GAVE_WAY).build(),
            vectors,
            filling: Mutex::default(),
            lane: Semaphore::new(1),
        }
    }

    /// The caller's turns as they stand now.
    pub(in crate::recall) async fn get(&self, engine: &Engine, scope: &Scope, user: &User) -> Result<Arc<TurnIndex>> {
        if let Some(entry) = self.entries.get(scope)
            && entry.call_count == user.call_count
            && entry.epoch == user.epoch()
            && entry.name == user.name
        {
            let (retention, now) = (&engine.privacy.retention, engine.clock.now());
            if !entry.oldest.is_some_and(|oldest| retention.words_are_over(&scope.tenant, oldest, now)) {
                return Ok(entry.index.clone());
            }
            // With the vectors; those of the calls that are kept are made again.
            self.forget(scope);
        }
        let (calls, oldest) = read(engine, scope).await?;
        let index = Arc::new(TurnIndex::new(calls, &user.name));
        let (call_count, epoch, name) = (user.call_count, user.epoch(), user.name.clone());
        let entry = Entry { call_count, epoch, name, oldest, index: index.clone() };
        self.entries.insert(scope.clone(), Arc::new(entry));
        Ok(index)
    }

    /// What gave way of the caller's as of a revision, in the places of `index`.
    pub(in crate::recall) async fn gave_way(
        &self,
        engine: &Engine,
        scope: &Scope,
        revision: u64,
        index: &Arc<TurnIndex>,
    ) -> Result<Arc<GaveWay>> {
        if let Some(entry) = self.gave_way.get(scope)
            && entry.revision == revision
            && entry.index.ptr_eq(&Arc::downgrade(index))
        {
            return Ok(entry.gave_way.clone());
        }
        let gave_way = Arc::new(GaveWay::read(engine, scope, index).await?);
        let entry = AsOf { revision, index: Arc::downgrade(index), gave_way: gave_way.clone() };
        self.gave_way.insert(scope.clone(), Arc::new(entry));
        Ok(gave_way)
    }

    /// The cosine of each turn with the question, `None` where a turn's vector is not there yet; none at all where no
    /// vector is. Vectors are of unit length.
    pub(in crate::recall) fn cosines(
        &self,
        scope: &Scope,
        index: &TurnIndex,
        space: &Space,
        question: &[f32],
    ) -> Vec<Option<f32>> {
        let mut cosines = vec![None; index.turns().len()];
        for call in index.calls() {
            let key = (scope.clone(), call.conversation.clone(), space.clone());
            let Some(vectors) = self.vectors.get(&key) else { continue };
            let vectors = vectors.chunks_exact(space.dimensions.max(1));
            for (cosine, vector) in cosines[call.turns.clone()].iter_mut().zip(vectors) {
                *cosine = Some(vector.iter().zip(question).map(|(a, b)| a * b).sum());
            }
        }
        cosines
    }

    /// Embeds the turns that have no vectors yet, call by call, the latest first. Waits while another task does it.
    ///
    /// # Errors
    /// What the embedder says; what is embedded until then stays.
    pub(in crate::recall) async fn fill(&self, engine: &Engine, scope: &Scope, index: &TurnIndex) -> Result<()> {
        let Some(embedder) = engine.embedder.as_ref().map(|models| &models.background) else { return Ok(()) };
        let _lane = self.lane.acquire().await;
        let space = &embedder.info().space;
        for call in index.calls().iter().rev() {
            let key = (scope.clone(), call.conversation.clone(), space.clone());
            if self.vectors.contains_key(&key) {
                continue;
            }
            let texts: Vec<String> = index.turns()[call.turns.clone()].iter().map(|said| said.text.clone()).collect();
            let mut vectors = Vec::with_capacity(texts.len() * space.dimensions);
            for batch in texts.chunks(BATCH.min(embedder.info().max_batch.max(1))) {
                let owners = vec![scope.clone(); batch.len()];
                let embedded = spoken_by(owners, embedder.embed(batch, EmbedPurpose::Document(None))).await?;
                vectors.extend(embedded.vectors.into_iter().flatten());
            }
            self.vectors.insert(key, Arc::new(vectors));
        }
        Ok(())
    }

    /// The same, unless it is to be done for this caller already, or for [`MAX_WAITING`] others.
    ///
    /// # Errors
    /// As above.
    pub(in crate::recall) async fn fill_once(&self, engine: &Engine, scope: &Scope, index: &TurnIndex) -> Result<()> {
        match Place::take(self, scope) {
            Some(_place) => self.fill(engine, scope, index).await,
            None => Ok(()),
        }
    }

    /// Forgets a caller at once.
    pub(in crate::recall) fn forget(&self, scope: &Scope) {
        self.entries.invalidate(scope);
        self.gave_way.invalidate(scope);
        let keys: Vec<_> = self.vectors.iter().map(|(key, _)| key).filter(|key| key.0 == *scope).collect();
        for key in keys {
            self.vectors.invalidate(&*key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Scope>> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller's place among those whose turns wait to be embedded.
struct Place<'a> {
    cache: &'a EvidenceCache,
    scope: &'a Scope,
}

impl<'a> Place<'a> {
    fn take(cache: &'a EvidenceCache, scope: &'a Scope) -> Option<Self> {
        let mut filling = cache.lock();
        let is_taken = filling.len() < MAX_WAITING && filling.insert(scope.clone());
        // Only then is there one to be given back.
        is_taken.then(|| Self { cache, scope })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.cache.lock().remove(self.scope);
    }
}

/// The caller's calls that are kept, and when the first of them began.
async fn read(engine: &Engine, scope: &Scope) -> Result<(Vec<(ConversationId, Transcript)>, Option<Timestamp>)> {
    let (mut calls, mut oldest) = (Vec::new(), None);
    let mut turns = 0;
    let mut page = PageRequest::first(PAGE);
    loop {
        let read = engine.memory.conversations(&scope.tenant, Some(&scope.caller), &page).await?;
        for conversation in read.items.iter().filter(|c| c.state == ConversationState::Learnt) {
            let Some(transcript) = opened(engine, scope, conversation) else { continue };
            turns += transcript.turns.len();
            if turns > MAX_TURNS {
                return Ok((calls, oldest));
            }
            // They come latest first.
            oldest = Some(conversation.started_at);
            calls.push((conversation.id.clone(), transcript));
        }
        let Some(cursor) = read.next_cursor else { return Ok((calls, oldest)) };
        page = PageRequest { cursor: Some(cursor), ..page };
    }
}

/// A transcript that cannot be opened (its key is gone) costs its own words only, not the caller's other calls.
fn opened(engine: &Engine, scope: &Scope, conversation: &Conversation) -> Option<Transcript> {
    match open_transcript(engine, &scope.tenant, conversation) {
        Ok(transcript) => transcript,
        Err(error) => {
            tracing::warn!(?error, conversation_id = conversation.id.as_str(), "a transcript cannot be opened");
            None
        }
    }
}
