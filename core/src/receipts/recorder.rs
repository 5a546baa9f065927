//! Receipts are gathered in memory, sealed, and kept in batches.

use super::{Note, ReceiptConfig};
use crate::crypt::{Purpose, Vault};
use crate::redact::Redactor;
use crate::store::MemoryStore;
use crate::{Clock, Entropy, Error, ErrorKind, Receipt, ReceiptId, Result, Suppression, TenantId, Timestamp};
use chrono::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Receipts that wait to be kept at the most. Beyond, while the store does not answer, new ones are lost and counted.
const MOST_WAITING: usize = 10_000;

/// Receipts written at once: a write must not hold up those of a call that begins.
const BATCH: usize = 256;

/// Characters of a question or a remembered sentence that are kept.
const MOST_CHARS: usize = 4_000;

/// Keeps receipts. Handing one over takes no longer than a push: they gather in memory and are kept by
/// [`Recorder::flush`], so that a killed process loses those since the last one and no more.
#[derive(Debug)]
pub struct Recorder {
    config: ReceiptConfig,
    store: Arc<dyn MemoryStore>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    redaction: Redactor,
    waiting: Mutex<Waiting>,
    /// One flush at a time: who asks for one may rely on everything handed over before being kept.
    flushing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    notes: VecDeque<(TenantId, ReceiptId, Note)>,
    /// Receipts lost since the last flush that kept everything; told once, when the first is lost.
    lost: u64,
}

