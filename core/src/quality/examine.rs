//! One caller's active memories, and what is of concern about each.

use super::duplicates::duplicates;
use super::echo::Heard;
use crate::decay::DecayRates;
use crate::engine::Engine;
use crate::ingest::{confidences, open_transcript};
use crate::store::MemoryFilter;
use crate::{
    ConflictState, ConversationId, Memory, MemoryId, MemoryKind, MemoryState, Origin, PageRequest, ReceiptKind, Result,
    ReviewDecision, Scope, Timestamp,
};
use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Memories of one caller that are examined at the most, the latest first: nobody has told so much by telephone.
const MOST_OF_CALLER: usize = 2_000;

/// A memory of which less is left than this has faded.
const FADED: f64 = 0.3;

/// A promise without a day of its own is overdue after so long.
const PROMISE_DAYS: i64 = 30;

/// An extractor that was less sure than this was not sure.
const UNSURE: f32 = 0.6;

/// Why somebody should look at a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// It says what an older one of the same caller says, in nearly the same words.
    Duplicate,
    /// Little is left of its salience, or it is a promise whose day has passed.
    Stale,
    /// It stands in a conflict that nobody has decided.
    Contradicted,
    /// Its words are the agent's after a recall of the same, not the caller's.
    Echo,
    /// The extractor was not sure.
    LowConfidence,
    /// It reads like an order to a model, and is told to nobody until it is accepted.
    Injection,
}

impl Concern {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 6] =
        [Self::Duplicate, Self::Stale, Self::Contradicted, Self::Echo, Self::LowConfidence, Self::Injection];

    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Stale => "stale",
            Self::Contradicted => "contradicted",
            Self::Echo => "echo",
            Self::LowConfidence => "low_confidence",
            Self::Injection => "injection",
        }
    }
}

/// A memory, and why somebody should look at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The memory.
    pub memory: Memory,
    /// Why; never empty.
    pub concerns: Vec<Concern>,
}

/// What was found of one caller.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// Active memories that were looked at.
    pub(super) sampled: usize,
    /// Those of them that a person has accepted or corrected.
    pub(super) reviewed: usize,
    /// Those that were never recalled.
    pub(super) never_recalled: Vec<MemoryId>,
    /// Those of concern, by id, without the reviewed; those in quarantine too.
    pub(super) findings: Vec<Finding>,
    /// Calls whose transcript or extraction could not be opened.
    pub(super) unreadable: usize,
}

/// Examines at most so many of a caller's memories.
pub(super) async fn examine(engine: &Engine, scope: &Scope, most: usize) -> Result<Examined> {
    let waiting = of_state(engine, scope, MemoryState::Quarantined, most.min(MOST_OF_CALLER)).await?;
    let waiting = waiting.into_iter().map(|memory| Finding { memory, concerns: vec![Concern::Injection] });
    let memories = of_state(engine, scope, MemoryState::Active, most.min(MOST_OF_CALLER)).await?;
    if memories.is_empty() {
        return Ok(Examined { findings: in_order(waiting.collect()), ..Examined::default() });
    }
    let ids: Vec<MemoryId> = memories.iter().map(|memory| memory.id.clone()).collect();
    let reviews = engine.memory.reviews(scope).await?;
    let judged = reviews.into_iter().filter(|review| review.decision != ReviewDecision::Reject);
    let judged: HashSet<MemoryId> = judged.map(|review| review.memory).collect();
    let recalled: HashSet<MemoryId> = engine.memory.recalls(scope, &ids).await?.into_iter().map(|(id, _)| id).collect();

    let mut concerns: BTreeMap<MemoryId, Vec<Concern>> = BTreeMap::new();
    let mut note = |id: &MemoryId, concern| concerns.entry(id.clone()).or_default().push(concern);
    for at in duplicates(&memories) {
        note(&memories[at].id, Concern::Duplicate);
    }
    let now = engine.clock.now();
    for memory in memories.iter().filter(|memory| is_stale(memory, &engine.decay.per_day, now)) {
        note(&memory.id, Concern::Stale);
    }
    let open = engine.memory.conflicts_of(scope, &ids).await?;
    let open = open.into_iter().filter(|conflict| conflict.state == ConflictState::Open);
    let contradicted: HashSet<MemoryId> = open.flat_map(|conflict| [conflict.old, conflict.new]).collect();
    for memory in memories.iter().filter(|memory| contradicted.contains(&memory.id)) {
        note(&memory.id, Concern::Contradicted);
    }
    let mut unreadable = 0;
    for (conversation, learnt) in by_conversation(&memories) {
        match of_call(engine, scope, conversation, &learnt).await? {
            Some(found) => found.iter().for_each(|(id, concern)| note(id, *concern)),
            None => unreadable += 1,
        }
    }

    Ok(Examined {
        sampled: memories.len(),
        reviewed: ids.iter().filter(|id| judged.contains(*id)).count(),
        never_recalled: ids.into_iter().filter(|id| !recalled.contains(id)).collect(),
        findings: in_order(findings(memories, concerns, &judged).into_iter().chain(waiting).collect()),
        unreadable,
    })
}

