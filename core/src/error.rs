//! One error for everything at the seam: what kind it is, whether trying again can help, and where it happened.
//!
//! A backend translates its driver's errors once, at its own edge. Retry, breaker and HTTP mapping read only
//! the kind and the retry advice and never learn what sqlx or reqwest is.

use std::fmt;
use std::time::Duration;

/// The result of every fallible call in Hark.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in a deliberately short list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's input is wrong; the context names the field and the remedy. Where it begins with a field in backticks, whoever
    /// asked over HTTP is told the field apart.
    Invalid,
    /// The configuration is wrong; the context names file, key and remedy.
    Config,
    /// The thing asked for does not exist. Stores answer `Ok(None)` instead; routes use this.
    NotFound,
    /// Somebody else was first, or holds what is needed (a lease, a data folder).
    Conflict,
    /// This implementation cannot do that; its capabilities say so beforehand.
    Unsupported,
    /// No valid credentials, or not for this.
    Denied,
    /// More than was agreed: rate, size or money.
    Limited,
    /// The deadline passed.
    Timeout,
    /// The service or the disk does not answer now.
    Unavailable,
    /// Stored or received data does not mean what it should.
    Corrupt,
    /// A defect of ours.
    Internal,
}

impl ErrorKind {
    /// The stable lower-case name, as it stands in logs, metrics and problem documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Config => "config",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Unsupported => "unsupported",
            Self::Denied => "denied",
            Self::Limited => "limited",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Corrupt => "corrupt",
            Self::Internal => "internal",
        }
    }
}

/// An error with a kind, retry advice, the operation's name, a context and the driver's own error as its source.
///
/// Neither context nor source may hold what a caller said, a number or a secret: errors are logged.
pub struct Error {
    kind: ErrorKind,
    retriable: bool,
    retry_after: Option<Duration>,
    of_a_model: bool,
    unwritable: bool,
    operation: &'static str,
    context: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A new error. Whether it is worth retrying follows from the kind (`Timeout`, `Unavailable` and
    /// `Limited` are) and can be set with [`Error::retriable`].
    pub fn new(kind: ErrorKind, operation: &'static str, context: impl Into<String>) -> Self {
        Self {
            kind,
            retriable: matches!(kind, ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Limited),
            retry_after: None,
            of_a_model: false,
            unwritable: false,
            operation,
            context: context.into(),
            source: None,
        }
    }

    /// Shorthand for the caller's own mistakes.
    pub fn invalid(operation: &'static str, context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, operation, context)
    }

    /// Shorthand for a wrong configuration.
    pub fn config(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, "config", context)
    }

    /// Keeps the driver's error as the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Overrules whether another attempt may succeed.
    #[must_use]
    pub fn retriable(mut self, yes: bool) -> Self {
        self.retriable = yes;
        self
    }

    /// The server's own advice when to come back; implies that it is worth it.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self.retriable = true;
        self
    }

    /// Says that it was a model that failed, not a store: what it stands in the way of can wait for its return.
    #[must_use]
    pub fn of_a_model(mut self) -> Self {
        self.of_a_model = true;
        self
    }

    /// Whether a model is the reason, here or in any source, and it is away rather than wrong: not answering, out
    /// of its limits, or not taking our key. Work that fails so loses nothing by waiting, however long it takes.
    pub fn is_model_away(&self) -> bool {
        use ErrorKind::{Denied, Limited, Timeout, Unavailable};
        self.chain().any(|error| error.of_a_model && matches!(error.kind, Timeout | Unavailable | Limited | Denied))
    }

    /// Says that a store refused a write while it can still be read, and that the context names why: the disk is full, the
    /// file is read-only, somebody else holds the write lock. What reads need not give up for it.
    #[must_use]
    pub fn unwritable(mut self) -> Self {
        self.unwritable = true;
        self
    }

    /// Whether a store that takes no writes is the reason, here or in any source.
    pub fn is_unwritable(&self) -> bool {
        self.refusal().is_some()
    }

    /// Why a store takes no writes, if that is the reason, here or in any source: the context of the error that was marked.
    pub fn refusal(&self) -> Option<&str> {
        self.chain().find(|error| error.unwritable).map(Self::context)
    }

    /// Whether, here or in any source, somebody else was first and doing it over on what stands now may succeed. Whoever
    /// loses has done nothing wrong: work that fails so is done again, and not held against itself.
    pub fn is_lost_race(&self) -> bool {
        self.chain().any(|error| error.kind == ErrorKind::Conflict && error.retriable)
    }

    /// This error and those of ours that it came of.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        let first: &(dyn std::error::Error + 'static) = self;
        std::iter::successors(Some(first), |error| error.source()).filter_map(|error| error.downcast_ref())
    }

    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether another attempt may succeed without anything being changed.
    pub fn is_retriable(&self) -> bool {
        self.retriable
    }

    /// When the other side asked to be tried again, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The operation that failed, such as `sqlite.put_memories`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The human part: lower case, without a full stop, without anybody's words.
    pub fn context(&self) -> &str {
        &self.context
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.context)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self, self.kind.name())?;
        if self.retriable {
            f.write_str(", retriable")?;
        }
        f.write_str(")")?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_advice_follows_the_kind_and_can_be_overruled() {
        assert!(Error::new(ErrorKind::Timeout, "t", "late").is_retriable());
        assert!(!Error::invalid("t", "limit must be 1 to 50").is_retriable());
        assert!(!Error::new(ErrorKind::Unavailable, "t", "gone").retriable(false).is_retriable());
        let limited = Error::invalid("t", "x").with_retry_after(Duration::from_secs(3));
        assert!(limited.is_retriable());
        assert_eq!(limited.retry_after(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn a_model_that_is_away_is_seen_through_wrappers_and_a_wrong_answer_is_not_that() {
        let away = || Error::new(ErrorKind::Timeout, "t", "late").of_a_model();
        assert!(away().is_model_away());
        let wrapped = Error::new(ErrorKind::Internal, "outer", "x").with_source(away());
        assert!(Error::new(ErrorKind::Internal, "outermost", "x").with_source(wrapped).is_model_away());
        assert!(!Error::new(ErrorKind::Timeout, "t", "a store is late").is_model_away());
        assert!(!Error::new(ErrorKind::Corrupt, "t", "nonsense").of_a_model().is_model_away());
    }

    #[test]
    fn a_lost_race_is_told_from_what_somebody_else_holds_for_good() {
        let lost = || Error::new(ErrorKind::Conflict, "t", "changed meanwhile").retriable(true);
        assert!(Error::new(ErrorKind::Internal, "outer", "x").with_source(lost()).is_lost_race());
        assert!(!Error::new(ErrorKind::Conflict, "t", "taken").is_lost_race());
        assert!(!Error::new(ErrorKind::Timeout, "t", "late").is_lost_race());
    }

    #[test]
    fn a_store_that_takes_no_writes_is_seen_through_wrappers_with_its_reason() {
        let full = || Error::new(ErrorKind::Unavailable, "t", "disk full").unwritable();
        let wrapped = Error::new(ErrorKind::Internal, "outer", "x").with_source(full());
        assert_eq!((wrapped.refusal(), wrapped.is_unwritable()), (Some("disk full"), true));
        let late = Error::new(ErrorKind::Timeout, "t", "late");
        assert_eq!((late.refusal(), late.is_unwritable()), (None, false));
    }
}
