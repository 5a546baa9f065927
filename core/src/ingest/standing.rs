//! One memory is strengthened or brought back. Nothing but how it stands is written, and only if nobody else has
//! changed that meanwhile, so no correction made at the same time is lost.

use super::turns::ATTEMPTS;
use super::{Decision, Ingest};
use crate::{
    Change, ConflictId, ConflictState, Error, ErrorKind, Memory, MemoryId, MemoryState, Result, Scope, Standing,
};

impl Ingest {
    /// Strengthens a memory: what is left of its salience grows, decay starts anew, an archived one comes back.
    /// `None` when the caller has no such memory.
    ///
    /// # Errors
    /// What the stores say; `Conflict`, worth another attempt, when somebody else kept changing it.
    pub async fn reinforce(&self, scope: &Scope, id: &MemoryId) -> Result<Option<Memory>> {
        self.restand(scope, id, |memory| self.strengthened(memory)).await
    }

    /// Makes an archived or superseded memory current again. An archived one is strengthened, or it would fade from
    /// sight again at once. What had decided that a superseded one gives way is taken back, so that the two are not
    /// judged again. `None` when the caller has no such memory.
    ///
    /// # Errors
    /// What the stores say; `Conflict`, worth another attempt, when somebody else kept changing it.
    pub async fn restore(&self, scope: &Scope, id: &MemoryId) -> Result<Option<Memory>> {
        let found = self.engine.memory.memories(scope, std::slice::from_ref(id)).await?.into_iter().next();
        if let Some(next) = found.and_then(|memory| memory.superseded_by) {
            let conflict = ConflictId::between(id, &next);
            let known = self.engine.memory.conflict(&scope.tenant, &conflict).await?;
            if known.is_some_and(|conflict| conflict.state == ConflictState::Resolved) {
                self.resolve(&scope.tenant, &conflict, Decision::Undo).await?;
            }
        }
        let current = |memory: &Memory| match memory.state {
            MemoryState::Archived => self.strengthened(memory).current(),
            MemoryState::Active | MemoryState::Superseded | MemoryState::Quarantined => Standing::of(memory).current(),
        };
        self.restand(scope, id, current).await
    }

    fn strengthened(&self, memory: &Memory) -> Standing {
        let now = self.engine.clock.now();
        let left = memory.effective_salience(&self.engine.decay.per_day, now);
        Standing::of(memory).strengthened(left, now)
    }

    async fn restand(
        &self,
        scope: &Scope,
        id: &MemoryId,
        change: impl Fn(&Memory) -> Standing,
    ) -> Result<Option<Memory>> {
        let _turn = self.turns.of(scope).await;
        for _ in 0..ATTEMPTS {
            let found = self.engine.memory.memories(scope, std::slice::from_ref(id)).await?.into_iter().next();
            let Some(mut memory) = found else { return Ok(None) };
            let (before, after) = (Standing::of(&memory), change(&memory));
            if before == after {
                return Ok(Some(memory));
            }
            let change = Change { memory: id.clone(), before, after: after.clone() };
            if self.engine.memory.restand(scope, &[change]).await? > 0 {
                after.apply(&mut memory);
                return Ok(Some(memory));
            }
        }
        Err(Error::new(ErrorKind::Conflict, "memories.restand", "the memory was changed by somebody else meanwhile")
            .retriable(true))
    }
}
