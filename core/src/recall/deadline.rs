//! How a question's budget is shared out among its steps.

use crate::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// By when each step of one question must be done. Whatever is not done then is left out or stood in for, so that
/// the steps after it have their time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// The embedding: four fifths of the budget.
    pub embedding: Instant,
    /// Both searches: nine tenths.
    pub searches: Instant,
    /// The whole answer.
    pub answer: Instant,
}

impl Deadline {
    /// For a question that may take `budget` and must be answered by `answer`: what was spent before it came here
    /// is taken from what is left, in proportion.
    pub(super) fn new(answer: Instant, budget: Duration) -> Self {
        let left = answer.saturating_duration_since(Instant::now()).min(budget);
        Self { embedding: answer - left / 5, searches: answer - left / 10, answer }
    }
}

/// Waits for a step until then.
///
/// # Errors
/// The step's own, or `Timeout` under the operation's name.
pub(super) async fn by<T>(then: Instant, operation: &'static str, step: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| Err(Error::new(ErrorKind::Timeout, operation, "the recall budget ran out"));
    timeout_at(then, step).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_shared_out_in_proportion() {
        let ms = Duration::from_millis;
        let now = Instant::now();
        for (left, embedding, searches) in [(400, 320, 360), (100, 80, 90), (1_000, 920, 960)] {
            let deadline = Deadline::new(now + ms(left), ms(400));
            assert_eq!((deadline.embedding - now, deadline.searches - now), (ms(embedding), ms(searches)), "{left}");
        }
        let over = Deadline::new(now, ms(400));
        assert_eq!((over.embedding, over.searches), (now, now));
    }
}
