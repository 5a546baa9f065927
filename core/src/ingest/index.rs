//! Words and vectors of rows that are already in the truth. A crash between the writes leaves the rows
//! `Pending`, which repair picks up.

use crate::ai::{EmbedPurpose, Embedder};
use crate::cost::{Account, account, charged_to};
use crate::engine::Engine;
use crate::layer::spoken_by;
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
    match own_vectors(engine, scope, &memories).await {
        Ok(rows) => {
            finish(engine, scope, &memories, rows).await?;
            Ok(true)
        }
        Err(error) => {
            tracing::warn!(error = ?error, memories = memories.len(), "embedding postponed");
            withdraw_forgotten(engine, scope, ids).await?;
            Ok(false)
        }
    }
}

/// As [`write`], for the job that comes back after an outage: a failing embedder is its error. What was forgotten since the
/// job was made is taken out of the derived stores: a process may have died between writing its vector and noticing.
pub(super) async fn write_or_fail(engine: &Engine, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
    let memories = engine.memory.memories(scope, ids).await?;
    withdraw(engine, scope, ids, &memories).await?;
    words(engine, scope, &memories).await?;
    let rows = own_vectors(engine, scope, &memories).await?;
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
    withdraw_forgotten(engine, scope, &ids).await
}

/// Embedding takes its time, and a person may have been forgotten meanwhile: what is no longer in the truth is
/// taken out of the derived stores again. Forgetting empties them once more after the truth, so that whichever
/// comes last leaves nothing behind.
pub(super) async fn withdraw_forgotten(engine: &Engine, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
    let left = engine.memory.memories(scope, ids).await?;
    withdraw(engine, scope, ids, &left).await
}

/// Takes those of `ids` that are not among what is `left` out of the derived stores.
async fn withdraw(engine: &Engine, scope: &Scope, ids: &[MemoryId], left: &[Memory]) -> Result<()> {
    let left: HashSet<&MemoryId> = left.iter().map(|memory| &memory.id).collect();
    let gone: Vec<MemoryId> = ids.iter().filter(|id| !left.contains(id)).cloned().collect();
    if gone.is_empty() {
        return Ok(());
    }
    engine.vectors.delete(scope, &gone).await?;
    engine.keywords.delete(scope, &gone).await
}

/// The words a memory is found by: its sentence and the day it is about, as one would say it. The day in the
/// text is worth two points of recall on the benchmark, and "in March" finds nothing without it. So does "her email"
/// where the sentence says "E-mail address": what its value is called is a word of it too.
pub(super) fn doc(memory: &Memory) -> KeywordDoc {
    KeywordDoc { id: memory.id.clone(), sector: memory.sector, text: findable(memory) }
}

/// The text of [`doc`].
pub(crate) fn findable(memory: &Memory) -> String {
    let day = memory.occurred_at.format("%-d %B %Y");
    let key = memory.slot.as_ref().map(|slot| asked_for_by(&slot.key)).unwrap_or_default();
    format!("{} ({day}) {key}", memory.content).trim_end().to_owned()
}

/// The words by which a named value is asked for, whatever words it was given in: "Where does she live?" means an address.
fn asked_for_by(key: &str) -> String {
    let also = match key {
        "address" => " lives",
        "name" => " called",
        "phone" => " number",
        _ => "",
    };
    format!("{}{also}", key.replace('_', " "))
}

/// The vectors of one caller's memories in the space that serves, none without an embedder; on the account that is open or else their conversation's.
async fn own_vectors(engine: &Engine, scope: &Scope, memories: &[Memory]) -> Result<Vec<VectorRow>> {
    let Some(embedder) = &engine.embedder else { return Ok(Vec::new()) };
    paid_vectors(engine, &*embedder.background, scope, memories).await
}

/// As [`own_vectors`], by a given embedder.
pub(super) async fn paid_vectors(
    engine: &Engine,
    embedder: &dyn Embedder,
    scope: &Scope,
    memories: &[Memory],
) -> Result<Vec<VectorRow>> {
    let owned: Vec<_> = memories.iter().map(|memory| (scope, memory)).collect();
    if account().is_some() {
        return vectors_of(embedder, &owned).await;
    }
    let payer = payer(engine, scope, memories).await?;
    charged_to(payer, vectors_of(embedder, &owned)).await
}

/// Whose account memories are embedded on when nobody has opened one: that of the conversation all of them come
/// from, and of its agent; otherwise the tenant's.
pub(super) async fn payer(engine: &Engine, scope: &Scope, memories: &[Memory]) -> Result<Account> {
    let mut payer = Account::of(scope.tenant.clone());
    let mut conversations = memories.iter().map(|memory| memory.provenance.conversation_id.as_ref());
    if let Some(Some(first)) = conversations.next()
        && conversations.all(|other| other == Some(first))
    {
        payer.agent = engine.memory.conversation(&scope.tenant, first).await?.and_then(|c| c.agent);
        payer.conversation = Some(first.clone());
    }
    Ok(payer)
}

/// The memories' vectors, batch by batch.
pub(super) async fn vectors_of(embedder: &dyn Embedder, memories: &[(&Scope, &Memory)]) -> Result<Vec<VectorRow>> {
    let mut rows = Vec::with_capacity(memories.len());
    // Sector by sector, since an embedder may treat each differently.
    let mut by_sector = memories.to_vec();
    by_sector.sort_by_key(|(_, memory)| memory.sector);
    for group in by_sector.chunk_by(|(_, a), (_, b)| a.sector == b.sector) {
        for batch in group.chunks(embedder.info().max_batch.max(1)) {
            let texts: Vec<String> = batch.iter().map(|(_, memory)| memory.content.clone()).collect();
            let owners: Vec<Scope> = batch.iter().map(|(scope, _)| (*scope).clone()).collect();
            let purpose = EmbedPurpose::Document(Some(batch[0].1.sector));
            let vectors = spoken_by(owners, embedder.embed(&texts, purpose)).await?.vectors;
            rows.extend(batch.iter().zip(vectors).map(|((_, memory), vector)| VectorRow {
                id: memory.id.clone(),
                sector: memory.sector,
                vector,
            }));
        }
    }
    Ok(rows)
}
