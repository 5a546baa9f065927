//! A conversation becomes memories: **extract → classify → store → index → confirm → link → reconcile → summary**, one file or
//! folder a step.
//!
//! Every step can run twice: the extraction is saved before anything else, memory ids are derived from it, and
//! all that follows is an upsert. Storing never waits for a model; what could not be embedded is embedded later.

mod add;
mod again;
mod change;
mod classify;
mod config;
mod confirm;
mod consent;
mod erase;
mod expire;
mod extract;
mod index;
mod link;
mod outcomes;
mod quarantine;
mod rebuild;
mod receipts;
mod reconcile;
mod reject;
mod space;
mod speaker;
mod standing;
mod store;
mod summary;
mod transfer;
mod turns;

pub use add::NewMemory;
pub use change::MemoryPatch;
pub use config::IngestConfig;
pub use consent::NO_CONSENT;
pub use expire::{Expired, RETENTION_LEASE};
pub(crate) use extract::confidences;
pub use extract::open_transcript;
pub(crate) use index::findable;
pub use rebuild::Lag;
pub use reconcile::{Decision, JudgeChoice, ReconcileConfig, Reconciled, judge_pair};
pub use reject::open_label;
pub use space::{NextSpace, SpaceCheck, check_space};
pub(crate) use speaker::same_person;

use crate::cost::{Account, charged_to};
use crate::engine::Engine;
use crate::job::{EmbedMemories, ExtractAgain, JobPayload, LinkMemories, SummariseUser};
use crate::people::{Claim, IdentityConfig, People};
use crate::privacy::is_doubtful;
use crate::recall::CallerCache;
use crate::store::NewJob;
use crate::{
    AgentId, Consent, Conversation, ConversationId, ConversationState, Error, ErrorKind, MemoryId, Result, Scope,
    TenantId, Timestamp, Transcript, UserId,
};
use std::sync::Arc;
use turns::Turns;

/// A model that has just failed is not asked again at once.
const AGAIN_AFTER: chrono::Duration = chrono::Duration::minutes(5);

/// A call that has ended, neutral of the platform it came from.
#[derive(Debug, Clone)]
pub struct Call {
    /// The platform's id.
    pub conversation: ConversationId,
    /// The agent, if told.
    pub agent: Option<AgentId>,
    /// What the call says about who it was, in the ladder's order.
    pub claims: Vec<Claim>,
    /// What was said; `None` when the event did not carry it.
    pub transcript: Option<Transcript>,
    /// When the call started.
    pub started_at: Timestamp,
    /// How long it took, in seconds, if told.
    pub duration_secs: Option<u32>,
    /// When we were told of it.
    pub received_at: Timestamp,
    /// Whether the call says that the caller agrees to be remembered; `None` where it says nothing.
    pub consent: Option<Consent>,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Learnt from, now or earlier; these are its memories (none when there was nothing to learn, or when it
    /// was learnt from before).
    Learnt {
        /// The memories written now.
        memories: Vec<MemoryId>,
    },
    /// Kept; the transcript has to be fetched.
    AwaitingTranscript,
    /// Kept, nothing learnt.
    Ignored {
        /// Why, as a stable word.
        why: &'static str,
    },
}

/// The outcome, and the jobs that carry on; to be enqueued in the transaction that completes this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// What became of it.
    pub outcome: Outcome,
    /// Whose call it was, when something was learnt from it now.
    pub caller: Option<UserId>,
    /// What follows.
    pub follow_ups: Vec<NewJob>,
}

impl Ingested {
    fn just(outcome: Outcome) -> Self {
        Self { outcome, caller: None, follow_ups: Vec::new() }
    }
}

/// Learns. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingest {
    engine: Engine,
    people: People,
    cache: Arc<CallerCache>,
    config: IngestConfig,
    reconcile: ReconcileConfig,
    identity: IdentityConfig,
    turns: Turns,
}

impl Ingest {
    /// Ingest over an engine, sharing the cache of warmed callers with [`crate::recall::Recall`].
    pub fn new(engine: Engine, cache: Arc<CallerCache>, config: IngestConfig) -> Self {
        Self {
            people: People::new(engine.clone()),
            engine,
            cache,
            config,
            reconcile: ReconcileConfig::default(),
            identity: IdentityConfig::default(),
            turns: Turns::default(),
        }
    }

