//! `POST /v1/sessions`: what the initiation webhook would have said, for conversations where it never fires:
//! web, widget and outbound calls.

use super::error::{Problem, ProblemBody};
use super::extract::AppJson;
use super::memories::no_user;
use crate::app::App;
use crate::elevenlabs::variables::{self, InitiationData};
use axum::Json;
use axum::extract::State;
use hark_core::receipts::Note;
use hark_core::{ReceiptKind, Scope};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::ToSchema;

/// Who is about to talk.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSession {
    /// Our own id or the integrator's. An id nobody knows becomes a new caller's.
    pub user_id: String,
}

/// Initiation data for a caller, to be passed to the platform as `conversation_initiation_client_data`.
#[utoipa::path(post, path = "/v1/sessions", tag = "users", request_body = CreateSession,
    responses((status = 200, body = InitiationData), (status = 422, body = ProblemBody)))]
pub async fn create(
    State(app): State<App>,
    AppJson(session): AppJson<CreateSession>,
) -> Result<Json<InitiationData>, Problem> {
    let user = app.people.admit_reference(app.tenant(), &session.user_id).await?.ok_or_else(no_user)?;
    let scope = Scope { tenant: app.tenant().clone(), caller: user.id.clone() };
    let (started, at) = (Instant::now(), app.engine.clock.now());
    let told = app.recall.introduce(&scope).await?;
    // The conversation is not known yet; the call finds it by caller and time.
    let noted = Note::new(ReceiptKind::Initiation, at).with_introduction(&told);
    let noted = Note { caller: Some(scope.caller.clone()), took: started.elapsed(), ..noted };
    app.engine.receipts.note(app.tenant(), noted);
    Ok(Json(variables::known(&app, &scope, &user, &told)))
}
