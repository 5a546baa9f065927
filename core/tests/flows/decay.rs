//! What fades, however often and by whom it is looked after.

use crate::world::{NUMBER, World};
use chrono::Duration;
use hark_core::decay::{DecayConfig, DecayRates, LEASE, Swept, sweep};
use hark_core::engine::Engine;
use hark_core::ingest::NewMemory;
use hark_core::testkit::fixtures::memory;
use hark_core::testkit::{Outcome as Step, SeededEntropy};
use hark_core::{
    Clock, Entropy, ErrorKind, Link, LinkKind, Memory, MemoryId, MemoryState, Origin, RecallQuery, Scope, Sector,
    Timestamp, effective_salience,
};
use proptest::prelude::*;
use std::sync::Arc;

const DAY: i64 = 86_400;

/// A caller with memories and links of every kind, and a clock that stands at their beginning.
async fn populated(seed: u64) -> (World, Scope) {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let chance = SeededEntropy::new(seed);
    let born = world.clock.now();
    let memories: Vec<Memory> = (0..40)
        .map(|at| {
            let learnt_at = born - Duration::seconds((chance.unit() * 300.0) as i64 * DAY);
            let reinforced_at = learnt_at + (born - learnt_at) * i32::from(chance.unit() > 0.7) / 2;
            Memory {
                sector: Sector::ALL[at % 5],
                salience: chance.unit() as f32,
                decay_rate: [None, None, Some(0.0), Some(0.05)][at % 4],
                state: [MemoryState::Active, MemoryState::Active, MemoryState::Superseded][at % 3],
                learnt_at,
                reinforced_at,
                ..memory(&format!("mem_{at:02}"), "Likes tea")
            }
        })
        .collect();
    world.engine.memory.put_memories(&scope, &memories).await.unwrap();
    let links: Vec<Link> = (0..39)
        .map(|at| {
            let kind = if at % 5 == 0 { LinkKind::Manual } else { LinkKind::Similar };
            let made = born - Duration::seconds((chance.unit() * 250.0) as i64 * DAY);
            let ends = [memories[at].id.clone(), memories[at + 1].id.clone()];
            Link::new(ends[0].clone(), ends[1].clone(), chance.unit() as f32, kind, made)
        })
        .collect();
    world.engine.memory.put_links(&scope, &links).await.unwrap();
    (world, scope)
}

async fn everything(world: &World, scope: &Scope) -> (Vec<Memory>, Vec<Link>) {
    let ids: Vec<MemoryId> = (0..40).map(|at| MemoryId::new(format!("mem_{at:02}"))).collect();
    (world.engine.memory.memories(scope, &ids).await.unwrap(), world.engine.memory.links(scope, &ids).await.unwrap())
}

