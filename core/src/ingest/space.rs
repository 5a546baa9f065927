//! One vector space at a time serves. Another model's space is filled beside it, and takes over only when it is
//! complete.

use super::rebuild::Rebuild;
use super::{Ingest, index};
use crate::ai::Embedder;
use crate::engine::Engine;
use crate::store::Space;
use crate::{MemoryId, Result, Scope};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Whether the configured embedder speaks of the space that the memories' vectors are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpaceCheck {
    /// It does, or there is no embedder, or there was nothing to compare with and its space is noted now.
    Same,
    /// It does not: the vectors are complete in this other space.
    Other(Space),
}

/// Whose memories were written, and which.
type Written = (Scope, Vec<MemoryId>);

/// The embedder that is to take over, and what was written since its space began to be filled. Cheap to clone.
#[derive(Clone)]
pub struct NextSpace {
    embedder: Arc<dyn Embedder>,
    written: Arc<Mutex<Vec<Written>>>,
    wake: Arc<Notify>,
}

impl fmt::Debug for NextSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextSpace").field("space", &self.embedder.info().space).finish_non_exhaustive()
    }
}

impl NextSpace {
    /// An embedder whose space is to be filled.
    pub fn new(embedder: Arc<dyn Embedder>) -> Self {
        Self { embedder, written: Arc::default(), wake: Arc::default() }
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.embedder.info().space
    }

    /// Notes that memories were written to the space that serves; they follow into this one in the background,
    /// so that nobody waits for two models.
    pub(super) fn note(&self, scope: &Scope, ids: &[MemoryId]) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).push((scope.clone(), ids.to_vec()));
        self.wake.notify_one();
    }

    fn take(&self) -> Vec<Written> {
        std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Compares the embedder with the space that is noted in the truth. Where none is noted, or there is no memory
/// yet, the embedder's own is noted: data of a version that noted none is taken to fit, as it did then.
///
/// # Errors
/// What the store says.
pub async fn check_space(engine: &Engine) -> Result<SpaceCheck> {
    let Some(embedder) = &engine.embedder else { return Ok(SpaceCheck::Same) };
    let own = &embedder.background.info().space;
    match engine.memory.space().await? {
        Some(noted) if noted == *own => Ok(SpaceCheck::Same),
        Some(noted) if engine.memory.count_memories().await? > 0 => Ok(SpaceCheck::Other(noted)),
        _ => {
            engine.memory.set_space(own).await?;
            Ok(SpaceCheck::Same)
        }
    }
}

impl Ingest {
    /// Notes that the vectors are complete in the embedder's own space, and empties the one noted before. For the
    /// end of a rebuild with another embedder.
    ///
    /// # Errors
    /// What the stores say.
    pub async fn settle_space(&self) -> Result<()> {
        let Some(embedder) = &self.engine.embedder else { return Ok(()) };
        let own = &embedder.background.info().space;
        let before = self.engine.memory.space().await?;
        self.engine.memory.set_space(own).await?;
        match before {
            Some(before) if before != *own => self.engine.vectors.clear(&before).await,
            _ => Ok(()),
        }
    }

    /// Fills the space of [`Engine::next`] while the present one serves: every memory first, then
    /// what was written meanwhile; then it is noted as the one to be served from, which counts from the next start
    /// on. Without a next space it does nothing. `progress` is told (done, all). Broken off, it can begin again: an
    /// embedding that was paid for comes from the cache.
    ///
    /// # Errors
    /// What the stores and the embedder say; the present space serves on.
    pub async fn fill_next(&self, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<u64> {
        let Some(next) = &self.engine.next else { return Ok(0) };
        let rebuild = Rebuild { words: false, embedder: Some(next.embedder.clone()) };
        let done = self.rebuild(&rebuild, progress).await?;
        self.follow_written(next).await?;
        self.engine.memory.set_space(next.space()).await?;
        Ok(done)
    }

    /// Keeps a filled next space up to date until the process ends and it takes over. Never returns but with an
    /// error; to be cancelled by dropping.
    ///
    /// # Errors
    /// What the stores and the embedder say; what was not followed is followed by the next call.
    pub async fn follow_next(&self) -> Result<()> {
        let Some(next) = &self.engine.next else { return std::future::pending().await };
        loop {
            self.follow_written(next).await?;
            next.wake.notified().await;
        }
    }

    async fn follow_written(&self, next: &NextSpace) -> Result<()> {
        let mut written = next.take().into_iter();
        while let Some((scope, ids)) = written.next() {
            let followed = self.follow(next, &scope, &ids).await;
            if followed.is_err() {
                // Back into the list: in any order, since what is read is the truth of that moment.
                let mut list = next.written.lock().unwrap_or_else(PoisonError::into_inner);
                list.push((scope, ids));
                list.extend(written);
                return followed;
            }
        }
        Ok(())
    }

    async fn follow(&self, next: &NextSpace, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        let memories = self.engine.memory.memories(scope, ids).await?;
        let rows = index::paid_vectors(&self.engine, &*next.embedder, scope, &memories).await?;
        if !rows.is_empty() {
            self.engine.vectors.upsert(scope, next.space(), &rows).await?;
        }
        index::withdraw_forgotten(&self.engine, scope, ids).await
    }
}
