//! Cores given out one at a time.

use hark_core::{Error, ErrorKind, Result};
use rten::ThreadPool;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

type Pools = Arc<Mutex<Vec<Arc<ThreadPool>>>>;

/// At most so many computations at once, each on a pool of one thread.
///
/// Both engines would otherwise spread every small matrix over all cores: slower for one sentence, and a bulk
/// job would leave nothing for the web server. A pool of rten's is a plain rayon pool, and what the built-in
/// model's engine spawns stays in the pool it is called from.
#[derive(Debug)]
pub(crate) struct Lanes {
    permits: Arc<Semaphore>,
    idle: Pools,
}

impl Lanes {
    /// So many lanes; their threads start when they are first needed.
    pub(crate) fn new(count: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(count)), idle: Pools::default() }
    }

    /// A lane, when one is free; first come, first served.
    ///
    /// # Errors
    /// `Unavailable`, not to be tried again, once closed.
    pub(crate) async fn take(&self, operation: &'static str) -> Result<Lane> {
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
            return Err(Error::new(ErrorKind::Unavailable, operation, "the backend is closed").retriable(false));
        };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let pool = idle.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)));
        Ok(Lane { pool, idle: Arc::clone(&self.idle), _permit: permit })
    }

    /// Refuses whoever comes from now on; lanes in use are finished.
    pub(crate) fn close(&self) {
        self.permits.close();
    }
}

/// The right to use one core until dropped. Moves to the blocking thread, so that a caller who goes away does
/// not give back a core that is still busy.
#[derive(Debug)]
pub(crate) struct Lane {
    pool: Arc<ThreadPool>,
    idle: Pools,
    _permit: OwnedSemaphorePermit,
}

impl Lane {
    /// Where to compute.
    pub(crate) fn pool(&self) -> &Arc<ThreadPool> {
        &self.pool
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&self.pool));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn a_lane_is_given_out_once_and_used_again() {
        let lanes = Lanes::new(1);
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(first)) = pin!(lanes.take("t")).poll(&mut context) else { panic!("a free lane") };
        let pool = Arc::clone(first.pool());
        let mut waiting = pin!(lanes.take("t"));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(first);
        let Poll::Ready(Ok(second)) = waiting.poll(&mut context) else { panic!("the lane given back") };
        assert!(Arc::ptr_eq(second.pool(), &pool));
    }

    #[tokio::test]
    async fn after_closing_nobody_waits() {
        let lanes = Lanes::new(1);
        lanes.close();
        let error = lanes.take("t").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!error.is_retriable());
    }
}
