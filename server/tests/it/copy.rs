//! `hark copy` between SQLite files: everything is there, however often it broke off, and nothing is lost to a wrong target.

use super::backup_home::{Home, NUMBERS, silent};
use super::brittle::{Break, Brittle};
use hark_core::backend::Registry;
use hark_core::{AuditFilter, Error, ErrorKind, PageRequest, Result};
use hark_server::backup::Told;
use hark_server::config::Loaded;
use hark_server::copy::{Order, Report, copy};
use hark_server::running::Running;
use std::sync::Mutex;

const ON_RAM: [(&str, &str); 2] = [("HARK_ROLES__MEMORY", "ram"), ("HARK_ROLES__JOBS", "ram")];

fn is(error: &Error, kind: ErrorKind, words: &[&str]) {
    assert_eq!(error.kind(), kind, "{error:?}");
    for word in words {
        assert!(error.context().contains(word), "{word}: {error}");
    }
}

/// The home's kinds, with `main` as brittle as this.
fn registry(brittle: &Brittle) -> Registry {
    let mut registry = Home::registry();
    registry.register(brittle.clone());
    registry
}

async fn carried(home: &Home, from: &str, to: &str) -> Result<Report> {
    let (from, to) = (home.loaded_with(from, &[]), home.loaded_with(to, &[]));
    by(&from, &to, &Home::registry(), false).await
}

async fn by(from: &Loaded, to: &Loaded, registry: &Registry, live: bool) -> Result<Report> {
    copy(&Order { from, to, registry, live, samples: 10 }, &silent()).await
}

