//! Candidates become rows of the truth.

use super::extract::Extraction;
use super::quarantine;
use super::reject::Rejected;
use super::speaker::{self, Spoken};
use crate::ai::Classified;
use crate::engine::Engine;
use crate::{
    Candidate, ConversationId, IndexState, Memory, MemoryId, MemoryState, Origin, Provenance, Result, Scope, Transcript,
};
use std::collections::HashSet;

/// Writes the memories and, where the call told it, how the caller wants to be called, or that somebody else calls too. Ids are derived from
/// the conversation and the place in its saved extraction. What is there already stays as it is: it may have been
/// corrected, strengthened or superseded since. What a person has rejected is left out.
pub(super) async fn write(
    engine: &Engine,
    scope: &Scope,
    (conversation, transcript): (&ConversationId, &Transcript),
    extraction: &Extraction,
    candidates: Vec<(Candidate, Classified)>,
    detect_shared: bool,
) -> Result<Vec<MemoryId>> {
    let now = engine.clock.now();
    let rejected = Rejected::of(engine, scope, conversation).await?;
    let spoken = match engine.memory.user(scope).await? {
        Some(user) => speaker::of(&extraction.candidates, transcript, &user, detect_shared),
        None => Spoken::default(),
    };
    let mut memories = Vec::with_capacity(candidates.len());
    for (index, (candidate, classified)) in candidates.into_iter().enumerate() {
        let id = MemoryId::derived(&scope.tenant, conversation, extraction.place(index));
        if rejected.holds(&id, &candidate) {
            continue;
        }
        let held = quarantine::holds(transcript, &candidate);
        let state = if held { MemoryState::Quarantined } else { MemoryState::Active };
        memories.push(Memory {
            id,
            content: candidate.content,
            sector: classified.sector,
            kind: candidate.kind,
            slot: candidate.slot,
            salience: classified.salience,
            occurred_at: candidate.occurred_at.unwrap_or(transcript.started_at),
            learnt_at: now,
            reinforced_at: now,
            decay_rate: None,
            state,
            valid_to: None,
            superseded_by: None,
            corrected_at: None,
            speaker: spoken.name.clone(),
            provenance: Provenance {
                origin: Origin::Extracted,
                conversation_id: Some(conversation.clone()),
                turns: candidate.turns,
            },
            metadata: serde_json::Map::new(),
            index: IndexState::Pending,
        });
    }
    let ids: Vec<MemoryId> = memories.iter().map(|m| m.id.clone()).collect();
    let known: HashSet<MemoryId> = engine.memory.memories(scope, &ids).await?.into_iter().map(|m| m.id).collect();
    memories.retain(|memory| !known.contains(&memory.id));
    if !memories.is_empty() {
        engine.memory.put_memories(scope, &memories).await?;
    }
    if spoken.shares {
        engine.memory.set_shared(scope, true).await?;
    }
    if let Some(name) = spoken.name.filter(|_| spoken.renames) {
        engine.memory.set_name(scope, &name).await?;
    }
    Ok(ids)
}
