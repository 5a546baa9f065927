//! `Authorization: Bearer <key>`: who is asking, and whether the key allows it.

use super::client::ClientAddress;
use super::limits::{self, RouteGroup};
use super::principal::Principal;
use crate::access::Denied;
use crate::app::App;
use crate::http::error::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use hark_core::KeyScope;

/// What a group of routes asks of a key.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// What the key must allow.
    pub scope: KeyScope,
    /// Whether the routes are about the whole deployment: only keys of its own tenant open them.
    pub deployment: bool,
    /// What they are limited with.
    pub group: RouteGroup,
}

impl Access {
    /// Routes about a tenant's own data.
    pub const fn to(scope: KeyScope, group: RouteGroup) -> Self {
        Self { scope, deployment: false, group }
    }

    /// Routes about the whole deployment.
    pub const fn to_deployment(scope: KeyScope) -> Self {
        Self { scope, deployment: true, group: RouteGroup::Operations }
    }
}

/// Lets a request through whose key is valid and allows it; what stands behind finds the [`Principal`].
///
/// # Errors
/// 401 without a valid key; 403 where it does not allow what is asked.
pub async fn require(
    State((app, access)): State<(App, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let address = request.extensions().get().copied();
    let principal = identify(&app, access.group, address, request.headers()).await?;
    allow(&app, access, &principal)?;
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

fn allow(app: &App, access: Access, principal: &Principal) -> Result<(), Problem> {
    let refused = if !principal.scopes.allow(access.scope) {
        Problem::scope_missing(access.scope)
    } else if access.deployment && principal.tenant != *app.default_tenant() {
        Problem::deployment_only()
    } else {
        return Ok(());
    };
    metrics::counter!("hark_http_auth_failures_total", "reason" => refused.code()).increment(1);
    Err(refused)
}

/// Who is asking. An address that has shown too many wrong keys is told no more than that, unless its key is one that
/// nobody finds by trying: who holds it is not the one to be kept out, even behind the same proxy.
async fn identify(
    app: &App,
    group: RouteGroup,
    address: Option<ClientAddress>,
    headers: &HeaderMap,
) -> Result<Principal, Problem> {
    let denied = match bearer(headers) {
        None => Problem::unauthorised("key_missing", "send `Authorization: Bearer <key>` with one API key"),
        Some(key) => match app.access.identify(key).await {
            Ok(known) if !known.guessable => return Ok(known.principal),
            Ok(known) => match limits::has_failed(app, group, address).await {
                Some(blocked) => blocked,
                None => return Ok(known.principal),
            },
            Err(Denied::Unavailable(error)) => Problem::unchecked(error),
            Err(denied) => {
                let wrong = Problem::unauthorised(denied.name(), "the key is not, or no longer, valid: see /v1/keys");
                limits::failed(app, group, address).await.unwrap_or(wrong)
            }
        },
    };
    metrics::counter!("hark_http_auth_failures_total", "reason" => denied.code()).increment(1);
    Err(denied)
}

/// The one key that is shown. Of two it could not be known which one a proxy in front of us has looked at.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let (scheme, key) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}
