//! Keys come and go: what is sealed by which, and how what older keys sealed comes under the one that seals now.

use super::{Purpose, Vault};
use crate::engine::Engine;
use crate::store::{Resealed, SealedStore, longest_hold};
use crate::{Error, Result};
use chrono::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The name of the lease under which values are sealed anew.
pub const LEASE: &str = "reseal";

/// How long the others wait for a process that died on the way.
const PATIENCE: Duration = Duration::minutes(2);

/// For how long nobody looks again where only values are left that do not open.
const REST: Duration = Duration::minutes(10);

/// Values replaced in one transaction; those of [`FEW`] are large.
const BATCH: usize = 200;

/// As [`BATCH`], of raw events and of what is made of them: each may be of megabytes, and all are held at once.
const FEW: usize = 8;

/// Transactions of one call: a store of millions must not keep one process busy for an hour. The next call goes on.
const BATCHES: usize = 2_000;

/// What is sealed by each key, by its id: how many values of each purpose. What is in the clear from before stands under the
/// empty id.
pub type KeyUse = BTreeMap<String, BTreeMap<Purpose, u64>>;

/// What a call of [`reseal`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resealing {
    /// Values that are under the active key since.
    pub replaced: u64,
    /// Values of older keys that do not open and were left as they are.
    pub damaged: u64,
    /// Whether everything was looked at; if not, the next call goes on.
    pub finished: bool,
}

/// Counts what is sealed by which key. The cost goes with the number of values.
///
/// # Errors
/// What the stores say.
pub async fn uses(stores: &[Arc<dyn SealedStore>]) -> Result<KeyUse> {
    let mut all = KeyUse::new();
    for store in stores {
        for (purpose, key) in store.sealing_keys().await? {
            let values = store.count_sealed(purpose, &key).await?;
            *all.entry(key).or_default().entry(purpose).or_default() += values;
        }
    }
    Ok(all)
}

