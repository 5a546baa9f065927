//! Which key is used: the one that worked last, and another when it is refused.

use hark_core::Secret;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// How long a key that is not accepted is left alone: somebody has to do something about it first.
pub(crate) const REFUSED: Duration = Duration::from_secs(300);
/// How long a limited key rests when the server does not say.
pub(crate) const LIMITED: Duration = Duration::from_secs(30);
/// And at most, whatever it says.
const LONGEST: Duration = Duration::from_secs(600);

/// The keys of a server; `Debug` shows none.
#[derive(Debug)]
pub(crate) struct Keys {
    keys: Vec<Secret>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The one that worked last.
    current: usize,
    /// When each may be tried again.
    rests: Vec<Option<Instant>>,
}

impl Keys {
    pub(crate) fn new(keys: Vec<Secret>) -> Self {
        let rests = vec![None; keys.len()];
        Self { keys, state: Mutex::new(State { current: 0, rests }) }
    }

    /// What one call tries, in this order: the key that worked last and the others after it, without those that
    /// rest. When all rest, the one that has rested longest of what it must: somebody has to find out. `None`
    /// where there are no keys.
    pub(crate) fn to_try(&self) -> Vec<Option<usize>> {
        if self.keys.is_empty() {
            return vec![None];
        }
        let state = self.lock();
        let now = Instant::now();
        let count = self.keys.len();
        let awake = |key: &usize| state.rests[*key].is_none_or(|until| until <= now);
        let order: Vec<_> = (0..count).map(|step| (state.current + step) % count).filter(awake).map(Some).collect();
        if order.is_empty() {
            return vec![(0..count).min_by_key(|key| state.rests[*key])];
        }
        order
    }

    /// The key of a place in [`Keys::to_try`].
    pub(crate) fn get(&self, key: usize) -> Option<&Secret> {
        self.keys.get(key)
    }

    /// It worked: it is the first from now on.
    pub(crate) fn worked(&self, key: usize) {
        let mut state = self.lock();
        state.current = key;
        state.rests[key] = None;
    }

    /// It was refused: it rests.
    pub(crate) fn rejected(&self, key: usize, rest: Duration) {
        self.lock().rests[key] = Some(Instant::now() + rest.min(LONGEST));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Whatever panicked while it held the lock left whole values behind.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: usize) -> Keys {
        Keys::new((0..count).map(|n| Secret::new(format!("sk-{n}"))).collect())
    }

    #[tokio::test(start_paused = true)]
    async fn the_key_that_works_stays_and_a_rejected_one_comes_back_after_its_rest() {
        let keys = keys(3);
        assert_eq!(keys.to_try(), [Some(0), Some(1), Some(2)]);
        keys.rejected(0, Duration::from_secs(10));
        keys.worked(1);
        assert_eq!(keys.to_try(), [Some(1), Some(2)]);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(keys.to_try(), [Some(1), Some(2), Some(0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_rest_the_first_to_be_rested_is_tried() {
        let keys = keys(2);
        keys.rejected(0, Duration::from_secs(20));
        keys.rejected(1, Duration::from_secs(10));
        assert_eq!(keys.to_try(), [Some(1)]);
        keys.rejected(1, Duration::MAX);
        assert_eq!(keys.to_try(), [Some(0)]);
        tokio::time::advance(LONGEST).await;
        assert_eq!(keys.to_try(), [Some(0), Some(1)], "no server sends a key to sleep for good");
    }

    #[tokio::test]
    async fn without_keys_there_is_one_attempt_and_no_key_is_shown() {
        assert_eq!(keys(0).to_try(), [None]);
        assert!(!format!("{:?}", keys(2)).contains("sk-"));
    }
}