/// An old house that knows four callers, one of whom was erased, and a new one with its keys.
async fn houses() -> (Home, Running) {
    let home = Home::new();
    let running = home.populated("old").await;
    let gone = home.scope(&running, NUMBERS[1]).await;
    running.app.ingest.erase(&gone).await.expect("it is erased").expect("somebody");
    home.copy_keys("old", "new");
    (home, running)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_copy_and_every_recall_is_the_same() {
    let (home, running) = houses().await;
    let before = home.recalls(&running).await;
    assert!(before.iter().filter(|answer| !answer.hits.is_empty()).count() > before.len() / 2, "{before:?}");
    running.stop().await;
    let told = Mutex::new(Vec::new());
    let (from, to) = (home.loaded_with("old", &[]), home.loaded_with("new", &[]));
    let tell = |line: &str| told.lock().expect("nobody panics").push(line.to_owned());
    let registry = Home::registry();
    let order = Order { from: &from, to: &to, registry: &registry, live: false, samples: 10 };
    let report = copy(&order, &Told { step: &tell, progress: &|_, _| () }).await.expect("it is copied");
    assert!(report.is_well() && report.copied_at.is_some() && report.passes == 1, "{report:?}");
    assert_eq!(report.moved.read, report.moved.written);
    let rows = |name: &str| report.compared.iter().find(|table| table.table == name).expect("a table").from.rows;
    assert_eq!((rows("users"), rows("identities"), rows("erasures")), (3, 3, 1));
    assert!(rows("memories") > 8 && rows("conversations") >= 9 && rows("audit") > 0, "{report:?}");
    let asked = report.asked.expect("questions");
    assert_eq!((asked.questions, asked.same, asked.lost, asked.alike), (3, 3, 0, true), "{asked:?}");
    let told = told.into_inner().expect("nobody panics").join("\n");
    assert!(told.contains("memories: "), "{told}");
    for secret in NUMBERS.iter().chain(&["apricots", "Mill Lane"]) {
        assert!(!format!("{told} {report:?}").contains(secret), "{secret}");
    }

    let running = home.start("new").await.expect("it starts");
    assert_eq!(home.recalls(&running).await, before);
    // Nor does an old call bring back whoever was erased.
    home.call(&running, NUMBERS[1], "conv_1_0", "I keep bees on the roof.").await;
    let memory = &running.app.engine.memory;
    let people = memory.users(running.app.default_tenant(), &PageRequest::first(99)).await.expect("people");
    assert_eq!(people.items.len(), NUMBERS.len() - 1);
    let filter = AuditFilter { actor: Some("folder".to_owned()), ..AuditFilter::default() };
    let log = memory.audit_log(running.app.default_tenant(), &filter, &PageRequest::first(9)).await.expect("a log");
    let lines: Vec<_> = log.items.iter().map(|line| line.route.as_str()).collect();
    assert_eq!(lines, ["hark copy", "hark copy"], "at the one side that everything leaves, at the other that it came");
    running.stop().await;

    // Whoever runs it again harms nothing that was learnt since.
    let running = home.start("new").await.expect("it starts");
    home.call(&running, NUMBERS[0], "conv_later", "I have just bought a yellow submarine.").await;
    let since = home.recalls(&running).await;
    running.stop().await;
    let again = carried(&home, "old", "new").await.expect("it only asks");
    assert!(again.passes == 0 && again.copied_at == report.copied_at && again.asked.is_some(), "{again:?}");
    let running = home.start("new").await.expect("it starts");
    assert_eq!(home.recalls(&running).await, since);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_off_at_whatever_write_it_goes_on_and_ends_the_same() {
    let (home, running) = houses().await;
    running.stop().await;
    let brittle = Brittle::default();
    let (from, to) = (home.loaded_with("old", &[]), home.brittle("new"));
    let registry = registry(&brittle);
    let mut breaks = 0;
    // Further each time: with what is there already left alone, each run begins where the last one ended.
    for writes in [0, 1, 1, 3, 2, 5] {
        brittle.set(Break::AfterWrites(writes));
        let error = match by(&from, &to, &registry, false).await {
            Ok(report) => {
                assert!(report.is_well(), "{report:?}");
                break;
            }
            Err(error) => error,
        };
        is(&error, ErrorKind::Unavailable, &["it broke"]);
        brittle.set(Break::Never);
        let start = hark_server::running::Start {
            http: false,
            worker: false,
            migrate: true,
            other_space: hark_server::spaces::OtherSpace::Ignore,
        };
        if brittle.is_noted() {
            let refused = Running::start(&to, &registry, start).await.expect_err("it is not whole");
            is(&refused, ErrorKind::Conflict, &["hark copy"]);
        }
        breaks += 1;
    }
    assert!(breaks >= 4, "it broke off {breaks} times");
    brittle.set(Break::Never);
    let report = by(&from, &to, &registry, false).await.expect("it is copied");
    assert!(report.is_well() && report.copied_at.is_some(), "{report:?}");
    assert!(report.moved.written < report.moved.read, "what was there was left alone: {report:?}");
    // A last comparison by another way: nothing would be left to do.
    let other = home.loaded_with("other", &[]);
    home.copy_keys("old", "other");
    let fresh = by(&from, &other, &registry, false).await.expect("it is copied");
    let sums =
        |report: &Report, name: &str| report.compared.iter().find(|table| table.table == name).expect("a table").to;
    for table in ["memories", "conversations", "events", "jobs", "erasures", "suppressions"] {
        assert_eq!(sums(&report, table), sums(&fresh, table), "{table}");
    }
    // The source's words and vectors are gone with every process: to be asked it makes them anew, which raises revisions.
    assert_eq!(sums(&report, "users").rows, sums(&fresh, "users").rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_got_lost_or_cannot_be_read_is_told_by_its_table() {
    let (home, running) = houses().await;
    running.stop().await;
    let brittle = Brittle::default();
    let registry = registry(&brittle);
    let (from, to) = (home.loaded_with("old", &[]), home.brittle("new"));
    brittle.set(Break::Losing("memories"));
    let report = by(&from, &to, &registry, false).await.expect("that is for the report to say");
    let differing: Vec<_> = report.differing().map(|table| (table.table, table.from.rows - table.to.rows)).collect();
    assert_eq!(differing, [("memories", 1)]);
    assert!(!report.is_well() && report.copied_at.is_none() && report.asked.is_none());
    brittle.set(Break::Never);
    assert!(by(&from, &to, &registry, false).await.expect("it is copied").is_well());

    let (damaged, other) = (home.brittle("old"), home.loaded_with("third", &[]));
    home.copy_keys("old", "third");
    brittle.set(Break::Damaged("conversations"));
    let error = by(&damaged, &other, &registry, false).await.expect_err("it cannot be read");
    is(&error, ErrorKind::Corrupt, &["conversations, behind row 0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_in_use_is_refused_unless_asked_for_and_the_last_run_carries_what_came_meanwhile() {
    let (home, running) = houses().await;
    let (from, to) = (home.loaded_with("old", &[]), home.loaded_with("new", &[]));
    let registry = Home::registry();
    let error = by(&from, &to, &registry, false).await.expect_err("somebody holds it");
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Conflict, "data_dir.open"));

    let near = by(&from, &to, &registry, true).await.expect("it is brought near");
    assert!(near.copied_at.is_none() && near.compared.is_empty() && near.moved.written > 0, "{near:?}");
    is(&home.start("new").await.expect_err("it is not whole"), ErrorKind::Conflict, &["hark copy"]);
    // Somebody calls, and somebody else is erased.
    home.call(&running, NUMBERS[0], "conv_later", "I have just bought a yellow submarine.").await;
    let gone = home.scope(&running, NUMBERS[2]).await;
    running.app.ingest.erase(&gone).await.expect("it is erased").expect("somebody");
    let before = home.recalls(&running).await;
    running.stop().await;

    let report = by(&from, &to, &registry, false).await.expect("it is copied");
    assert!(report.is_well() && report.moved.written < near.moved.written, "{report:?}");
    assert!(report.moved.removed > 0, "whoever was erased meanwhile is not there either");
    let running = home.start("new").await.expect("it starts");
    assert_eq!(home.recalls(&running).await, before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_holds_anything_else_is_refused_and_stays_as_it_is() {
    let (home, running) = houses().await;
    running.stop().await;
    home.copy_keys("old", "full");
    let running = home.start("full").await.expect("it starts");
    home.call(&running, NUMBERS[3], "conv_own", "I keep hedgehogs under the porch.").await;
    let own = home.recalls(&running).await;
    running.stop().await;
    let error = carried(&home, "old", "full").await.expect_err("it holds something");
    is(&error, ErrorKind::Conflict, &["not empty", "users", "memories", "schema"]);
    let running = home.start("full").await.expect("it starts");
    assert_eq!(home.recalls(&running).await, own);
    running.stop().await;

    assert!(carried(&home, "old", "new").await.expect("it is copied").is_well());
    let error = carried(&home, "full", "new").await.expect_err("it is another's");
    is(&error, ErrorKind::Conflict, &["another source"]);
    let error = carried(&home, "old", "old").await.expect_err("it is the same");
    is(&error, ErrorKind::Config, &["same stores", "HARK_"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_open_nothing_there_are_named_before_anything_is_written() {
    let (home, running) = houses().await;
    running.stop().await;
    let keys = std::fs::read_to_string(home.path("old").join("keys")).expect("keys");
    let lookup = keys.lines().find(|line| line.starts_with("lookup")).expect("the look-up key");
    let seal = keys.lines().find(|line| line.starts_with("seal")).expect("a sealing key");
    let id = seal.split_whitespace().nth(1).expect("its id");
    let zeros = "00".repeat(32);
    for (there, words) in [
        (None, vec!["the target's", "keys"]),
        (Some(format!("lookup {zeros}\n{seal}\n")), vec!["lookup"]),
        (Some(format!("{lookup}\nseal kother {zeros}\n")), vec![id, "missing from the target's"]),
        (Some(format!("{lookup}\nseal {id} {zeros}\n")), vec![id, "another key"]),
    ] {
        let place = home.path("new").join("keys");
        match there {
            Some(text) => std::fs::write(&place, text).expect("a file"),
            None => std::fs::remove_file(&place).expect("a file"),
        }
        let error = carried(&home, "old", "new").await.expect_err("it is refused");
        is(&error, ErrorKind::Config, &words);
        for secret in keys.split_whitespace().filter(|word| word.len() == 64) {
            assert!(!format!("{error:?}").contains(secret));
        }
    }
    home.copy_keys("old", "new");
    assert!(carried(&home, "old", "new").await.expect("nothing had been written").is_well());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_nothing_is_neither_source_nor_target() {
    let (home, running) = houses().await;
    running.stop().await;
    let (kept, ram) = (home.loaded_with("old", &[]), home.loaded_with("new", &ON_RAM));
    let registry = Home::registry();
    let error = by(&kept, &ram, &registry, false).await.expect_err("it keeps nothing");
    is(&error, ErrorKind::Unsupported, &["the target", "roles.memory", "`ram`"]);
    let error = by(&ram, &kept, &registry, false).await.expect_err("it keeps nothing");
    is(&error, ErrorKind::Unsupported, &["the source", "roles.memory", "`ram`"]);
    let missing = home.loaded_with("missing", &[]);
    let error = by(&missing, &kept, &registry, false).await.expect_err("there is nothing");
    is(&error, ErrorKind::Config, &["data folder", "missing"]);
    assert!(!home.path("missing").exists());
}
