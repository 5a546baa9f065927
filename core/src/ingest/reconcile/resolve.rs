//! Somebody decides, or takes a decision back.

use super::settle::gives_way;
use super::{contended, report};
use crate::ingest::Ingest;
use crate::ingest::turns::ATTEMPTS;
use crate::job::{JobPayload, SummariseUser};
use crate::{
    Change, Conflict, ConflictId, ConflictState, Error, ErrorKind, JudgedBy, Memory, MemoryId, Resolution, Result,
    Scope, Standing, TenantId,
};

/// What somebody decides about a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The one said first is current; the other gives way to it.
    KeepOld,
    /// The one said later is current; the other gives way to it.
    KeepNew,
    /// Both are current.
    KeepBoth,
    /// What was decided is taken back: both stand as before, but for what else has happened to them since.
    Undo,
}

impl Ingest {
    /// Decides a conflict, whatever was decided before, or takes the decision back. A person outranks every judge, and
    /// the pair is not judged again. `None` when there is no such conflict. Repeating a decision changes nothing.
    ///
    /// # Errors
    /// `Conflict` when there is nothing to take back, or (worth another attempt) the memories keep changing; else what
    /// the stores say.
    pub async fn resolve(&self, tenant: &TenantId, id: &ConflictId, decision: Decision) -> Result<Option<Conflict>> {
        for _ in 0..ATTEMPTS {
            let Some(known) = self.engine.memory.conflict(tenant, id).await? else { return Ok(None) };
            if stands(&known, decision) {
                return Ok(Some(known));
            }
            if decision == Decision::Undo && known.state == ConflictState::Open {
                let why = "nothing was decided yet, so there is nothing to undo";
                return Err(Error::new(ErrorKind::Conflict, "conflicts.resolve", why));
            }
            let scope = Scope { tenant: tenant.clone(), caller: known.caller.clone() };
            let _turn = self.turns.of(&scope).await;
            let ends = [known.old.clone(), known.new.clone()];
            let found = self.engine.memory.memories(&scope, &ends).await?;
            let [old, new] = &found[..] else { return Ok(None) };
            let (conflict, changes) = decided(&known, decision, old, new, self.engine.clock.now());
            if self.engine.memory.settle_conflict(&scope, Some(&known), &conflict, &changes).await? {
                report(&conflict);
                let job = SummariseUser { caller: scope.caller.clone() }.job(tenant, self.engine.clock.now())?;
                self.engine.jobs.enqueue(&[job], self.engine.clock.now()).await?;
                return Ok(Some(conflict));
            }
        }
        Err(contended())
    }

    /// Takes back what was decided by a judge because of memories that are about to go.
    pub(in crate::ingest) async fn take_back(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        for conflict in self.engine.memory.conflicts_of(scope, ids).await? {
            if conflict.state == ConflictState::Resolved && conflict.judged_by != JudgedBy::Person {
                self.resolve(&scope.tenant, &conflict.id, Decision::Undo).await?;
            }
        }
        Ok(())
    }
}

/// Whether that is what a person has decided already.
fn stands(known: &Conflict, decision: Decision) -> bool {
    if decision == Decision::Undo {
        return known.state == ConflictState::Undone;
    }
    let by_person = known.state == ConflictState::Resolved && known.judged_by == JudgedBy::Person;
    let gave_way = |id: &MemoryId| known.changes.iter().any(|c| c.memory == *id && c.after.superseded_by.is_some());
    by_person
        && match decision {
            Decision::KeepOld => gave_way(&known.new),
            Decision::KeepNew => gave_way(&known.old),
            Decision::KeepBoth => known.resolution == Some(Resolution::KeptBoth),
            Decision::Undo => false,
        }
}

/// The conflict as it will be, and what changes of the memories as they stand.
fn decided(
    known: &Conflict,
    decision: Decision,
    old: &Memory,
    new: &Memory,
    now: crate::Timestamp,
) -> (Conflict, Vec<Change>) {
    // As if nobody had decided: what the last resolution did is taken back first.
    let (old_before, new_before) = (undone(known, old), undone(known, new));
    let (state, resolution, changes) = match decision {
        Decision::Undo => (ConflictState::Undone, known.resolution, known.changes.clone()),
        Decision::KeepBoth => (ConflictState::Resolved, Some(Resolution::KeptBoth), Vec::new()),
        Decision::KeepOld => (ConflictState::Resolved, Some(Resolution::Superseded), wins(&old_before, &new_before)),
        Decision::KeepNew => (ConflictState::Resolved, Some(Resolution::Superseded), wins(&new_before, &old_before)),
    };
    let change = |stored: &Memory, base: &Memory| {
        let decided = changes.iter().find(|c| decision != Decision::Undo && c.memory == stored.id);
        let after = decided.map_or_else(|| Standing::of(base), |c| c.after.clone());
        Change { memory: stored.id.clone(), before: Standing::of(stored), after }
    };
    let applied = vec![change(old, &old_before), change(new, &new_before)];
    let conflict =
        Conflict { state, resolution, changes, judged_by: JudgedBy::Person, resolved_at: Some(now), ..known.clone() };
    (conflict, applied)
}

/// `winner` is current whatever it had given way to, so that of two that point to each other none is lost.
fn wins(winner: &Memory, loser: &Memory) -> Vec<Change> {
    let before = Standing::of(winner);
    vec![Change { memory: winner.id.clone(), after: before.clone().current(), before }, gives_way(loser, winner)]
}

/// The memory without what the conflict's resolution did to it. What was changed otherwise since stays.
fn undone(conflict: &Conflict, memory: &Memory) -> Memory {
    let mut memory = memory.clone();
    if conflict.state != ConflictState::Resolved {
        return memory;
    }
    for Change { before, after, .. } in conflict.changes.iter().filter(|c| c.memory == memory.id) {
        let place = |s: &Standing| (s.state, s.valid_to, s.superseded_by.clone());
        let strength = |s: &Standing| (s.salience.to_bits(), s.reinforced_at);
        let stands = Standing::of(&memory);
        if place(&stands) == place(after) {
            memory.state = before.state;
            memory.valid_to = before.valid_to;
            memory.superseded_by.clone_from(&before.superseded_by);
        }
        if strength(&stands) == strength(after) {
            memory.salience = before.salience;
            memory.reinforced_at = before.reinforced_at;
        }
    }
    memory
}
