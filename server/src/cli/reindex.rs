//! `hark reindex`

use super::output::{Progress, say};
use crate::config::Loaded;
use crate::running::{Running, Start};
use hark_core::Result;
use hark_core::backend::Registry;

pub(super) async fn run(loaded: &Loaded, registry: &Registry, clear: bool) -> Result<()> {
    let running = Running::start(loaded, registry, Start { http: false, worker: false, migrate: true }).await?;
    let progress = Progress::new("reindexing");
    let count = running.app.ingest.reindex(clear, &|done, all| progress.at(done, all)).await;
    progress.done();
    running.stop().await;
    say(format_args!("{} memories reindexed", count?));
    Ok(())
}
