//! `hark`, `hark serve`, `hark worker`.

use super::{ServeArgs, output};
use crate::config::Loaded;
use crate::running::{Running, Start};
use crate::spaces::OtherSpace;
use hark_core::Result;
use hark_core::backend::Registry;

pub(super) async fn serve(loaded: &Loaded, registry: &Registry, args: &ServeArgs) -> Result<()> {
    let other_space = if args.reindex { OtherSpace::FillBeside } else { OtherSpace::Refuse };
    let start = Start { http: true, worker: !args.no_worker, migrate: !args.no_migrate, other_space };
    run(loaded, registry, start).await
}

pub(super) async fn worker(loaded: &Loaded, registry: &Registry, migrate: bool) -> Result<()> {
    run(loaded, registry, Start { http: false, worker: true, migrate, other_space: OtherSpace::Refuse }).await
}

async fn run(loaded: &Loaded, registry: &Registry, start: Start) -> Result<()> {
    let running = Running::start(loaded, registry, start).await?;
    if let Some(file) = &running.credentials.file {
        // The path, never the content: terminals are logged and shared.
        output::say(format_args!("credentials: {}", file.display()));
    }
    match running.address {
        Some(address) => {
            output::say(format_args!("listening: http://{address}"));
            tracing::info!(%address, worker = start.worker, version = env!("CARGO_PKG_VERSION"), "ready");
        }
        None => tracing::info!(version = env!("CARGO_PKG_VERSION"), "worker ready"),
    }
    running.lifecycle.stop_requested().await;
    running.stop().await;
    Ok(())
}
