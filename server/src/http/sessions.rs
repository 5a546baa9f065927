//! `POST /v1/sessions`: what the initiation webhook would have said, for conversations where it never fires:
//! web, widget and outbound calls.

use super::error::{Problem, ProblemBody};
use super::extract::AppJson;
use super::memories::no_user;
use super::webhooks::warm;
use crate::elevenlabs::variables::{self, InitiationData};
use crate::tenant::TenantApp;
use axum::Json;
use axum::http::StatusCode;
use hark_core::people::Claim;
use hark_core::receipts::Note;
use hark_core::{AgentId, ConversationId, IdentityKind, ReceiptKind, Scope};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::ToSchema;

/// Who is about to talk. At least one of `user_id` and `number`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSession {
    /// Our own id or the integrator's. An id of the integrator's that nobody knows becomes a new caller's.
    #[serde(default)]
    pub user_id: Option<String>,
    /// The human's number, for a call that goes out to it. Beside a `user_id` it becomes that user's, if it is nobody's.
    #[serde(default)]
    pub number: Option<String>,
    /// The agent who talks, if known.
    #[serde(default)]
    pub agent_id: Option<String>,
    /// The conversation, if it has an id already: what is said in it is then this caller's, whatever a tool call says.
    #[serde(default)]
    pub conversation_id: Option<String>,
}

impl CreateSession {
    fn claims(&self) -> Vec<Claim> {
        let claim = |kind, value: &Option<String>| {
            let value = value.as_deref().map(str::trim).filter(|value| !value.is_empty())?;
            Some(Claim::new(kind, value))
        };
        let user = claim(IdentityKind::External, &self.user_id);
        user.into_iter().chain(claim(IdentityKind::Phone, &self.number)).collect()
    }
}

/// Initiation data for a caller, to be passed to the platform as `conversation_initiation_client_data`.
///
/// An id of our own that names nobody (any more) is 404, never a new caller; a conversation that is somebody else's
/// already is 409.
#[utoipa::path(post, path = "/v1/sessions", tag = "users", request_body = CreateSession,
    responses((status = 200, body = InitiationData), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub async fn create(app: TenantApp, AppJson(session): AppJson<CreateSession>) -> Result<Json<InitiationData>, Problem> {
    let tenant = app.tenant();
    let claims = session.claims();
    let Some(first) = claims.first() else { return Err(no_user()) };
    let named = first.kind == IdentityKind::External;
    if named && app.people.is_gone(tenant, &first.value).await? {
        return Err(Problem::not_found("user"));
    }
    let conversation = session.conversation_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
    // Not known yet, the call finds its receipt by caller and time.
    let conversation = conversation.map(ConversationId::new);
    if app.people.is_erased(tenant, conversation.as_ref(), &claims, app.engine.clock.now()).await? {
        return Err(Problem::erased());
    }
    let admitted = app.people.admit(tenant, None, &claims).await?;
    let user =
        admitted.ok_or_else(|| Problem::field("invalid_field", "number", "`number` is not a telephone number"))?;
    app.touched().person(&user.id);
    let scope = Scope { tenant: tenant.clone(), caller: user.id.clone() };
    if let Some(id) = &conversation {
        let agent = session.agent_id.as_deref().map(AgentId::new);
        let bound = app.people.bind(&scope, id, agent.as_ref()).await?;
        if bound != scope.caller {
            let detail = "the conversation is another user's already";
            return Err(Problem::new(StatusCode::CONFLICT, "conversation_taken", detail));
        }
    }
    let (started, at) = (Instant::now(), app.engine.clock.now());
    let told = app.recall.introduce(&scope).await?;
    let noted = Note::new(ReceiptKind::Initiation, at).with_introduction(&told);
    let noted = Note { caller: Some(scope.caller.clone()), conversation, took: started.elapsed(), ..noted };
    app.engine.receipts.note(app.tenant(), noted);
    let data = variables::known(&app, &scope, &user, &told);
    warm(&app, scope);
    Ok(Json(data))
}
