//! Vectors and words at the target: copied where they mean the same there, else made anew.

use super::Indexed;
use super::recalls::{self, Asked, Samples};
use super::sides::Sides;
use crate::backup::Told;
use crate::running::Running;
use hark_core::backend::{Backend, Role};
use hark_core::store::{Space, VectorRow, VectorStore};
use hark_core::{AuditAction, Error, MemoryId, Result, Scope};
use std::collections::BTreeSet;

/// Vectors written, or memories looked up or repaired, at once.
const BATCH: usize = 500;

/// More vectors than any caller has.
const MOST: usize = 10_000_000;

/// Brings vectors and words up to the truth, and asks what the source was asked.
pub(super) async fn finish(
    sides: &Sides<'_>,
    samples: Option<&Samples>,
    told: &Told<'_>,
) -> Result<(Indexed, Option<Asked>)> {
    let running = recalls::start(&sides.to, sides, true).await?;
    let finished = within(sides, &running, samples, told).await;
    let recorded =
        running.app.at_the_folder().record(AuditAction::Change, "hark copy", None, None, finished.is_ok()).await;
    running.stop().await;
    let finished = finished.map_err(|e| {
        let context = format!(
            "the tables are copied, but words and vectors are not all there yet: {}; run it again, or start the target's \
             server, which goes on",
            e.context()
        );
        Error::new(e.kind(), e.operation(), context).retriable(e.is_retriable()).with_source(e)
    })?;
    recorded?;
    Ok(finished)
}

async fn within(
    sides: &Sides<'_>,
    running: &Running,
    samples: Option<&Samples>,
    told: &Told<'_>,
) -> Result<(Indexed, Option<Asked>)> {
    let (ingest, engine) = (&running.app.ingest, &running.app.engine);
    let mut indexed = Indexed::default();
    let space = engine.embedder.as_ref().map(|embedder| embedder.background.info().space.clone());
    let noted = engine.memory.space().await?;
    if let Some(space) = space.filter(|space| noted.as_ref() == Some(space)) {
        let lag = ingest.lag().await?;
        if lag.vectors < lag.memories && !sides.share(Role::Vectors) {
            (told.step)("copying vectors");
            indexed.vectors = carry(sides, running, &space, told).await?;
        }
        while ingest.repair(BATCH).await? == BATCH {}
    }
    let lag = ingest.lag().await?;
    if lag.vectors != lag.memories {
        (told.step)("making vectors and words");
        indexed.rebuilt = ingest.reindex(true, told.progress).await?;
    } else if lag.words != lag.memories {
        (told.step)("making words");
        indexed.rebuilt = ingest.reindex_words(told.progress).await?;
    }
    ingest.settle_space().await?;
    let asked = match samples {
        Some(samples) => {
            (told.step)("asking the target what the source was asked");
            Some(recalls::compare(sides, running, samples).await?)
        }
        None => None,
    };
    Ok((indexed, asked))
}

/// Copies the vectors of memories that are there.
async fn carry(sides: &Sides<'_>, running: &Running, space: &Space, told: &Told<'_>) -> Result<u64> {
    let backends = sides.from.open(&[Role::Vectors], sides.registry).await?;
    let carried = match backends.part(&sides.from.plan, Role::Vectors, Backend::vectors) {
        Ok(vectors) => carry_from(&*vectors, running, space, told).await,
        Err(e) => Err(e),
    };
    backends.close().await;
    carried
}

async fn carry_from(from: &dyn VectorStore, running: &Running, space: &Space, told: &Told<'_>) -> Result<u64> {
    if from.count(space).await? == 0 {
        return Ok(0);
    }
    let to = &running.app.engine.vectors;
    let callers = recalls::callers(running).await?;
    let all = callers.len() as u64;
    let mut waiting: Vec<(Scope, VectorRow)> = Vec::new();
    let mut copied = 0;
    for (done, scope) in (1..).zip(callers) {
        let rows = from.load(&scope, space, MOST).await?.unwrap_or_default();
        let known = known(running, &scope, &rows).await?;
        waiting.extend(rows.into_iter().filter(|row| known.contains(&row.id)).map(|row| (scope.clone(), row)));
        if waiting.len() >= BATCH || done == all {
            to.upsert_many(space, &waiting).await?;
            copied += waiting.len() as u64;
            waiting.clear();
        }
        (told.progress)(done, all);
    }
    to.optimise().await?;
    Ok(copied)
}

/// The ids of those that are still remembered.
async fn known(running: &Running, scope: &Scope, rows: &[VectorRow]) -> Result<BTreeSet<MemoryId>> {
    let ids: Vec<MemoryId> = rows.iter().map(|row| row.id.clone()).collect();
    let mut known = BTreeSet::new();
    for part in ids.chunks(BATCH) {
        known.extend(running.app.engine.memory.memories(scope, part).await?.into_iter().map(|memory| memory.id));
    }
    Ok(known)
}
