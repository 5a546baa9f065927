//! `/v1/conversations`: how far Hark has got with each, and what it learnt.

use super::costs::{ConversationCosts, of_conversation};
use super::error::{Problem, ProblemBody};
use super::extract::{AppQuery, Id, page};
use super::receipts::{self, ReceiptView};
use super::users::find;
use super::view::{ConversationView, Items, MemoryView};
use crate::tenant::TenantApp;
use axum::Json;
use hark_core::store::MemoryFilter;
use hark_core::{ConversationId, Memory, PageRequest, Result, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which conversations to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConversationsQuery {
    /// Only this caller's: our own id or the integrator's.
    pub user_id: Option<String>,
    /// Items, 1 to 1,000; 50 unless told.
    #[param(minimum = 1, maximum = 1_000)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// A conversation, and what was learnt.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversationDetail {
    /// The conversation.
    #[serde(flatten)]
    pub conversation: ConversationView,
    /// What was learnt from it, latest date first.
    pub memories: Vec<MemoryView>,
    /// What the agent was told before and during the call, and why, earliest first; as far back as receipts are kept.
    pub receipts: Vec<ReceiptView>,
    /// What models have cost for it so far.
    pub costs: ConversationCosts,
}

/// All conversations, latest start first.
#[utoipa::path(get, path = "/v1/conversations", tag = "conversations", params(ConversationsQuery),
    responses((status = 200, body = Items<ConversationView>), (status = 404, body = ProblemBody)))]
pub async fn list(
    app: TenantApp,
    AppQuery(query): AppQuery<ConversationsQuery>,
) -> Result<Json<Items<ConversationView>>, Problem> {
    let page = page(query.limit, query.cursor)?;
    let caller = match &query.user_id {
        Some(user_id) => Some(find(&app, user_id).await?.1.id),
        None => None,
    };
    let found = app.engine.memory.conversations(app.tenant(), caller.as_ref(), &page).await?;
    let items = found.items.iter().map(ConversationView::from).collect();
    Ok(Json(Items { items, next_cursor: found.next_cursor }))
}

/// One conversation.
#[utoipa::path(get, path = "/v1/conversations/{id}", tag = "conversations", params(("id" = String, Path)),
    responses((status = 200, body = ConversationDetail), (status = 404, body = ProblemBody)))]
pub async fn read(app: TenantApp, Id(id): Id) -> Result<Json<ConversationDetail>, Problem> {
    let id = ConversationId::new(id);
    let found = app.engine.memory.conversation(app.tenant(), &id).await?;
    let conversation = found.ok_or_else(|| Problem::not_found("conversation"))?;
    let memories = match &conversation.caller {
        Some(caller) => {
            app.touched().person(caller);
            let scope = Scope { tenant: app.tenant().clone(), caller: caller.clone() };
            let (rates, now) = (&app.engine.decay.per_day, app.engine.clock.now());
            learnt(&app, &scope, &id).await?.into_iter().map(|m| MemoryView::of(&scope, m, rates, now)).collect()
        }
        None => Vec::new(),
    };
    let receipts = receipts::of_conversation(&app, &conversation).await?;
    let costs = of_conversation(&app, &id).await?;
    Ok(Json(ConversationDetail { conversation: ConversationView::from(&conversation), memories, receipts, costs }))
}

/// The caller's memories that name the conversation. Stores list by caller, so the caller's are walked through.
async fn learnt(app: &TenantApp, scope: &Scope, id: &ConversationId) -> Result<Vec<Memory>> {
    let mut learnt = Vec::new();
    let mut page = PageRequest::first(1_000);
    loop {
        let found = app.engine.memory.list_memories(scope, &MemoryFilter::default(), &page).await?;
        learnt.extend(found.items.into_iter().filter(|m| m.provenance.conversation_id.as_ref() == Some(id)));
        let Some(next) = found.next_cursor else { return Ok(learnt) };
        page.cursor = Some(next);
    }
}
