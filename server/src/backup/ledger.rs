//! The ledger of erasures in a file of its own: keyed hashes and counts, so that it names nobody, small enough to be
//! written often. A restored backup without it would bring back whoever was erased since.

use super::manifest::{self, FORMAT, check_lookup};
use crate::config::Loaded;
use crate::keys;
use crate::wiring::{Backends, Surroundings};
use hark_core::backend::{Registry, Role};
use hark_core::crypt::Keyring;
use hark_core::ingest::Ingest;
use hark_core::store::MemoryStore;
use hark_core::{Erasure, Error, PageRequest, Result, SuppressionKey, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Erasures read or settled in one go.
const PAGE: usize = 500;

/// All erasures of all tenants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    format: u32,
    /// Whoever was erased before then is in it.
    created_at: Timestamp,
    /// The mark of the look-up key the hashes were made with.
    lookup: String,
    erasures: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    tenant: TenantId,
    erasure: Erasure,
    suppresses: Vec<SuppressionKey>,
}

/// Writes the ledger of the configured stores to `file`, in place of an older one, whole or not at all. Works beside a
/// running server. Answers how many erasures are in it.
///
/// # Errors
/// `Config` when the keys are missing, `Unavailable` when the file cannot be written; what the store says.
pub async fn write_ledger(
    loaded: &Loaded,
    registry: &Registry,
    around: &Surroundings<'_>,
    file: &Path,
) -> Result<usize> {
    let plan = loaded.plan(registry)?;
    let keyring = keys::read(&loaded.config, around.data_dir)?;
    let created_at = around.clock.now();
    let backends = Backends::open_of(&plan, &[Role::Memory], registry, around).await?;
    let entries = match backends.memory(&plan) {
        Ok(memory) => walk(&*memory).await,
        Err(e) => Err(e),
    };
    backends.close().await;
    let erasures = entries?;
    let count = erasures.len();
    let ledger = Ledger { format: FORMAT, created_at, lookup: keyring.lookup_mark(), erasures };
    manifest::write(file, "ledger", ledger, &keyring)?;
    Ok(count)
}

async fn walk(memory: &dyn MemoryStore) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut page = PageRequest::first(PAGE);
    loop {
        let found = memory.scan_erasures(&page).await?;
        for (tenant, erasure) in found.items {
            let suppresses = memory.suppressed_by(&tenant, &erasure.id).await?;
            entries.push(Entry { tenant, erasure, suppresses });
        }
        let Some(next) = found.next_cursor else { return Ok(entries) };
        page.cursor = Some(next);
    }
}

impl Ledger {
    /// Reads a ledger that is to go with a backup of `backup_at`, where that is known.
    ///
    /// # Errors
    /// `Config` when it was made under another look-up key, or is older than the backup; `Corrupt` when it was changed.
    pub(super) fn read(file: &Path, keyring: &Keyring, backup_at: Option<Timestamp>) -> Result<Self> {
        let ledger: Self = manifest::read(file, "ledger", keyring, |ledger: &Self| {
            check_lookup("the ledger", &ledger.lookup, keyring)
        })?;
        if let Some(backup_at) = backup_at.filter(|at| ledger.created_at < *at) {
            return Err(Error::config(format!(
                "--ledger: {} is of {}, older than the backup of {backup_at}, which knows all of it already; write a \
                 newer one with `hark backup --ledger-only FILE` where the old database can still be read, or take the \
                 last one that was written; with --no-ledger whoever was erased since comes back",
                file.display(),
                ledger.created_at
            )));
        }
        Ok(ledger)
    }

    /// Notes every erasure the truth does not know, and erases again whoever came back. Answers how many erasures there
    /// are in the file, and how many callers were erased again. Can be repeated.
    ///
    /// # Errors
    /// What the stores say.
    pub(super) async fn apply(&self, memory: &dyn MemoryStore, ingest: &Ingest) -> Result<(usize, usize)> {
        for Entry { tenant, erasure, suppresses } in &self.erasures {
            memory.note_erasure(tenant, erasure, suppresses).await?;
        }
        let again = ingest.erase_returned().await?;
        while ingest.settle_erasures(PAGE).await? == PAGE {}
        Ok((self.erasures.len(), again))
    }
}
