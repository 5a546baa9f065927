//! One reading of the list, page by page. Broken off anywhere, nothing is lost: what is kept is known the next time.

use super::progress::{Progress, TRIES};
use super::{Found, LEASE, Missed, PATIENCE};
use crate::app::App;
use crate::elevenlabs::conversations::{Listed, Stage};
use crate::elevenlabs::inbox;
use crate::elevenlabs::lenient::Object;
use crate::elevenlabs::wire::{self, Data};
use futures::{StreamExt, stream};
use hark_core::store::{Accepted, longest_hold};
use hark_core::{ConversationId, ConversationState, Error, ErrorKind, Result};
use std::time::Duration;
use tokio::time::Instant;

/// Conversations between two notes of how far it has come: few enough for the lease, however slow the platform is.
const CHUNK: usize = 20;

/// So many in a row that cannot be fetched are an outage.
const OUTAGE: u32 = 3;

/// What became of one.
#[derive(Debug)]
enum Fate {
    Accepted,
    Known,
    Open,
    Empty,
    GivenUp,
    Failed(Error),
}

/// A reading under way. Whoever has it holds the lease.
pub(super) struct Round<'a> {
    app: &'a App,
    missed: &'a Missed,
    holder: String,
    pub(super) progress: Progress,
    found: Found,
    /// The earliest call so far that is not done with.
    open: Option<i64>,
    failed_in_a_row: u32,
}

impl<'a> Round<'a> {
    /// Takes the lease; `None` when somebody has it.
    pub(super) async fn begin(app: &'a App, missed: &'a Missed) -> Result<Option<Self>> {
        let holder = app.engine.entropy.hex(12);
        let now = app.engine.clock.now();
        let (until, void_after) = (now + PATIENCE, longest_hold(now, PATIENCE));
        let Some(lead) = app.engine.memory.take_lease(LEASE, &holder, until, now, void_after).await? else {
            return Ok(None);
        };
        let progress = Progress::read(lead.progress.as_deref());
        missed.heard(&progress);
        let found = Found::default();
        Ok(Some(Self { app, missed, holder, progress, found, open: None, failed_in_a_row: 0 }))
    }

    /// Gives the lease back. If that fails, it runs out.
    pub(super) async fn give_back(&self) {
        self.app.engine.memory.release_lease(LEASE, &self.holder).await.ok();
    }

    /// Reads until the end, or until `deadline`; notes what came of it and gives the lease back.
    pub(super) async fn run(&mut self, deadline: Option<Instant>) -> Result<Found> {
        let began = self.app.engine.clock.now();
        let walked = self.walk(deadline).await;
        let now = self.app.engine.clock.now();
        let result = match &walked {
            Ok(true) => {
                self.progress.completed(began, now, self.missed.settings.every);
                self.missed.heard(&self.progress);
                self.found.finished = true;
                "complete"
            }
            Ok(false) => "partial",
            Err(error) => {
                self.progress.failed(now, error.retry_after());
                error.kind().name()
            }
        };
        metrics::counter!("hark_missed_rounds_total", "result" => result).increment(1);
        // If these fail, the lease runs out, and the next round begins where the last note stands.
        let noted = self.note().await;
        self.give_back().await;
        walked.and(noted).map(|()| self.found)
    }