fn findings(
    memories: Vec<Memory>,
    mut concerns: BTreeMap<MemoryId, Vec<Concern>>,
    judged: &HashSet<MemoryId>,
) -> Vec<Finding> {
    memories
        .into_iter()
        .filter(|memory| !judged.contains(&memory.id))
        .filter_map(|memory| Some(Finding { concerns: concerns.remove(&memory.id)?, memory }))
        .collect()
}

fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| a.memory.id.cmp(&b.memory.id));
    findings
}

/// The latest so many, earliest learnt first, so that of two that say the same the newer one is the repetition.
async fn of_state(engine: &Engine, scope: &Scope, state: MemoryState, most: usize) -> Result<Vec<Memory>> {
    let filter = MemoryFilter { states: vec![state], ..MemoryFilter::default() };
    let mut memories: Vec<Memory> = Vec::new();
    let mut cursor = None;
    while memories.len() < most {
        let page = PageRequest { limit: (most - memories.len()).min(1_000), cursor };
        let found = engine.memory.list_memories(scope, &filter, &page).await?;
        memories.extend(found.items);
        cursor = found.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    memories.sort_by(|a, b| (a.learnt_at, &a.id).cmp(&(b.learnt_at, &b.id)));
    Ok(memories)
}

fn is_stale(memory: &Memory, rates: &DecayRates, now: Timestamp) -> bool {
    if memory.kind == MemoryKind::Promise {
        // With a day that lay ahead when it was given; else a promise is about the call itself.
        let dated = memory.occurred_at > memory.learnt_at;
        let due = if dated { Duration::days(1) } else { Duration::days(PROMISE_DAYS) };
        return now - memory.occurred_at > due;
    }
    memory.effective_salience(rates, now) < FADED
}

fn by_conversation(memories: &[Memory]) -> BTreeMap<&ConversationId, Vec<&Memory>> {
    let mut calls: BTreeMap<&ConversationId, Vec<&Memory>> = BTreeMap::new();
    for memory in memories.iter().filter(|memory| memory.provenance.origin == Origin::Extracted) {
        if let Some(conversation) = &memory.provenance.conversation_id {
            calls.entry(conversation).or_default().push(memory);
        }
    }
    calls
}

/// What the call itself says about the memories learnt from it; `None` when it cannot be opened.
async fn of_call(
    engine: &Engine,
    scope: &Scope,
    id: &ConversationId,
    learnt: &[&Memory],
) -> Result<Option<Vec<(MemoryId, Concern)>>> {
    let Some(conversation) = engine.memory.conversation(&scope.tenant, id).await? else { return Ok(Some(Vec::new())) };
    let opened = open_transcript(engine, &scope.tenant, &conversation)
        .and_then(|transcript| Ok((transcript, confidences(engine, scope, &conversation)?)));
    let (transcript, confidences) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(?error, "a call could not be opened for the audit");
            return Ok(None);
        }
    };
    let sure: HashMap<MemoryId, f32> = confidences.into_iter().collect();
    let mut found = Vec::new();
    for memory in learnt.iter().filter(|memory| sure.get(&memory.id).is_some_and(|sure| *sure < UNSURE)) {
        found.push((memory.id.clone(), Concern::LowConfidence));
    }
    // Where nothing was recalled, nothing can be an echo.
    if let Some(transcript) = transcript.filter(|t| t.turns.iter().any(|turn| turn.after_recall)) {
        let heard = Heard::in_call(&transcript);
        let recalled = recalled_in(engine, scope, id).await?;
        for memory in learnt {
            let others = recalled.as_ref().map(|all| all.iter().filter(|other| other.id != memory.id));
            let others = others.map(|all| all.map(|other| other.content.clone()).collect::<Vec<_>>());
            if heard.is_echo(&memory.content, others.as_deref()) {
                found.push((memory.id.clone(), Concern::Echo));
            }
        }
    }
    Ok(Some(found))
}

/// The memories that were given to the agent in a call, as far as they are still there; `None` where no receipt says.
async fn recalled_in(engine: &Engine, scope: &Scope, id: &ConversationId) -> Result<Option<Vec<Memory>>> {
    let receipts = engine.memory.receipts_of(&scope.tenant, id).await?;
    let mut told = receipts.into_iter().filter(|receipt| receipt.kind != ReceiptKind::Remember).peekable();
    if told.peek().is_none() {
        return Ok(None);
    }
    let mut ids: Vec<MemoryId> = told.flat_map(|receipt| receipt.items).filter_map(|item| item.memory).collect();
    ids.sort();
    ids.dedup();
    engine.memory.memories(scope, &ids).await.map(Some)
}
