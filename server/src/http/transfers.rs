//! `/v1/users/merge`, `/v1/users/split` and `/v1/users/merges`: two profiles of one person, and two people on one
//! profile.

use super::error::{Problem, ProblemBody};
use super::extract::{AppJson, AppQuery, Id, page};
use super::users::find;
use super::view::Items;
use crate::tenant::TenantApp;
use axum::Json;
use chrono::{DateTime, Utc};
use hark_core::{ConversationId, Error, ErrorKind, Transfer, TransferId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Two users who are one person. Our own ids or the integrator's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeUsers {
    /// Who becomes part of the other; the id goes on to answer.
    pub from: String,
    /// Who stays.
    pub into: String,
}

/// Calls that were somebody else's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitUser {
    /// Whose the calls are now: our own id or the integrator's.
    pub user_id: String,
    /// The calls, with the memories that come from them.
    #[schema(min_items = 1)]
    pub conversations: Vec<String>,
    /// Whose they are to be; a new guest's unless told.
    #[serde(default)]
    pub into: Option<String>,
}

/// Which merges and splits to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TransfersQuery {
    /// Only this user's, from or into: our own id or the integrator's.
    pub user_id: Option<String>,
    /// Items, 1 to 1,000; 50 unless told.
    #[param(minimum = 1, maximum = 1_000)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A merge or a split.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferView {
    /// Its id.
    pub id: String,
    /// `merge` or `split`.
    pub kind: &'static str,
    /// Whose it was, by our own id.
    pub from: String,
    /// Whose it became, by our own id.
    pub into: String,
    /// `done` or `undone`.
    pub state: &'static str,
    /// `person` or `call`: a call that named both a known user id and a guest's number.
    pub by: &'static str,
    /// Memories that went; once undone, those that went back.
    pub memories: usize,
    /// Conversations that went.
    pub conversations: usize,
    /// Numbers and ids that went.
    pub identities: usize,
    /// When it was done.
    pub created_at: DateTime<Utc>,
    /// When it was taken back.
    pub undone_at: Option<DateTime<Utc>>,
    /// Whether the indexes have followed; until then some of what went may not be found.
    pub indexed: bool,
}

impl From<Transfer> for TransferView {
    fn from(transfer: Transfer) -> Self {
        Self {
            id: transfer.id.to_string(),
            kind: transfer.kind.name(),
            from: transfer.from.to_string(),
            into: transfer.into.to_string(),
            state: transfer.state.name(),
            by: transfer.by.name(),
            memories: transfer.moved.memories.len(),
            conversations: transfer.moved.conversations.len(),
            identities: transfer.moved.identities.len(),
            created_at: transfer.created_at,
            undone_at: transfer.undone_at,
            indexed: transfer.settled,
        }
    }
}

fn problem(error: Error, field: &'static str) -> Problem {
    match error.kind() {
        ErrorKind::NotFound => Problem::not_found("user"),
        ErrorKind::Invalid => Problem::field("invalid_field", field, error.context().to_owned()),
        _ => error.into(),
    }
}

/// Makes one user of two. Merging again answers the same; `POST /v1/users/merges/{id}/undo` takes it back.
#[utoipa::path(post, path = "/v1/users/merge", tag = "users", request_body = MergeUsers,
    responses((status = 200, body = TransferView), (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub async fn merge(app: TenantApp, AppJson(merge): AppJson<MergeUsers>) -> Result<Json<TransferView>, Problem> {
    let done = app.ingest.merge(app.tenant(), &merge.from, &merge.into).await.map_err(|e| problem(e, "from"))?;
    touch(&app, &done);
    Ok(Json(done.into()))
}

/// Gives calls, and what was learnt from them, to another user or a new guest.
#[utoipa::path(post, path = "/v1/users/split", tag = "users", request_body = SplitUser,
    responses((status = 200, body = TransferView), (status = 404, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
pub async fn split(app: TenantApp, AppJson(split): AppJson<SplitUser>) -> Result<Json<TransferView>, Problem> {
    let calls: Vec<ConversationId> = split.conversations.iter().map(|id| ConversationId::new(id.as_str())).collect();
    let done = app.ingest.split(app.tenant(), &split.user_id, &calls, split.into.as_deref()).await;
    let done = done.map_err(|e| problem(e, "conversations"))?;
    touch(&app, &done);
    Ok(Json(done.into()))
}

/// Merges and splits, latest first.
#[utoipa::path(get, path = "/v1/users/merges", tag = "users", params(TransfersQuery),
    responses((status = 200, body = Items<TransferView>), (status = 404, body = ProblemBody)))]
pub async fn list(
    app: TenantApp,
    AppQuery(query): AppQuery<TransfersQuery>,
) -> Result<Json<Items<TransferView>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let caller = match &query.user_id {
        Some(id) => Some(find(&app, id).await?.1.id),
        None => None,
    };
    let found = app.engine.memory.transfers(app.tenant(), caller.as_ref(), &page).await?;
    let items = found.items.into_iter().map(TransferView::from).collect();
    Ok(Json(Items { items, next_cursor: found.next_cursor }))
}

/// Takes a merge or a split back. What has been learnt since stays where it is, unless it comes from a conversation
/// that goes back.
#[utoipa::path(post, path = "/v1/users/merges/{id}/undo", tag = "users", params(("id" = String, Path)),
    responses((status = 200, body = TransferView), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody)))]
pub async fn undo(app: TenantApp, Id(id): Id) -> Result<Json<TransferView>, Problem> {
    let undone = app.ingest.undo_transfer(app.tenant(), &TransferId::new(id)).await?;
    let undone = undone.ok_or_else(|| Problem::not_found("merge"))?;
    touch(&app, &undone);
    Ok(Json(undone.into()))
}

/// It is about both.
fn touch(app: &TenantApp, transfer: &Transfer) {
    app.touched().person(&transfer.from);
    app.touched().person(&transfer.into);
}
