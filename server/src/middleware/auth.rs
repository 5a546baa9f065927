//! `Authorization: Bearer <key>`: who is asking, and whether the key allows it.

use super::principal::Principal;
use crate::app::{App, digest};
use crate::http::error::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use hark_core::KeyScope;
use subtle::{Choice, ConstantTimeEq};

/// What a group of routes asks of a key.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// What the key must allow.
    pub scope: KeyScope,
    /// Whether the routes are about the whole deployment: only keys of its own tenant open them.
    pub deployment: bool,
}

impl Access {
    /// Routes about a tenant's own data.
    pub const fn to(scope: KeyScope) -> Self {
        Self { scope, deployment: false }
    }

    /// Routes about the whole deployment.
    pub const fn to_deployment(scope: KeyScope) -> Self {
        Self { scope, deployment: true }
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
    let principal = check(&app, request.headers()).map_err(|reason| {
        metrics::counter!("hark_http_auth_failures_total", "reason" => reason).increment(1);
        Problem::unauthorised(reason, "send `Authorization: Bearer <key>` with a valid API key")
    })?;
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

fn check(app: &App, headers: &HeaderMap) -> Result<Principal, &'static str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Err("key_missing") };
    let value = value.as_bytes();
    let Some((scheme, key)) = value.split_at_checked(7) else { return Err("key_missing") };
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err("key_missing");
    }
    let given = digest(key.trim_ascii());
    // Every key is compared, so that the time taken does not say which one came close.
    let mut known = None;
    for (place, key) in app.keys.iter().enumerate() {
        if bool::from(Choice::from(0) | key.ct_eq(&given)) {
            known = Some(place);
        }
    }
    let place = known.ok_or("key_unknown")?;
    Ok(Principal::configured(app.default_tenant().clone(), place))
}
