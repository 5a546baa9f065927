//! `/openapi.json`, and `/docs` where requests can be tried.

mod answers;
mod names;

use super::{
    audit, backends, conflicts, conversations, costs, encryption, erasures, export, health, jobs, keys, links,
    memories, missed, quality, remember, reviews, sessions, tools, transfers, users, webhooks,
};
use crate::app::App;
use axum::Router;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;
use {
    answers::Answers,
    names::{Names, Ways},
};

/// The document.
#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "Hark", description = "Long-term memory for voice agents."),
    paths(
        webhooks::conversation_initiation, webhooks::post_call, tools::memory_query, remember::remember,
        memories::create, memories::create_batch, memories::read, memories::change, memories::forget,
        memories::reinforce, memories::restore, conflicts::history, conflicts::list, conflicts::resolve,
        links::of_memory, links::create, links::remove,
    users::list, users::read, users::memories, audit::list, export::export, erasures::erase, erasures::list, erasures::verify, sessions::create, conversations::list, conversations::read, quality::read, reviews::list, reviews::labels, reviews::decide, costs::list, jobs::queue, jobs::list, jobs::read, jobs::redrive, jobs::redrive_all, jobs::discard, backends::list, users::change, transfers::merge, transfers::split, transfers::list, transfers::undo,
        backends::reset, encryption::read, missed::reconcile,
        keys::create, keys::list, keys::revoke, keys::create_secret, keys::list_secrets, keys::revoke_secret,
        health::health, health::live, health::ready, health::metrics
    ),
    tags(
        (name = "elevenlabs", description = "What ElevenLabs calls"),
        (name = "memories", description = "Written, read, corrected and forgotten"),
        (name = "users", description = "The people who call"),
        (name = "conversations", description = "How far Hark has got with each"),
        (name = "quality", description = "How good what is remembered is, and what a person decides"),
        (name = "keys", description = "What opens the doors of a tenant"),
        (name = "operations", description = "Queue, health and metrics")
    ),
    security(("bearer" = [])),
    modifiers(&Bearer, &Answers, &Names, &Ways)
)]
pub struct Document;

/// Declares the key, so that the page has a place to enter it.
#[derive(Debug)]
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// Both routes. They need no key: they describe, and hold nothing.
pub(super) fn docs() -> Router<App> {
    SwaggerUi::new("/docs").url("/openapi.json", Document::openapi()).into()
}
