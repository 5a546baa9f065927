//! What agents were told before anybody knew which call it was for, and what they were told of what is forgotten.

use super::{Call, Ingest};
use crate::{MemoryId, Result, Scope, TenantId};
use chrono::Duration;

/// How long before a call starts it may have been asked who is calling: the platform asks while the telephone rings.
const RINGING: Duration = Duration::minutes(2);

impl Ingest {
    /// Gives the receipts that name the caller but no conversation to the call, where they fall into its time: an initiation
    /// or a tool that was not told the conversation. Of two calls of one caller at the same time the first to be learnt
    /// from gets them.
    pub(super) async fn claim_receipts(&self, tenant: &TenantId, call: &Call) -> Result<()> {
        let Some(conversation) = self.engine.memory.conversation(tenant, &call.conversation).await? else {
            return Ok(());
        };
        let Some(caller) = conversation.caller else { return Ok(()) };
        self.keep_receipts().await;
        let said = call.transcript.as_ref().and_then(|t| t.turns.iter().map(|turn| turn.at_secs).max());
        let lasted = Duration::seconds(i64::from(call.duration_secs.or(said).unwrap_or_default()));
        let until = call.started_at.checked_add_signed(lasted).unwrap_or(call.started_at);
        let from = call.started_at.checked_sub_signed(RINGING).unwrap_or(call.started_at);
        let scope = Scope { tenant: tenant.clone(), caller };
        self.engine.memory.claim_receipts(&scope, &call.conversation, from, until).await.map(drop)
    }

    /// Takes the words away from receipts that tell of these memories.
    pub(super) async fn blank_receipts(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        self.keep_receipts().await;
        self.engine.memory.blank_receipts(scope, ids).await.map(drop)
    }

    /// Keeps what still waits, as far as this process holds it. Where that fails, the recorder tries again by itself.
    pub(super) async fn keep_receipts(&self) {
        if let Err(error) = self.engine.receipts.flush().await {
            tracing::warn!(?error, "receipts not kept");
        }
    }
}
