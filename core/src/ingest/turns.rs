//! Who changes how a caller's memories stand takes turns in this process. The truth itself refuses a change that was made up on
//! what no longer holds; without turns, jobs of one caller that run at once would lose to each other again and again.

use crate::Scope;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use tokio::sync::{Mutex, MutexGuard};

/// Callers share so many turns: enough that strangers rarely wait for each other, and no bookkeeping of who comes and goes.
const TURNS: usize = 64;

/// How often a change is made up anew because somebody else, in another process or past the turns, was faster.
pub(super) const ATTEMPTS: usize = 16;

/// The turns; clones share them. Held for a read and a write, never while a model is asked, and never two at once.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    hasher: RandomState,
    lanes: Arc<[Mutex<()>]>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { hasher: RandomState::new(), lanes: (0..TURNS).map(|_| Mutex::default()).collect() }
    }
}

impl Turns {
    /// Waits for this caller's turn, which lasts as long as the guard.
    pub(super) async fn of(&self, scope: &Scope) -> MutexGuard<'_, ()> {
        let lane = usize::try_from(self.hasher.hash_one(scope) % TURNS as u64).unwrap_or_default();
        self.lanes[lane].lock().await
    }
}
