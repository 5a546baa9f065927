//! Rates and load: who asks too often hears 429, and when there is too much to do, what can be asked again is shed with 503
//! before anything is begun.

use super::client::ClientAddress;
use super::principal::{KeyName, Principal};
use crate::app::App;
use crate::config::LimitsConfig;
use crate::http::error::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hark_core::limit::{Quota, RateLimiter, Ruling};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Routes that are limited together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteGroup {
    /// Called by the platform before a call.
    Webhooks,
    /// Sent by the platform after a call.
    Events,
    /// Called by an agent during a call.
    Tools,
    /// Our own routes about what is remembered.
    Api,
    /// What operators need, above all when there is too much to do: never shed.
    Operations,
}

impl RouteGroup {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Events => "events",
            Self::Tools => "tools",
            Self::Api => "api",
            Self::Operations => "operations",
        }
    }
}

/// What is allowed.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Tool calls of one address, and with one key; `None` for any number.
    pub tools: Option<Quota>,
    /// Webhook deliveries of one address, and with one key or secret; `None` for any number.
    pub webhooks: Option<Quota>,
    /// Wrong keys and signatures of one address; `None` for any number.
    pub auth_failures: Option<Quota>,
    /// Whether a signed event beyond [`LimitSettings::webhooks`] is refused with 429 rather than kept.
    pub refuse_events: bool,
    /// Webhook and tool calls at once, before they are shed.
    pub concurrent_calls: usize,
    /// Requests of our own routes at once, before they are shed.
    pub concurrent_requests: usize,
    /// Post-call events read at once; the others wait.
    pub concurrent_events: usize,
    /// After so long a request is answered with 503.
    pub request_timeout: Duration,
    /// After so long a post-call event that has not arrived is given up.
    pub event_timeout: Duration,
}

impl Default for LimitSettings {
    fn default() -> Self {
        LimitsConfig::default().settings()
    }
}

/// What is counted: rates by whom, load altogether.
#[derive(Debug)]
pub struct Limits {
    rates: Arc<dyn RateLimiter>,
    calls: Semaphore,
    requests: Semaphore,
    /// Places for post-call events that are being read.
    pub events: Arc<Semaphore>,
}

impl Limits {
    /// Of this process, but for the rates, which `rates` may share with others.
    pub fn new(settings: &LimitSettings, rates: Arc<dyn RateLimiter>) -> Self {
        Self {
            rates,
            calls: Semaphore::new(settings.concurrent_calls),
            requests: Semaphore::new(settings.concurrent_requests),
            events: Arc::new(Semaphore::new(settings.concurrent_events)),
        }
    }
}

/// That a call that begins is not looked into: it comes too often, or there is too much to do. It is answered all the same,
/// with neutral values, once its key is known to be right: any other answer could end the call in its first second.
#[derive(Debug, Clone, Copy)]
pub struct Unserved;

/// Sheds a request there is no place for, and gives up one that takes too long. A call that begins is let through as
/// [`Unserved`] instead.
///
/// # Errors
/// 503.
pub async fn bear(
    State((app, group)): State<(App, RouteGroup)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let place = match group {
        RouteGroup::Webhooks | RouteGroup::Tools => Some(&app.limits.calls),
        RouteGroup::Api => Some(&app.limits.requests),
        RouteGroup::Events | RouteGroup::Operations => None,
    };
    let held = place.map(Semaphore::try_acquire).transpose();
    if held.is_err() {
        count(group, "overload");
        if group != RouteGroup::Webhooks {
            return Err(Problem::overloaded());
        }
        request.extensions_mut().insert(Unserved);
    }
    let answer = tokio::time::timeout(app.settings.limits.request_timeout, next.run(request)).await;
    answer.map_err(|_| {
        count(group, "timeout");
        Problem::timed_out()
    })
}

