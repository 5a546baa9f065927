//! What this call says became of what was promised or complained of in earlier ones.
//!
//! It becomes a memory of its own, which names in its slot the one it settles; reconciling it lets that one give way, so
//! that history and undo are those of every other change. By rules, whoever extracts: they read the caller's words only.

use crate::ai::by_rules::{Fate, RuleJudge};
use crate::engine::Engine;
use crate::store::MemoryFilter;
use crate::{
    Candidate, ConversationId, Memory, MemoryId, MemoryKind, MemoryState, PageRequest, Result, Scope, Sector, Slot,
    Speaker, Transcript,
};

/// The key of a slot whose value is the id of the memory that is settled by this one.
const SETTLES: &str = "settles";

/// Memories looked at for open matters: the newest so many.
const LOOKED_AT: usize = 200;

/// Days after which nobody speaks of a matter without saying more than rules understand.
const OLDEST_DAYS: i64 = 180;

/// How sure a reading by rules is.
const CONFIDENCE: f32 = 0.8;

/// The matter that this memory settles.
pub(super) fn settles(memory: &Memory) -> Option<MemoryId> {
    memory.slot.as_ref().filter(|slot| slot.key == SETTLES).map(|slot| MemoryId::new(slot.value.clone()))
}

/// Adds one candidate for every open matter that the caller speaks of; the last word in the call counts. What the
/// extractor made of the same words goes: "the lamp you promised never came" is no second complaint.
///
/// # Errors
/// What the store says.
pub(super) async fn add(
    engine: &Engine,
    scope: &Scope,
    call: &ConversationId,
    transcript: &Transcript,
    candidates: &mut Vec<Candidate>,
) -> Result<()> {
    let filter = MemoryFilter { states: vec![MemoryState::Active], ..MemoryFilter::default() };
    let newest = engine.memory.list_memories(scope, &filter, &PageRequest::first(LOOKED_AT)).await?.items;
    let matters = newest.iter().filter(|memory| {
        matches!(memory.kind, MemoryKind::Promise | MemoryKind::Complaint)
            && memory.provenance.conversation_id.as_ref() != Some(call)
            && (0..=OLDEST_DAYS).contains(&(transcript.started_at - memory.learnt_at).num_days())
    });
    for matter in matters {
        let Some(told) = of(matter, transcript) else { continue };
        candidates.retain(|candidate| {
            let again = |text: &str| RuleJudge.fate(&matter.content, matter.kind, true, text).is_some();
            !(candidate.kind == told.kind && candidate.turns == told.turns && again(&candidate.content))
        });
        candidates.push(told);
    }
    Ok(())
}

fn of(matter: &Memory, transcript: &Transcript) -> Option<Candidate> {
    let due = crate::recall::due(matter).map_or_else(
        || (transcript.started_at - matter.learnt_at).num_days() >= 1,
        |due| transcript.started_at.date_naive() >= due.date_naive(),
    );
    let heard = |text: &str| RuleJudge.fate(&matter.content, matter.kind, due, text);
    let said = transcript.turns.iter().enumerate().rev().filter(|(_, turn)| turn.speaker == Speaker::User);
    let (turn, fate) = said.filter_map(|(at, turn)| heard(&turn.text).map(|fate| (at, fate))).next()?;
    let settled = fate == Fate::Settled;
    Some(Candidate {
        content: RuleJudge.fate_told(&matter.content, matter.kind, fate),
        // A broken promise is a complaint, and as open as any until something settles it.
        kind: if settled { MemoryKind::Event } else { MemoryKind::Complaint },
        sector: Some(Sector::Episodic),
        salience: Some(if settled { 0.3 } else { 0.8 }),
        occurred_at: None,
        turns: vec![u32::try_from(turn).ok()?],
        slot: Some(Slot { key: SETTLES.to_owned(), value: matter.id.to_string() }),
        confidence: CONFIDENCE,
    })
}