    /// The same, reconciling as told.
    #[must_use]
    pub fn with_reconcile(self, reconcile: ReconcileConfig) -> Self {
        Self { reconcile, ..self }
    }

    /// The same, telling callers apart as told.
    #[must_use]
    pub fn with_identity(self, identity: IdentityConfig) -> Self {
        Self { identity, ..self }
    }

    /// Learns from a call. Idempotent: a call that was learnt from is not learnt from again, and a walk that
    /// broke off goes on where the saved extraction stands.
    ///
    /// # Errors
    /// What the stores and the extractor say. A failing embedder is no error here: the memories are stored, can
    /// be found by their words, and a follow-up embeds them.
    pub async fn call(&self, tenant: &TenantId, call: Call) -> Result<Ingested> {
        let known = self.engine.memory.conversation(tenant, &call.conversation).await?;
        if known.as_ref().is_some_and(|c| c.state == ConversationState::Learnt) {
            return Ok(Ingested::just(Outcome::Learnt { memories: Vec::new() }));
        }
        if self.is_kept_out(tenant, &call).await? {
            return self.keep_out(tenant, &call).await;
        }
        if known.as_ref().is_some_and(|call| self.is_expired(tenant, call)) && !is_doubtful(&self.engine).await? {
            self.engine.jobs.delete_events(tenant, &erase::events_of(tenant, &call.conversation)).await?;
            return Ok(Ingested::just(Outcome::Ignored { why: "expired" }));
        }
        if let Some(refused) = known.filter(|c| c.state == ConversationState::Refused) {
            return self.let_go(tenant, &call, refused.caller).await;
        }
        let user = self
            .people
            .admit_at(tenant, Some(&call.conversation), &call.claims, call.started_at.min(self.engine.clock.now()))
            .await?;
        let user = match user {
            Some(user) => Some(self.join_guest(tenant, user, &call.claims).await?),
            None => None,
        };
        let agrees = match &user {
            Some(user) => self.agrees(&Scope { tenant: tenant.clone(), caller: user.id.clone() }, &call).await?,
            None => call.consent != Some(Consent::Refused),
        };
        if !agrees {
            return self.let_go(tenant, &call, user.map(|user| user.id)).await;
        }
        let Some(transcript) = &call.transcript else {
            self.keep(tenant, &call, user.map(|u| u.id), ConversationState::AwaitingTranscript).await?;
            if self.is_kept_out(tenant, &call).await? {
                return self.keep_out(tenant, &call).await;
            }
            return Ok(Ingested::just(Outcome::AwaitingTranscript));
        };
        let Some(user) = user else {
            self.keep(tenant, &call, None, ConversationState::Ignored).await?;
            // Erased in between, the caller was nobody's any more and the words were kept without a name.
            if self.is_kept_out(tenant, &call).await? {
                return self.keep_out(tenant, &call).await;
            }
            return Ok(Ingested::just(Outcome::Ignored { why: "no_identity" }));
        };
        if !transcript.has_user_words() {
            self.keep(tenant, &call, Some(user.id), ConversationState::Ignored).await?;
            self.claim_receipts(tenant, &call).await?;
            return Ok(Ingested::just(Outcome::Ignored { why: "no_user_words" }));
        }
        let conversation = self.keep(tenant, &call, Some(user.id.clone()), ConversationState::Learning).await?;
        // A conversation stays its first caller's, whatever this event claims.
        let scope = Scope { tenant: tenant.clone(), caller: conversation.caller.clone().unwrap_or(user.id) };
        self.claim_receipts(tenant, &call).await?;
        let account = Account {
            tenant: tenant.clone(),
            conversation: Some(conversation.id.clone()),
            agent: conversation.agent.clone(),
        };
        charged_to(account, self.learn(&scope, conversation, transcript, call.received_at)).await
    }

