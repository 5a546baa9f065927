//! Everything about a caller is forgotten, and stays forgotten.
//!
//! First the truth, in one transaction: the rows go, and the ledger notes who must not come back and what is left to be
//! done, sealed. From then on nobody is told anything of them, and nothing of theirs can be written. Then follows what is
//! derived or waits: vectors, words, remembered embeddings, raw events, jobs. Whatever breaks off is taken up again from
//! the ledger, by the schedule or by whoever asks again. Last the files: [`Ingest::purge_erased`].

use super::{Call, Ingest, Ingested, Outcome};
use crate::crypt::Purpose;
use crate::privacy::AfterErasure;
use crate::{
    ConversationId, Erasure, ErasureId, ErasureStep, Error, ErrorKind, EventId, NewErasure, PageRequest, Result, Scope,
    SuppressionKey, TenantId, UserId,
};
use chrono::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Event types a conversation may have left in the inbox.
const EVENT_KINDS: [&str; 2] = ["post_call_transcription", "post_call_transcription_otel"];

/// Stores keep older versions of their files for as long as a search may read them.
const OLD_VERSIONS: Duration = Duration::minutes(10);

/// Callers looked at in one go.
const PAGE: usize = 500;

/// What is left to be done when the rows are gone. Kept sealed, until the files are clean.
#[derive(Debug, Serialize, Deserialize)]
struct Work {
    names: Vec<UserId>,
    conversations: Vec<ConversationId>,
}

impl Ingest {
    /// Erases a caller. Answers the erasure, which is settled: nothing of theirs is found or held anywhere but in older
    /// versions of files and in an embedding cache that is away, which [`Ingest::purge_erased`] sees to. Of one who was erased before, it is what it was then;
    /// `None` for one who never was anybody. Can be repeated, whatever it broke off at.
    ///
    /// What was spent on the caller's conversations stays counted, without their names.
    ///
    /// # Errors
    /// What the stores say. If the truth was reached, the caller is erased all the same and the rest follows by the
    /// schedule; else nothing was removed.
    pub async fn erase(&self, scope: &Scope) -> Result<Option<Erasure>> {
        self.erase_as(scope, self.engine.privacy.after_erasure == AfterErasure::Forever).await
    }

    /// The same; `forever` also keeps out what comes later.
    pub(super) async fn erase_as(&self, scope: &Scope, forever: bool) -> Result<Option<Erasure>> {
        // What still waits to be kept would bring the conversations' names back.
        self.engine.meter.flush().await?;
        // Written later they would be left out; here is where their conversations can still be told.
        self.keep_receipts().await;
        let work = self.work_of(scope).await?;
        let id = ErasureId::new(format!("ers_{}", self.engine.entropy.hex(16)));
        let vault = &self.engine.vault;
        let tenant = &scope.tenant;
        let users = work.names.iter().map(|name| vault.suppressed_user(tenant, name));
        let calls = work.conversations.iter().map(|call| vault.suppressed_conversation(tenant, call));
        let new = NewErasure {
            person: vault.person(tenant, &scope.caller),
            at: self.engine.clock.now(),
            forever,
            keys: users.chain(calls).collect(),
            work: vault.seal_json(tenant, Purpose::Erasure, id.as_str(), &work)?,
            id,
        };
        self.engine.memory.erase_user(scope, &new).await?;
        // Where there was nobody, it was done before, or somebody else was first.
        let erasure = match self.engine.memory.erasure(tenant, &new.id).await? {
            Some(erasure) => Some(erasure),
            None => self.people.erasure_of(tenant, scope.caller.as_str()).await?,
        };
        match erasure {
            Some(erasure) => self.settle_erasure(tenant, erasure).await.map(Some),
            None => Ok(None),
        }
    }

    /// Does what is left to do of an erasure, so that it is settled. One that is settled is answered as it is.
    ///
    /// # Errors
    /// What the stores say; to be repeated.
    pub async fn settle_erasure(&self, tenant: &TenantId, erasure: Erasure) -> Result<Erasure> {
        if erasure.settled_at.is_some() {
            return Ok(erasure);
        }
        let (events, jobs) = self.follow_erasure(tenant, &erasure).await?;
        if let Err(error) = self.erase_embeddings(tenant, &erasure).await {
            // Nobody is told anything out of a cache, and it may be away for long. The files are not clean before it answers.
            tracing::warn!(?error, "the embedding cache may still hold something of a person who was erased");
        }
        let (step, at) = (ErasureStep::Settled { events, jobs }, self.engine.clock.now());
        self.engine.memory.step_erasure(tenant, &erasure.id, step, at).await?;
        metrics::counter!("hark_erasures_total").increment(1);
        let gone = || Error::new(ErrorKind::Internal, "ingest.erase", "a ledger never forgets");
        self.engine.memory.erasure(tenant, &erasure.id).await?.ok_or_else(gone)
    }

