//! New memories are held against what is known of the same caller: **neighbours → footing → verdict → settle**, one
//! file a step. What was corrected gives way and is kept; what was said twice stands once; what cannot be told waits
//! for somebody to decide ([`resolve`]).
//!
//! A pair is decided once, for ever: its conflict's id is derived from it and written in the transaction that changes
//! the two memories. So a walk that breaks off, comes twice or races another changes nothing twice.

mod bench;
mod config;
mod footing;
mod neighbours;
mod resolve;
mod settle;

pub use bench::judge_pair;
pub use config::{JudgeChoice, ReconcileConfig};
pub use resolve::Decision;

use super::turns::ATTEMPTS;
use super::{Ingest, confirm};
use crate::job::{JobPayload, ReconcileMemories, SummariseUser};
use crate::store::NewJob;
use crate::{
    Conflict, ConflictState, Error, ErrorKind, JudgedBy, Judgement, Memory, MemoryId, MemoryState, Resolution, Result,
    Scope, Timestamp,
};
use footing::{Calls, Footing};
use settle::Outcome;

/// Memories one job reconciles, so that an import of a thousand is not one long job.
const BATCH: usize = 50;

/// What reconciling has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Memories that gave way to a newer one.
    pub superseded: usize,
    /// Memories that said what was known.
    pub repeated: usize,
    /// Pairs that wait for somebody to decide.
    pub open: usize,
    /// What follows.
    pub follow_ups: Vec<NewJob>,
}

impl Ingest {
    /// Holds memories against what is known of the caller. Idempotent, also where it broke off: a pair that was
    /// decided is not decided again. Memories that are gone or no longer active are left alone.
    ///
    /// # Errors
    /// What the stores say; [`Error::is_lost_race`] when somebody else kept changing the same memories: what was decided
    /// until then stays, and the rest is worth another attempt. A failing model is no error: rules stand in.
    pub async fn reconcile(&self, scope: &Scope, ids: &[MemoryId]) -> Result<Reconciled> {
        let mut done = Reconciled::default();
        if !self.reconcile.enabled {
            return Ok(done);
        }
        let owner = self.engine.memory.user(scope).await?.filter(|user| user.shared).map(|user| user.name);
        let mut calls = Calls::new(&self.engine, scope);
        for id in ids {
            self.reconcile_one((scope, owner.as_deref()), id, &mut calls, &mut done).await?;
        }
        if done.superseded + done.repeated > 0 {
            let job = SummariseUser { caller: scope.caller.clone() }.job(&scope.tenant, self.engine.clock.now())?;
            done.follow_ups.push(job);
        }
        Ok(done)
    }

    /// The jobs that reconcile these memories; none where that is switched off.
    pub(super) fn reconciling(&self, scope: &Scope, ids: &[MemoryId], now: Timestamp) -> Result<Vec<NewJob>> {
        if !self.reconcile.enabled {
            return Ok(Vec::new());
        }
        let job = |ids: &[MemoryId]| {
            ReconcileMemories { caller: scope.caller.clone(), memory_ids: ids.to_vec() }.job(&scope.tenant, now)
        };
        ids.chunks(BATCH).map(job).collect()
    }

