//! What follows from a verdict, and how a pair comes to stand that way.

use super::config::ReconcileConfig;
use super::footing::Footing;
use crate::decay::DecayRates;
use crate::{
    Change, Conflict, ConflictId, ConflictState, JudgedBy, Judgement, Memory, MemoryState, Resolution, Scope, Standing,
    Timestamp, Verdict,
};

/// What is to become of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Both stay, and nothing is noted.
    Nothing,
    /// Both stay, and somebody has to decide.
    Open,
    /// The old one gives way to the new one.
    Supersede,
    /// Both say the same: the old one stands for both.
    KeepOld,
    /// Both say the same: the new one stands for both.
    KeepNew,
}

/// What follows from a verdict.
pub(super) fn outcome(
    config: &ReconcileConfig,
    judgement: &Judgement,
    footing: Footing,
    (old, new): (&Memory, &Memory),
) -> Outcome {
    let sure = judgement.confidence >= config.min_confidence;
    match judgement.verdict {
        Verdict::Unrelated => Outcome::Nothing,
        Verdict::Same if sure => one_of_two(footing, old, new),
        Verdict::Update | Verdict::Contradiction | Verdict::Unsure if footing.only_same => Outcome::Nothing,
        // What somebody corrected by hand is not overruled by what a caller says, and of two that were written at
        // once none is the later.
        Verdict::Update | Verdict::Contradiction if sure && old.corrected_at.is_none() && !footing.tied => {
            Outcome::Supersede
        }
        Verdict::Same | Verdict::Update | Verdict::Contradiction | Verdict::Unsure => Outcome::Open,
    }
}

/// The first one stands, unless somebody corrected the other, or the other knows where in the same call it was said.
fn one_of_two(footing: Footing, old: &Memory, new: &Memory) -> Outcome {
    let corrected = new.corrected_at.is_some() && old.corrected_at.is_none();
    let grounded = footing.one_call
        && old.corrected_at.is_none()
        && old.provenance.turns.is_empty()
        && !new.provenance.turns.is_empty();
    if corrected || grounded { Outcome::KeepNew } else { Outcome::KeepOld }
}

/// The conflict to be written, with what it does to the two memories as they stand.
pub(super) fn conflict(
    scope: &Scope,
    (judgement, judged_by): (Judgement, JudgedBy),
    outcome: Outcome,
    strengthens: Option<&DecayRates>,
    (old, new): (&Memory, &Memory),
    now: Timestamp,
) -> Conflict {
    let (state, resolution, changes) = match outcome {
        Outcome::Nothing | Outcome::Open => (ConflictState::Open, None, Vec::new()),
        Outcome::Supersede => {
            let changes = vec![gives_way(old, new), stays(new)];
            (ConflictState::Resolved, Some(Resolution::Superseded), changes)
        }
        Outcome::KeepOld => {
            let kept = strengthens.map_or_else(|| stays(old), |rates| strengthened(old, rates, now));
            (ConflictState::Resolved, Some(Resolution::Reinforced), vec![kept, gives_way(new, old)])
        }
        Outcome::KeepNew => {
            let kept = strengthens.map_or_else(|| stays(new), |rates| strengthened(new, rates, now));
            (ConflictState::Resolved, Some(Resolution::Reinforced), vec![gives_way(old, new), kept])
        }
    };
    Conflict {
        id: ConflictId::between(&old.id, &new.id),
        caller: scope.caller.clone(),
        old: old.id.clone(),
        new: new.id.clone(),
        verdict: judgement.verdict,
        reason: judgement.reason,
        confidence: judgement.confidence,
        judged_by,
        state,
        resolution,
        changes,
        created_at: now,
        resolved_at: (state == ConflictState::Resolved).then_some(now),
    }
}

/// `loser` is true until `winner` was learnt; never, where it was learnt after it.
pub(super) fn gives_way(loser: &Memory, winner: &Memory) -> Change {
    let before = Standing::of(loser);
    let after = Standing {
        state: MemoryState::Superseded,
        valid_to: Some(winner.learnt_at.max(loser.learnt_at)),
        superseded_by: Some(winner.id.clone()),
        ..before.clone()
    };
    Change { memory: loser.id.clone(), before, after }
}