    /// Removes what is derived, held in memory or waiting. Answers how many events and jobs went.
    async fn follow_erasure(&self, tenant: &TenantId, erasure: &Erasure) -> Result<(u64, u64)> {
        let Some(work) = self.open_work(tenant, erasure)? else { return Ok((0, 0)) };
        for name in &work.names {
            let scope = Scope { tenant: tenant.clone(), caller: name.clone() };
            self.engine.vectors.erase(&scope).await?;
            self.engine.keywords.erase(&scope).await?;
            self.cache.forget(&scope);
        }
        let events: Vec<EventId> = work.conversations.iter().flat_map(|id| events_of(tenant, id)).collect();
        let events = self.engine.jobs.delete_events(tenant, &events).await?;
        let names = work.names.iter().map(ToString::to_string);
        let keys: Vec<String> = names.chain(work.conversations.iter().map(ToString::to_string)).collect();
        let jobs = self.engine.jobs.forget_jobs(tenant, &keys).await?;
        // Told while it was being erased.
        self.engine.memory.delete_unowned(tenant, &work.conversations).await?;
        Ok((events, jobs))
    }

    /// Removes what was paid for of them, in this process and in the cache behind it.
    async fn erase_embeddings(&self, tenant: &TenantId, erasure: &Erasure) -> Result<()> {
        let Some(embeddings) = &self.engine.embeddings else { return Ok(()) };
        for caller in self.open_work(tenant, erasure)?.into_iter().flat_map(|work| work.names) {
            embeddings.erase(&Scope { tenant: tenant.clone(), caller }).await?;
        }
        Ok(())
    }

    fn open_work(&self, tenant: &TenantId, erasure: &Erasure) -> Result<Option<Work>> {
        let open = |sealed| self.engine.vault.open_json(tenant, Purpose::Erasure, erasure.id.as_str(), sealed);
        erasure.work.as_ref().map(open).transpose()
    }

    async fn work_of(&self, scope: &Scope) -> Result<Work> {
        let mut names = self.engine.memory.aliases(scope).await?;
        names.push(scope.caller.clone());
        let mut conversations = Vec::new();
        let mut page = PageRequest::first(1_000);
        loop {
            let found = self.engine.memory.conversations(&scope.tenant, Some(&scope.caller), &page).await?;
            conversations.extend(found.items.into_iter().map(|conversation| conversation.id));
            let Some(next) = found.next_cursor else { return Ok(Work { names, conversations }) };
            page.cursor = Some(next);
        }
    }

