//! What is done again and again: pending memories are indexed, derived stores are compacted, embeddings that nobody
//! needs any more and receipts that are old enough are removed, what has faded is put away, what is older than it is kept goes,
//! calls that no webhook told of are fetched, what older encryption keys sealed is sealed anew.

use crate::app::{App, WorkerSettings};
use crate::missed;
use hark_core::privacy::held_by_a_leap;
use hark_core::{crypt, decay};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Memories repaired at once.
const REPAIR_BATCH: usize = 256;

/// Erasures whose files are rewritten together.
const PURGE_BATCH: usize = 1_000;

/// The running schedule.
#[derive(Debug)]
pub(super) struct Schedule(Vec<JoinHandle<()>>);

impl Schedule {
    /// Starts it. Nothing is done at once: what the last process left behind is `catch_up`'s business.
    pub(super) fn start(app: &App, settings: &WorkerSettings, cancel: &CancellationToken) -> Self {
        let repairing = every(settings.repair_every, cancel.clone(), {
            let app = app.clone();
            move || repair(app.clone())
        });
        let optimising = every(settings.optimise_every, cancel.clone(), {
            let app = app.clone();
            move || optimise(app.clone())
        });
        let pruning = every(settings.prune_every, cancel.clone(), {
            let app = app.clone();
            move || prune(app.clone())
        });
        let fading = every(settings.decay_poll, cancel.clone(), {
            let app = app.clone();
            move || fade(app.clone())
        });
        let expiring = every(settings.retention_poll, cancel.clone(), {
            let app = app.clone();
            move || expire(app.clone())
        });
        let fetching = every(settings.missed_poll, cancel.clone(), {
            let app = app.clone();
            move || fetch(app.clone())
        });
        let resealing = every(settings.reseal_poll, cancel.clone(), {
            let app = app.clone();
            move || reseal(app.clone())
        });
        let mut tasks = vec![
            tokio::spawn(repairing),
            tokio::spawn(optimising),
            tokio::spawn(pruning),
            tokio::spawn(fading),
            tokio::spawn(expiring),
            tokio::spawn(resealing),
        ];
        if app.missed.is_some() {
            tasks.push(tokio::spawn(fetching));
        }
        Self(tasks)
    }

    /// Waits for what is under way to end.
    pub(super) async fn stop(self) {
        for task in self.0 {
            if task.await.is_err() {
                tracing::error!("a scheduled task panicked");
            }
        }
    }
}

async fn every<F: Future<Output = ()>>(period: Duration, cancel: CancellationToken, mut task: impl FnMut() -> F) {
    let mut ticks = tokio::time::interval(period.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // An interval's first tick comes at once.
    ticks.tick().await;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = task() => {}
        }
    }
}

async fn repair(app: App) {
    match app.engine.jobs.mend_times(app.engine.clock.now()).await {
        Ok(0) => {}
        Ok(mended) => tracing::warn!(jobs = mended, "the clock has gone back: jobs that waited for a far time may run"),
        Err(error) => tracing::warn!(?error, "times not put right"),
    }
    match app.ingest.settle_transfers(REPAIR_BATCH).await {
        Ok(0) => {}
        Ok(settled) => tracing::info!(transfers = settled, "the indexes have followed merged or split callers"),
        Err(error) => tracing::warn!(?error, "the indexes have not followed merged or split callers"),
    }
    match app.ingest.settle_erasures(REPAIR_BATCH).await {
        Ok(0) => {}
        Ok(settled) => tracing::info!(erasures = settled, "erasures that broke off are done"),
        Err(error) => tracing::warn!(?error, "erasures that broke off are not done"),
    }
    loop {
        match app.ingest.repair(REPAIR_BATCH).await {
            Ok(0) => return,
            Ok(repaired) => tracing::info!(memories = repaired, "pending memories indexed"),
            Err(error) => {
                tracing::warn!(?error, "pending memories not indexed");
                return;
            }
        }
    }
}