    /// Whether the end was reached.
    async fn walk(&mut self, deadline: Option<Instant>) -> Result<bool> {
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let (overlap, first) = (seconds(self.missed.settings.overlap), seconds(self.missed.settings.first_look));
        let since = self.progress.since(self.app.engine.clock.now(), overlap, first);
        let mut cursor: Option<String> = None;
        loop {
            let now = self.app.engine.clock.now();
            let page = self.missed.api.list(since, cursor.as_deref(), now).await?;
            self.found.listed += page.items.len() as u64;
            for chunk in page.items.chunks(CHUNK) {
                self.fetch(chunk).await?;
                if let Some(last) = chunk.iter().map(|listed| listed.started).max() {
                    self.progress.reached(last, self.open, self.app.engine.clock.now());
                }
                self.note().await?;
                if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                    return Ok(false);
                }
            }
            // The same cursor again would be the same page again, for ever.
            match page.next {
                Some(next) if cursor.as_ref() != Some(&next) && !page.items.is_empty() => cursor = Some(next),
                _ => return Ok(true),
            }
        }
    }

    /// Notes how far it has come, and that it lives.
    async fn note(&self) -> Result<()> {
        let until = self.app.engine.clock.now() + PATIENCE;
        let progress = self.progress.write();
        if self.app.engine.memory.keep_lease(LEASE, &self.holder, until, Some(&progress)).await? {
            return Ok(());
        }
        let why = "another process has taken over, since this one was silent for too long";
        Err(Error::new(ErrorKind::Conflict, "missed.note", why))
    }

    async fn fetch(&mut self, chunk: &[Listed]) -> Result<()> {
        let (app, missed) = (self.app, self.missed);
        let given_up = |id| self.progress.unread.get(id).is_some_and(|tries| *tries >= TRIES);
        let asked: Vec<_> = chunk.iter().map(|listed| (listed.clone(), given_up(&listed.id))).collect();
        let mut fates: Vec<_> = stream::iter(asked)
            .map(move |(listed, given_up)| async move {
                let fate = if given_up { Ok(Fate::GivenUp) } else { one(app, missed, &listed).await };
                (listed, fate)
            })
            .buffered(missed.settings.at_once.max(1))
            .collect()
            .await;
        // What was kept is counted before anything else ends the round.
        let broken = fates.iter().position(|(_, fate)| fate.is_err());
        let rest = broken.map(|at| fates.split_off(at)).unwrap_or_default();
        for (listed, fate) in fates {
            if let Ok(fate) = fate {
                self.count(&listed, fate)?;
            }
        }
        match rest.into_iter().find_map(|(_, fate)| fate.err()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn count(&mut self, listed: &Listed, fate: Fate) -> Result<()> {
        let found = &mut self.found;
        let (result, count) = match &fate {
            Fate::Accepted => ("accepted", &mut found.accepted),
            Fate::Known => ("known", &mut found.known),
            Fate::Open => ("open", &mut found.open),
            Fate::Empty => ("empty", &mut found.empty),
            Fate::GivenUp => ("given_up", &mut found.given_up),
            Fate::Failed(_) => ("failed", &mut found.failed),
        };
        *count += 1;
        metrics::counter!("hark_missed_conversations_total", "result" => result).increment(1);
        let answered = matches!(fate, Fate::Accepted | Fate::Empty);
        match fate {
            Fate::Accepted => tracing::info!(conversation = %listed.id, "a call that no webhook told of"),
            Fate::Open => self.hold(listed.started),
            Fate::Failed(error) => {
                self.failed_in_a_row += 1;
                if self.failed_in_a_row >= OUTAGE {
                    return Err(error);
                }
                if self.progress.could_not_fetch(&listed.id) {
                    tracing::error!(?error, conversation = %listed.id, "a call cannot be fetched and is given up");
                } else {
                    tracing::warn!(?error, conversation = %listed.id, "a call cannot be fetched");
                    self.hold(listed.started);
                }
                return Ok(());
            }
            Fate::Known | Fate::Empty | Fate::GivenUp => {}
        }
        if answered {
            self.failed_in_a_row = 0;
            self.progress.unread.remove(&listed.id);
        }
        Ok(())
    }

    fn hold(&mut self, started: i64) {
        self.open = Some(self.open.map_or(started, |open| open.min(started)));
    }
}

/// What is to become of a listed conversation. An error ends the round: the stores', or one that every other conversation
/// would meet too.
async fn one(app: &App, missed: &Missed, listed: &Listed) -> Result<Fate> {
    match listed.stage {
        Stage::Open => return Ok(Fate::Open),
        Stage::Failed if listed.silent => return Ok(Fate::Empty),
        Stage::Done | Stage::Failed => {}
    }
    let tenant = app.default_tenant();
    let known = app.engine.memory.conversation(tenant, &listed.id).await?.map(|conversation| conversation.state);
    let again = match known {
        Some(
            ConversationState::Learning
            | ConversationState::Learnt
            | ConversationState::Ignored
            | ConversationState::Refused,
        ) => {
            return Ok(Fate::Known);
        }
        Some(ConversationState::AwaitingTranscript) => true,
        Some(ConversationState::Open) | None => false,
    };
    if inbox::has(app, tenant, &listed.id, again).await? {
        return Ok(Fate::Known);
    }
    let now = app.engine.clock.now();
    let body = match missed.api.get(&listed.id, now).await {
        Ok(Some(body)) => body,
        Ok(None) => return Ok(Fate::Empty),
        Err(error) if matches!(error.kind(), ErrorKind::Limited | ErrorKind::Denied) => return Err(error),
        Err(error) => return Ok(Fate::Failed(error)),
    };
    match spoken(&body, &listed.id) {
        Ok(true) => {}
        Ok(false) => return Ok(Fate::Empty),
        Err(error) => return Ok(Fate::Failed(error)),
    }
    let event = event(&body, now.timestamp());
    match inbox::keep_fetched(app, tenant, &listed.id, &event, again).await?.0 {
        Accepted::New => Ok(Fate::Accepted),
        Accepted::Duplicate => Ok(Fate::Known),
    }
}

/// Whether a conversation, as fetched, has a transcript in which the human says something.
fn spoken(body: &[u8], id: &ConversationId) -> Result<bool> {
    let corrupt = |what| Error::new(ErrorKind::Corrupt, "missed.read", what);
    let Ok(Object(data)) = serde_json::from_slice::<Object<Data>>(body) else {
        return Err(corrupt("the conversation is not a JSON object"));
    };
    if data.conversation_id.filled() != Some(id.as_str()) {
        return Err(corrupt("the platform gave another conversation than was asked for"));
    }
    let mut turns = data.transcript.items().iter().map(|turn| &turn.0);
    Ok(turns.any(|turn| turn.role.filled() == Some("user") && turn.message.filled().is_some()))
}

/// The event the webhook would have brought: the platform's own bytes, in the envelope they are delivered in.
fn event(data: &[u8], now: i64) -> Vec<u8> {
    let mut event = format!(r#"{{"type":"{}","event_timestamp":{now},"data":"#, wire::TRANSCRIPTION).into_bytes();
    event.extend_from_slice(data);
    event.push(b'}');
    event
}