    /// Goes on with erasures that broke off, and lets go of what this process still holds of people whom another one has
    /// erased. Answers how many were settled.
    ///
    /// # Errors
    /// What the stores say; the others are gone on with all the same.
    pub async fn settle_erasures(&self, limit: usize) -> Result<usize> {
        let (mut settled, mut failed) = (0, None);
        for (tenant, erasure) in self.engine.memory.open_erasures(limit).await? {
            if erasure.settled_at.is_some() {
                self.let_go_of(&tenant, &erasure)?;
                continue;
            }
            match self.settle_erasure(&tenant, erasure).await {
                Ok(_) => settled += 1,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(settled), Err)
    }

    /// Lets go of what this process still holds of people whom another one has erased, and of nothing else: for a process
    /// that only answers. Nobody is told any of it from the erasure on; this is for what stays in memory.
    ///
    /// # Errors
    /// What the store says, or keys that are gone.
    pub async fn let_go_of_erased(&self, limit: usize) -> Result<()> {
        for (tenant, erasure) in self.engine.memory.open_erasures(limit).await? {
            self.let_go_of(&tenant, &erasure)?;
        }
        Ok(())
    }

    fn let_go_of(&self, tenant: &TenantId, erasure: &Erasure) -> Result<()> {
        for caller in self.open_work(tenant, erasure)?.into_iter().flat_map(|work| work.names) {
            let scope = Scope { tenant: tenant.clone(), caller };
            if let Some(embeddings) = &self.engine.embeddings {
                embeddings.let_go(&scope);
            }
            self.cache.forget(&scope);
        }
        Ok(())
    }

    /// Rewrites the files of all stores, if they may still hold something of a person who was erased, until they are
    /// clean: at the second call, ten minutes or more after the first, older versions are gone as well. Then the ledger
    /// lets go of what it knew of them for this purpose. Answers how many erasures became clean.
    ///
    /// # Errors
    /// What the stores say; the next call tries again.
    pub async fn purge_erased(&self, limit: usize) -> Result<usize> {
        let open = self.engine.memory.open_erasures(limit).await?;
        let settled: Vec<_> = open.into_iter().filter(|(_, erasure)| erasure.settled_at.is_some()).collect();
        if settled.is_empty() {
            return Ok(0);
        }
        for (tenant, erasure) in &settled {
            // Once more: a write that was under way then may have come in between.
            self.follow_erasure(tenant, erasure).await?;
            self.erase_embeddings(tenant, erasure).await?;
        }
        self.engine.vectors.purge().await?;
        self.engine.keywords.purge().await?;
        let now = self.engine.clock.now();
        let mut clean = 0;
        for (tenant, erasure) in &settled {
            let done = erasure.compacted_at.is_some_and(|first| now - first >= OLD_VERSIONS);
            let step = if done { ErasureStep::Clean } else { ErasureStep::Compacted };
            self.engine.memory.step_erasure(tenant, &erasure.id, step, now).await?;
            clean += usize::from(done);
        }
        // Last, so that what was left to do is in no file either.
        self.engine.jobs.purge().await?;
        self.engine.memory.purge().await?;
        Ok(clean)
    }

    /// Erases again whoever was erased before and is there all the same: after an older backup was restored. Answers
    /// how many.
    ///
    /// # Errors
    /// What the stores say; to be repeated.
    pub async fn erase_returned(&self) -> Result<usize> {
        let mut tenants = BTreeSet::new();
        let mut page = PageRequest::first(PAGE);
        loop {
            let found = self.engine.memory.scan_erasures(&page).await?;
            tenants.extend(found.items.into_iter().map(|(tenant, _)| tenant));
            let Some(next) = found.next_cursor else { break };
            page.cursor = Some(next);
        }
        let mut returned = 0;
        for tenant in tenants {
            returned += self.erase_returned_of(&tenant).await?;
        }
        Ok(returned)
    }

    async fn erase_returned_of(&self, tenant: &TenantId) -> Result<usize> {
        let mut back = Vec::new();
        let mut page = PageRequest::first(PAGE);
        loop {
            let found = self.engine.memory.users(tenant, &page).await?;
            let key = |id: &UserId| self.engine.vault.suppressed_user(tenant, id);
            let keys: Vec<SuppressionKey> = found.items.iter().map(|user| key(&user.id)).collect();
            let kept_out = self.engine.memory.suppressions(tenant, &keys).await?;
            for user in found.items {
                let mut known = kept_out.iter().filter(|suppression| suppression.key == key(&user.id)).peekable();
                if known.peek().is_some() {
                    // As it was then, whatever is configured by now.
                    back.push((user.id.clone(), known.any(|suppression| suppression.forever)));
                }
            }
            let Some(next) = found.next_cursor else { break };
            page.cursor = Some(next);
        }
        for (caller, forever) in &back {
            self.erase_as(&Scope { tenant: tenant.clone(), caller: caller.clone() }, *forever).await?;
        }
        Ok(back.len())
    }

    /// Whether a call is from before an erasure of its caller.
    pub(super) async fn is_kept_out(&self, tenant: &TenantId, call: &Call) -> Result<bool> {
        self.people.is_erased(tenant, Some(&call.conversation), &call.claims, call.started_at).await
    }

    /// Lets go of a call that is to be kept out: event, row and receipts.
    pub(super) async fn keep_out(&self, tenant: &TenantId, call: &Call) -> Result<Ingested> {
        self.engine.jobs.delete_events(tenant, &events_of(tenant, &call.conversation)).await?;
        self.engine.memory.delete_unowned(tenant, std::slice::from_ref(&call.conversation)).await?;
        Ok(Ingested::just(Outcome::Ignored { why: "erased" }))
    }
}

pub(super) fn events_of(tenant: &TenantId, id: &ConversationId) -> [EventId; 2] {
    EVENT_KINDS.map(|kind| EventId::derived(tenant, id, kind))
}
