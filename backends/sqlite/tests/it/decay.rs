//! What fades on a real file, which several processes look after.

use crate::place::Place;
use crate::reconcile::Process;
use chrono::Duration;
use hark_core::decay::{DecayConfig, Swept, sweep};
use hark_core::engine::Engine;
use hark_core::testkit::fixtures::{after, memory, start};
use hark_core::testkit::{MockClock, Outcome};
use hark_core::{ErrorKind, Link, LinkKind, Memory, MemoryId, MemoryState};
use std::sync::Arc;

/// More than two pages of memories that have faded, and of links.
const MANY: usize = 1_200;

fn id(at: usize) -> MemoryId {
    MemoryId::new(format!("mem_{at:04}"))
}

async fn fill(process: &Process) {
    let memories: Vec<Memory> = (0..MANY).map(|at| memory(id(at).as_str(), "Likes tea")).collect();
    process.engine.memory.put_memories(&process.scope, &memories).await.expect("it answers");
    let link = |at: usize| Link::new(id(at), id(at + 1), 0.5, LinkKind::Similar, after(1));
    let links: Vec<Link> = (0..MANY - 1).map(link).collect();
    process.engine.memory.put_links(&process.scope, &links).await.expect("it answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_processes_one_sweeps_every_page_once() {
    let (place, clock) = (Place::new(), Arc::new(MockClock::default()));
    let processes = [Process::start(&place, &clock, 1).await, Process::start(&place, &clock, 2).await];
    fill(&processes[0]).await;
    clock.advance(Duration::days(400));
    for round in 0..2 {
        let sweeping: Vec<_> = (0..8)
            .map(|at| {
                let engine = processes[at % 2].engine.clone();
                tokio::spawn(async move { sweep(&engine).await.unwrap() })
            })
            .collect();
        let mut swept = Vec::new();
        for sweeping in sweeping {
            swept.extend(sweeping.await.unwrap());
        }
        let all = [MANY as u64, MANY as u64 - 1].map(|count| if round == 0 { count } else { 0 });
        assert_eq!(swept, [Swept { archived: all[0], pruned: all[1], finished: true }], "round {round}");
        clock.advance(Duration::hours(6));
    }
    let ids: Vec<MemoryId> = (0..MANY).map(id).collect();
    let kept = processes[1].engine.memory.memories(&processes[1].scope, &ids).await.unwrap();
    assert!(kept.len() == MANY && kept.iter().all(|memory| memory.state == MemoryState::Archived));
    assert_eq!(processes[1].engine.memory.links(&processes[1].scope, &ids).await.unwrap(), []);
}

#[tokio::test]
async fn a_sweep_that_broke_off_is_gone_on_with_by_another_process() {
    let (place, clock) = (Place::new(), Arc::new(MockClock::default()));
    let first = Process::start(&place, &clock, 1).await;
    fill(&first).await;
    clock.advance(Duration::days(400));
    let mut pages = 0;
    first.script.change(move |method, _| {
        pages += usize::from(method == "fading_memories");
        if pages > 2 { Outcome::fail(ErrorKind::Unavailable) } else { Outcome::Pass }
    });
    sweep(&first.engine).await.unwrap_err();
    drop(first);
    // It could not even give its lease back.
    let second = Process::start(&place, &clock, 2).await;
    assert_eq!(sweep(&second.engine).await.unwrap(), None);
    clock.advance(Duration::minutes(3));
    let swept = sweep(&second.engine).await.unwrap().unwrap();
    assert_eq!(swept, Swept { archived: MANY as u64 - 1_000, pruned: MANY as u64 - 1, finished: true });
}

/// A file of the last version has links that were never used; they fade from when they were made.
#[tokio::test]
async fn links_from_before_were_never_used() {
    let (place, clock) = (Place::new(), Arc::new(MockClock::default()));
    let process = Process::start(&place, &clock, 1).await;
    let both = ["mem_1", "mem_2"].map(|id| memory(id, "Likes tea"));
    process.engine.memory.put_memories(&process.scope, &both).await.unwrap();
    place
        .tamper(
            "INSERT INTO links (id, tenant, caller, a, b, weight, kind, created_at)
             VALUES ('lnk_old', 'acme', 'usr_1', 'mem_1', 'mem_2', 0.9, 'similar', 1)",
        )
        .await;
    let old = process.engine.memory.links(&process.scope, &["mem_1".into()]).await.unwrap().remove(0);
    assert_eq!((old.used_at, old.weight), (None, 0.9));
    let decay = DecayConfig::default();
    assert!(decay.prunes(&old, start()));
    let swept = sweep(&Engine { decay, ..process.engine.clone() }).await.unwrap().unwrap();
    assert_eq!((swept.archived, swept.pruned), (0, 1));
}