    async fn reconcile_one(
        &self,
        (scope, owner): (&Scope, Option<&str>),
        id: &MemoryId,
        calls: &mut Calls<'_>,
        done: &mut Reconciled,
    ) -> Result<()> {
        let found = self.standing(scope, id).await?.filter(|memory| memory.state == MemoryState::Active);
        let Some(memory) = found else { return Ok(()) };
        let near = neighbours::find(&self.engine, &self.cache, &self.reconcile, scope, &memory).await?;
        let decided = self.engine.memory.conflicts_of(scope, std::slice::from_ref(id)).await?;
        for neighbour in near {
            let other = &neighbour.memory;
            if decided.iter().any(|conflict| conflict.other(id) == Some(&other.id)) {
                continue;
            }
            let Some(footing) = calls.footing(&memory, other).await? else { continue };
            let (old, new) = if footing.first_is_newer { (other, &memory) } else { (&memory, other) };
            let verdict = bench::hear(&self.engine, &self.reconcile, scope, (old, new), neighbour.close, owner).await?;
            let Some(conflict) = self.settle(scope, verdict, footing, (&old.id, &new.id)).await? else { continue };
            match conflict.resolution {
                Some(Resolution::Superseded) => done.superseded += 1,
                Some(Resolution::Reinforced) => done.repeated += 1,
                Some(Resolution::KeptBoth) | None => done.open += 1,
            }
            if conflict.changes.iter().any(|c| c.memory == *id && c.after.state == MemoryState::Superseded) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Brings about what follows from a verdict; `None` where that is nothing, or somebody was faster.
    async fn settle(
        &self,
        scope: &Scope,
        (judgement, judged_by): (Judgement, JudgedBy),
        footing: Footing,
        (old, new): (&MemoryId, &MemoryId),
    ) -> Result<Option<Conflict>> {
        let _turn = self.turns.of(scope).await;
        for _ in 0..ATTEMPTS {
            let (Some(old), Some(new)) = (self.standing(scope, old).await?, self.standing(scope, new).await?) else {
                return Ok(None);
            };
            let outcome = settle::outcome(&self.reconcile, &judgement, footing, (&old, &new));
            if outcome == Outcome::Nothing {
                return Ok(None);
            }
            let strengthens = match outcome {
                Outcome::KeepOld => !footing.one_call && !self.strengthened_by_call_of(scope, &old, &new).await?,
                Outcome::KeepNew => !footing.one_call && !self.strengthened_by_call_of(scope, &new, &old).await?,
                Outcome::Nothing | Outcome::Open | Outcome::Supersede => false,
            };
            let now = self.engine.clock.now();
            let conflict = settle::conflict(
                scope,
                (judgement, judged_by),
                outcome,
                strengthens.then_some(&self.engine.decay.per_day),
                (&old, &new),
                now,
            );
            if self.engine.memory.settle_conflict(scope, None, &conflict, &conflict.changes).await? {
                report(&conflict);
                return Ok(Some(conflict));
            }
            if self.engine.memory.conflict(&scope.tenant, &conflict.id).await?.is_some() {
                return Ok(None);
            }
        }
        Err(contended())
    }

    /// Whether the call that `repeat` comes from has strengthened `kept` already: saying it three times in one call
    /// is saying it once.
    async fn strengthened_by_call_of(&self, scope: &Scope, kept: &Memory, repeat: &Memory) -> Result<bool> {
        let Some(call) = &repeat.provenance.conversation_id else { return Ok(false) };
        let said = self.engine.memory.conversation(&scope.tenant, call).await?;
        if said.is_some_and(|said| confirm::moment(&said) == kept.reinforced_at) {
            return Ok(true);
        }
        let known = self.engine.memory.conflicts_of(scope, std::slice::from_ref(&kept.id)).await?;
        let repeats: Vec<MemoryId> = known
            .iter()
            .filter(|c| c.state == ConflictState::Resolved && c.resolution == Some(Resolution::Reinforced))
            .filter(|c| c.changes.iter().any(|change| change.memory == kept.id && change.before != change.after))
            .filter_map(|c| c.other(&kept.id).cloned())
            .collect();
        let repeats = self.engine.memory.memories(scope, &repeats).await?;
        Ok(repeats.iter().any(|memory| memory.provenance.conversation_id.as_ref() == Some(call)))
    }

    /// The memory, if it has not given way and is not in quarantine: what was archived is only out of sight, and is repeated or corrected like
    /// any other.
    async fn standing(&self, scope: &Scope, id: &MemoryId) -> Result<Option<Memory>> {
        let found = self.engine.memory.memories(scope, std::slice::from_ref(id)).await?.into_iter().next();
        Ok(found.filter(|memory| memory.state.stands()))
    }
}

fn contended() -> Error {
    Error::new(ErrorKind::Conflict, "ingest.reconcile", "the memories were changed by somebody else meanwhile")
        .retriable(true)
}

/// Every decision is logged with its reason, by ids alone.
fn report(conflict: &Conflict) {
    let resolution = conflict.resolution.map_or(conflict.state.name(), Resolution::name);
    metrics::counter!("hark_conflicts_total",
        "verdict" => conflict.verdict.name(), "judge" => conflict.judged_by.name(), "resolution" => resolution)
    .increment(1);
    tracing::info!(
        conflict = %conflict.id,
        user_id = %conflict.caller,
        old = %conflict.old,
        new = %conflict.new,
        verdict = conflict.verdict.name(),
        reason = ?conflict.reason,
        confidence = conflict.confidence,
        judge = conflict.judged_by.name(),
        state = conflict.state.name(),
        resolution,
        "memories reconciled"
    );
}