/// Sweeps to the end, whenever the last one was.
async fn sweep_now(engine: &Engine) -> Swept {
    let eager = Engine { decay: DecayConfig { every_secs: 0, ..engine.decay }, ..engine.clone() };
    // A clock that went back finds that the last one is not over yet.
    sweep(&eager).await.unwrap().unwrap_or(Swept { finished: true, ..Swept::default() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whenever and however often it was swept on the way, at the end stands what one sweep at the end makes.
    #[test]
    fn when_and_how_often_it_is_swept_changes_nothing(
        seed in any::<u64>(),
        mut stops in prop::collection::vec(-400..400_i64, 0..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            stops.sort_unstable();
            let ((often, scope), (once, _)) = (populated(seed).await, populated(seed).await);
            let end = once.clock.now() + Duration::days(400);
            let begin = often.clock.now();
            for day in stops {
                often.clock.set(begin + Duration::days(day));
                sweep_now(&often.engine).await;
            }
            for world in [&often, &once] {
                world.clock.set(end);
                sweep_now(&world.engine).await;
            }
            let other = once.scope_of(NUMBER).await;
            let (made, expected) = (everything(&often, &scope).await, everything(&once, &other).await);
            assert_eq!(made, expected);
            // And once more is nothing, also by a clock that went back.
            for world in [&often, &once] {
                for back in [0, 1, 399, 4_000] {
                    world.clock.set(end - Duration::days(back));
                    assert_eq!(sweep_now(&world.engine).await, Swept { finished: true, ..Swept::default() });
                }
            }
            assert_eq!(everything(&often, &scope).await, expected);
        });
    }

    /// What is left never grows by itself, never leaves 0 to 1, and does not depend on what was asked before.
    #[test]
    fn what_is_left_is_monotone_and_bounded(
        salience in 0.0..=1.0_f64,
        rate in 0.0..2.0_f64,
        mut days in prop::collection::vec(-500..5_000_i64, 1..20),
    ) {
        let told: Timestamp = hark_core::testkit::fixtures::start();
        let at = |day: i64| effective_salience(salience, rate, told, told + Duration::days(day));
        let first: Vec<f64> = days.iter().map(|day| at(*day)).collect();
        days.sort_unstable();
        let mut last = salience;
        for day in &days {
            let left = at(*day);
            prop_assert!((0.0..=1.0).contains(&left) && left <= last, "{left} after {last} on day {day}");
            last = left;
        }
        let mut again: Vec<f64> = days.iter().map(|day| at(*day)).collect();
        again.reverse();
        let mut first = first;
        first.sort_by(f64::total_cmp);
        prop_assert_eq!(again, first);
    }
}

#[tokio::test]
async fn of_all_who_look_one_sweeps_and_the_next_one_after_six_hours() {
    let (world, _) = populated(3).await;
    world.clock.advance(Duration::days(200));
    let another = Engine { entropy: Arc::new(SeededEntropy::new(99)), ..world.engine.clone() };
    let (one, two) = tokio::join!(sweep(&world.engine), sweep(&another));
    let swept: Vec<Swept> = [one, two].into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(swept.len(), 1);
    assert!(swept[0].archived > 0 && swept[0].pruned > 0 && swept[0].finished, "{swept:?}");
    for minutes in [1, 60, 298] {
        world.clock.advance(Duration::minutes(minutes));
        for engine in [&world.engine, &another] {
            assert_eq!(sweep(engine).await.unwrap(), None, "not yet");
        }
    }
    world.clock.advance(Duration::minutes(1));
    assert!(sweep(&another).await.unwrap().unwrap().finished);
    assert_eq!(sweep(&world.engine).await.unwrap(), None);
}

/// The clock was a year ahead while one swept, or died on the way; and an hour, which is no reason to sweep twice.
#[tokio::test]
async fn a_clock_that_ran_ahead_keeps_nobody_from_sweeping_once_it_is_right() {
    for dies in [false, true] {
        let (world, _) = populated(1).await;
        world.clock.advance(Duration::days(365));
        if dies {
            world.memory.change(|method, _| match method {
                "fading_links" | "release_lease" => Step::fail(ErrorKind::Unavailable),
                _ => Step::Pass,
            });
            sweep(&world.engine).await.unwrap_err();
            world.memory.change(|_, _| Step::Pass);
        } else {
            assert!(sweep(&world.engine).await.unwrap().unwrap().finished);
        }
        world.clock.advance(Duration::days(-365));
        let swept = sweep(&world.engine).await.unwrap();
        assert!(swept.is_some_and(|swept| swept.finished), "the rest of a clock that was wrong is void");
        world.clock.advance(Duration::hours(-1));
        assert_eq!(sweep(&world.engine).await.unwrap(), None, "it rests");
        world.clock.advance(Duration::hours(7));
        let swept = sweep(&world.engine).await.unwrap();
        assert!(swept.is_some_and(|swept| swept.finished), "six hours and no longer");
    }
}

#[tokio::test]
async fn a_sweep_that_fails_or_dies_is_gone_on_with_by_another() {
    let (world, scope) = populated(3).await;
    world.clock.advance(Duration::days(400));
    world
        .memory
        .change(|method, _| if method == "fading_links" { Step::fail(ErrorKind::Unavailable) } else { Step::Pass });
    assert_eq!(sweep(&world.engine).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let archived = everything(&world, &scope).await.0.iter().filter(|m| m.state == MemoryState::Archived).count();
    assert!(archived > 0, "what came before is done");

    // At once, and only what is left to do.
    world
        .memory
        .change(|method, _| if method == "fading_memories" { Step::fail(ErrorKind::Internal) } else { Step::Pass });
    let swept = sweep(&world.engine).await.unwrap().unwrap();
    assert!(swept.archived == 0 && swept.pruned > 0 && swept.finished, "{swept:?}");

    // One that died keeps the others waiting for as long as its lease, and no longer.
    world.clock.advance(Duration::days(1));
    world.memory.change(|method, _| if method == "fading_links" { Step::Hang } else { Step::Pass });
    let dying = tokio::time::timeout(std::time::Duration::from_millis(20), sweep(&world.engine)).await;
    assert!(dying.is_err());
    world.memory.change(|_, _| Step::Pass);
    assert_eq!(sweep(&world.engine).await.unwrap(), None);
    world.clock.advance(Duration::minutes(3));
    assert!(sweep(&world.engine).await.unwrap().unwrap().finished);
}

#[tokio::test]
async fn a_place_nobody_knows_is_the_beginning_again() {
    let (world, _) = populated(3).await;
    world.clock.advance(Duration::days(400));
    let (memory, now) = (&world.engine.memory, world.clock.now());
    memory.take_lease(LEASE, "older version", now, now, now).await.unwrap().unwrap();
    assert!(memory.keep_lease(LEASE, "older version", now, Some("memories nowhere")).await.unwrap());
    assert_eq!(sweep(&world.engine).await.unwrap_err().kind(), ErrorKind::Invalid);
    let swept = sweep(&world.engine).await.unwrap().unwrap();
    assert!(swept.archived > 0 && swept.finished);
}

#[tokio::test]
async fn who_lost_the_lease_on_the_way_leaves_the_rest_to_the_other() {
    let (world, _) = populated(3).await;
    world.clock.advance(Duration::days(400));
    world
        .memory
        .change(|method, _| if method == "keep_lease" { Step::fail(ErrorKind::Unavailable) } else { Step::Pass });
    assert!(sweep(&world.engine).await.is_err());
    world.memory.change(|_, _| Step::Pass);
    let swept = sweep(&world.engine).await.unwrap().unwrap();
    assert_eq!((swept.archived, swept.finished), (0, true), "the first page was done, if not noted");
}

#[tokio::test]
async fn what_was_told_again_just_now_is_not_archived_by_who_read_it_before() {
    let (world, scope) = populated(3).await;
    world.clock.advance(Duration::days(400));
    let now = world.clock.now();
    let page = hark_core::PageRequest::first(100);
    let fading = world.engine.memory.fading_memories(world.engine.decay.archives_before(now), &page).await.unwrap();
    let (_, faint) = fading.items.into_iter().find(|(_, m)| world.engine.decay.archives(m, now)).unwrap();
    let told = world.ingest.reinforce(&scope, &faint.id).await.unwrap().unwrap();
    sweep_now(&world.engine).await;
    let kept = world.engine.memory.memories(&scope, std::slice::from_ref(&faint.id)).await.unwrap();
    assert_eq!(kept, [told]);
}

#[tokio::test]
async fn rates_that_are_configured_reach_answer_introduction_archive_and_links() {
    let world = World::new().await;
    let scope = world.scope_of(NUMBER).await;
    let new =
        NewMemory { sector: Some(Sector::Semantic), salience: Some(0.8), ..NewMemory::new("Keeps bees", Origin::Api) };
    let id = world.ingest.add(&scope, vec![new]).await.unwrap()[0].id.clone();
    world.clock.advance(Duration::days(200));
    let salience = async |per_day: DecayRates| {
        let decay = DecayConfig { per_day, ..DecayConfig::default() };
        let engine = Engine { decay, ..world.engine.clone() };
        let cache = Arc::new(hark_core::recall::CallerCache::new(8));
        let recall = hark_core::recall::Recall::new(engine, cache, Default::default());
        recall.ask(&scope, &RecallQuery::new("bees")).await.unwrap().hits[0].parts.salience
    };
    let never = DecayRates { semantic: 0.0, ..DecayRates::default() };
    let (kept, faded) = (salience(never).await, salience(DecayRates::default()).await);
    assert!((kept - 0.8).abs() < 1e-6 && (faded - 0.8 * (-1.0_f32).exp()).abs() < 1e-3, "{kept} {faded}");

    let slow = Engine { decay: DecayConfig { per_day: never, ..DecayConfig::default() }, ..world.engine.clone() };
    assert_eq!(sweep_now(&slow).await.archived, 0);
    assert_eq!(sweep_now(&world.engine).await.archived, 1);
    let archived = world.engine.memory.memories(&scope, &[id]).await.unwrap().remove(0);
    assert_eq!(archived.state, MemoryState::Archived);
}