/// Nothing changes, unless it was archived: then it is current again. If it has changed meanwhile, the pair is looked at
/// again.
fn stays(memory: &Memory) -> Change {
    Change { memory: memory.id.clone(), before: Standing::of(memory), after: Standing::of(memory).in_sight() }
}

fn strengthened(memory: &Memory, rates: &DecayRates, now: Timestamp) -> Change {
    let after = Standing::of(memory).strengthened(memory.effective_salience(rates, now), now);
    Change { memory: memory.id.clone(), before: Standing::of(memory), after }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;
    use crate::testkit::fixtures::{after, memory};

    const APART: Footing = Footing { first_is_newer: true, tied: false, one_call: false, only_same: false };

    fn found(verdict: Verdict, confidence: f32, footing: Footing, old: &Memory, new: &Memory) -> Outcome {
        let judgement = Judgement { verdict, confidence, reason: Reason::NewerValue };
        outcome(&ReconcileConfig::default(), &judgement, footing, (old, new))
    }

    #[test]
    fn only_a_sure_verdict_replaces_and_never_what_somebody_corrected() {
        let (old, new) = (memory("mem_1", "x"), memory("mem_2", "y"));
        for verdict in [Verdict::Update, Verdict::Contradiction] {
            assert_eq!(found(verdict, 0.6, APART, &old, &new), Outcome::Supersede);
            assert_eq!(found(verdict, 0.59, APART, &old, &new), Outcome::Open);
            assert_eq!(found(verdict, 1.0, Footing { tied: true, ..APART }, &old, &new), Outcome::Open);
            assert_eq!(found(verdict, 1.0, Footing { only_same: true, ..APART }, &old, &new), Outcome::Nothing);
            let corrected = Memory { corrected_at: Some(after(1)), ..old.clone() };
            assert_eq!(found(verdict, 1.0, APART, &corrected, &new), Outcome::Open);
            assert_eq!(found(verdict, 1.0, APART, &old, &corrected), Outcome::Supersede);
        }
        assert_eq!(found(Verdict::Same, 0.59, APART, &old, &new), Outcome::Open);
        assert_eq!(found(Verdict::Unsure, 1.0, APART, &old, &new), Outcome::Open);
        assert_eq!(found(Verdict::Unrelated, 0.1, APART, &old, &new), Outcome::Nothing);
    }

    #[test]
    fn of_two_that_say_the_same_the_first_stands_unless_the_second_is_better_founded() {
        let (old, new) = (memory("mem_1", "x"), memory("mem_2", "x"));
        assert_eq!(found(Verdict::Same, 1.0, APART, &old, &new), Outcome::KeepOld);
        let corrected = Memory { corrected_at: Some(after(1)), ..new.clone() };
        assert_eq!(found(Verdict::Same, 1.0, APART, &old, &corrected), Outcome::KeepNew);
        let mut grounded = new.clone();
        grounded.provenance.turns = vec![3];
        assert_eq!(found(Verdict::Same, 1.0, APART, &old, &grounded), Outcome::KeepOld);
        let one_call = Footing { one_call: true, only_same: true, ..APART };
        assert_eq!(found(Verdict::Same, 1.0, one_call, &old, &grounded), Outcome::KeepNew);
        assert_eq!(found(Verdict::Same, 1.0, one_call, &grounded, &new), Outcome::KeepOld);
    }

    #[test]
    fn what_gives_way_was_true_until_the_other_was_learnt_and_never_if_that_was_before() {
        let (old, new) = (memory("mem_1", "x"), Memory { learnt_at: after(60), ..memory("mem_2", "y") });
        let way = gives_way(&old, &new).after;
        assert_eq!(
            (way.state, way.valid_to, way.superseded_by),
            (MemoryState::Superseded, Some(after(60)), Some(new.id.clone()))
        );
        assert_eq!(gives_way(&new, &old).after.valid_to, Some(new.learnt_at));
    }
}
