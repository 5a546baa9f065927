//! Every route and every middleware, in order.

pub mod audit;
pub mod backends;
pub mod caller;
pub mod conflicts;
pub mod conversations;
pub mod costs;
pub mod encryption;
pub mod erasures;
pub mod error;
pub mod export;
pub mod extract;
pub mod health;
pub mod jobs;
pub mod keys;
pub mod links;
pub mod memories;
pub mod missed;
pub mod openapi;
pub mod quality;
pub mod receipts;
pub mod remember;
pub mod requests;
pub mod reviews;
pub mod sessions;
pub mod tools;
pub mod transfers;
pub mod users;
pub mod view;
pub mod webhooks;
mod words;

use crate::app::App;
use crate::middleware::auth::{self, Access};
use crate::middleware::limits::{self, RouteGroup};
use crate::middleware::{audit as auditing, client, observe, request_id};
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, patch, post};
use hark_core::KeyScope;
use tower_http::catch_panic::CatchPanicLayer;

/// The whole application over HTTP.
pub fn router(app: App) -> Router {
    let elevenlabs = Router::new()
        .merge(group(
            &app,
            Access::to(KeyScope::Webhook, RouteGroup::Webhooks),
            Router::new().route("/webhooks/conversation-initiation", post(webhooks::conversation_initiation)),
        ))
        .merge(group(
            &app,
            Access::to(KeyScope::Tool, RouteGroup::Tools),
            Router::new()
                .route("/tools/memory-query", post(tools::memory_query))
                .route("/tools/remember", post(remember::remember)),
        ));

    let with_key = elevenlabs
        .merge(group(&app, Access::to(KeyScope::Read, RouteGroup::Api), reading()))
        .merge(group(&app, Access::to(KeyScope::Write, RouteGroup::Api), writing()))
        .merge(group(&app, Access::to(KeyScope::Admin, RouteGroup::Operations), administration()))
        .merge(group(
            &app,
            Access::to_deployment(KeyScope::Read),
            Router::new()
                .route("/v1/backends", get(backends::list))
                .route("/v1/encryption", get(encryption::read))
                .route("/metrics", get(health::metrics)),
        ))
        .merge(group(
            &app,
            Access::to_deployment(KeyScope::Admin),
            Router::new()
                .route("/v1/backends/{name}/reset", post(backends::reset))
                .route("/v1/elevenlabs/reconcile", post(missed::reconcile)),
        ));

    let without_key = Router::new()
        // Signed instead: see middleware::signature.
        .route("/webhooks/post-call", post(webhooks::post_call))
        .route("/health", get(health::health))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .merge(openapi::docs());

    // The last layer is the first to see a request.
    with_key
        .merge(without_key)
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(from_fn_with_state(app.clone(), client::attach))
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn(observe::observe))
        .layer(from_fn_with_state(app.clone(), request_id::attach))
        .with_state(app)
}

/// Routes that ask the same of a key. What they are given is in this order: a place, a key that allows it, and a rate that
/// is not exceeded.
fn group(app: &App, access: Access, routes: Router<App>) -> Router<App> {
    routes
        .route_layer(from_fn_with_state(app.clone(), auditing::watch))
        .route_layer(from_fn_with_state((app.clone(), access.group), limits::within_rate))
        .route_layer(from_fn_with_state((app.clone(), access), auth::require))
        .route_layer(from_fn_with_state((app.clone(), access.group), limits::bear))
}

/// What is remembered, as it stands.
fn reading() -> Router<App> {
    Router::new()
        .route("/v1/memories/{id}", get(memories::read))
        .route("/v1/memories/{id}/links", get(links::of_memory))
        .route("/v1/memories/{id}/history", get(conflicts::history))
        .route("/v1/conflicts", get(conflicts::list))
        .route("/v1/users", get(users::list))
        .route("/v1/users/merges", get(transfers::list))
        .route("/v1/users/{id}", get(users::read))
        .route("/v1/users/{id}/memories", get(users::memories))
        .route("/v1/conversations", get(conversations::list))
        .route("/v1/conversations/{id}", get(conversations::read))
        .route("/v1/quality", get(quality::read))
        .route("/v1/reviews", get(reviews::list))
        .route("/v1/erasures/verify", post(erasures::verify))
        .route("/v1/costs", get(costs::list))
        .route("/v1/queue", get(jobs::queue))
}

/// What is remembered, changed.
fn writing() -> Router<App> {
    Router::new()
        .route("/v1/memories", post(memories::create))
        .route("/v1/memories/batch", post(memories::create_batch))
        .route("/v1/memories/{id}", patch(memories::change).delete(memories::forget))
        .route("/v1/memories/{id}/reinforce", post(memories::reinforce))
        .route("/v1/memories/{id}/restore", post(memories::restore))
        .route("/v1/conflicts/{id}/resolve", post(conflicts::resolve))
        .route("/v1/links", post(links::create))
        .route("/v1/links/{id}", delete(links::remove))
        .route("/v1/users/merge", post(transfers::merge))
        .route("/v1/users/split", post(transfers::split))
        .route("/v1/users/merges/{id}/undo", post(transfers::undo))
        .route("/v1/users/{id}", patch(users::change))
        .route("/v1/sessions", post(sessions::create))
        .route("/v1/reviews/{memory_id}", post(reviews::decide))
}

/// What cannot be taken back, leaves the house, or is the tenant's own business.
fn administration() -> Router<App> {
    Router::new()
        .route("/v1/users/{id}", delete(erasures::erase))
        .route("/v1/users/{id}/export", get(export::export))
        .route("/v1/erasures", get(erasures::list))
        .route("/v1/audit", get(audit::list))
        .route("/v1/reviews/labels", get(reviews::labels))
        .route("/v1/keys", get(keys::list).post(keys::create))
        .route("/v1/keys/{id}", delete(keys::revoke))
        .route("/v1/webhook-secrets", get(keys::list_secrets).post(keys::create_secret))
        .route("/v1/webhook-secrets/{id}", delete(keys::revoke_secret))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/redrive", post(jobs::redrive_all))
        .route("/v1/jobs/{id}", get(jobs::read))
        .route("/v1/jobs/{id}/redrive", post(jobs::redrive))
        .route("/v1/jobs/{id}/discard", post(jobs::discard))
}