    async fn learn(
        &self,
        scope: &Scope,
        conversation: Conversation,
        said: &Transcript,
        since: Timestamp,
    ) -> Result<Ingested> {
        let transcript = &self.engine.redaction.transcript(said);
        let extraction = extract::checkpointed(&self.engine, &self.config, scope, &conversation, said, since).await?;
        let classified = classify::complete(&self.engine, extraction.candidates.clone()).await?;
        let detect = self.identity.detect_shared;
        let ids =
            store::write(&self.engine, scope, (&conversation.id, transcript), &extraction, classified, detect).await?;
        let embedded = index::write(&self.engine, scope, &ids).await?;
        {
            let _turn = self.turns.of(scope).await;
            confirm::strengthen(&self.engine, scope, &conversation, transcript).await?;
        }
        let now = self.engine.clock.now();
        self.engine.memory.finish_conversation(scope, &conversation.id, now).await?;
        self.still_theirs(scope, &conversation.id).await?;
        let mut follow_ups = self.follow_ups(scope, &ids, embedded, now)?;
        if extraction.stand_in {
            let again = ExtractAgain { conversation_id: conversation.id.clone() }.job(&scope.tenant, now)?;
            follow_ups.push(NewJob { run_at: now + AGAIN_AFTER, ..again });
        }
        Ok(Ingested { outcome: Outcome::Learnt { memories: ids }, caller: Some(scope.caller.clone()), follow_ups })
    }

    /// A caller may have been merged or split meanwhile; then the call goes on under its new owner's name.
    async fn still_theirs(&self, scope: &Scope, id: &ConversationId) -> Result<()> {
        let found = self.engine.memory.conversation(&scope.tenant, id).await?;
        match found.and_then(|conversation| conversation.caller) {
            Some(caller) if caller != scope.caller => {
                Err(Error::new(ErrorKind::Conflict, "ingest.call", "the conversation was moved meanwhile")
                    .retriable(true))
            }
            _ => Ok(()),
        }
    }

    fn follow_ups(&self, scope: &Scope, ids: &[MemoryId], embedded: bool, now: Timestamp) -> Result<Vec<NewJob>> {
        let caller = scope.caller.clone();
        let mut jobs = vec![SummariseUser { caller: caller.clone() }.job(&scope.tenant, now)?];
        if ids.is_empty() {
            return Ok(jobs);
        }
        let memory_ids = ids.to_vec();
        jobs.push(if embedded {
            LinkMemories { caller, memory_ids }.job(&scope.tenant, now)?
        } else {
            EmbedMemories { caller, memory_ids }.job(&scope.tenant, now)?
        });
        jobs.extend(self.reconciling(scope, ids, now)?);
        Ok(jobs)
    }

    async fn keep(
        &self,
        tenant: &TenantId,
        call: &Call,
        caller: Option<UserId>,
        state: ConversationState,
    ) -> Result<Conversation> {
        let transcript = extract::seal_transcript(&self.engine, tenant, call)?;
        let conversation = Conversation {
            id: call.conversation.clone(),
            caller,
            agent: call.agent.clone(),
            state,
            started_at: call.started_at,
            duration_secs: call.duration_secs,
            transcript,
            extraction: None,
            updated_at: self.engine.clock.now(),
        };
        self.engine.memory.save_conversation(tenant, &conversation).await
    }

    /// Writes the words and vectors of memories that lack them, links them, and has them reconciled, since without
    /// vectors they were compared by words alone: the job after an outage.
    ///
    /// # Errors
    /// What stores and embedder say; nothing is lost, the memories stay pending.
    pub async fn embed(&self, scope: &Scope, ids: &[MemoryId]) -> Result<()> {
        index::write_or_fail(&self.engine, scope, ids).await?;
        self.link(scope, ids).await?;
        let now = self.engine.clock.now();
        self.engine.jobs.enqueue(&self.reconciling(scope, ids, now)?, now).await
    }

    /// Links memories to their nearest neighbours. Answers how many links were written.
    ///
    /// # Errors
    /// What the stores say.
    pub async fn link(&self, scope: &Scope, ids: &[MemoryId]) -> Result<usize> {
        link::write(&self.engine, &self.cache, &self.config, scope, ids).await
    }

    /// Writes the caller's summary anew.
    ///
    /// # Errors
    /// What the stores say.
    pub async fn summarise(&self, scope: &Scope) -> Result<()> {
        summary::write(&self.engine, &self.config, scope).await
    }
}