async fn optimise(app: App) {
    if let Err(error) = app.engine.vectors.optimise().await {
        tracing::warn!(?error, "vectors not optimised");
    }
    if let Err(error) = app.engine.keywords.optimise().await {
        tracing::warn!(?error, "words not optimised");
    }
    match app.ingest.purge_erased(PURGE_BATCH).await {
        Ok(0) => {}
        Ok(clean) => tracing::info!(erasures = clean, "no file holds anything of people who were erased"),
        Err(error) => tracing::warn!(?error, "files may still hold something of people who were erased"),
    }
}

/// Whether what has grown old is to stay for now: the clock has leapt ahead, and it may be young.
async fn is_held(app: &App) -> bool {
    match held_by_a_leap(&app.engine).await {
        Ok(None) => false,
        Ok(Some(until)) => {
            tracing::warn!(%until, "the clock was found more than a week ahead: until it has stood for a day, nothing is \
                removed or put away for its age; if it is wrong, set it back (docs/operations/incidents.md, the clock)");
            true
        }
        Err(error) => {
            tracing::warn!(?error, "the clock could not be looked at: nothing is removed for its age");
            true
        }
    }
}

/// Looks whether it is time (`decay.every_secs`) and nobody else does it. Cancelled on the way, its lease runs out and
/// somebody goes on from where it was.
async fn fade(app: App) {
    if is_held(&app).await {
        return;
    }
    match decay::sweep(&app.engine).await {
        Ok(None) => {}
        Ok(Some(swept)) => {
            tracing::info!(
                archived = swept.archived,
                links = swept.pruned,
                finished = swept.finished,
                "what faded is put away"
            );
        }
        Err(error) => tracing::warn!(?error, "what faded is not put away"),
    }
}

/// Looks whether it is time (`privacy.retention.every_secs`) and nobody else does it. Cancelled on the way, its lease runs
/// out and somebody goes on from where it was.
async fn expire(app: App) {
    if app.engine.privacy.retention.keeps_everything() || is_held(&app).await {
        return;
    }
    match app.ingest.expire().await {
        Ok(None) => {}
        Ok(Some(expired)) => {
            tracing::info!(
                callers = expired.callers,
                memories = expired.memories,
                history = expired.history,
                transcripts = expired.transcripts,
                events = expired.events,
                finished = expired.finished,
                "what is older than it is kept is removed"
            );
        }
        Err(error) => tracing::warn!(?error, "what is older than it is kept is not removed"),
    }
}

/// Looks whether it is time (`elevenlabs.reconcile.every_secs`) and nobody else does it. Cancelled on the way, its lease runs
/// out and somebody goes on from where it was.
async fn fetch(app: App) {
    let Some(missed) = &app.missed else { return };
    match missed::poll(&app, missed).await {
        Ok(None) => {}
        Ok(Some(found)) => {
            tracing::info!(listed = found.listed, accepted = found.accepted, failed = found.failed, "calls looked for");
        }
        Err(error) => tracing::warn!(?error, "calls not looked for"),
    }
}

/// Looks whether there is anything, and nobody else does it. Cancelled on the way, its lease runs out and somebody goes on
/// from where it was.
async fn reseal(app: App) {
    match crypt::reseal(&app.engine, &app.sealed).await {
        Ok(None) => {}
        Ok(Some(done)) => {
            let (values, finished) = (done.replaced, done.finished);
            if values > 0 {
                tracing::info!(values, finished, "what older encryption keys sealed is sealed anew");
            }
            if done.damaged > 0 {
                let values = done.damaged;
                tracing::warn!(values, "what older encryption keys sealed does not open, and is left as it is");
            }
        }
        Err(error) => tracing::warn!(?error, "what older encryption keys sealed is not sealed anew"),
    }
}

async fn prune(app: App) {
    if is_held(&app).await {
        return;
    }
    match app.engine.receipts.prune().await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(receipts = removed, "old receipts removed"),
        Err(error) => tracing::warn!(?error, "old receipts not removed"),
    }
    let Some(embeddings) = &app.engine.embeddings else { return };
    match embeddings.prune().await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(embeddings = removed, "unused embeddings removed"),
        Err(error) => tracing::warn!(?error, "unused embeddings not removed"),
    }
}
