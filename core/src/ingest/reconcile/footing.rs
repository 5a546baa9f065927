//! Which of two memories was said first, and whether they may be held against each other at all.

use crate::ai::by_rules::RuleJudge;
use crate::engine::Engine;
use crate::ingest::extract;
use crate::{Conversation, ConversationId, Memory, Origin, Result, Scope, Speaker, Timestamp, Transcript};
use std::collections::HashMap;

/// How a pair stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footing {
    /// The first of the two was said later.
    pub(super) first_is_newer: bool,
    /// It cannot be told which was said later.
    pub(super) tied: bool,
    /// One call said both: nothing is stronger for it.
    pub(super) one_call: bool,
    /// They can say the same; nothing else may follow from them.
    pub(super) only_same: bool,
}

/// Looks up, once each, the calls that memories come from.
#[derive(Debug)]
pub(super) struct Calls<'a> {
    engine: &'a Engine,
    scope: &'a Scope,
    known: HashMap<ConversationId, Option<Conversation>>,
    opened: HashMap<ConversationId, Option<Transcript>>,
}

impl<'a> Calls<'a> {
    pub(super) fn new(engine: &'a Engine, scope: &'a Scope) -> Self {
        Self { engine, scope, known: HashMap::new(), opened: HashMap::new() }
    }

    /// How the two stand; `None` where they are not to be held against each other: what one reading of one call
    /// found belongs together, unless the caller took the first back.
    pub(super) async fn footing(&mut self, first: &Memory, second: &Memory) -> Result<Option<Footing>> {
        if let Some(id) = same_call(first, second) {
            return self.within(&id, first, second).await;
        }
        let (a, b) = (self.said_at(first).await?, self.said_at(second).await?);
        Ok(Some(Footing { first_is_newer: a > b, tied: a == b, one_call: false, only_same: false }))
    }

    async fn within(&mut self, id: &ConversationId, first: &Memory, second: &Memory) -> Result<Option<Footing>> {
        let read = |memory: &Memory| memory.provenance.origin == Origin::Extracted;
        let footing = |first_is_newer, tied, only_same| Footing { first_is_newer, tied, one_call: true, only_same };
        match (read(first), read(second)) {
            // The agent was told twice during the call: the later one counts.
            (false, false) => {
                let (a, b) = (first.learnt_at, second.learnt_at);
                Ok(Some(footing(a > b, a == b, false)))
            }
            // What the agent was told, and what was read in the transcript afterwards: the same, most probably.
            (true, false) | (false, true) => {
                let newer = if read(first) { first } else { second };
                let taken_back = self.takes_back(id, newer).await?;
                Ok(Some(footing(read(first), false, !taken_back)))
            }
            (true, true) => {
                let last = |memory: &Memory| memory.provenance.turns.iter().max().copied();
                let (Some(a), Some(b)) = (last(first), last(second)) else { return Ok(None) };
                let newer = if a > b { first } else { second };
                let taken_back = a != b && self.takes_back(id, newer).await?;
                Ok(taken_back.then_some(footing(a > b, false, false)))
            }
        }
    }

    /// When it was said, as well as we know. What an integrator writes may be older than the writing, but not
    /// younger.
    async fn said_at(&mut self, memory: &Memory) -> Result<Timestamp> {
        Ok(match (memory.provenance.origin, &memory.provenance.conversation_id) {
            (Origin::Api, _) => memory.occurred_at.min(memory.learnt_at),
            (Origin::Extracted, Some(id)) => self.call(id).await?.map_or(memory.learnt_at, |call| call.started_at),
            (Origin::Extracted | Origin::Remembered, _) => memory.learnt_at,
        })
    }

    async fn call(&mut self, id: &ConversationId) -> Result<Option<&Conversation>> {
        if !self.known.contains_key(id) {
            let found = self.engine.memory.conversation(&self.scope.tenant, id).await?;
            self.known.insert(id.clone(), found);
        }
        Ok(self.known.get(id).and_then(Option::as_ref))
    }

    /// Whether the caller, in one of the memory's turns, takes something back.
    async fn takes_back(&mut self, id: &ConversationId, memory: &Memory) -> Result<bool> {
        if !self.opened.contains_key(id) {
            let engine = self.engine;
            let tenant = self.scope.tenant.clone();
            let call = self.call(id).await?;
            let opened = call.map(|call| extract::open_transcript(engine, &tenant, call)).transpose()?.flatten();
            self.opened.insert(id.clone(), opened);
        }
        let Some(transcript) = self.opened.get(id).and_then(Option::as_ref) else { return Ok(false) };
        let mut turns = memory.provenance.turns.iter().filter_map(|at| transcript.turns.get(*at as usize));
        Ok(turns.any(|turn| turn.speaker == Speaker::User && RuleJudge.takes_back(&turn.text)))
    }
}

fn same_call(first: &Memory, second: &Memory) -> Option<ConversationId> {
    let id = first.provenance.conversation_id.as_ref()?;
    (second.provenance.conversation_id.as_ref() == Some(id)).then(|| id.clone())
}
