//! One line of the audit log for each person whom a request touched, by the key that was shown.

use super::principal::Principal;
use crate::app::App;
use crate::http::error::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hark_core::privacy::AuditNote;
use hark_core::{AuditAction, KeyedHash, UserId};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// People named in one line each at the most; a batch that is about more has one line for the rest together.
const MOST_PEOPLE: usize = 100;

/// Whom and what a request has touched so far. Clones share it: work in other tasks adds to it too.
#[derive(Debug, Clone, Default)]
pub struct Touched(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    people: BTreeSet<UserId>,
    object: Option<String>,
}

impl Touched {
    /// That it was about this person.
    pub fn person(&self, caller: &UserId) {
        self.seen().people.insert(caller.clone());
    }

    /// That it was about this thing of ours, which its path does not name.
    pub fn object(&self, id: &str) {
        self.seen().object = Some(id.to_owned());
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what is done behind it. What is grave is on record before it is answered; an export that cannot be recorded is
/// not given.
pub async fn watch(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let pattern = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let principal = request.extensions().get::<Principal>().cloned();
    let (Some(action), Some(principal)) = (action(request.method(), &pattern), principal) else {
        return next.run(request).await;
    };
    let touched = Touched::default();
    request.extensions_mut().insert(touched.clone());
    let route = format!("{} {pattern}", request.method());
    let in_path = request.uri().path().split('/').find(|part| is_ours(part)).map(str::to_owned);
    let response = next.run(request).await;

    let Seen { people, object } = std::mem::take(&mut *touched.seen());
    let tenant = &principal.tenant;
    let mut persons: Vec<Option<KeyedHash>> =
        people.iter().take(MOST_PEOPLE).map(|caller| Some(app.engine.vault.person(tenant, caller))).collect();
    if people.len() > MOST_PEOPLE || (people.is_empty() && action != AuditAction::Recall) {
        persons.push(None);
    }
    // A wrong id may be anything, another tenant's too.
    let object = object.or(in_path.filter(|_| !response.status().is_client_error()));
    for person in persons {
        let note = AuditNote {
            actor: principal.key.as_str().to_owned(),
            action,
            route: route.clone(),
            person,
            object: object.clone(),
            status: response.status().as_u16(),
        };
        app.audit.note(tenant, note);
    }
    if !action.is_grave() {
        return response;
    }
    match app.audit.flush().await {
        Ok(()) => response,
        Err(error) if action == AuditAction::Export => Problem::from(error).into_response(),
        Err(error) => {
            tracing::error!(?error, "what was done is not on record yet; it is tried again");
            response
        }
    }
}

/// What a route does to what is known of people; `None` for what is about numbers, queues and backends.
fn action(method: &Method, pattern: &str) -> Option<AuditAction> {
    let reads = method == Method::GET;
    Some(match pattern {
        "/metrics" | "/v1/queue" | "/v1/costs" | "/v1/backends" | "/v1/backends/{name}/reset" => return None,
        "/v1/erasures/verify" | "/v1/elevenlabs/reconcile" | "/v1/encryption" => return None,
        "/webhooks/conversation-initiation" | "/tools/memory-query" | "/v1/sessions" => AuditAction::Recall,
        "/v1/users/{id}/export" => AuditAction::Export,
        "/v1/users/{id}" if method == Method::DELETE => AuditAction::Erase,
        "/v1/keys" | "/v1/keys/{id}" | "/v1/webhook-secrets" | "/v1/webhook-secrets/{id}" if !reads => AuditAction::Key,
        _ if reads => AuditAction::Read,
        _ => AuditAction::Change,
    })
}

/// Whether a part of a path is an id of our own making, but for people's: whatever else stands in a path may be anything.
fn is_ours(part: &str) -> bool {
    const KINDS: [&str; 8] = ["mem_", "lnk_", "cfl_", "trf_", "job_", "key_", "whs_", "ers_"];
    KINDS.iter().any(|kind| {
        part.strip_prefix(kind).is_some_and(|rest| {
            (1..=64).contains(&rest.len())
                && rest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_our_own_making_are_noted() {
        for id in ["mem_0123456789abcdef", "key_0a", "whs_00"] {
            assert!(is_ours(id), "{id}");
        }
        for other in
            ["usr_0123456789abcdef", "mem_", "mem_Sam", "crm-1", "mem_49 30", "", &format!("mem_{}", "a".repeat(65))]
        {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn every_route_has_the_action_that_it_is() {
        for (method, pattern, expected) in [
            (Method::GET, "/v1/users/{id}", Some(AuditAction::Read)),
            (Method::PATCH, "/v1/users/{id}", Some(AuditAction::Change)),
            (Method::DELETE, "/v1/users/{id}", Some(AuditAction::Erase)),
            (Method::GET, "/v1/users/{id}/export", Some(AuditAction::Export)),
            (Method::DELETE, "/v1/memories/{id}", Some(AuditAction::Change)),
            (Method::POST, "/tools/memory-query", Some(AuditAction::Recall)),
            (Method::POST, "/tools/remember", Some(AuditAction::Change)),
            (Method::POST, "/v1/sessions", Some(AuditAction::Recall)),
            (Method::POST, "/webhooks/conversation-initiation", Some(AuditAction::Recall)),
            (Method::POST, "/v1/keys", Some(AuditAction::Key)),
            (Method::DELETE, "/v1/webhook-secrets/{id}", Some(AuditAction::Key)),
            (Method::GET, "/v1/keys", Some(AuditAction::Read)),
            (Method::GET, "/metrics", None),
            (Method::POST, "/v1/elevenlabs/reconcile", None),
        ] {
            assert_eq!(action(&method, pattern), expected, "{method} {pattern}");
        }
    }
}
