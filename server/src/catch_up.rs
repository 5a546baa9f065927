//! What the last process left behind is made good in the background, while words answer.

use crate::app::App;
use hark_core::Result;
use std::time::Duration;

/// Pending memories repaired in one go.
const BATCH: usize = 500;

/// How long to wait before trying again, when the embedder or a store does not answer.
const PAUSE: Duration = Duration::from_secs(30);

/// Repairs until nothing is behind. Tries for ever: what is not indexed cannot be found, and the schedule alone
/// would only see what is marked pending. To be cancelled by dropping.
pub(crate) async fn catch_up(app: App) {
    while let Err(error) = once(&app).await {
        tracing::warn!(error = ?error, retry_in_secs = PAUSE.as_secs(), "the indexes could not be brought up to date");
        tokio::time::sleep(PAUSE).await;
    }
}

/// First what a crash left half-moved or pending, which is little; then, where the derived stores hold less than the truth
/// (a lost folder, a broken-off rebuild, another model), everything. What they hold keeps serving meanwhile.
async fn once(app: &App) -> Result<()> {
    while app.ingest.settle_transfers(BATCH).await? == BATCH {}
    let returned = app.ingest.erase_returned().await?;
    if returned > 0 {
        tracing::warn!(callers = returned, "callers who had been erased were back, and are erased again");
    }
    app.ingest.settle_erasures(BATCH).await?;
    let mut repaired = 0;
    loop {
        let batch = app.ingest.repair(BATCH).await?;
        repaired += batch;
        if batch < BATCH {
            break;
        }
    }
    if repaired > 0 {
        tracing::info!(memories = repaired, "indexed what the last process left pending");
    }
    let Some(lag) = app.ingest.lost().await? else { return Ok(()) };
    tracing::warn!(
        memories = lag.memories,
        words = lag.words,
        vectors = lag.vectors,
        "the indexes are behind the truth and are rebuilt; answers are marked degraded until then"
    );
    let guard = app.recall.rebuilding();
    let rebuilt = app.ingest.reindex(false, &|done, all| tracing::debug!(done, all, "rebuilding")).await?;
    drop(guard);
    tracing::info!(memories = rebuilt, "the indexes are rebuilt");
    Ok(())
}
