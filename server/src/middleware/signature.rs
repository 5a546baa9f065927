//! A body whose `ElevenLabs-Signature` has been checked over its raw bytes, before anything reads it.

use super::principal::Principal;
use crate::access::LiveSecrets;
use crate::app::App;
use crate::elevenlabs::signature::{HEADER, Refused, Verifier};
use crate::http::error::Problem;
use crate::http::extract::broken_off;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use hark_core::{Error, ErrorKind};

/// A signed event.
#[derive(Debug)]
pub struct Signed {
    /// The body, or its beginning.
    pub bytes: Bytes,
    /// Whether the body was longer than `event_limit_bytes`; then `bytes` is only its beginning.
    pub truncated: bool,
    /// Whose secret it was signed with.
    pub signer: Principal,
}

impl FromRequest<App> for Signed {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let live = app.access.live_secrets().await;
        let mut verifier = fresh(app, &live, request.headers()).map_err(refused)?;
        let http = &app.settings.http;
        if declared_length(request.headers()).is_some_and(|length| length > http.drain_limit_bytes) {
            return Err(Problem::too_large(http.event_limit_bytes));
        }
        let mut stream = request.into_body().into_data_stream();
        let (mut bytes, mut total) = (Vec::new(), 0usize);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| broken_off())?;
            total += chunk.len();
            if total > http.drain_limit_bytes {
                return Err(Problem::too_large(http.event_limit_bytes));
            }
            verifier.update(&chunk);
            // A recording is checked to its end, but never held: only its beginning, which says what it is.
            let room = http.event_limit_bytes - bytes.len();
            bytes.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        }
        let secret = match verifier.finish() {
            Ok(place) => &live.secrets[place],
            // A 401 would lose the event for good, and it may be right all the same.
            Err(Refused::Mismatch) if !live.complete => {
                let why = "not every webhook secret can be read";
                return Err(Problem::unchecked(Error::new(ErrorKind::Unavailable, "webhooks.post_call", why)));
            }
            Err(reason) => return Err(refused(reason)),
        };
        app.access.signed_with(secret);
        let signer = secret.signer.clone();
        Ok(Self { bytes: bytes.into(), truncated: total > http.event_limit_bytes, signer })
    }
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
