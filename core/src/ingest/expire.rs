//! What is older than it is kept goes: by one process of all, now and then, tenant by tenant and kind by kind.
//!
//! Nothing is noted of what was removed but how far the walk has come: what is too old is found again by its age, so that
//! a run that breaks off anywhere, comes twice or meets a restored backup ends the same. Of each thing goes first what is
//! derived of it or holds the same words, last what it is found by.

use super::{Ingest, erase};
use crate::job::{JobPayload, SummariseUser};
use crate::privacy::{Period, Periods};
use crate::store::{MemoryFilter, NewJob, longest_hold};
use crate::{
    AuditAction, AuditEntry, AuditId, Consent, Conversation, ConversationId, ConversationState, ErrorKind, Memory,
    MemoryId, MemoryState, PageRequest, Result, Scope, TenantId, Timestamp, User,
};
use chrono::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the lease that what is too old is removed under.
pub const RETENTION_LEASE: &str = "retention";

/// How long the others wait for a process that died on the way.
const PATIENCE: Duration = Duration::minutes(2);

/// Items of a page.
const PAGE: usize = 200;

/// Callers of a page: each goes from every store.
const CALLERS: usize = 20;

/// Pages of one call; the next one goes on from there.
const PAGES: usize = 100;

/// What a call of [`Ingest::expire`] has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Callers, with everything that was theirs; of those who had refused it is counted by kind as well.
    pub callers: u64,
    /// Current memories, and what had given way to them.
    pub memories: u64,
    /// Memories that were no longer current.
    pub history: u64,
    /// Transcripts, with what was extracted from them.
    pub transcripts: u64,
    /// Raw events, those of the transcripts among them.
    pub events: u64,
    /// Whether everything was looked at; if not, the next call goes on.
    pub finished: bool,
}

/// What is looked for, in this order: whoever goes whole need not be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Callers,
    Memories,
    History,
    Transcripts,
    Events,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Callers, Self::Memories, Self::History, Self::Transcripts, Self::Events];

    fn next(self) -> Option<Self> {
        Self::ALL.into_iter().skip_while(|kind| *kind != self).nth(1)
    }
}

/// Where a run has come to. Kept in the row of the lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The run's own name.
    run: String,
    tenant: TenantId,
    kind: Kind,
    cursor: Option<String>,
}

/// One page's bearings.
struct Visit<'a> {
    place: &'a Place,
    periods: Periods,
    now: Timestamp,
}

impl Ingest {
    /// Removes what is older than it is kept ([`crate::privacy::RetentionConfig`]), if it is time and nobody else does
    /// it: `None` if not, or if everything is kept for ever. Of all that share a store, one does it; when it is done, the
    /// lease is kept until the next time, whoever asks then. Bounded: what is left is done by the next call, here or
    /// elsewhere, which goes on where this one stopped. Idempotent, so that a call that is broken off, or comes twice,
    /// removes nothing that it should not.
    ///
    /// Before a run removes the first thing of a tenant's, the tenant's audit log has a line of it.
    ///
    /// # Errors
    /// What the stores say. The lease is given back, and the next call goes on where this one failed.
    pub async fn expire(&self) -> Result<Option<Expired>> {
        let engine = &self.engine;
        if engine.privacy.retention.keeps_everything() {
            return Ok(None);
        }
        let holder = engine.entropy.hex(12);
        let now = engine.clock.now();
        let (until, void_after) = (now + PATIENCE, longest_hold(now, self.retention_period()));
        let Some(lead) = engine.memory.take_lease(RETENTION_LEASE, &holder, until, now, void_after).await? else {
            return Ok(None);
        };
        // What another version noted and this one cannot read is the beginning.
        let noted = lead.progress.and_then(|noted| serde_json::from_str::<Place>(&noted).ok());
        let mut expired = Expired::default();
        let result = self.expire_from(&holder, noted, &mut expired).await;
        if let Err(error) = &result {
            // If these fail too, the lease runs out.
            if error.kind() == ErrorKind::Invalid {
                // A place that the store no longer knows would be asked for again for ever.
                engine.memory.keep_lease(RETENTION_LEASE, &holder, now, None).await.ok();
            }
            engine.memory.release_lease(RETENTION_LEASE, &holder).await.ok();
        }
        result.map(|()| Some(expired))
    }

