//! `hark migrate`

use super::output::say;
use crate::config::Loaded;
use crate::data_dir::DataDir;
use crate::wiring::{Backends, Surroundings};
use hark_core::backend::Registry;
use hark_core::{Result, SystemClock, SystemEntropy};
use std::sync::Arc;

pub(super) async fn run(loaded: &Loaded, registry: &Registry) -> Result<()> {
    let plan = loaded.plan(registry)?;
    let folder = DataDir::open(&loaded.config.server.data_dir)?;
    let around =
        Surroundings { data_dir: folder.path(), clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    let backends = Backends::open(&plan, registry, &around).await?;
    let migrated = migrate(&backends).await;
    backends.close().await;
    migrated
}

async fn migrate(backends: &Backends) -> Result<()> {
    let pending = backends.pending().await?;
    backends.migrate().await?;
    for (backend, step) in &pending {
        say(format_args!("{backend} {}: {}", step.version, step.description));
    }
    say(if pending.is_empty() { "nothing to do" } else { "up to date" });
    Ok(())
}
