//! `hark copy`

use super::output::{Progress, say};
use crate::backup::Told;
use crate::config::{Flags, Sources};
use crate::copy::{Asked, Order, Report, copy};
use hark_core::backend::Registry;
use hark_core::{Error, ErrorKind, Result};
use std::path::PathBuf;

pub(super) async fn run(registry: &Registry, files: (PathBuf, PathBuf), live: bool, samples: usize) -> Result<()> {
    let load = |file| Sources::of_process(Some(file), Flags::default()).load();
    let (from, to) = (load(files.0)?, load(files.1)?);
    let progress = Progress::new("copy");
    let told = Told { step: &|step| progress.line(step), progress: &|done, all| progress.at(done, all) };
    let order = Order { from: &from, to: &to, registry, live, samples };
    let copied = copy(&order, &told).await;
    progress.done();
    let report = copied?;
    tell(&report);
    outcome(&report, live)
}

fn tell(report: &Report) {
    let moved = &report.moved;
    if report.passes > 0 {
        say(format_args!(
            "{} rows read in {} walks, {} written, {} removed",
            moved.read, report.passes, moved.written, moved.removed
        ));
    }
    if !report.compared.is_empty() {
        say(format_args!("{:<14} {:>10}  {:<32}  ", "table", "rows", "checksum"));
    }
    for table in &report.compared {
        let same = if table.is_same() { "same" } else { "DIFFERS" };
        say(format_args!("{:<14} {:>10}  {}  {same}", table.table, table.from.rows, table.from));
        if !table.is_same() {
            say(format_args!("{:<14} {:>10}  {}  at the target", "", table.to.rows, table.to));
        }
    }
    if let Some(indexed) = &report.indexed {
        say(format_args!("{} vectors copied, {} memories indexed anew", indexed.vectors, indexed.rebuilt));
    }
    if let Some(Asked { questions, same, lost, incomplete, .. }) = &report.asked {
        say(format_args!(
            "{questions} questions asked of both: {same} answered with the same memories, {lost} without the one that was \
             asked for, {incomplete} not fully answered"
        ));
    }
}

fn outcome(report: &Report, live: bool) -> Result<()> {
    let fail = |what: String| Err(Error::new(ErrorKind::Conflict, "copy", what));
    let differing: Vec<_> = report.differing().map(|table| table.table).collect();
    if !differing.is_empty() {
        return fail(format!(
            "both sides differ in {}: somebody wrote to one of them meanwhile; stop every server and worker of both, and run \
             it again",
            differing.join(", ")
        ));
    }
    if live {
        say(
            "the target is near, and not whole: now stop every server and worker of the source, and run the same command \
             without --live",
        );
        return Ok(());
    }
    if !report.is_well() {
        return fail(
            "the tables are the same, but not what is recalled; run `hark reindex` with the target's configuration, then this \
             again, which only asks"
                .to_owned(),
        );
    }
    say("everything is there: start the target, and never the source again");
    Ok(())
}
