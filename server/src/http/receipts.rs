//! What an agent was told, as `/v1/conversations/{id}` shows it.

use super::view::word;
use crate::tenant::TenantApp;
use chrono::{DateTime, Utc};
use hark_core::crypt::Purpose;
use hark_core::ingest::open_transcript;
use hark_core::receipts::turn_of;
use hark_core::{Conversation, Mode, Receipt, ReceiptWords, Result, Returned, ScoreParts, Transcript};
use serde::Serialize;
use utoipa::ToSchema;

/// What an agent was told on one occasion, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptView {
    /// Its id.
    pub id: String,
    /// `initiation`, `query` or `remember`.
    pub kind: &'static str,
    /// When the request came.
    pub at: DateTime<Utc>,
    /// How long the answer took.
    pub took_ms: u64,
    /// For whom, by our own id; null when that was not known then.
    pub user_id: Option<String>,
    /// What was asked, or what was to be remembered; null at the beginning of a call, and once a memory that was told has
    /// been forgotten.
    pub question: Option<String>,
    /// What the agent was told: the summary, or the greeting and the context; null once a memory of it has been forgotten.
    pub told: Option<String>,
    /// `hybrid`, `vector` or `keyword`; null where nothing was searched.
    pub mode: Option<&'static str>,
    /// Why the answer was less than it should be; null when it was whole.
    pub degraded_reason: Option<String>,
    /// What was returned, best first.
    pub returned: Vec<ReturnedView>,
    /// The 0-based index of the turn it belongs to: the one that called the tool, else the nearest in time; null while the
    /// transcript is not there.
    pub turn: Option<u32>,
}

/// One thing that was returned.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReturnedView {
    /// The memory; null for a turn of a call.
    pub memory_id: Option<String>,
    /// The call whose words were shown, if any were.
    pub conversation_id: Option<String>,
    /// 0-based indexes into that call's transcript.
    pub turns: Vec<u32>,
    /// 0 to 1; null where nothing was ranked against a question.
    pub score: Option<f32>,
    /// `direct`, `link` or `turn`; null as above.
    pub via: Option<String>,
    /// What the score is made of; null as above.
    #[schema(value_type = Option<Object>)]
    pub score_parts: Option<ScoreParts>,
}

impl From<Returned> for ReturnedView {
    fn from(item: Returned) -> Self {
        Self {
            memory_id: item.memory.map(|id| id.to_string()),
            conversation_id: item.conversation.map(|id| id.to_string()),
            turns: item.turns,
            score: item.score,
            via: item.via.as_ref().map(word),
            score_parts: item.parts,
        }
    }
}

/// The receipts of a conversation, earliest first, each at its turn. What still waits to be kept is kept first, so that a
/// call can be followed while it goes on.
pub(super) async fn of_conversation(app: &TenantApp, conversation: &Conversation) -> Result<Vec<ReceiptView>> {
    if let Err(error) = app.engine.receipts.flush().await {
        tracing::warn!(?error, "receipts not kept");
    }
    let receipts = app.engine.memory.receipts_of(app.tenant(), &conversation.id).await?;
    if receipts.is_empty() {
        return Ok(Vec::new());
    }
    // Joined here and not when the call is learnt, so that nothing has to be joined again when either side changes.
    let transcript = open_transcript(&app.engine, app.tenant(), conversation)?;
    receipts.into_iter().map(|receipt| view(app, receipt, transcript.as_ref())).collect()
}

pub(super) fn view(app: &TenantApp, receipt: Receipt, transcript: Option<&Transcript>) -> Result<ReceiptView> {
    let turn = transcript.and_then(|transcript| turn_of(&receipt, transcript));
    let open = |sealed| app.engine.vault.open_json(app.tenant(), Purpose::Receipt, receipt.id.as_str(), sealed);
    let words: Option<ReceiptWords> = receipt.words.as_ref().map(open).transpose()?;
    let (question, told) = words.map(|words| (words.asked, words.told)).unzip();
    Ok(ReceiptView {
        id: receipt.id.to_string(),
        kind: receipt.kind.name(),
        at: receipt.at,
        took_ms: receipt.took_ms,
        user_id: receipt.caller.map(|id| id.to_string()),
        question: question.filter(|asked| !asked.is_empty()),
        told,
        mode: receipt.mode.map(Mode::name),
        degraded_reason: receipt.degraded,
        returned: receipt.items.into_iter().map(ReturnedView::from).collect(),
        turn,
    })
}
