//! Words and vectors of rows that are already in the truth. A crash between the writes leaves the rows
//! `Pending`, which repair picks up.

use crate::ai::{EmbedPurpose, Embedder};
use crate::engine::Engine;
use crate::store::{KeywordDoc, VectorRow};
use crate::{Memory, MemoryId, Result, Scope};
use std::collections::HashSet;

/// Writes words, then vectors, then marks the rows. `false` when the embedder did not answer: the words are
/// written and the rows stay pending.
pub(super) async fn write(engine: &Engine, scope: &Scope, ids: &[MemoryId]) -> Result<bool> {
    if ids.is_empty() {
        return Ok(true);
    }
    let memories = engine.memory.memories(scope, ids).await?;
    words(engine, scope, &memories).await?;
    match current_vectors(engine, &memories).await {
        Ok(rows) => {
            finish(engine, scope, &memories, rows).await?;
            Ok(true)
        }
        Err(error) => {
            tracing::warn!(error = ?error, memories = memories.len(), "embedding postponed");
            withdraw_forgotten(engine, scope, &memories).await?;
            Ok(false)
        }
    }
}

/// As [`write`], for the job that comes back after an outage: a failing embedder is its error.
pub(super) async fn write_or_fail(engine: &Engine, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
    let memories = engine.memory.memories(scope, ids).await?;
    words(engine, scope, &memories).await?;
    let rows = current_vectors(engine, &memories).await?;
    finish(engine, scope, &memories, rows).await
}

async fn words(engine: &Engine, scope: &Scope, memories: &[Memory]) -> Result<()> {
    let docs: Vec<KeywordDoc> = memories.iter().map(doc).collect();
    engine.keywords.upsert(scope, &docs).await
}

async fn finish(engine: &Engine, scope: &Scope, memories: &[Memory], rows: Vec<VectorRow>) -> Result<()> {
    if let Some(embedder) = engine.embedder.as_ref().filter(|_| !rows.is_empty()) {
        engine.vectors.upsert(scope, &embedder.background.info().space, &rows).await?;
    }
    let ids: Vec<MemoryId> = memories.iter().map(|m| m.id.clone()).collect();
    engine.memory.mark_indexed(scope, &ids).await?;
    if let Some(next) = &engine.next {
        next.note(scope, &ids);
    }
    withdraw_forgotten(engine, scope, memories).await
}

/// Embedding takes its time, and a person may have been forgotten meanwhile: what is no longer in the truth is
/// taken out of the derived stores again. Forgetting empties them once more after the truth, so that whichever
/// comes last leaves nothing behind.
pub(super) async fn withdraw_forgotten(engine: &Engine, scope: &Scope, memories: &[Memory]) -> Result<()> {
    let ids: Vec<MemoryId> = memories.iter().map(|m| m.id.clone()).collect();
    let left: HashSet<MemoryId> = engine.memory.memories(scope, &ids).await?.into_iter().map(|m| m.id).collect();
    let gone: Vec<MemoryId> = ids.into_iter().filter(|id| !left.contains(id)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    engine.vectors.delete(scope, &gone).await?;
    engine.keywords.delete(scope, &gone).await
}

/// The words a memory is found by: its sentence and the day it is about, as one would say it. The day in the
/// text is worth two points of recall on the benchmark, and "in March" finds nothing without it.
pub(super) fn doc(memory: &Memory) -> KeywordDoc {
    let day = memory.occurred_at.format("%-d %B %Y");
    KeywordDoc { id: memory.id.clone(), sector: memory.sector, text: format!("{} ({day})", memory.content) }
}

/// The memories' vectors in the space that serves; none without an embedder.
async fn current_vectors(engine: &Engine, memories: &[Memory]) -> Result<Vec<VectorRow>> {
    match &engine.embedder {
        Some(embedder) => vectors_of(&*embedder.background, memories).await,
        None => Ok(Vec::new()),
    }
}

/// The memories' vectors, batch by batch.
pub(super) async fn vectors_of(embedder: &dyn Embedder, memories: &[Memory]) -> Result<Vec<VectorRow>> {
    let mut rows = Vec::with_capacity(memories.len());
    // Sector by sector, since an embedder may treat each differently.
    let mut by_sector: Vec<&Memory> = memories.iter().collect();
    by_sector.sort_by_key(|m| m.sector);
    for group in by_sector.chunk_by(|a, b| a.sector == b.sector) {
        for batch in group.chunks(embedder.info().max_batch.max(1)) {
            let texts: Vec<String> = batch.iter().map(|m| m.content.clone()).collect();
            let purpose = EmbedPurpose::Document(Some(batch[0].sector));
            let vectors = embedder.embed(&texts, purpose).await?.vectors;
            rows.extend(batch.iter().zip(vectors).map(|(memory, vector)| VectorRow {
                id: memory.id.clone(),
                sector: memory.sector,
                vector,
            }));
        }
    }
    Ok(rows)
}