impl Recorder {
    /// A recorder.
    pub fn new(
        config: ReceiptConfig,
        store: Arc<dyn MemoryStore>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            config,
            store,
            vault,
            clock,
            entropy,
            redaction: Redactor::default(),
            waiting: Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
        }
    }

    /// The same, with other secrets taken out of the words than the default ones.
    #[must_use]
    pub fn with_redaction(self, redaction: Redactor) -> Self {
        Self { redaction, ..self }
    }

    /// Whether receipts are kept at all.
    pub fn keeps(&self) -> bool {
        self.config.keep_days > 0
    }

    /// Takes a receipt. Never waits and never fails: where too many wait already, it is lost, counted
    /// (`hark_receipts_lost_total`) and told in the log. One that names neither caller nor conversation is not taken,
    /// since nobody could ever find it or have it erased.
    pub fn note(&self, tenant: &TenantId, mut note: Note) {
        if !self.keeps() || (note.caller.is_none() && note.conversation.is_none()) {
            return;
        }
        for text in [&mut note.words.asked, &mut note.words.told] {
            if let Some((end, _)) = text.char_indices().nth(MOST_CHARS) {
                text.truncate(end);
            }
            *text = self.redaction.text(text).into_owned();
        }
        let id = ReceiptId::new(format!("rcp_{}", self.entropy.hex(16)));
        let mut waiting = self.waiting();
        if waiting.notes.len() >= MOST_WAITING {
            waiting.lose(1, "full");
            return;
        }
        waiting.notes.push_back((tenant.clone(), id, note));
    }

    /// Keeps what was handed over so far. Goes on by itself when whoever asked gives up.
    ///
    /// # Errors
    /// What the store says. Where another try can help, nothing is lost: the next flush makes it. What the store
    /// refuses for good is lost, counted and told.
    pub async fn flush(self: &Arc<Self>) -> Result<()> {
        let recorder = self.clone();
        let done = tokio::spawn(async move { recorder.keep().await }).await;
        done.unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "receipts.flush", "the flush broke off")))
    }

    /// Removes receipts that are older than they are kept. Answers how many.
    ///
    /// # Errors
    /// What the store says.
    pub async fn prune(&self) -> Result<u64> {
        let kept = Duration::try_days(i64::from(self.config.keep_days)).unwrap_or(Duration::MAX);
        let now = self.clock.now();
        let before = now.checked_sub_signed(kept).unwrap_or(Timestamp::UNIX_EPOCH);
        // Of a switch to 0 the last ones are gone at once, not only what is older than now.
        let before = if self.keeps() { before } else { now.checked_add_signed(Duration::days(1)).unwrap_or(now) };
        self.store.prune_receipts(before).await
    }

    async fn keep(&self) -> Result<()> {
        let _turn = self.flushing.lock().await;
        loop {
            let batch: Vec<_> = {
                let mut waiting = self.waiting();
                let most = waiting.notes.len().min(BATCH);
                waiting.notes.drain(..most).collect()
            };
            if batch.is_empty() {
                self.waiting().lost = 0;
                return Ok(());
            }
            let mut tenants: BTreeMap<TenantId, Vec<(ReceiptId, Note)>> = BTreeMap::new();
            for (tenant, id, note) in batch {
                tenants.entry(tenant).or_default().push((id, note));
            }
            while let Some((tenant, notes)) = tenants.pop_first() {
                let Err(error) = self.write(&tenant, &notes).await else { continue };
                if error.is_retriable() {
                    tenants.insert(tenant, notes);
                    self.put_back(tenants);
                } else {
                    self.waiting().lose(notes.len(), "refused");
                    self.put_back(tenants);
                }
                return Err(error);
            }
        }
    }

    async fn write(&self, tenant: &TenantId, notes: &[(ReceiptId, Note)]) -> Result<()> {
        let kept_out = self.kept_out(tenant, notes).await?;
        let kept = notes.iter().filter(|(_, note)| !self.is_of(tenant, note, &kept_out));
        let receipts: Vec<Receipt> = kept.map(|(id, note)| self.sealed(tenant, id, note)).collect::<Result<_>>()?;
        self.store.put_receipts(tenant, &receipts).await
    }

    /// What is asked in the conversation of somebody who was erased names nobody, and would be kept for nobody.
    async fn kept_out(&self, tenant: &TenantId, notes: &[(ReceiptId, Note)]) -> Result<Vec<Suppression>> {
        let nobodys = notes.iter().filter(|(_, note)| note.caller.is_none());
        let named = nobodys.filter_map(|(_, note)| note.conversation.as_ref());
        let keys: Vec<_> = named.map(|id| self.vault.suppressed_conversation(tenant, id)).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.store.suppressions(tenant, &keys).await
    }

    fn is_of(&self, tenant: &TenantId, note: &Note, kept_out: &[Suppression]) -> bool {
        let (None, Some(id), false) = (&note.caller, &note.conversation, kept_out.is_empty()) else { return false };
        let key = self.vault.suppressed_conversation(tenant, id);
        kept_out.iter().any(|suppression| suppression.key == key)
    }

    fn sealed(&self, tenant: &TenantId, id: &ReceiptId, note: &Note) -> Result<Receipt> {
        Ok(Receipt {
            id: id.clone(),
            kind: note.kind,
            caller: note.caller.clone(),
            conversation: note.conversation.clone(),
            agent: note.agent.clone(),
            at: note.at,
            took_ms: u64::try_from(note.took.as_millis()).unwrap_or(u64::MAX),
            mode: note.mode,
            degraded: note.degraded.map(str::to_owned),
            items: note.items.clone(),
            words: Some(self.vault.seal_json(tenant, Purpose::Receipt, id.as_str(), &note.words)?),
        })
    }

    /// First again, in the order they came; what came meanwhile has its place behind them.
    fn put_back(&self, unkept: BTreeMap<TenantId, Vec<(ReceiptId, Note)>>) {
        let mut waiting = self.waiting();
        for (tenant, notes) in unkept.into_iter().rev() {
            for (id, note) in notes.into_iter().rev() {
                waiting.notes.push_front((tenant.clone(), id, note));
            }
        }
        let over = waiting.notes.len().saturating_sub(MOST_WAITING);
        if over > 0 {
            waiting.notes.truncate(MOST_WAITING);
            waiting.lose(over, "full");
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Also after a panic of somebody who held it: a queue is never half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn lose(&mut self, count: usize, reason: &'static str) {
        metrics::counter!("hark_receipts_lost_total", "reason" => reason).increment(count as u64);
        if self.lost == 0 {
            tracing::error!(reason, "receipts are lost: what agents are told now cannot be looked up later");
        }
        self.lost += count as u64;
    }
}
