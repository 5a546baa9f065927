//! Calls that no webhook told of are fetched from the platform. What is fetched goes the way of what is delivered: kept as
//! the same event, so that whichever comes first is the one, and learnt from by the same job.
//!
//! Of all processes that share a truth one looks at a time, under a lease whose row keeps how far it has come.

mod progress;
mod round;

use crate::app::App;
use crate::elevenlabs::conversations::Conversations;
use chrono::Duration as Span;
use hark_core::{Error, ErrorKind, Result, Secret, Timestamp};
use progress::Progress;
use round::Round;
use serde::Serialize;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// The name of the lease that is looked under.
pub const LEASE: &str = "missed_events";

/// How long the others wait for a process that died on the way. A chunk of the list is fetched well within it.
const PATIENCE: Span = Span::minutes(10);

/// No round is known to have come to the end.
const NEVER: i64 = i64::MIN;

/// How missed calls are looked for.
#[derive(Debug, Clone)]
pub struct MissedSettings {
    /// The platform's address; a workspace is at home in one region.
    pub base_url: String,
    /// The workspace's API key.
    pub api_key: Secret,
    /// From the end of one round to the next.
    pub every: Duration,
    /// How far back the very first round looks.
    pub first_look: Duration,
    /// How far before what was seen each round begins: the longest call, and the time its analysis takes.
    pub overlap: Duration,
    /// Conversations fetched at once.
    pub at_once: usize,
}

/// Looks for missed calls.
#[derive(Debug)]
pub struct Missed {
    api: Conversations,
    settings: MissedSettings,
    /// When the last round began that came to the end, in unix seconds; as far as this process has heard.
    completed: AtomicI64,
}

/// What a round, or a part of one, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Found {
    /// Whether the list was read to its end; if not, the next call goes on.
    pub finished: bool,
    /// Calls the platform listed.
    pub listed: u64,
    /// Calls no webhook had told of, now kept and to be learnt from.
    pub accepted: u64,
    /// Calls that were kept already.
    pub known: u64,
    /// Calls that are going on, or being analysed.
    pub open: u64,
    /// Calls in which nobody said anything, or of which the platform keeps no transcript.
    pub empty: u64,
    /// Calls that could not be fetched, and are tried again.
    pub failed: u64,
    /// Calls that could not be fetched time and again, and are not tried any more.
    pub given_up: u64,
}

impl Missed {
    /// Looks at the platform as told. `limit`: the largest conversation that is read, in bytes.
    ///
    /// # Errors
    /// `Config` when the address is none.
    pub fn new(settings: MissedSettings, limit: usize) -> Result<Self> {
        let api = Conversations::new(&settings.base_url, settings.api_key.clone(), limit)?;
        Ok(Self { api, settings, completed: NEVER.into() })
    }

    /// How long ago everything was known to be complete, in seconds; `None` before the first round.
    pub fn lag(&self, now: Timestamp) -> Option<u64> {
        let completed = self.completed.load(Ordering::Relaxed);
        (completed != NEVER).then(|| u64::try_from(now.timestamp().saturating_sub(completed)).unwrap_or(0))
    }

    fn heard(&self, progress: &Progress) {
        self.completed.store(progress.completed.unwrap_or(NEVER), Ordering::Relaxed);
    }
}

/// A round, if it is time and nobody else is at it: `None` if not.
///
/// # Errors
/// What the platform or the stores say. What was found until then is kept; the next round goes on from there, not before
/// the platform wants to be asked again.
pub async fn poll(app: &App, missed: &Missed) -> Result<Option<Found>> {
    let Some(mut round) = Round::begin(app, missed).await? else { return Ok(None) };
    if !round.progress.is_due(app.engine.clock.now()) {
        round.give_back().await;
        return Ok(None);
    }
    round.run(None).await.map(Some)
}

/// A round by hand, whether it is time or not: everything since `since` anew, if that is given. Ends after `patience` at the
/// latest, with what was found until then; called again without `since` it goes on.
///
/// # Errors
/// `Conflict` while another process, or this one, is at it; otherwise as [`poll`].
pub async fn look(app: &App, missed: &Missed, since: Option<Timestamp>, patience: Duration) -> Result<Found> {
    let Some(mut round) = Round::begin(app, missed).await? else {
        let why = "missed calls are being looked for just now; try again in a minute";
        return Err(Error::new(ErrorKind::Conflict, "missed.look", why));
    };
    if let Some(since) = since.map(|since| since.timestamp()) {
        let again = &mut round.progress.again_since;
        *again = Some(again.map_or(since, |before| before.min(since)));
        // A person has reason to think that it is worth another try.
        round.progress.unread.clear();
    }
    round.run(Some(Instant::now() + patience)).await
}
