//! What every conformance suite is made of: the macro that turns a list of behaviours into named tests, and
//! the small helpers the behaviours are written with.

use crate::{Page, PageRequest, Result};
use async_trait::async_trait;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use tokio::sync::Barrier;

/// Whatever must stay alive while a store under test is used, such as its temporary folder. A maker that needs
/// nothing returns `Box::new(())`.
pub type Guard = Box<dyn Any + Send>;

/// A store that can be opened again over the same content: what the durability suites ask for.
#[async_trait]
pub trait Reopen<S: ?Sized + Send + Sync + 'static>: Send + Sync {
    /// Opens the store over this place. Called again only after the last one was given to [`Reopen::close`].
    async fn open(&self) -> Arc<S>;

    /// Lets go of an open store as a dying process would: without asking it to write anything out. Override
    /// only to wait until the driver has let go of the folder.
    async fn close(&self, store: Arc<S>) {
        drop(store);
    }
}

/// One named test a behaviour. Not to be called by hand: each trait has a macro of its own that holds the list.
#[doc(hidden)]
#[macro_export]
macro_rules! __hark_suite {
    ($make:expr, $suite:ident, $at:ident, [$($behaviour:ident),* $(,)?]) => {
        mod $suite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    let (subject, _guard) = ($make)().await;
                    $crate::testkit::conformance::$at::$behaviour(subject).await;
                }
            )*
        }
    };
}

/// As `__hark_suite`, for behaviours that make their subject themselves, with what they ask for.
#[doc(hidden)]
#[macro_export]
macro_rules! __hark_maker_suite {
    ($make:expr, $suite:ident, $at:ident, [$($behaviour:ident),* $(,)?]) => {
        mod $suite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    $crate::testkit::conformance::$at::$behaviour($make).await;
                }
            )*
        }
    };
}

/// As `__hark_suite`, for a place that can be opened again.
#[doc(hidden)]
#[macro_export]
macro_rules! __hark_durability_suite {
    ($make:expr, $suite:ident, $at:ident, [$($behaviour:ident),* $(,)?]) => {
        mod $suite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    let place = ($make)().await;
                    $crate::testkit::conformance::$at::$behaviour(&place).await;
                }
            )*
        }
    };
}

/// Takes what must be there: a failing call fails the test, where it stands, with the error's own words.
pub(crate) trait Must<T> {
    fn must(self) -> T;
}

impl<T, E: Debug> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("the call failed: {error:?}"),
        }
    }
}

impl<T> Must<T> for Option<T> {
    #[track_caller]
    fn must(self) -> T {
        match self {
            Some(value) => value,
            None => panic!("expected something, found nothing"),
        }
    }
}

/// Reads a list to its end, page by page.
pub(crate) async fn walk<T>(limit: usize, read: impl AsyncFn(PageRequest) -> Result<Page<T>>) -> Vec<T> {
    let mut all = Vec::new();
    let mut request = PageRequest::first(limit);
    for _ in 0..10_000 {
        let page = read(request.clone()).await.must();
        assert!(page.items.len() <= limit, "a page holds at most as many items as were asked for");
        all.extend(page.items);
        match page.next_cursor {
            Some(cursor) => request.cursor = Some(cursor),
            None => return all,
        }
    }
    panic!("the list has no end");
}

/// Starts `count` tasks at the same moment and waits for all of them.
pub(crate) async fn race<T, F>(count: usize, task: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(Barrier::new(count));
    let running: Vec<_> = (0..count)
        .map(|index| {
            let (start, future) = (Arc::clone(&start), task(index));
            tokio::spawn(async move {
                start.wait().await;
                future.await
            })
        })
        .collect();
    let mut results = Vec::with_capacity(count);
    for task in running {
        results.push(task.await.expect("no racing task panics"));
    }
    results
}
