//! When keys were last used: by the minute, gathered in memory, written now and then.

use chrono::SubsecRound;
use hark_core::store::KeyStore;
use hark_core::{KeyId, Result, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Uses that wait to be written: one for each key, so no more than there are keys.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<BTreeMap<KeyId, Timestamp>>);

impl Uses {
    /// Notes a use, unless this minute's is known.
    pub(super) fn note(&self, id: &KeyId, known: Option<Timestamp>, now: Timestamp) {
        let minute = minute_of(now);
        if known.is_some_and(|known| known >= minute) {
            return;
        }
        let mut waiting = self.waiting();
        match waiting.get_mut(id) {
            Some(at) => *at = minute.max(*at),
            None => drop(waiting.insert(id.clone(), minute)),
        }
    }

    pub(super) async fn flush(&self, store: &dyn KeyStore) -> Result<()> {
        let uses: Vec<(KeyId, Timestamp)> = std::mem::take(&mut *self.waiting()).into_iter().collect();
        if uses.is_empty() {
            return Ok(());
        }
        let written = store.note_key_uses(&uses).await;
        if written.is_err() {
            let mut waiting = self.waiting();
            for (id, at) in uses {
                waiting.entry(id).or_insert(at);
            }
        }
        written
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<KeyId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn minute_of(at: Timestamp) -> Timestamp {
    at.trunc_subsecs(0) - chrono::Duration::seconds(at.timestamp().rem_euclid(60))
}
