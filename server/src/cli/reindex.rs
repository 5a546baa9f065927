//! `hark reindex`

use super::output::{Progress, say};
use crate::config::Loaded;
use crate::running::{Running, Start};
use crate::spaces::OtherSpace;
use hark_core::backend::Registry;
use hark_core::{AuditAction, Result};

pub(super) async fn run(loaded: &Loaded, registry: &Registry, clear: bool) -> Result<()> {
    let start = Start { http: false, worker: false, migrate: true, other_space: OtherSpace::Ignore };
    let running = Running::start(loaded, registry, start).await?;
    let progress = Progress::new("reindexing");
    let ingest = &running.app.ingest;
    let count = match ingest.reindex(clear, &|done, all| progress.at(done, all)).await {
        Ok(count) => ingest.settle_space().await.map(|()| count),
        Err(error) => Err(error),
    };
    progress.done();
    let app = running.app.at_the_folder();
    let recorded = app.record(AuditAction::Change, "hark reindex", None, None, count.is_ok()).await;
    running.stop().await;
    say(format_args!("{} memories reindexed", count?));
    recorded?;
    Ok(())
}
