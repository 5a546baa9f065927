//! The audit log is gathered in memory and kept in batches; what is grave is kept before it is answered.

use crate::store::MemoryStore;
use crate::{AuditAction, AuditEntry, AuditId, Clock, Entropy, Error, ErrorKind, KeyedHash, Result, TenantId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries that wait to be kept at the most. Beyond, while the store does not answer, new ones are lost and counted.
const MOST_WAITING: usize = 50_000;

/// Entries written at once.
const BATCH: usize = 500;

/// What is to be noted; when, and under which id, the log knows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditNote {
    /// With which key.
    pub actor: String,
    /// What was done.
    pub action: AuditAction,
    /// By which route or command.
    pub route: String,
    /// About whom.
    pub person: Option<KeyedHash>,
    /// What it was about beside, by an id of ours.
    pub object: Option<String>,
    /// How it ended.
    pub status: u16,
}

/// Who has done what. Noting takes no longer than a push, so that nobody on the phone waits for a write: entries gather
/// in memory and are kept by [`AuditLog::flush`], in the order they came. A killed process loses those since the last one,
/// none of which [`AuditAction::is_grave`], since whoever notes such a one waits for a flush.
#[derive(Debug)]
pub struct AuditLog {
    store: Arc<dyn MemoryStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    waiting: Mutex<VecDeque<(TenantId, AuditEntry)>>,
    /// One flush at a time: who asks for one may rely on everything noted before being kept.
    flushing: tokio::sync::Mutex<()>,
}

impl AuditLog {
    /// A log.
    pub fn new(store: Arc<dyn MemoryStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy, waiting: Mutex::default(), flushing: tokio::sync::Mutex::default() }
    }

    /// Takes an entry. Never waits and never fails: where too many wait already it is lost, counted
    /// (`hark_audit_lost_total`) and told in the log.
    pub fn note(&self, tenant: &TenantId, note: AuditNote) {
        let AuditNote { actor, action, route, person, object, status } = note;
        let id = AuditId::new(format!("aud_{}", self.entropy.hex(16)));
        let at = self.clock.now();
        let entry = AuditEntry { id, at, actor, action, route, person, object, status };
        let mut waiting = self.waiting();
        if waiting.len() >= MOST_WAITING {
            metrics::counter!("hark_audit_lost_total").increment(1);
            tracing::error!("an entry of the audit log is lost: the store has not answered for too long");
            return;
        }
        waiting.push_back((tenant.clone(), entry));
    }

    /// Keeps what was noted so far. Goes on by itself when whoever asked gives up.
    ///
    /// # Errors
    /// What the store says; nothing is lost, the next flush tries again.
    pub async fn flush(self: &Arc<Self>) -> Result<()> {
        let log = self.clone();
        let done = tokio::spawn(async move { log.keep().await }).await;
        done.unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "audit.flush", "the flush broke off")))
    }

    async fn keep(&self) -> Result<()> {
        let _turn = self.flushing.lock().await;
        loop {
            let batch: Vec<_> = self.waiting().iter().take(BATCH).cloned().collect();
            if batch.is_empty() {
                return Ok(());
            }
            let taken = batch.len();
            let mut tenants: BTreeMap<TenantId, Vec<AuditEntry>> = BTreeMap::new();
            for (tenant, entry) in batch {
                tenants.entry(tenant).or_default().push(entry);
            }
            // One that is there is left as it is, so a batch of which half was written is simply written again.
            for (tenant, entries) in tenants {
                self.store.append_audit(&tenant, &entries).await?;
            }
            self.waiting().drain(..taken);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(TenantId, AuditEntry)>> {
        // Also after a panic of somebody who held it: a queue is never half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
