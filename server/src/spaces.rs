//! What happens at start when the memories' vectors are in another model's space than the configured embedder's.

use crate::app::App;
use hark_core::ai::Embedder;
use hark_core::engine::Engine;
use hark_core::ingest::{NextSpace, SpaceCheck, check_space};
use hark_core::layer::Profiles;
use hark_core::store::Space;
use hark_core::{Error, Result};
use std::time::Duration;

/// How long to wait before a filling that broke off goes on.
const PAUSE: Duration = Duration::from_secs(30);

/// What to do about vectors in another space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherSpace {
    /// Refuse to start, and say what can be done.
    Refuse,
    /// Start all the same: they are about to be rebuilt, or nobody will ask.
    Ignore,
    /// Serve from them with the model they were made by, and fill the new space beside.
    FillBeside,
}

/// The engine as it may serve. `find` looks for a configured embedder of a space.
///
/// # Errors
/// `Config` where the spaces differ and `what` says to refuse, or nobody speaks of the old space any more.
pub(crate) async fn settle(
    engine: Engine,
    what: OtherSpace,
    find: impl AsyncFnOnce(&Space) -> Result<Option<Profiles<dyn Embedder>>>,
) -> Result<Engine> {
    let SpaceCheck::Other(noted) = check_space(&engine).await? else { return Ok(engine) };
    let Some(configured) = engine.embedder.clone() else { return Ok(engine) };
    let own = configured.background.info().space.clone();
    match what {
        OtherSpace::Ignore => Ok(engine),
        OtherSpace::Refuse => Err(Error::config(format!(
            "roles.embedder: it makes vectors of {}, but the memories' vectors are of {}, and the two cannot be \
             compared; either set roles.embedder back, or rebuild them: `hark reindex` with the server stopped, or \
             `hark serve --reindex`, which answers from the old ones meanwhile",
            told(&own),
            told(&noted)
        ))),
        OtherSpace::FillBeside => {
            let Some(old) = find(&noted).await? else {
                return Err(Error::config(format!(
                    "--reindex: no section of [backends] makes vectors of {}, which the memories are in; keep the old \
                     embedder's section under a name of its own, or stop the server and run `hark reindex`",
                    told(&noted)
                )));
            };
            tracing::warn!(
                from = noted.model,
                to = own.model,
                "answering from the old vectors while the new ones are made"
            );
            Ok(Engine { embedder: Some(old), next: Some(NextSpace::new(configured.background)), ..engine })
        }
    }
}

/// Fills the next space and keeps it up to date. Tries for ever; to be cancelled by dropping.
pub(crate) async fn fill(app: App) {
    let progress = |done: u64, all: u64| {
        metrics::gauge!("hark_reindex_progress_ratio").set(done as f64 / all.max(1) as f64);
        tracing::info!(done, all, "making new vectors");
    };
    while let Err(error) = app.ingest.fill_next(&progress).await {
        tracing::warn!(?error, retry_in_secs = PAUSE.as_secs(), "the new vectors are not complete yet");
        tokio::time::sleep(PAUSE).await;
    }
    metrics::gauge!("hark_reindex_complete").set(1.0);
    tracing::warn!("the new vectors are complete; restart without --reindex to answer from them");
    while let Err(error) = app.ingest.follow_next().await {
        tracing::warn!(?error, retry_in_secs = PAUSE.as_secs(), "the new vectors fell behind");
        tokio::time::sleep(PAUSE).await;
    }
}

fn told(space: &Space) -> String {
    format!("`{}` ({} numbers)", space.model, space.dimensions)
}
