//! A body whose `ElevenLabs-Signature` has been checked over its raw bytes, before anything reads it.

use super::limits::{self, Rate, RouteGroup};
use super::principal::Principal;
use crate::access::{LiveSecret, LiveSecrets};
use crate::app::App;
use crate::elevenlabs::signature::{HEADER, Refused, Verifier};
use crate::http::error::Problem;
use crate::http::extract::broken_off;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use hark_core::{Error, ErrorKind};
use tokio::sync::OwnedSemaphorePermit;

/// A signed event.
#[derive(Debug)]
pub struct Signed {
    /// The body, or its beginning.
    pub bytes: Bytes,
    /// Whether the body was longer than `event_limit_bytes`; then `bytes` is only its beginning.
    pub truncated: bool,
    /// Whose secret it was signed with.
    pub signer: Principal,
    /// How often its sender comes; `None` where nothing is limited.
    pub rate: Option<Rate>,
    /// Its place among the events that are read at once, held until it is dealt with.
    _place: OwnedSemaphorePermit,
}

impl FromRequest<App> for Signed {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let address = request.extensions().get().copied();
        let reading = read(app, request);
        let signed = tokio::time::timeout(app.settings.limits.event_timeout, reading).await;
        let (mut signed, secret) = match signed.unwrap_or_else(|_| Err(Problem::too_slow().into())) {
            Ok(read) => read,
            Err(Unread::Refused(reason)) => {
                let blocked = limits::failed(app, RouteGroup::Events, address).await;
                return Err(blocked.unwrap_or_else(|| refused(reason)));
            }
            Err(Unread::Other(problem)) => return Err(problem),
        };
        app.access.signed_with(&secret);
        signed.rate = limits::rate(app, RouteGroup::Events, address, Some(&signed.signer)).await;
        if signed.rate.as_ref().is_some_and(Rate::is_exceeded) {
            // The platform sends an event again after 429 only where somebody has switched that on, and not for long: what is
            // refused is lost, while keeping it costs a row. So the limit counts, and stops nothing that is signed.
            limits::count(RouteGroup::Events, if app.settings.limits.refuse_events { "event" } else { "event_kept" });
        }
        Ok(signed)
    }
}

/// Why an event was not read.
enum Unread {
    Refused(Refused),
    Other(Problem),
}

impl From<Problem> for Unread {
    fn from(problem: Problem) -> Self {
        Self::Other(problem)
    }
}

impl From<Refused> for Unread {
    fn from(reason: Refused) -> Self {
        Self::Refused(reason)
    }
}

async fn read(app: &App, request: Request) -> Result<(Signed, LiveSecret), Unread> {
    let live = app.access.live_secrets().await;
    let mut verifier = fresh(app, &live, request.headers())?;
    let http = &app.settings.http;
    if declared_length(request.headers()).is_some_and(|length| length > http.drain_limit_bytes) {
        return Err(Problem::too_large(http.event_limit_bytes).into());
    }
    // An event waits for its place, it is not shed: it may not come again.
    let place = app.limits.events.clone().acquire_owned().await.map_err(|_| Problem::overloaded())?;
    let mut stream = request.into_body().into_data_stream();
    let (mut bytes, mut total) = (Vec::new(), 0usize);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| broken_off())?;
        total += chunk.len();
        if total > http.drain_limit_bytes {
            return Err(Problem::too_large(http.event_limit_bytes).into());
        }
        verifier.update(&chunk);
        // A recording is checked to its end, but never held: only its beginning, which says what it is.
        let room = http.event_limit_bytes - bytes.len();
        bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
    }
    let secret = match verifier.finish() {
        Ok(place) => live.secrets[place].clone(),
        // A 401 would lose the event for good, and it may be right all the same.
        Err(Refused::Mismatch) if !live.complete => {
            let why = "not every webhook secret can be read";
            return Err(Problem::unchecked(Error::new(ErrorKind::Unavailable, "webhooks.post_call", why)).into());
        }
        Err(reason) => return Err(reason.into()),
    };
    let truncated = total > http.event_limit_bytes;
    let signed = Signed { bytes: bytes.into(), truncated, signer: secret.signer.clone(), rate: None, _place: place };
    Ok((signed, secret))
}

fn fresh(app: &App, live: &LiveSecrets, headers: &HeaderMap) -> Result<Verifier, Refused> {
    let mut given = headers.get_all(HEADER).iter();
    let value = given.next().ok_or(Refused::Missing)?;
    if given.next().is_some() {
        return Err(Refused::Duplicate);
    }
    let value = value.to_str().map_err(|_| Refused::Malformed)?;
    let settings = &app.settings.elevenlabs;
    let now = app.engine.clock.now().timestamp();
    Verifier::new(
        value,
        live.secrets.iter().map(|live| &live.secret),
        now,
        settings.signature_max_age_secs,
        settings.signature_max_future_secs,
    )
}

fn refused(reason: Refused) -> Problem {
    metrics::counter!("hark_webhook_signature_failures_total", "reason" => reason.name()).increment(1);
    Problem::unauthorised(reason.name(), reason.remedy())
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