    async fn expire_from(&self, holder: &str, noted: Option<Place>, expired: &mut Expired) -> Result<()> {
        let engine = &self.engine;
        let mut tenants: BTreeSet<TenantId> = engine.memory.tenants().await?.into_iter().collect();
        tenants.extend(engine.jobs.event_tenants().await?);
        tenants.retain(|tenant| !engine.privacy.retention.of(tenant).keep_everything());
        let run = noted.as_ref().map_or_else(|| engine.entropy.hex(16), |place| place.run.clone());
        let mut at = match noted {
            Some(place) if tenants.contains(&place.tenant) => Some(place),
            Some(place) => first_of(tenants.range(place.tenant..), &run),
            None => first_of(tenants.iter(), &run),
        };
        // Noted before anything goes, so that whoever goes on does it in this run's name.
        let until = engine.clock.now() + PATIENCE;
        if !engine.memory.keep_lease(RETENTION_LEASE, holder, until, noted_as(at.as_ref()).as_deref()).await? {
            return Ok(());
        }
        for page in 1..=PAGES {
            if let Some(place) = at {
                let before = *expired;
                let visited = self.visit(&place, expired).await;
                expired.count_since(&before);
                at = match visited? {
                    Some(cursor) => Some(Place { cursor: Some(cursor), ..place }),
                    None => match place.kind.next() {
                        Some(kind) => Some(Place { kind, cursor: None, ..place }),
                        None => first_of(tenants.iter().filter(|tenant| **tenant > place.tenant), &run),
                    },
                };
            }
            let now = engine.clock.now();
            let until = match at {
                None => now + self.retention_period(),
                // Enough for now: anybody may go on.
                Some(_) if page == PAGES => now,
                Some(_) => now + PATIENCE,
            };
            // Somebody else thinks that we died: it goes on from the last note, and we leave it to that one.
            if !engine.memory.keep_lease(RETENTION_LEASE, holder, until, noted_as(at.as_ref()).as_deref()).await? {
                return Ok(());
            }
            if at.is_none() {
                expired.finished = true;
                return Ok(());
            }
        }
        Ok(())
    }

    fn retention_period(&self) -> Duration {
        let secs = i64::try_from(self.engine.privacy.retention.every_secs).unwrap_or(i64::MAX);
        // A century is for ever.
        Duration::seconds(secs.min(36_500 * 86_400))
    }

    /// One page of one kind of one tenant's; answers where to go on, `None` when there is no more of it. What is gone is not
    /// met again, so that a kind whose pages go as a whole has no cursor of its own.
    async fn visit(&self, place: &Place, expired: &mut Expired) -> Result<Option<String>> {
        let now = self.engine.clock.now();
        let periods = self.engine.privacy.retention.of(&place.tenant);
        let visit = Visit { place, periods, now };
        let (period, states): (Period, &[MemoryState]) = match place.kind {
            Kind::Callers => (periods.callers, &[]),
            Kind::Memories => (periods.memories, &[MemoryState::Active]),
            Kind::History => {
                (periods.history, &[MemoryState::Superseded, MemoryState::Archived, MemoryState::Quarantined])
            }
            Kind::Transcripts => (periods.transcripts, &[]),
            Kind::Events => (periods.events, &[]),
        };
        let Some(before) = period.cutoff(now) else { return Ok(None) };
        match place.kind {
            Kind::Callers => self.expire_callers(&visit, before, expired).await,
            Kind::Memories => self.expire_memories(&visit, states, before, &mut expired.memories).await,
            Kind::History => self.expire_memories(&visit, states, before, &mut expired.history).await,
            Kind::Transcripts => self.expire_transcripts(&visit, before, expired).await,
            Kind::Events => self.expire_events(&visit, before, &mut expired.events).await,
        }
    }

    async fn expire_callers(
        &self,
        visit: &Visit<'_>,
        before: Timestamp,
        expired: &mut Expired,
    ) -> Result<Option<String>> {
        let tenant = &visit.place.tenant;
        let request = PageRequest { limit: CALLERS, cursor: visit.place.cursor.clone() };
        let page = self.engine.memory.idle_callers(tenant, before, &request).await?;
        for user in page.items {
            let scope = Scope { tenant: tenant.clone(), caller: user.id.clone() };
            // Whoever has called since the page was read stays.
            let calls = self.engine.memory.conversations(tenant, Some(&scope.caller), &PageRequest::first(1)).await?;
            if calls.items.iter().any(|call| call.started_at >= before) {
                continue;
            }
            if user.consent == Consent::Refused {
                expired.callers += u64::from(self.keep_the_refusal(visit, &scope, &user, expired).await?);
                continue;
            }
            self.put_on_record(visit).await?;
            // Nobody asked for it: whoever calls again may be remembered, whatever is configured for those who did.
            expired.callers += u64::from(self.erase_as(&scope, false).await?.is_some());
        }
        Ok(page.next_cursor)
    }

