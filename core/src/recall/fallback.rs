//! When an answer is less than it should be, and why. No other file decides this, and none of it is silent: the
//! answer says it, a counter counts it, and one line in the log tells it.

use crate::layer::BREAKER_OPEN;
use crate::{Error, ErrorKind, Mode, Result};

/// The operation of errors by which a spent budget refuses a call to a model.
const BUDGET_STOPPED: &str = crate::cost::STOPPED;

/// What the searches gave, and how whole it is.
#[derive(Debug)]
pub(super) struct Verdict {
    pub mode: Mode,
    pub degraded: Option<Degraded>,
}

/// That something is missing from an answer.
#[derive(Debug)]
pub(super) struct Degraded {
    /// A stable word.
    pub reason: &'static str,
    /// What failed, if something did.
    cause: Option<Error>,
}

impl Degraded {
    fn because(reason: &'static str, cause: impl Into<Option<Error>>) -> Self {
        Self { reason, cause: cause.into() }
    }

    /// While the derived stores are rebuilt, what is not there yet cannot be found.
    pub(super) fn rebuilding() -> Self {
        Self::because("rebuilding", None)
    }

    /// Counts it and tells it, once for an answer.
    pub(super) fn report(&self) {
        metrics::counter!("hark_recall_degraded_total", "reason" => self.reason).increment(1);
        match self.reason {
            // As it was set up, with every question: worth knowing, not worth waking anybody.
            "no_embedder" => tracing::debug!(reason = self.reason, "recall degraded"),
            reason => tracing::warn!(reason, error = self.cause.as_ref().map(tracing::field::debug), "recall degraded"),
        }
    }
}

/// How the vector side ended.
#[derive(Debug)]
pub(super) enum VectorSide {
    Answered,
    NoEmbedder,
    EmbeddingLate,
    EmbeddingFailed(Error),
    SearchFailed(Error),
}

impl VectorSide {
    fn missing(self) -> Option<Degraded> {
        match self {
            Self::Answered => None,
            Self::NoEmbedder => Some(Degraded::because("no_embedder", None)),
            Self::EmbeddingLate => Some(Degraded::because("embedding_late", None)),
            Self::EmbeddingFailed(error) => {
                let reason = match (error.operation(), error.kind()) {
                    (BREAKER_OPEN, _) => "breaker_open",
                    (BUDGET_STOPPED, _) => "budget_stopped",
                    (_, ErrorKind::Timeout) => "embedding_late",
                    _ => "embedding_failed",
                };
                Some(Degraded::because(reason, error))
            }
            Self::SearchFailed(error) => Some(late_or_failed(error, "vectors_late", "vectors_failed")),
        }
    }
}

fn late_or_failed(error: Error, late: &'static str, failed: &'static str) -> Degraded {
    let reason = if error.kind() == ErrorKind::Timeout { late } else { failed };
    Degraded::because(reason, error)
}

/// Decides from how both sides ended: one side answers for both.
///
/// # Errors
/// When neither side answered: the error of the words, since they are the last resort.
pub(super) fn decide(vectors: VectorSide, words: Result<()>) -> Result<Verdict> {
    match (vectors.missing(), words) {
        (None, Ok(())) => Ok(Verdict { mode: Mode::Hybrid, degraded: None }),
        (None, Err(error)) => {
            let degraded = Some(late_or_failed(error, "words_late", "words_failed"));
            Ok(Verdict { mode: Mode::Vector, degraded })
        }
        (degraded, Ok(())) => Ok(Verdict { mode: Mode::Keyword, degraded }),
        (Some(_), Err(error)) => Err(error),
    }
}

/// What it means that links could not be followed: the answer goes out without what they lead to.
pub(super) fn without_links(followed: Result<()>) -> Option<Degraded> {
    followed.err().map(|error| late_or_failed(error, "links_late", "links_failed"))
}

/// What it means that the caller's turns could not be opened: the answer goes out without what was said.
pub(super) fn without_turns(error: Error) -> Degraded {
    late_or_failed(error, "turns_late", "turns_failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind, operation: &'static str) -> Error {
        Error::new(kind, operation, "as told")
    }

    fn gone() -> Error {
        error(ErrorKind::Unavailable, "test")
    }

    fn late() -> Error {
        error(ErrorKind::Timeout, "test")
    }

    #[test]
    fn one_side_answers_for_both_and_says_why() {
        let ok = |side, words| {
            let verdict = decide(side, words).unwrap();
            (verdict.mode, verdict.degraded.map(|d| d.reason))
        };
        assert_eq!(ok(VectorSide::Answered, Ok(())), (Mode::Hybrid, None));
        assert_eq!(ok(VectorSide::Answered, Err(gone())), (Mode::Vector, Some("words_failed")));
        assert_eq!(ok(VectorSide::Answered, Err(late())), (Mode::Vector, Some("words_late")));
        let open = error(ErrorKind::Unavailable, BREAKER_OPEN);
        let stopped = error(ErrorKind::Limited, BUDGET_STOPPED);
        for (side, reason) in [
            (VectorSide::NoEmbedder, "no_embedder"),
            (VectorSide::EmbeddingLate, "embedding_late"),
            (VectorSide::EmbeddingFailed(late()), "embedding_late"),
            (VectorSide::EmbeddingFailed(gone()), "embedding_failed"),
            (VectorSide::EmbeddingFailed(open), "breaker_open"),
            (VectorSide::EmbeddingFailed(stopped), "budget_stopped"),
            (VectorSide::SearchFailed(late()), "vectors_late"),
            (VectorSide::SearchFailed(gone()), "vectors_failed"),
        ] {
            assert_eq!(ok(side, Ok(())), (Mode::Keyword, Some(reason)));
        }
        assert!(decide(VectorSide::EmbeddingFailed(gone()), Err(gone())).is_err());
    }

    #[test]
    fn links_may_be_missing() {
        assert!(without_links(Ok(())).is_none());
        assert_eq!(without_links(Err(late())).unwrap().reason, "links_late");
        assert_eq!(without_links(Err(gone())).unwrap().reason, "links_failed");
    }
}
