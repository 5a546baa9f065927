//! When words stand in for vectors. No other file decides this.

use crate::ErrorKind;
use crate::{Error, Mode, Result};

/// What the searches gave, and how whole it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub mode: Mode,
    pub degraded: Option<&'static str>,
}

/// How the vector side ended.
#[derive(Debug)]
pub(super) enum VectorSide {
    Answered,
    NoEmbedder,
    EmbeddingLate,
    EmbeddingFailed,
    SearchFailed(Error),
}

/// Decides from how both sides ended.
///
/// # Errors
/// When neither side answered: the error of the words, since they are the last resort.
pub(super) fn decide(vectors: &VectorSide, words: Result<()>) -> Result<Verdict> {
    let reason = match vectors {
        VectorSide::Answered => None,
        VectorSide::NoEmbedder => Some("no_embedder"),
        VectorSide::EmbeddingLate => Some("embedding_late"),
        VectorSide::EmbeddingFailed => Some("embedding_failed"),
        VectorSide::SearchFailed(error) if error.kind() == ErrorKind::Timeout => Some("vectors_late"),
        VectorSide::SearchFailed(_) => Some("vectors_failed"),
    };
    match (reason, words) {
        (None, Ok(())) => Ok(Verdict { mode: Mode::Hybrid, degraded: None }),
        (None, Err(_)) => Ok(Verdict { mode: Mode::Vector, degraded: Some("words_failed") }),
        (Some(_), Ok(())) => Ok(Verdict { mode: Mode::Keyword, degraded: reason }),
        (Some(_), Err(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone() -> Error {
        Error::new(ErrorKind::Unavailable, "test", "gone")
    }

    #[test]
    fn one_side_answers_for_both_and_says_so() {
        let ok = |side: &VectorSide, words| decide(side, words).unwrap();
        assert_eq!(ok(&VectorSide::Answered, Ok(())), Verdict { mode: Mode::Hybrid, degraded: None });
        assert_eq!(ok(&VectorSide::EmbeddingLate, Ok(())).degraded, Some("embedding_late"));
        assert_eq!(ok(&VectorSide::NoEmbedder, Ok(())).mode, Mode::Keyword);
        assert_eq!(ok(&VectorSide::SearchFailed(gone()), Ok(())).degraded, Some("vectors_failed"));
        assert_eq!(ok(&VectorSide::Answered, Err(gone())).mode, Mode::Vector);
        assert!(decide(&VectorSide::EmbeddingFailed, Err(gone())).is_err());
    }
}