    /// Removes what is remembered of somebody who has refused to be, but not that they have: with their number it would be
    /// forgotten, and the next call learnt from. Answers whether there was anything.
    async fn keep_the_refusal(
        &self,
        visit: &Visit<'_>,
        scope: &Scope,
        user: &User,
        expired: &mut Expired,
    ) -> Result<bool> {
        let store = &self.engine.memory;
        let mut had = false;
        let mut page = PageRequest::first(PAGE);
        loop {
            let calls = store.conversations(&scope.tenant, Some(&scope.caller), &page).await?;
            let spoken: Vec<&Conversation> =
                calls.items.iter().filter(|call| call.transcript.is_some() || call.extraction.is_some()).collect();
            if !spoken.is_empty() {
                self.put_on_record(visit).await?;
                let ids: Vec<_> = spoken.into_iter().map(|call| call.id.clone()).collect();
                self.take_words(&scope.tenant, &ids, expired).await?;
                had = true;
            }
            let Some(next) = calls.next_cursor else { break };
            page.cursor = Some(next);
        }
        loop {
            let memories = store.list_memories(scope, &MemoryFilter::default(), &PageRequest::first(PAGE)).await?;
            let ids: Vec<MemoryId> = memories.items.into_iter().map(|memory| memory.id).collect();
            if ids.is_empty() {
                break;
            }
            self.put_on_record(visit).await?;
            expired.memories += self.let_memories_go(scope, &ids).await?;
            had = true;
        }
        if !user.name.is_empty() || !user.summary.is_empty() {
            self.put_on_record(visit).await?;
            store.set_name(scope, "").await?;
            store.set_summary(scope, "").await?;
            had = true;
        }
        if had {
            self.cache.forget(scope);
        }
        Ok(had)
    }

    async fn expire_memories(
        &self,
        visit: &Visit<'_>,
        states: &[MemoryState],
        before: Timestamp,
        gone: &mut u64,
    ) -> Result<Option<String>> {
        let request = PageRequest { limit: PAGE, cursor: visit.place.cursor.clone() };
        let page = self.engine.memory.aged_memories(&visit.place.tenant, states, before, &request).await?;
        let mut callers: BTreeMap<Scope, Vec<Memory>> = BTreeMap::new();
        for (scope, memory) in page.items.into_iter().filter(|(_, memory)| visit.periods.is_over(memory, visit.now)) {
            callers.entry(scope).or_default().push(memory);
        }
        for (scope, aged) in callers {
            let ids = self.over(visit, &scope, aged, before).await?;
            if ids.is_empty() {
                continue;
            }
            self.put_on_record(visit).await?;
            *gone += self.let_memories_go(&scope, &ids).await?;
        }
        Ok(page.next_cursor)
    }

    /// Which of these memories nothing speaks for, with what had given way to them and would be current again without.
    async fn over(
        &self,
        visit: &Visit<'_>,
        scope: &Scope,
        mut aged: Vec<Memory>,
        before: Timestamp,
    ) -> Result<Vec<MemoryId>> {
        let store = &self.engine.memory;
        let active = |memory: &Memory| memory.state == MemoryState::Active;
        aged.retain(|memory| !(active(memory) && crate::recall::is_open_promise(memory, visit.now)));
        let ids: Vec<MemoryId> = aged.iter().filter(|memory| active(memory)).map(|memory| memory.id.clone()).collect();
        if !ids.is_empty() {
            let recalls = store.recalls(scope, &ids).await?;
            let used: BTreeSet<MemoryId> =
                recalls.into_iter().filter(|(_, recalls)| recalls.last >= before).map(|(id, _)| id).collect();
            aged.retain(|memory| !used.contains(&memory.id));
        }
        let mut over = BTreeSet::new();
        for memory in aged {
            if memory.superseded_by.is_none() {
                let chain = store.history(scope, &memory.id).await?;
                over.extend(chain.into_iter().filter(|old| old.superseded_by.is_some()).map(|old| old.id));
            }
            over.insert(memory.id);
        }
        Ok(over.into_iter().collect())
    }

    /// Removes memories everywhere, with the words of receipts that told of them, and has the caller summarised anew.
    async fn let_memories_go(&self, scope: &Scope, ids: &[MemoryId]) -> Result<u64> {
        let (jobs, now) = (&self.engine.jobs, self.engine.clock.now());
        let summarise = SummariseUser { caller: scope.caller.clone() }.job(&scope.tenant, now)?;
        // Waiting before anything goes, so that no summary keeps what was removed by a run that broke off right then.
        jobs.enqueue(&[NewJob { run_at: now + PATIENCE, ..summarise.clone() }], now).await?;
        self.blank_receipts(scope, ids).await?;
        let gone = self.remove(scope, ids).await?;
        // Once more, for an answer that was under way.
        self.blank_receipts(scope, ids).await?;
        jobs.enqueue(&[summarise], now).await?;
        Ok(gone)
    }