/// Whether the keyring has every key that something is sealed by. Cheap, for every start.
///
/// # Errors
/// `Config`, naming each key that is missing, what needs it, and what to do; what the stores say.
pub async fn usable(vault: &Vault, stores: &[Arc<dyn SealedStore>]) -> Result<()> {
    let mut missing = KeyUse::new();
    for store in stores {
        for (purpose, key) in store.sealing_keys().await? {
            if !key.is_empty() && vault.keyring.get(&key).is_none() {
                let values = store.count_sealed(purpose, &key).await?;
                *missing.entry(key).or_default().entry(purpose).or_default() += values;
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let told: Vec<String> = missing
        .iter()
        .map(|(key, needed)| {
            let needed: Vec<_> = needed.iter().map(|(purpose, n)| format!("{n} of kind {}", purpose.name())).collect();
            format!("`{key}` ({})", needed.join(", "))
        })
        .collect();
    let there: Vec<&str> = vault.keyring.keys().iter().map(super::Key::id).collect();
    Err(Error::config(format!(
        "encryption keys: what is stored is sealed with keys that are missing from the keyring: {}; it has {}. Put the \
         line `seal <id> <64 hex>` of each back, below the others, from a copy of the keyring (a backup made with \
         --with-keys has one, `keys`), and start again; nothing was changed",
        told.join(", "),
        there.join(", ")
    )))
}

/// Seals anew, under the active key, what older keys of the keyring have sealed, and what is in the clear from before: `None` if there is nothing of the kind, or
/// somebody else does it. Of all that share the stores, one does. What is sealed by a key that is not active yet, or that
/// this keyring does not know, is left alone: it may be the active key of another process.
///
/// Bounded, and every batch is a transaction of its own, so that a call that is broken off loses one at the most, and the
/// next one, here or elsewhere, goes on from there. Safe beside writers: what was changed since it was read is left alone
/// and looked at again by the next call. What does not open is left as it is; where nothing else is left, nobody looks for ten
/// minutes.
///
/// How much is left is told by the gauge `hark_encryption_stale_values`, by purpose, also where nobody else does it here.
///
/// # Errors
/// What the stores say; what is sealed anew stays so, and the lease is given back.
pub async fn reseal(engine: &Engine, stores: &[Arc<dyn SealedStore>]) -> Result<Option<Resealing>> {
    let mut left = stale(&engine.vault, stores).await?;
    tell(&left);
    if left.is_empty() {
        return Ok(None);
    }
    let holder = engine.entropy.hex(12);
    let now = engine.clock.now();
    let (until, void_after) = (now + PATIENCE, longest_hold(now, REST));
    if engine.memory.take_lease(LEASE, &holder, until, now, void_after).await?.is_none() {
        return Ok(None);
    }
    let mut done = Resealing::default();
    let result = walk(engine, stores, &holder, &mut left, &mut done).await;
    if result.is_ok() && done.finished && done.replaced == 0 {
        // What is left does not open, and will not in ten seconds either: nobody is to read it all again and again.
        engine.memory.keep_lease(LEASE, &holder, engine.clock.now() + REST, None).await?;
    } else {
        // If this fails too, the lease runs out.
        engine.memory.release_lease(LEASE, &holder).await.ok();
    }
    result?;
    if done.finished && done.replaced > 0 {
        // What stood there before is to be in no file either, where the old key has become known to somebody.
        engine.memory.purge().await?;
    }
    Ok(Some(done))
}

/// How many values of each purpose are under keys that are older than the active one.
async fn stale(vault: &Vault, stores: &[Arc<dyn SealedStore>]) -> Result<BTreeMap<Purpose, u64>> {
    let mut stale = BTreeMap::new();
    for store in stores {
        for (purpose, key) in store.sealing_keys().await? {
            if is_stale(vault, &key) {
                *stale.entry(purpose).or_default() += store.count_sealed(purpose, &key).await?;
            }
        }
    }
    Ok(stale)
}

/// Whether what it seals is to be sealed anew. No key at all is older than any.
fn is_stale(vault: &Vault, key: &str) -> bool {
    key.is_empty() || vault.keyring.is_old(key)
}

fn tell(left: &BTreeMap<Purpose, u64>) {
    for purpose in Purpose::ALL.into_iter().filter(|purpose| !purpose.is_cached()) {
        let values = left.get(&purpose).copied().unwrap_or_default();
        metrics::gauge!("hark_encryption_stale_values", "purpose" => purpose.name()).set(values as f64);
    }
}

async fn walk(
    engine: &Engine,
    stores: &[Arc<dyn SealedStore>],
    holder: &str,
    left: &mut BTreeMap<Purpose, u64>,
    done: &mut Resealing,
) -> Result<()> {
    let mut batches = 0;
    for store in stores {
        let old: BTreeSet<(Purpose, String)> = store.sealing_keys().await?.into_iter().collect();
        for (purpose, key) in old.into_iter().filter(|(_, key)| is_stale(&engine.vault, key)) {
            let mut skip = 0;
            loop {
                if batches == BATCHES {
                    return Ok(());
                }
                batches += 1;
                let Some(batch) = batch(&engine.vault, &**store, (purpose, &key), skip).await? else { break };
                // What was not replaced was changed by somebody, and is perhaps under the old key still: for the next call.
                skip += batch.read - batch.replaced;
                done.replaced += batch.replaced;
                done.damaged += batch.damaged;
                if let Some(values) = left.get_mut(&purpose) {
                    *values = values.saturating_sub(batch.replaced);
                }
                tell(left);
                metrics::counter!("hark_encryption_resealed_total", "purpose" => purpose.name())
                    .increment(batch.replaced);
                let until = engine.clock.now() + PATIENCE;
                // Somebody else thinks that we died: it goes on, and we leave it to that one.
                if !engine.memory.keep_lease(LEASE, holder, until, None).await? {
                    return Ok(());
                }
            }
        }
    }
    done.finished = true;
    Ok(())
}

/// What became of the values that were read together.
struct Batch {
    read: u64,
    replaced: u64,
    damaged: u64,
}

async fn batch(
    vault: &Vault,
    store: &dyn SealedStore,
    (purpose, key): (Purpose, &str),
    skip: u64,
) -> Result<Option<Batch>> {
    let limit = match purpose {
        Purpose::Event | Purpose::Transcript | Purpose::Extraction => FEW,
        _ => BATCH,
    };
    let read = store.sealed_by(purpose, key, skip, limit).await?;
    if read.is_empty() {
        return Ok(None);
    }
    let count = read.len() as u64;
    let mut anew = Vec::with_capacity(read.len());
    for value in read {
        let Ok(plain) = vault.open(&value.tenant, purpose, &value.record, &value.sealed) else { continue };
        let new = vault.seal(&value.tenant, purpose, &value.record, &plain)?;
        anew.push(Resealed { tenant: value.tenant, place: value.place, standing: value.sealed, new });
    }
    let damaged = count - anew.len() as u64;
    let replaced = if anew.is_empty() { 0 } else { store.reseal(purpose, &anew).await? };
    Ok(Some(Batch { read: count, replaced, damaged }))
}
