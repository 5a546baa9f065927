//! One call for one text, however many ask for it at once.

use crate::Error;
use crate::ai::Usage;
use crate::store::EmbeddingKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A vector that several share.
pub(super) type Vector = Arc<[f32]>;

/// How a call ended. What was found stands even when the rest failed.
#[derive(Debug, Default)]
pub(super) struct Landed {
    pub(super) vectors: HashMap<EmbeddingKey, Vector>,
    pub(super) usage: Usage,
    pub(super) error: Option<Arc<Error>>,
}

/// Waits for a call's end; `None` until then.
pub(super) type Waiting = watch::Receiver<Option<Arc<Landed>>>;

/// The calls under way, by text.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<EmbeddingKey, Waiting>>);

impl Flights {
    /// The calls under way, held: what is decided by them is decided at once for everybody.
    pub(super) fn hold(&self) -> MutexGuard<'_, HashMap<EmbeddingKey, Waiting>> {
        // Also after a panic of somebody who held it: entries come and go whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that has begun. However it ends, a panic included, its texts are no longer under way afterwards, and who
/// waited for it learns that it is over.
#[derive(Debug)]
pub(super) struct Flight {
    flights: Arc<Flights>,
    keys: Vec<EmbeddingKey>,
    end: watch::Sender<Option<Arc<Landed>>>,
}

impl Flight {
    /// Begins a call for texts that are not under way; `held` are the calls that are.
    pub(super) fn begin(
        flights: &Arc<Flights>,
        held: &mut HashMap<EmbeddingKey, Waiting>,
        keys: Vec<EmbeddingKey>,
    ) -> (Self, Waiting) {
        let (end, waiting) = watch::channel(None);
        held.extend(keys.iter().map(|key| (*key, waiting.clone())));
        (Self { flights: flights.clone(), keys, end }, waiting)
    }

    /// Tells everybody who waits. Until the flight is dropped whoever asks for the texts is given this, so what was
    /// found can be kept in between.
    pub(super) fn land(&self, landed: Landed) {
        self.end.send_replace(Some(Arc::new(landed)));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut held = self.flights.hold();
        for key in &self.keys {
            held.remove(key);
        }
    }
}