    async fn expire_transcripts(
        &self,
        visit: &Visit<'_>,
        before: Timestamp,
        expired: &mut Expired,
    ) -> Result<Option<String>> {
        let tenant = &visit.place.tenant;
        let calls = self.engine.memory.spoken_before(tenant, before, PAGE).await?;
        if calls.is_empty() {
            return Ok(None);
        }
        self.put_on_record(visit).await?;
        let ids: Vec<_> = calls.iter().map(|(id, _)| id.clone()).collect();
        self.take_words(tenant, &ids, expired).await?;
        for caller in calls.iter().filter_map(|(_, caller)| caller.clone()).collect::<BTreeSet<_>>() {
            self.cache.forget(&Scope { tenant: tenant.clone(), caller });
        }
        // From the beginning again: these are met no more.
        Ok((calls.len() == PAGE).then(String::new))
    }

    /// Takes the words of calls away, those of the raw events first: a call without words is not met again.
    async fn take_words(&self, tenant: &TenantId, ids: &[ConversationId], expired: &mut Expired) -> Result<()> {
        let events: Vec<_> = ids.iter().flat_map(|id| erase::events_of(tenant, id)).collect();
        expired.events += self.engine.jobs.delete_events(tenant, &events).await?;
        expired.transcripts += self.engine.memory.take_words(tenant, ids).await?;
        Ok(())
    }

    async fn expire_events(&self, visit: &Visit<'_>, before: Timestamp, gone: &mut u64) -> Result<Option<String>> {
        let tenant = &visit.place.tenant;
        let events = self.engine.jobs.events_before(tenant, before, PAGE).await?;
        if events.is_empty() {
            return Ok(None);
        }
        self.put_on_record(visit).await?;
        *gone += self.engine.jobs.delete_events(tenant, &events).await?;
        Ok((events.len() == PAGE).then(String::new))
    }

    /// Has the one line of this run in the tenant's audit log: which periods were enforced. Before anything goes, so that
    /// nothing goes without.
    async fn put_on_record(&self, visit: &Visit<'_>) -> Result<()> {
        let Place { run, tenant, .. } = visit.place;
        let entry = AuditEntry {
            id: AuditId::of_run(tenant, run),
            at: visit.now,
            actor: "schedule".to_owned(),
            action: AuditAction::Change,
            route: "retention".to_owned(),
            person: None,
            object: Some(told(&visit.periods)),
            status: 0,
        };
        self.engine.memory.append_audit(tenant, &[entry]).await
    }

    /// Whether a call's words were kept for their time without being learnt from: they are not taken up again.
    pub(super) fn is_expired(&self, tenant: &TenantId, call: &Conversation) -> bool {
        let (retention, now) = (&self.engine.privacy.retention, self.engine.clock.now());
        matches!(call.state, ConversationState::Ignored | ConversationState::Learning)
            && retention.words_are_over(tenant, call.started_at.max(call.updated_at), now)
    }
}

fn first_of<'a>(mut tenants: impl Iterator<Item = &'a TenantId>, run: &str) -> Option<Place> {
    let tenant = tenants.next()?.clone();
    Some(Place { run: run.to_owned(), tenant, kind: Kind::Callers, cursor: None })
}

fn noted_as(at: Option<&Place>) -> Option<String> {
    at.and_then(|place| serde_json::to_string(place).ok())
}

/// The periods as the audit log has them, in days; what is kept for ever is left out.
fn told(periods: &Periods) -> String {
    let Periods { transcripts, events, history, memories, callers } = *periods;
    let named = [
        ("callers", callers),
        ("memories", memories),
        ("history", history),
        ("transcripts", transcripts),
        ("events", events),
    ];
    let days = named.into_iter().filter_map(|(name, period)| match period {
        Period::Forever => None,
        Period::Days(days) => Some(format!("{name}={days}")),
    });
    days.collect::<Vec<_>>().join(" ")
}

impl Expired {
    /// In the metrics at once, so that a run that breaks off is counted as far as it came.
    fn count_since(&self, before: &Self) {
        for (kind, now, then) in [
            ("callers", self.callers, before.callers),
            ("memories", self.memories, before.memories),
            ("history", self.history, before.history),
            ("transcripts", self.transcripts, before.transcripts),
            ("events", self.events, before.events),
        ] {
            if now > then {
                metrics::counter!("hark_expired_total", "kind" => kind).increment(now - then);
            }
        }
    }
}