/// Lets a request through that does not come too often, by its address and by its key; a call that begins too often as
/// [`Unserved`]. Stands behind authentication.
pub async fn within_rate(
    State((app, group)): State<(App, RouteGroup)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Response> {
    let (address, principal) = (request.extensions().get().copied(), request.extensions().get::<Principal>());
    let Some(rate) = rate(&app, group, address, principal).await else { return Ok(next.run(request).await) };
    if let Err(reason) = rate.verdict {
        count(group, reason);
        if group == RouteGroup::Webhooks {
            request.extensions_mut().insert(Unserved);
            let mut answer = next.run(request).await;
            rate.tell(answer.headers_mut());
            return Ok(answer);
        }
        let mut refused = rate.problem().into_response();
        rate.tell(refused.headers_mut());
        return Err(refused);
    }
    let mut answer = next.run(request).await;
    rate.tell(answer.headers_mut());
    Ok(answer)
}

/// How often somebody has asked.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    ruling: Ruling,
    /// Refused because of which count.
    verdict: Result<(), &'static str>,
}

impl Rate {
    /// Whether it is too often.
    pub fn is_exceeded(&self) -> bool {
        self.verdict.is_err()
    }

    /// Tells the client, in the headers of draft-ietf-httpapi-ratelimit-headers.
    pub fn tell(&self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.ruling.limit));
        headers.insert(REMAINING, HeaderValue::from(self.ruling.remaining));
        headers.insert(RESET, HeaderValue::from(seconds(self.ruling.reset)));
    }

    /// The problem to answer with.
    pub fn problem(&self) -> Problem {
        Problem::limited(self.ruling.retry_after)
    }
}

/// Counts a request, first by its address; `None` where nothing is limited. Of both counts the one that is closer to its end
/// is told.
pub async fn rate(
    app: &App,
    group: RouteGroup,
    address: Option<ClientAddress>,
    principal: Option<&Principal>,
) -> Option<Rate> {
    let quota = match group {
        RouteGroup::Webhooks | RouteGroup::Events => app.settings.limits.webhooks?,
        RouteGroup::Tools => app.settings.limits.tools?,
        RouteGroup::Api | RouteGroup::Operations => return None,
    };
    let mut told: Option<Rate> = None;
    let by_address = address.map(|address| ("address", format!("{}/address/{}", group.name(), address.bucket())));
    let by_key = principal.map(|principal| ("key", format!("{}/key/{}", group.name(), name(principal))));
    for (reason, key) in by_address.into_iter().chain(by_key) {
        let ruling = ask(app, &key, quota, 1).await?;
        let rate = Rate { ruling, verdict: if ruling.allowed { Ok(()) } else { Err(reason) } };
        if told.is_none_or(|told| ruling.remaining < told.ruling.remaining) || rate.is_exceeded() {
            told = Some(rate);
        }
        if rate.is_exceeded() {
            break;
        }
    }
    told
}

fn name(principal: &Principal) -> String {
    match &principal.key {
        KeyName::Configured(place) => format!("{}/{place}", principal.key.as_str()),
        key => key.as_str().to_owned(),
    }
}

/// Counts a wrong key or signature of an address. Whether there were too many.
pub async fn failed(app: &App, group: RouteGroup, address: Option<ClientAddress>) -> Option<Problem> {
    failures(app, group, address, 1).await
}

/// Whether there were too many wrong keys and signatures of an address.
pub async fn has_failed(app: &App, group: RouteGroup, address: Option<ClientAddress>) -> Option<Problem> {
    failures(app, group, address, 0).await
}

async fn failures(app: &App, group: RouteGroup, address: Option<ClientAddress>, cost: u32) -> Option<Problem> {
    let key = format!("auth/address/{}", address?.bucket());
    let ruling = ask(app, &key, app.settings.limits.auth_failures?, cost).await?;
    if ruling.allowed {
        return None;
    }
    count(group, "auth_failures");
    Some(Problem::too_many_failures(ruling.retry_after))
}

/// What the limiter says; nothing when it fails, because a limit that cannot be counted must not stop a call.
async fn ask(app: &App, key: &str, quota: Quota, cost: u32) -> Option<Ruling> {
    match app.limits.rates.take(key, quota, cost, app.engine.clock.now()).await {
        Ok(ruling) => Some(ruling),
        Err(error) => {
            metrics::counter!("hark_limits_unknown_total").increment(1);
            tracing::warn!(?error, "rates cannot be counted");
            None
        }
    }
}

/// Counts what was refused, by routes and reason, never by whom.
pub fn count(group: RouteGroup, reason: &'static str) {
    metrics::counter!("hark_limited_total", "routes" => group.name(), "reason" => reason).increment(1);
}

/// Rounded up: whoever comes back then is let in.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
